"""Facts that the plain baseline reads, against the newest row of a list that was known before the cutoff."""

from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from basemodel_ops.contract.types import (
    AttributeSource,
    Column,
    ColumnType,
    Contract,
    EventSource,
    Grid,
    Relation,
)
from basemodel_ops.stages.features.reading import EVERYONE
from basemodel_ops.stages.snapshot.times import to_microseconds
from basemodel_ops.stages.tasks.baseline_attributes import UNKNOWN, attribute_features
from basemodel_ops.warehouse.duckdb import DuckDBWarehouse

FIRST = datetime(2024, 1, 1)
MEMBERS, EVENTS, CUTOFFS = (Relation(schema_name="s", name=name) for name in ("members", "events", "cutoffs"))


def column(name: str, kind: ColumnType, planned: bool = False) -> Column:
    data_type = "timestamp" if kind is ColumnType.TIME else ""
    return Column(name=name, data_type=data_type, type=kind, inferred=False, planned=planned)


def contract(*, valid_from: str | None = "since", valid_to: str | None = None) -> Contract:
    columns = (
        column("level", ColumnType.CATEGORY), column("weight", ColumnType.NUMBER), column("born", ColumnType.TIME),
        column("ends", ColumnType.TIME, planned=True), column("left_on", ColumnType.TIME),
    )  # fmt: skip
    members = AttributeSource(
        name="members", relation=MEMBERS, key="who", valid_from=valid_from, valid_to=valid_to, columns=columns
    )
    events = EventSource(name="events", relation=EVENTS, entity="who", time="at", session=None, columns=())
    grid = Grid(relation=CUTOFFS, cutoff="cutoff", data_end="data_end", start=date(2024, 3, 4), now=date(2024, 7, 1))
    return Contract(entity="who", events=(events,), attributes=(members,), tasks=(), grid=grid)


def members(seed: int) -> list[dict[str, Any]]:
    generator = np.random.default_rng(seed)

    def moment(low: int, high: int) -> datetime:
        return FIRST + timedelta(days=int(generator.integers(low, high)))

    return [
        {
            "who": int(generator.integers(0, 6)), "since": FIRST + timedelta(days=number),
            "until": moment(number, 200) if number % 3 else None, "level": "abc"[number % 3] if number % 5 else None,
            "weight": float(number) if number % 4 else None, "born": moment(-9000, -100), "ends": moment(0, 400),
            "left_on": moment(0, 200),
        }
        for number in range(0, 120, 4)
    ]  # fmt: skip


@pytest.fixture
def warehouse(tmp_path: Path) -> DuckDBWarehouse:
    return DuckDBWarehouse(tmp_path / "attributes.duckdb")


@pytest.mark.parametrize("valid_to", [None, "until"])
@pytest.mark.parametrize("seed", range(3))
def test_a_row_knows_the_newest_fact_before_its_cutoff(
    warehouse: DuckDBWarehouse, seed: int, valid_to: str | None
) -> None:
    attributes = members(seed)
    warehouse.load(MEMBERS, pa.Table.from_pylist(attributes))
    generator = np.random.default_rng(seed)
    entity_index = generator.integers(0, 7, 60)  # nothing is known of the last one
    cutoffs = [FIRST + timedelta(days=int(day)) for day in generator.integers(-5, 150, 60)]
    cutoff = np.array([to_microseconds(moment) for moment in cutoffs])
    declared = contract(valid_to=valid_to)
    result = np.stack(
        list(attribute_features(declared, warehouse, pa.array(range(7)), entity_index, cutoff, EVERYONE)), axis=1
    )
    codes: dict[object, float] = {}
    for row, (who, moment) in enumerate(zip(entity_index.tolist(), cutoffs, strict=True)):
        known = [attribute for attribute in attributes if attribute["who"] == who and attribute["since"] < moment]
        attribute = known[-1] if known else None
        if attribute is not None and valid_to and attribute["until"] is not None and attribute["until"] < moment:
            attribute = None
        level, weight, born, ends, left_on = result[row].tolist()
        if attribute is None:
            assert result[row].tolist() == [UNKNOWN] * 5
            continue
        assert codes.setdefault(attribute["level"], level) == level
        assert (level == UNKNOWN) == (attribute["level"] is None)
        assert weight == pytest.approx(UNKNOWN if attribute["weight"] is None else np.log1p(attribute["weight"]))
        assert born == pytest.approx(np.log1p((moment - attribute["born"]).days))
        since_end = (moment - attribute["ends"]).days
        assert ends == pytest.approx(np.sign(since_end) * np.log1p(abs(since_end)))
        past = (moment - attribute["left_on"]).days
        assert left_on == pytest.approx(np.log1p(past) if past > 0 else UNKNOWN)  # what lies ahead is not told


def test_untimestamped_ones_and_those_that_answers_are_made_of_are_not_read(warehouse: DuckDBWarehouse) -> None:
    who, at = np.zeros(2, np.int64), np.zeros(2, np.int64)
    untimestamped = contract(valid_from=None)
    assert list(attribute_features(untimestamped, warehouse, pa.array([0]), who, at, EVERYONE)) == []
    assert list(attribute_features(contract(), warehouse, pa.array([0]), who, at, EVERYONE, ["members"])) == []


def test_an_empty_table_has_unknown_values(warehouse: DuckDBWarehouse) -> None:
    warehouse.load(MEMBERS, pa.Table.from_pylist(members(0)).slice(0, 0))
    who, at = np.zeros(2, np.int64), np.zeros(2, np.int64)
    result = list(attribute_features(contract(), warehouse, pa.array([0]), who, at, EVERYONE))
    assert len(result) == 5
    assert (np.stack(result) == UNKNOWN).all()
