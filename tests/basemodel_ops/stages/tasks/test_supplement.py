"""How often the rows of a trait had each item: counted from the warehouse as from the tables, and no later event."""

from collections import Counter

import numpy as np
import pyarrow as pa
import pytest

from basemodel_ops import stages
from basemodel_ops.contract.types import Task
from basemodel_ops.stages import Workspace
from basemodel_ops.stages.explanations.explaining import groups, open_question
from basemodel_ops.stages.features.builder import Builder
from basemodel_ops.stages.features.encoder_artifact import EncoderArtifact
from basemodel_ops.stages.scoring import scoring
from basemodel_ops.stages.scoring.answering import Group
from basemodel_ops.stages.snapshot.task_rows import TaskRows, load_task_rows
from basemodel_ops.stages.snapshot.times import to_datetime
from basemodel_ops.stages.tasks.single_artifact import SingleModelArtifact
from basemodel_ops.stages.tasks.supplement import terms_of
from basemodel_ops.tasks import blending

from ..riding import CUTOFFS, SMALL, ask, plain
from ..trips import opened, trips, workspace

KEPT = 8
"""Stations that are kept exactly, of sixty."""


@pytest.fixture(scope="module")
def many_stations(tmp_path_factory: pytest.TempPathFactory) -> Workspace:
    home = tmp_path_factory.mktemp("stations")
    tables = {"trips": trips().select(["rider", "started_at", "booking", "station", "fare"])}
    ws = opened(home, workspace(home, plain(), **tables).contract, **SMALL, top_items=KEPT)
    for source in ("trips", "riders"):
        stages.encoders(ws, source)
    stages.embeddings(ws, "trips", "station")
    stages.codes(ws, "trips", "station")
    stages.training_examples(ws)
    stages.foundation_model(ws)
    return ws


def group_of(rider: str) -> int:
    return int(rider.removeprefix("rider ")) % 2


@pytest.fixture(scope="module")
def supplemented(many_stations: Workspace) -> tuple[Workspace, Task, TaskRows]:
    ws, task = ask(
        many_stations, lambda rider, cutoff: group_of(rider) if cutoff < CUTOFFS[-1] else None, pa.int64(), horizon=None
    )
    with ws.warehouse() as warehouse:
        rows = load_task_rows(warehouse, task, ws.snapshot().times, ws.snapshot().plans[task.name])
    return ws, task, rows


def test_they_are_those_of_the_table_before_the_cutoff(supplemented: tuple[Workspace, Task, TaskRows]) -> None:
    ws, task, rows = supplemented
    with ws.warehouse() as warehouse:
        terms = terms_of(ws, warehouse, task, rows, ws.snapshot())
    assert terms is not None
    events = [(row["rider"], row["started_at"], row["station"]) for row in trips().to_pylist()]
    vocabulary = EncoderArtifact.current(ws.store, "trips").vocabulary("station").values.to_pylist()
    assert len(vocabulary) > KEPT
    assert terms.shape == (len(rows.cutoff), len(vocabulary))
    for number in range(0, len(rows.cutoff), 37):
        rider, cutoff = rows.entity[number].as_py(), to_datetime(int(rows.cutoff[number]))
        had = Counter(station for who, at, station in events if who == rider and at < cutoff)
        expected = [np.log1p(had[station]) for station in vocabulary]
        np.testing.assert_allclose(terms[[number]].toarray()[0], expected, rtol=1e-6)


def test_tasks_that_move_in_time_and_columns_of_few_values_have_none(
    supplemented: tuple[Workspace, Task, TaskRows], riders: Workspace
) -> None:
    ws, task, rows = supplemented
    with ws.warehouse() as warehouse:
        assert terms_of(ws, warehouse, task.model_copy(update={"horizon": 14}), rows, ws.snapshot()) is None
    ws, task = ask(riders, lambda rider, _: group_of(rider), pa.int64(), horizon=None)
    with ws.warehouse() as warehouse:
        assert terms_of(ws, warehouse, task, rows, ws.snapshot()) is None


def test_a_trait_is_scored_and_explained_by_the_items_of_training(
    supplemented: tuple[Workspace, Task, TaskRows], monkeypatch: pytest.MonkeyPatch
) -> None:
    ws, task, _ = supplemented
    monkeypatch.setattr(blending, "HEADS_WITH_FEWEST_LABELS", ("tf-idf items",))
    stages.task_model(ws, task.name)
    assert SingleModelArtifact.current(ws.store, task.name).shares == {"tf-idf items": 1.0}
    asked_of: list[Group] = []
    pass_over = scoring._groups
    monkeypatch.setattr(
        scoring, "_groups", lambda *given: (asked_of.append(group) or group for group in pass_over(*given))
    )
    stages.task_scores(ws, task.name, CUTOFFS[-1], "run")
    answered = {
        key: (group.rows.terms.toarray()[number])  # type: ignore[union-attr]
        for group in asked_of
        for number, key in enumerate(group.rows.entities.values.take(group.rows.entity).to_pylist())
    }
    question = open_question(ws, task, CUTOFFS[-1])
    with ws.warehouse() as warehouse:
        (group,) = groups(Builder.of(ws, warehouse, CUTOFFS[-1], ["rider 3", "rider 4"]), question)
    everything = [np.ones(count, bool) for count in group.scored.events]
    rows = group.scored._masker.rows(np.arange(2), everything)
    for number, rider in enumerate(group.entities):
        np.testing.assert_array_equal(rows.terms[[number]].toarray()[0], answered[str(rider)])  # type: ignore[index]
    empty = group.scored.score(np.arange(2), [np.zeros(count, bool) for count in group.scored.events])
    assert empty[0] == pytest.approx(empty[1])
