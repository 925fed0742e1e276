"""What was learnt stays while events come in, words change and questions are added; what matters is noticed."""

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pyarrow as pa
import pytest

from basemodel_ops import stages
from basemodel_ops.artifacts import ArtifactWriter
from basemodel_ops.contract.types import Metric, OnWorse, Relation, TaskType
from basemodel_ops.errors import UndeclaredError
from basemodel_ops.stages import Workspace
from basemodel_ops.stages.foundation.checkpoint_artifact import CheckpointArtifact
from basemodel_ops.stages.planning.plan import plan
from basemodel_ops.stages.snapshot.snapshot import PAIR_ROWS, bounds
from basemodel_ops.stages.snapshot.times import to_datetime
from basemodel_ops.warehouse.counting import labels_count_query
from basemodel_ops.warehouse.duckdb import DuckDBWarehouse
from basemodel_ops.warehouse.queries import rows_query

from ..riding import CUTOFFS, ask, encoded, is_over
from ..trips import NOW, rides, trips

TRIPS = Relation(schema_name="behavior", name="trips")
GRID = Relation(schema_name="behavior", name="cutoffs")


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Workspace:
    ws = encoded(tmp_path_factory.mktemp("pinned"))
    stages.training_examples(ws)
    return ws


def again(ws: Workspace, **settings: object) -> Workspace:
    """The same project opened once more, with other settings."""
    return Workspace.open(ws.settings.model_copy(update=settings), ws.contract, lambda _: None)


def made_versions(ws: Workspace, renew: bool | None = None) -> dict[str, str]:
    """What would be made, and why; what follows the foundation model is not there and so always would be."""
    later = ("foundation_model", "segmentation", "rides_14d/")
    return {step.key: step.why for step in plan(ws, renew) if step.is_due and not step.key.startswith(later)}


def read_labels(ws: Workspace) -> pa.Table:
    with ws.warehouse() as warehouse:
        return warehouse.read(rows_query(ws.contract.tasks[0].relation, ["rider"]))


def load(ws: Workspace, relation: Relation, table: pa.Table) -> None:
    with DuckDBWarehouse(ws.settings.warehouse_path) as warehouse:
        warehouse.load(relation, table)


def test_few_labels_have_more_training_rows(trained: Workspace) -> None:
    """A row is as many pairs as there are labels, and pairs are bounded."""
    task = trained.contract.tasks[0].model_copy(update={"type": TaskType.MULTILABEL, "target": "station"})
    settings = trained.settings
    rows = {labels: bounds(settings, task, labels)["train"] for labels in (5, 20, 50, 400)}
    assert rows == {5: min(60_000, settings.task_rows), 20: 15_000, 50: PAIR_ROWS, 400: PAIR_ROWS}
    kinds = pa.table({"rider": ["a", "b", "c", "a"], "cutoff": [NOW] * 4, "station": [7, 8, 7, None]})
    load(trained, Relation(schema_name="behavior", name="kinds"), kinds)
    task = task.model_copy(update={"relation": Relation(schema_name="behavior", name="kinds")})
    with trained.warehouse() as warehouse:
        assert warehouse.read(labels_count_query(task)).to_pylist() == [{"labels": 2}]


def test_nothing_is_made_twice(trained: Workspace) -> None:
    assert made_versions(trained) == {}
    assert stages.training_examples(trained).reused


def test_new_events_and_labels_make_nothing_until_a_training_is_due(trained: Workspace) -> None:
    current = trips().select(["rider", "started_at", "booking", "station", "fare"])
    more = current.slice(0, 30).set_column(
        1, "started_at", pa.array([NOW - timedelta(hours=1)] * 30, pa.timestamp("us"))
    )
    load(trained, TRIPS, pa.concat_tables([current, more]))
    try:
        assert made_versions(trained) == {}
        due = made_versions(trained, renew=True)
        assert due["snapshot"] == "it was asked for"
        assert "table behavior.trips changed" in due["encoders/trips"]
        assert "encoders/trips" in due["embeddings/trips__station"]
    finally:
        load(trained, TRIPS, current)


def test_a_training_is_due_when_the_data_end_late_enough(trained: Workspace) -> None:
    def grid(weeks: int) -> pa.Table:
        cutoffs = [CUTOFFS[0] + timedelta(weeks=week) for week in range(18 + weeks)]
        end = pa.array([NOW + timedelta(weeks=weeks)] * len(cutoffs), pa.timestamp("us"))
        return pa.table({"cutoff": pa.array(cutoffs, pa.timestamp("us"))}).append_column("data_end", end)

    try:
        load(trained, GRID, grid(3))
        assert made_versions(trained) == {}
        load(trained, GRID, grid(4))
        assert "the data end 28 days later; BASEMODEL_RETRAIN_DAYS is 28" in made_versions(trained)["snapshot"]
        assert made_versions(again(trained, retrain_days=35)) == {}
    finally:
        load(trained, GRID, grid(0))


