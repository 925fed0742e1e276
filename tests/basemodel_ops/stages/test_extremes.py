"""Histories and questions of unusual shape: each is learnt from and answered, or refused by name before long work."""

from datetime import datetime, timedelta
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pytest

from basemodel_ops import stages
from basemodel_ops.artifacts import ArtifactWriter
from basemodel_ops.errors import DataError
from basemodel_ops.stages import Workspace
from basemodel_ops.stages.features.examples_artifact import ExamplesArtifact
from basemodel_ops.stages.planning.budget import prepare
from basemodel_ops.stages.snapshot.task_rows import load_task_rows
from basemodel_ops.stages.tasks.model_artifact import ModelArtifact

from .riding import CUTOFFS, ask, encoded, is_over
from .trips import NOW, RIDERS, trips

NEWEST = CUTOFFS[-1]
COLUMNS = ["rider", "started_at", "booking", "station", "fare"]


def rides_of(riders: list[str], moments: list[datetime]) -> pa.Table:
    """A trip of each rider at each moment."""
    rows = [(rider, moment) for rider in riders for moment in moments]
    return pa.table(
        {
            "rider": [rider for rider, _ in rows],
            "started_at": pa.array([moment for _, moment in rows], pa.timestamp("us")),
            "booking": [str(number) for number in range(len(rows))],
            "station": [number % 5 for number in range(len(rows))],
            "fare": [float(number % 7) for number in range(len(rows))],
        }
    )


def answered(ws: Workspace) -> int:
    """Train on everything and answer the newest cutoff; the number of answers."""
    prepare(ws)
    stages.training_examples(ws)
    stages.foundation_model(ws)
    stages.task_model(ws, "rides_14d")
    return int(stages.score(ws, ["rides_14d"], NEWEST, "run")["rides_14d"].metrics["rows"])


RIDER_NAMES = [f"rider {number}" for number in range(RIDERS)]


def test_all_events_of_one_moment_are_learnt_from(tmp_path: Path) -> None:
    assert answered(encoded(tmp_path, trips=rides_of(RIDER_NAMES, [datetime(2024, 3, 20)] * 5))) == RIDERS


def test_a_grid_of_more_cutoffs_than_events_has_rows_only_where_somebody_lived(tmp_path: Path) -> None:
    cutoffs = [datetime(2014, 3, 3) + timedelta(weeks=week) for week in range(539)]
    grid = pa.table({"cutoff": pa.array(cutoffs, pa.timestamp("us"))}).append_column(
        "data_end", pa.array([NOW] * len(cutoffs), pa.timestamp("us"))
    )
    few = rides_of(RIDER_NAMES, [datetime(2024, 4, 1), datetime(2024, 5, 9)])
    ws = encoded(tmp_path, trips=few, cutoffs=grid)
    assert answered(ws) == RIDERS
    rows = ExamplesArtifact.current(ws.store)
    requested = {cutoff.timestamp() for cutoff in CUTOFFS}  # the task names its own
    assert len(rows) <= RIDERS * len(CUTOFFS)
    assert {moment / 1e6 for moment in rows.cutoffs} <= {datetime.timestamp(c) for c in cutoffs} | requested


def test_who_is_first_seen_after_the_last_cutoff_of_training_is_answered(tmp_path: Path) -> None:
    late = rides_of(["rider 3"], [datetime(2024, 6, 20)])
    others = trips().select(COLUMNS).filter(pc.not_equal(trips().column("rider"), "rider 3"))
    assert answered(encoded(tmp_path, trips=pa.concat_tables([others, late.cast(others.schema)]))) == RIDERS


def test_one_entity_of_very_many_events_fits_in_the_memory_of_others(tmp_path: Path) -> None:
    subset = rides_of(["rider 3"], [datetime(2024, 1, 1) + timedelta(minutes=2 * number) for number in range(120_000)])
    others = trips().select(COLUMNS)
    assert answered(encoded(tmp_path, trips=pa.concat_tables([others, subset.cast(others.schema)]))) == RIDERS


ODD_ITEMS = {
    "one value only": lambda station, row, moment: 7,
    "a new value every event": lambda station, row, moment: row,
    "others in the test": lambda station, row, moment: station + (1000 if moment >= datetime(2024, 5, 20) else 0),
    "a new value every event, from the test on": lambda station, row, moment: (
        row + 1000 if moment >= datetime(2024, 5, 20) else station
    ),
}


