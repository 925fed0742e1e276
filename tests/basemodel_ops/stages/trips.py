"""Trips between stations with a column of every type, and the dirt that such columns hold."""

import io
from datetime import date, datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from PIL import Image

from basemodel_ops.contract.types import (
    AttributeSource,
    Column,
    ColumnType,
    Contract,
    EventSource,
    Grid,
    Relation,
    Task,
    TaskType,
)
from basemodel_ops.settings import Settings
from basemodel_ops.stages import Workspace
from basemodel_ops.warehouse.duckdb import DuckDBWarehouse

FIRST = datetime(2024, 1, 1)
NOW = datetime(2024, 7, 1)
RIDERS, STATIONS, TRIPS = 30, 60, 1500
NEW_STATION = STATIONS
"""Opened last and mentioned by no trip before the end of training; named like the harbour stations."""

ZONES = ("harbour", "market", "forest")
TRIP_TABLE, STATION_TABLE, RIDER_TABLE, GRID_TABLE, TASK_TABLE = (
    Relation(schema_name="behavior", name=name) for name in ("trips", "stations", "riders", "cutoffs", "rides_14d")
)


def column(name: str, kind: ColumnType, references: str | None = None) -> Column:
    return Column(name=name, data_type="", type=kind, inferred=False, references=references)


def contract(references: str | None = "stations") -> Contract:
    trips = EventSource(
        name="trips",
        relation=TRIP_TABLE,
        entity="rider",
        time="started_at",
        session="booking",
        columns=(
            column("station", ColumnType.CATEGORY, references),
            column("fare", ColumnType.NUMBER),
            column("nothing", ColumnType.NUMBER),
            column("note", ColumnType.TEXT),
            column("scan", ColumnType.TEXT),
            column("booked_at", ColumnType.TIME),
        ),
    )
    stations = AttributeSource(
        name="stations",
        relation=STATION_TABLE,
        key="station",
        valid_from=None,
        columns=(
            column("zone", ColumnType.CATEGORY),
            column("title", ColumnType.TEXT),
            column("photo", ColumnType.IMAGE),
            column("docks", ColumnType.NUMBER),
            column("opened_at", ColumnType.TIME),
        ),
    )
    riders = AttributeSource(
        name="riders",
        relation=RIDER_TABLE,
        key="rider",
        valid_from="known_from",
        columns=(
            column("tariff", ColumnType.CATEGORY),
            column("age", ColumnType.NUMBER),
            column("about", ColumnType.TEXT),
        ),
    )
    task = Task(
        name="rides_14d",
        relation=TASK_TABLE,
        type=TaskType.BINARY,
        entity="rider",
        cutoff="cutoff",
        target="rides",
        horizon=14,
        population=None,
        predicts=None,
        reads=(),
    )
    grid = Grid(relation=GRID_TABLE, cutoff="cutoff", data_end="data_end", start=date(2024, 3, 4), now=NOW.date())
    return Contract(entity="rider", events=(trips,), attributes=(stations, riders), tasks=(task,), grid=grid)


def picture(colour: tuple[int, int, int]) -> bytes:
    sink = io.BytesIO()
    Image.new("RGB", (24, 16), colour).save(sink, "PNG")
    return sink.getvalue()