def test_a_new_question_makes_only_itself(trained: Workspace) -> None:
    requested, task = ask(
        trained, lambda rider, cutoff: int(rider < "rider 3") if is_over(cutoff) else None, pa.int64()
    )
    both = trained.contract.model_copy(update={"tasks": (*trained.contract.tasks, task)})
    ws = Workspace.open(trained.settings, both, lambda _: None)
    result = {key for key in made_versions(ws) if key != "snapshot"}
    assert result == {f"{task.name}/model", f"{task.name}/evaluation"}
    del requested


@pytest.mark.parametrize("change", [{"metric": Metric.BRIER}, {"on_worse": OnWorse.BASELINE}])
def test_another_way_to_answer_a_question_makes_only_its_model(trained: Workspace, change: dict) -> None:
    (task, *others) = trained.contract.tasks
    changed = trained.contract.model_copy(update={"tasks": (task.model_copy(update=change), *others)})
    versions = made_versions(Workspace.open(trained.settings, changed, lambda _: None))
    assert {key for key in versions if not key.startswith(f"{task.name}/")} == {"snapshot"}
    assert versions["snapshot"] == f"new or declared anew: {task.name}"


def test_words_and_the_moment_at_which_data_stop_change_nothing(trained: Workspace) -> None:
    grid = trained.contract.grid.model_copy(update={"now": NOW.date() + timedelta(days=1)})
    (event,) = trained.contract.events
    columns = tuple(column.model_copy(update={"purpose": "another"}) for column in event.columns)
    contract = trained.contract.model_copy(
        update={"grid": grid, "events": (event.model_copy(update={"columns": columns}),)}
    )
    assert made_versions(Workspace.open(trained.settings, contract, lambda _: None)) == {}


@pytest.mark.parametrize(
    ("settings", "first"),
    [
        ({"dimension": 8}, {"embeddings/trips__station"}),
        ({"width": 32}, {"codes/trips__station"}),
        ({"windows": (7, 28)}, {"training_examples"}),
        ({"validation_cutoffs": 3}, {"snapshot"}),
    ],
)
def test_a_setting_makes_again_what_depends_on_it(trained: Workspace, settings: dict, first: set[str]) -> None:
    result = made_versions(again(trained, **settings))
    assert first <= result.keys()
    (name,) = settings
    assert any(name in result[key] for key in first)
    assert "encoders/riders" not in result or first == {"snapshot"}


def test_another_definition_of_a_table_is_looked_at_and_the_same_rows_change_nothing(trained: Workspace) -> None:
    contract = trained.contract.model_copy(update={"definitions": {str(TRIPS): "edited"}})
    assert made_versions(Workspace.open(trained.settings, contract, lambda _: None)).keys() <= {"snapshot"}


def test_the_split_of_a_snapshot_is_that_of_its_grid(trained: Workspace) -> None:
    snapshot = trained.snapshot()
    assert to_datetime(snapshot.times.data_end) == NOW
    assert to_datetime(snapshot.times.training_end) == min(
        to_datetime(int(moment)) for moment in snapshot.times.split(14, "rides_14d").validation
    )
    labelled = rides(CUTOFFS).column("rides").null_count
    assert sum(snapshot.plans["rides_14d"].rows.values()) == rides(CUTOFFS).num_rows - labelled


@pytest.mark.parametrize(
    ("read", "words"),
    [
        (lambda ws: ws.store.current("foundation_model"), "reads the artifact foundation_model"),
        (lambda ws: CheckpointArtifact.current(ws.store), "reads the artifact foundation_model"),
        (lambda ws: ws.store.newest("foundation_model"), "reads the artifact foundation_model"),
        (lambda ws: ws.settings.hidden, "reads the setting hidden"),
        (read_labels, "behavior.rides_14d is read and not declared"),
    ],
)
def test_a_stage_that_reads_what_it_does_not_declare_is_stopped(
    trained: Workspace, tmp_path: Path, read: Callable[[Workspace], object], words: str
) -> None:
    def fill(ws: Workspace, _: ArtifactWriter) -> tuple[dict[str, float | int | str], dict[str, bytes]]:
        read(ws)
        return {}, {}

    # Another code: the artifact has to be made.
    ws = again(trained, dimension=4)
    with pytest.raises(UndeclaredError, match=words):
        ws.materialize("embeddings/trips__station", fill)