@pytest.mark.parametrize("items", ODD_ITEMS)
def test_items_of_odd_kinds_train_a_model_that_scores_everyone(tmp_path: Path, items: str) -> None:
    table = trips().select(COLUMNS)
    rows = zip(table["station"].to_pylist(), table["started_at"].to_pylist(), strict=True)
    stations = [ODD_ITEMS[items](station, row, moment) for row, (station, moment) in enumerate(rows)]
    ws = encoded(tmp_path, trips=table.set_column(3, "station", pa.array(stations, pa.int64())))
    assert answered(ws) == RIDERS
    metrics = ModelArtifact.current(ws.store, "rides_14d").metrics
    assert all(np.isfinite(list(result.values())).all() for result in metrics.test.values())


def test_events_of_one_moment_have_the_same_order_however_they_come(tmp_path: Path) -> None:
    """Every trip of a day is at its midnight: which is newest is decided by what they are, not by their place."""
    table = trips().select(COLUMNS)
    midnights = [moment.replace(hour=0, minute=0) for moment in table["started_at"].to_pylist()]
    table = table.set_column(1, "started_at", pa.array(midnights, pa.timestamp("us")))
    result = []
    for name, seed in (("one", 0), ("other", 1)):
        order = np.random.default_rng(seed).permutation(table.num_rows)
        ws = encoded(tmp_path / name, trips=table.take(order))
        prepare(ws)
        stages.training_examples(ws)
        examples = ExamplesArtifact.current(ws.store)
        newest = examples.positions("recent_item")
        result.append(examples.gather(np.arange(len(examples)), newest))
    assert result[0].any()
    np.testing.assert_array_equal(*result)


def test_a_population_of_one_is_refused_before_anything_is_made(tmp_path: Path) -> None:
    alone = rides_of(["rider 3"], [datetime(2024, 1, 1) + timedelta(days=number) for number in range(170)])
    with pytest.raises(DataError, match=r"1 riders have events before 2024-07-01.*at least 2 are needed"):
        encoded(tmp_path, trips=alone)
    assert not list((tmp_path / "artifacts").glob("**/manifest.json"))


@pytest.mark.parametrize("riders", [2, 3])
def test_very_few_entities_are_learnt_from(tmp_path: Path, riders: int) -> None:
    moments = [datetime(2024, 1, 2) + timedelta(days=number) for number in range(170)]
    ws = encoded(tmp_path, trips=rides_of(RIDER_NAMES[:riders], moments))
    prepare(ws)
    stages.training_examples(ws)
    assert not stages.foundation_model(ws).reused


def test_rare_positives_are_all_learnt_from_and_speak_for_themselves_alone(riders: Workspace) -> None:
    rare = {("rider 2", CUTOFFS[3]), ("rider 9", CUTOFFS[5]), ("rider 21", CUTOFFS[4]), ("rider 28", CUTOFFS[7])}
    ws, task = ask(riders, lambda rider, cutoff: int((rider, cutoff) in rare) if is_over(cutoff) else None, pa.int64())
    ws = Workspace.open(ws.settings.model_copy(update={"task_rows": 120}), ws.contract, lambda _: None)
    plan = ws.snapshot().plans[task.name]
    assert plan.positives == 1
    assert plan.drawn("train") < 0.6
    with ws.warehouse() as warehouse:
        rows = load_task_rows(warehouse, task, ws.snapshot().times, plan)
        everyone = load_task_rows(warehouse, task, ws.snapshot().times)
    assert rows.target is not None
    assert everyone.target is not None
    target = rows.target.to_numpy()
    positive = np.flatnonzero(target == 1)
    result = {(rows.entity[int(at)].as_py(), int(rows.cutoff[at])) for at in positive}
    assert len(result) == len(positive) == len(rare)
    train = np.flatnonzero(rows.part == "train")
    assert rows.weight is not None
    # What is drawn stands for what is not: the weighted share of positives is that of all rows.
    weighted = rows.weight[train][target[train] == 1].sum() / rows.weight[train].sum()
    complete = everyone.target.to_numpy()[everyone.part == "train"]
    assert weighted == pytest.approx(complete.mean(), rel=0.6)
    assert target[train].mean() > 2 * complete.mean()


def test_a_disk_that_fills_while_training_leaves_nothing_half_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ws = encoded(tmp_path)
    written: list[str] = []
    original = ArtifactWriter._write

    def full(self: ArtifactWriter, name: str, data: bytes) -> None:
        written.append(name)
        if len(written) == 4:
            raise OSError(28, "No space left on device", name)
        original(self, name, data)

    monkeypatch.setattr(ArtifactWriter, "_write", full)
    with pytest.raises(OSError, match="No space left"):
        stages.training_examples(ws)
    monkeypatch.setattr(ArtifactWriter, "_write", original)
    assert "training_examples" not in {key for key, _ in ws.store.versions()}
    assert not list((tmp_path / "artifacts" / "training_examples").glob("*/manifest.json"))
    assert not stages.training_examples(ws).reused
