"""A recommendation that may name some items only, and unlike ones, from labels to answers."""

from datetime import datetime
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pytest

from basemodel_ops import stages
from basemodel_ops.contract.types import AlreadyHad, Relation, Target, Task, TaskType
from basemodel_ops.encoders import Vocabulary
from basemodel_ops.errors import DataError
from basemodel_ops.stages import Workspace
from basemodel_ops.stages.scoring.answering import score_relation
from basemodel_ops.stages.snapshot.times import to_microseconds
from basemodel_ops.stages.tasks.eligible_items import read_eligible_items
from basemodel_ops.warehouse.duckdb import DuckDBWarehouse
from basemodel_ops.warehouse.queries import rows_query

from ..riding import CUTOFFS, HORIZON, is_over
from ..trips import RIDERS, STATIONS, trips

NAMES = [f"rider {number}" for number in range(RIDERS)]
EVEN = [station for station in range(STATIONS) if station % 2 == 0]


def table(**columns: list[Any]) -> pa.Table:
    kinds = {"rider": pa.string(), "cutoff": pa.timestamp("us"), "station": pa.int64()}
    return pa.table({name: pa.array(values, kinds[name]) for name, values in columns.items()})


def next_stations(ws: Workspace, offered: list[tuple[int, datetime]] | None, **changes: Any) -> Workspace:
    """A workspace with one task: the stations that riders go to next; `offered` are those that may be named when."""
    name = f"next_{len(changes)}_{'all' if offered is None else len(offered)}"
    taken = {
        (row["rider"], cutoff, row["station"])
        for row in trips().to_pylist()
        for cutoff in CUTOFFS
        if is_over(cutoff) and cutoff <= row["started_at"] < cutoff + HORIZON
    }
    rider, cutoff, station = (list(values) for values in zip(*sorted(taken), strict=True))
    requested = [(who, when) for who in NAMES for when in CUTOFFS]
    tables = {
        name: table(rider=rider, cutoff=cutoff, station=station),
        f"{name}_asked": table(rider=[who for who, _ in requested], cutoff=[when for _, when in requested]),
    }
    if offered is not None:
        tables[f"{name}_offers"] = table(station=[item for item, _ in offered], cutoff=[when for _, when in offered])
    relations = {key: Relation(schema_name="tasks", name=key) for key in tables}
    with DuckDBWarehouse(ws.settings.warehouse_path) as warehouse:
        for key, created in tables.items():
            warehouse.load(relations[key], created)
    task = Task(
        name=name, relation=relations[name], type=TaskType.RECOMMENDATION, entity="rider", cutoff="cutoff",
        target="station", horizon=HORIZON.days, population=relations[f"{name}_asked"],
        predicts=Target(source="trips", column="station"), reads=(), offers=relations.get(f"{name}_offers"),
    )  # fmt: skip
    declared = ws.contract.model_copy(update={"tasks": (task.model_copy(update=changes),)})
    return Workspace.open(ws.settings, declared, lambda _: None)


def answers(ws: Workspace) -> pa.Table:
    """The answers of the one task at the newest cutoff."""
    (task,) = ws.contract.tasks
    stages.task_model(ws, task.name)
    stages.task_scores(ws, task.name, CUTOFFS[-1], "run")
    with ws.warehouse() as warehouse:
        columns = ["rider", "item", "score", "rank"]
        return warehouse.read(rows_query(score_relation(task.name), columns))


def test_only_what_is_offered_is_named_and_measured(riders: Workspace) -> None:
    offered = [(station, cutoff) for station in EVEN for cutoff in CUTOFFS]
    result = answers(next_stations(riders, offered))
    assert result.num_rows > 0
    assert set(result["item"].to_pylist()) <= set(EVEN)


def test_without_offers_and_with_them_items_already_had_may_be_left_out(riders: Workspace) -> None:
    everything = answers(next_stations(riders, None))
    assert set(everything["item"].to_pylist()) - set(EVEN)
    fresh = answers(next_stations(riders, None, already_had=AlreadyHad.REMOVE))
    had = {(row["rider"], row["station"]) for row in trips().to_pylist() if row["started_at"] < CUTOFFS[-1]}
    pairs = set(zip(fresh["rider"].to_pylist(), fresh["item"].to_pylist(), strict=True))
    assert pairs
    assert not pairs & had


def test_diversity_changes_what_is_named_and_keeps_scores_in_order(riders: Workspace) -> None:
    plain, varied = (
        answers(next_stations(riders, None, already_had=AlreadyHad.KEEP, diversity=diversity, reads=()))
        for diversity in (0.0, 0.7)
    )
    assert plain["item"].to_pylist() != varied["item"].to_pylist()
    for who in NAMES[:5]:
        chosen = varied.filter(pc.equal(varied["rider"], who)).sort_by("rank")
        assert (np.diff(chosen["score"].to_numpy()) <= 1e-9).all()


@pytest.mark.parametrize("part", ["validation", "test"])
@pytest.mark.parametrize("is_offered", [False, True])
def test_a_part_in_which_nobody_took_what_may_be_named_is_refused(
    riders: Workspace, part: str, is_offered: bool
) -> None:
    ws = next_stations(riders, [(EVEN[0], cutoff) for cutoff in CUTOFFS] if is_offered else None)
    (task,) = ws.contract.tasks
    with DuckDBWarehouse(ws.settings.warehouse_path) as warehouse:
        split = ws.times(warehouse).split(HORIZON.days, task.name)
        rows = warehouse.read(rows_query(task.relation, ["rider", "cutoff", "station"]))
        inside = np.isin([to_microseconds(cutoff) for cutoff in rows["cutoff"].to_pylist()], getattr(split, part))
        unwanted = inside & (pc.equal(rows["station"], EVEN[0]).to_numpy() | (not is_offered))
        assert 0 < unwanted.sum() < rows.num_rows
        warehouse.load(task.relation, rows.filter(pa.array(~unwanted)))
    with pytest.raises(DataError, match=rf"{task.name} has no positive rows .*for {part}: of riders .* all complete"):
        stages.task_model(ws, task.name)


def test_a_cutoff_without_offers_is_named(riders: Workspace) -> None:
    ws = next_stations(riders, [(EVEN[0], CUTOFFS[0]), (10_000, CUTOFFS[1])])
    (task,) = ws.contract.tasks
    with ws.warehouse() as warehouse:
        offers = read_eligible_items(warehouse, task, Vocabulary(pa.array(EVEN), np.ones(len(EVEN))))
    assert np.flatnonzero(offers.at(to_microseconds(CUTOFFS[0]))).tolist() == [0]
    with pytest.raises(DataError, match=r"next_0_2_offers offers no known item at 2024-03-11. It has 1 cutoffs"):
        offers.at(to_microseconds(CUTOFFS[1]))