@cache
def trips(seed: int = 0) -> pa.Table:
    """Riders keep to one zone. Numbers, texts and moments are missing, infinite, huge or broken here and there."""
    generator = np.random.default_rng(seed)
    rider = generator.integers(0, RIDERS, TRIPS)
    zone = np.where(generator.random(TRIPS) < 0.9, rider % len(ZONES), generator.integers(0, len(ZONES), TRIPS))
    station = zone + len(ZONES) * generator.integers(0, STATIONS // len(ZONES), TRIPS)
    minute = generator.integers(0, 181 * 24 * 60, TRIPS)
    started = [FIRST + timedelta(minutes=int(value)) for value in minute]
    fare = np.round(generator.exponential(8, TRIPS), 2)
    fare[:4] = [np.nan, np.inf, -np.inf, -3.5]
    notes = [None if i % 5 == 0 else f"{ZONES[z]} ride {i % 7}" for i, z in enumerate(zone)]
    notes[7] = "ferry " * 1_800_000  # about 10 MB
    scans = [None if i % 3 else b"\xff\xfe broken \xc3" + bytes([i % 256]) for i in range(TRIPS)]
    booked = [None if i % 4 == 0 else moment - timedelta(hours=i % 30) for i, moment in enumerate(started)]
    late = [moment >= datetime(2024, 6, 24) for moment in started]
    station = np.where(np.array(late) & (rider % len(ZONES) == 0), NEW_STATION, station)
    return pa.table(
        {
            "rider": pa.array([f"rider {number}" for number in rider]),
            "started_at": pa.array(started, pa.timestamp("us")),
            "booking": pa.array([None if i % 6 == 0 else f"{number}-{moment:%j}" for i, (number, moment) in enumerate(
                zip(rider, started, strict=True))]),
            "station": pa.array(station, pa.int64()),
            "fare": pa.array(fare, from_pandas=False),
            "nothing": pa.nulls(TRIPS, pa.float64()),
            "note": pa.array(notes, pa.string()),
            "scan": pa.array(scans, pa.binary()),
            "booked_at": pa.array(booked, pa.timestamp("us")),
        }
    )  # fmt: skip


@cache
def stations() -> pa.Table:
    number = np.arange(STATIONS + 1)
    zone = [ZONES[i % len(ZONES)] for i in number]
    colours = {"harbour": (20, 40, 200), "market": (200, 60, 20), "forest": (20, 160, 40)}
    return pa.table(
        {
            "station": pa.array(number, pa.int64()),
            "zone": pa.array([None if i == NEW_STATION else z for i, z in enumerate(zone)]),
            "title": pa.array([f"{z} pier {i}" if z == "harbour" else f"{z} {i}" for i, z in enumerate(zone)]),
            "photo": pa.array([b"broken" if i == 1 else picture(colours[z]) for i, z in enumerate(zone)]),
            "docks": pa.array([None if i % 5 == 0 else int(10 + i) for i in number], pa.int64()),
            "opened_at": pa.array([datetime(2020, 1 + i % 12, 1) for i in number], pa.timestamp("us")),
        }
    )


def riders() -> pa.Table:
    """Two facts per rider: the second is known from May."""
    number = np.tile(np.arange(RIDERS), 2)
    later = np.repeat([False, True], RIDERS)
    return pa.table(
        {
            "rider": pa.array([f"rider {i}" for i in number]),
            "known_from": pa.array([datetime(2024, 5, 1) if new else FIRST for new in later], pa.timestamp("us")),
            "tariff": pa.array(["gold" if new else "basic" for new in later]),
            "age": pa.array([float(20 + i) if i % 7 else None for i in number]),
            "about": pa.array([f"likes {ZONES[i % len(ZONES)]}" for i in number]),
        }
    )


def rides(cutoffs: list[datetime]) -> pa.Table:
    """Whether each rider rides in the 14 days from each cutoff; null while they are not over."""
    ridden = {(row["rider"], row["started_at"]) for row in trips().select(["rider", "started_at"]).to_pylist()}
    rows = []
    for cutoff in cutoffs:
        over = cutoff + timedelta(days=14)
        seen = {rider for rider, moment in ridden if cutoff <= moment < over}
        rows += [(f"rider {i}", cutoff, int(f"rider {i}" in seen) if over <= NOW else None) for i in range(RIDERS)]
    names = {"rider": pa.string(), "cutoff": pa.timestamp("us"), "rides": pa.int64()}
    return pa.table(
        {
            name: pa.array(values, kind)
            for (name, kind), values in zip(names.items(), zip(*rows, strict=True), strict=True)
        }
    )


def opened(home: Path, declared: Contract | None = None, **changes: Any) -> Workspace:
    """A workspace over what is at home already; `changes` are those of settings."""
    settings = Settings(home=home, dimension=16, depth=6, width=16, top_items=100, pretraining_rows=200)
    return Workspace.open(settings.model_copy(update=changes), declared or contract(), lambda _: None)


def workspace(home: Path, declared: Contract | None = None, **tables: pa.Table) -> Workspace:
    """A workspace whose warehouse holds the trips; `tables` replace those of the same name."""
    cutoffs = [datetime(2024, 3, 4) + timedelta(weeks=week) for week in range(18)]
    created = {
        "trips": trips(),
        "stations": stations(),
        "riders": riders(),
        "cutoffs": pa.table({"cutoff": pa.array(cutoffs, pa.timestamp("us"))}).append_column(
            "data_end", pa.array([NOW] * len(cutoffs), pa.timestamp("us"))
        ),
    } | tables
    ws = opened(home, declared)
    with DuckDBWarehouse(ws.settings.warehouse_path) as warehouse:
        for name, table in created.items():
            warehouse.load(Relation(schema_name="behavior", name=name), table)
        warehouse.load(TASK_TABLE, rides(cutoffs))
    return ws
