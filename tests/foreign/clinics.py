"""Visits to clinics on any grid: generated tables, their contract, and a workspace that is trained on them."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import pyarrow as pa

from basemodel_ops import stages
from basemodel_ops.contract.cutoffs import cutoff_at, key_of
from basemodel_ops.contract.types import (
    Aggregate,
    AttributeSource,
    Cadence,
    Column,
    ColumnType,
    Contract,
    EventSource,
    Grid,
    Relation,
    Target,
    Task,
    TaskType,
)
from basemodel_ops.data_quality.preflight import preflight
from basemodel_ops.settings import Settings
from basemodel_ops.stages import Workspace
from basemodel_ops.stages.checks.answers import check_model, check_scores
from basemodel_ops.stages.checks.sketch_recall import check_representation
from basemodel_ops.stages.foundation.representation_artifact import RepresentationArtifact
from basemodel_ops.warehouse import open_warehouse
from dagster_project.defs.partitions import chosen

PATIENTS = 60
VISITS, PEOPLE, CUTOFFS, RETURNS = (
    Relation(schema_name="main", name=name) for name in ("visits", "people", "cutoffs", "returns")
)
SMALL = {"hidden": 16, "epochs": 1, "dimension": 16, "depth": 6, "width": 16, "pretraining_rows": 1500}
"""Settings of a network that is learnt in seconds."""


def clinic(every: Cadence, start: datetime, count: int, horizon: int, **more: Any) -> "Clinic":
    """A clinic with `count` cutoffs whose data end with the newest."""
    grid = Grid(relation=CUTOFFS, cutoff="cutoff", data_end="data_end", start=start, now=None, every=every)
    cutoffs = [cutoff_at(grid, number) for number in range(count)]
    return Clinic(grid.model_copy(update={"now": cutoffs[-1]}), cutoffs, cutoffs[-1], horizon, **more)


def column(name: str, kind: ColumnType) -> Column:
    return Column(name=name, data_type="", type=kind, inferred=False)


@dataclass(frozen=True)
class Clinic:
    """A made-up clinic: its grid, how far its question looks, and the tables of both.

    Patients come in rhythms of their own; every third comes so seldom that the answer is often no.
    """

    grid: Grid
    cutoffs: list[datetime]
    end: datetime
    horizon: int
    has_attributes: bool = False
    people_unseen: int = 0
    """Patients who are in the question from the start and never come; of all facts say who they are."""

    def contract(self, **more: Any) -> Contract:
        visits = EventSource(
            name="visits", relation=VISITS, entity="patient", time="visited_at", session=None,
            columns=(column("clinic", ColumnType.CATEGORY), column("duration", ColumnType.NUMBER)),
        )  # fmt: skip
        people = AttributeSource(
            name="people", relation=PEOPLE, key="patient", valid_from="since",
            columns=(column("ward", ColumnType.CATEGORY),),
        )  # fmt: skip
        task = Task(
            name="returns", relation=RETURNS, type=TaskType.BINARY, entity="patient", cutoff="cutoff",
            target="returned", horizon=self.horizon, population=None,
            predicts=Target(source="visits", aggregate=Aggregate.ANY), reads=(), **more,
        )  # fmt: skip
        attributes = (people,) if self.has_attributes else ()
        return Contract(entity="patient", events=(visits,), attributes=attributes, tasks=(task,), grid=self.grid)

    def visits(self) -> pa.Table:
        """About 120 visits of each frequent patient over the whole time, 15 of each rare one."""
        generator = np.random.default_rng(0)
        first = self.cutoffs[0] - (self.end - self.cutoffs[0]) / 3
        span = (self.end - first).total_seconds()
        entity_index = np.concatenate([np.full(15 if entry % 3 == 0 else 120, entry) for entry in range(PATIENTS)])
        moments = [
            first + timedelta(seconds=int(entry)) for entry in np.sort(generator.random(len(entity_index)) * span)
        ]
        generator.shuffle(entity_index)
        return pa.table(
            {
                "patient": pa.array([f"patient {entry}" for entry in entity_index]),
                "visited_at": pa.array(moments, pa.timestamp("us")),
                "clinic": pa.array([f"clinic {entry % 4 if entry % 3 else 9}" for entry in entity_index]),
                "duration": pa.array(generator.integers(5, 50, len(entity_index)).astype(float)),
            }
        )

    @property
    def names(self) -> list[str]:
        return [f"patient {entry}" for entry in range(PATIENTS)] + [
            f"stranger {entry}" for entry in range(self.people_unseen)
        ]

    def returns(self, visits: pa.Table) -> pa.Table:
        """Whether each comes within the horizon; null while it is not over."""
        seen: dict[str, list[datetime]] = {name: [] for name in self.names}
        for visit in visits.select(["patient", "visited_at"]).to_pylist():
            seen[visit["patient"]].append(visit["visited_at"])
        rows = []
        for name in self.names:
            for cutoff in self.cutoffs:
                over = cutoff + timedelta(days=self.horizon)
                came = int(any(cutoff <= moment < over for moment in seen[name]))
                rows.append((name, cutoff, came if over <= self.end else None))
        patient, cutoff, returned = zip(*rows, strict=True)
        return pa.table(
            {
                "patient": pa.array(patient), "cutoff": pa.array(cutoff, pa.timestamp("us")),
                "returned": pa.array(returned, pa.int64()),
            }
        )  # fmt: skip

    def people(self) -> pa.Table:
        """Who is on which ward, known from the beginning."""
        return pa.table(
            {
                "patient": pa.array(self.names),
                "since": pa.array([datetime(2000, 1, 1)] * len(self.names), pa.timestamp("us")),
                "ward": pa.array(
                    [name.split()[0] if number % 2 else "day ward" for number, name in enumerate(self.names)]
                ),
            }
        )

    def workspace(self, home: Path, declared: Contract | None = None, **tables: pa.Table) -> Workspace:
        """A workspace whose warehouse holds the tables; `tables` replace those of the same name."""
        visits = self.visits()
        ends = pa.array([self.end] * len(self.cutoffs), pa.timestamp("us"))
        grid = pa.table({"cutoff": pa.array(self.cutoffs, pa.timestamp("us")), "data_end": ends})
        created = {"visits": visits, "people": self.people(), "cutoffs": grid, "returns": self.returns(visits)} | tables
        settings = Settings(home=home, target="duckdb").model_copy(update=SMALL)
        with open_warehouse(settings) as warehouse:
            for name, table in created.items():
                warehouse.load(Relation(schema_name="main", name=name), table)
        return Workspace.open(settings, declared or self.contract(), lambda _: None)


def represented(workspace: Workspace) -> None:
    """Make everything up to the rows that are learnt from."""
    contract = workspace.contract
    for source in (*contract.events, *contract.attributes):
        stages.encoders(workspace, source.name)
    stages.embeddings(workspace, "visits", "clinic")
    stages.codes(workspace, "visits", "clinic")
    stages.training_examples(workspace)


def trained(workspace: Workspace) -> None:
    """Make everything up to the evaluation of the question."""
    represented(workspace)
    stages.foundation_model(workspace)
    stages.task_model(workspace, "returns")
    stages.task_evaluation(workspace, "returns")


def answered(current: Clinic, workspace: Workspace) -> dict[str, float]:
    """Train and answer the newest cutoff; the scores by patient, once everything about them was checked."""
    newest = current.cutoffs[-1]
    with workspace.warehouse() as warehouse:
        assert all(check_result.passed for check_result in preflight(warehouse, workspace.contract, current.end))
    trained(workspace)
    assert check_model(workspace).passed, check_model(workspace).description
    assert chosen(current.grid, None) == key_of(newest)
    reports = stages.score(workspace, ["returns"], newest, "run", keep=True)
    assert check_scores(workspace, "returns", newest).passed
    assert check_representation(workspace, newest).passed
    kept = workspace.store.current(RepresentationArtifact.key(newest))
    assert kept.version == reports["entity_representation"].version
    with duckdb.connect(str(workspace.settings.warehouse_path), read_only=True) as connection:
        rows = connection.execute("select as_of, patient, score from basemodel.returns_scores").fetchall()
    assert {moment for moment, *_ in rows} == {newest}
    scores = {patient: score for _, patient, score in rows}
    assert set(scores) == set(current.names)
    often = [scores[f"patient {entry}"] for entry in range(PATIENTS) if entry % 3]
    seldom = [scores[f"patient {entry}"] for entry in range(PATIENTS) if not entry % 3]
    assert np.mean(often) > np.mean(seldom) + 0.2
    return scores
