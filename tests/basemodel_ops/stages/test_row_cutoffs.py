"""Questions at moments of their own, beside a weekly one: parts, budgets, answers, and what these may not know."""

from collections.abc import Iterator
from datetime import datetime, timedelta

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pytest
from sqlglot import exp

from basemodel_ops import stages
from basemodel_ops.contract.types import Relation
from basemodel_ops.errors import DataError
from basemodel_ops.stages import Workspace
from basemodel_ops.stages.checks.answers import check_scores
from basemodel_ops.stages.checks.label_counts import check_labels
from basemodel_ops.stages.checks.point_in_time import check_point_in_time
from basemodel_ops.stages.explanations.explaining import open_question
from basemodel_ops.stages.features import builder
from basemodel_ops.stages.foundation.representation_artifact import RepresentationArtifact
from basemodel_ops.stages.scoring import scoring
from basemodel_ops.stages.scoring.answering import score_relation
from basemodel_ops.stages.scoring.zero_shot import zero_shot_relation
from basemodel_ops.stages.snapshot.row_cutoffs import Counts, counts_query, plan_row_cutoffs, read_counts
from basemodel_ops.stages.snapshot.task_rows import load_task_rows
from basemodel_ops.warehouse.duckdb import DuckDBWarehouse
from basemodel_ops.warehouse.queries import rows_query

from .riding import CUTOFFS
from .row_cutoffs import NAMES, WEEK, project, question_rows
from .trips import NOW, trips

NEWEST, BEFORE = CUTOFFS[-1], CUTOFFS[-2]
TRIPS, QUESTIONS = (Relation(schema_name="behavior", name=name) for name in ("trips", "questions"))
ANSWERS = {"next_zone": ["class", "probability"], "days_until_next": ["prediction"], "soon": ["score"]}


@pytest.fixture(scope="module")
def ws(tmp_path_factory: pytest.TempPathFactory) -> Workspace:
    created = project(tmp_path_factory.mktemp("occasions"))
    for name in NAMES:
        stages.task_model(created, name)
    stages.score(created, NAMES, NEWEST, "first")
    return created


def answers(ws: Workspace, name: str) -> pa.Table:
    columns = ["rider", "moment", "as_of", *ANSWERS[name], "run_id"]
    with ws.warehouse() as warehouse:
        return warehouse.read(rows_query(score_relation(name), columns))


def parts(name: str) -> dict[str, int]:
    """Rows of each part, by the words of the documents: the grid's last cutoffs, and when a label was known."""
    window = WEEK if name == "soon" else timedelta()
    test_from = [cutoff for cutoff in CUTOFFS if cutoff + window <= NOW][-4]
    validation_from = [cutoff for cutoff in CUTOFFS if cutoff + window <= test_from][-3]
    result: dict[str, int] = {}
    for row in question_rows():
        known = row["moment"] + WEEK if name == "soon" else row["next_at"]
        if known is None or known > NOW:
            part = "unlabelled"
        elif known < validation_from:
            part = "train"
        elif row["moment"] >= validation_from and known < test_from:
            part = "validation"
        else:
            part = "test" if row["moment"] >= test_from else "embargo"
        result[part] = result.get(part, 0) + 1
    return result


@pytest.mark.parametrize("name", NAMES)
def test_parts_are_intervals_in_which_labels_were_known(ws: Workspace, name: str) -> None:
    task, times = ws.contract.task(name), ws.snapshot().times
    with ws.warehouse() as warehouse:
        rows = load_task_rows(warehouse, task, times)
        yes = exp.Literal.number(1) if name == "soon" else None
        counted = read_counts(warehouse.read(counts_query(task, times, yes)))
    result = dict(zip(*np.unique(rows.part, return_counts=True), strict=True))
    assert result == parts(name)
    assert {part: entry.rows for part, entry in counted.items()} == result
    for part, entry in counted.items():
        current = rows.take(np.flatnonzero(rows.part == part))
        assert entry.entities == len(pc.unique(current.entity))
        assert current.target is not None
        assert entry.positives == (pc.sum(current.target).as_py() or 0 if name == "soon" else 0)


def test_rows_are_bounded_by_the_budgets(ws: Workspace) -> None:
    task, times = ws.contract.task("soon"), ws.snapshot().times
    counts = {part: Counts(9_000_000, 30_000, 90) for part in ("train", "validation", "test", "embargo")}
    plan = plan_row_cutoffs(task, times, counts, {"train": 50_000, "validation": 4_000, "test": 4_000})
    for part, most in {"validation": 4_000, "test": 4_000}.items():
        assert plan.rows[part] * plan.drawn(part) == pytest.approx(most)
    assert sum(plan.rows[part] * plan.drawn(part) for part in ("train", "embargo")) == pytest.approx(50_000)
    assert plan.draws["train"].cutoffs == pytest.approx(8 / 300)  # several moments of an entity, not all
    assert plan.positives == 1.0
    with pytest.raises(DataError, match=r"soon has no rows for test.*window of 7 days.*`split`"):
        plan_row_cutoffs(task, times, {name: entry for name, entry in counts.items() if name != "test"}, {"train": 1})


@pytest.mark.parametrize("name", NAMES)
def test_a_partition_holds_the_moments_since_the_cutoff_before(ws: Workspace, name: str) -> None:
    table = answers(ws, name)
    result = set(zip(table.column("rider").to_pylist(), table.column("moment").to_pylist(), strict=True))
    assert result == {(row["rider"], row["moment"]) for row in question_rows() if BEFORE <= row["moment"] < NEWEST}
    assert len(result) == table.num_rows
    assert check_scores(ws, name, NEWEST).passed


def test_the_same_is_not_written_again_and_a_quiet_partition_is_empty(ws: Workspace) -> None:
    before = {name: answers(ws, name) for name in NAMES}
    reports = stages.score(ws, NAMES, NEWEST, "second")
    assert [reports[name].metrics["written"] for name in NAMES] == [0, 0, 0]
    assert all(answers(ws, name).equals(before[name]) for name in NAMES)
    assert stages.score(ws, NAMES, CUTOFFS[0], "quiet")["soon"].metrics["rows"] == 0
    assert all(answers(ws, name).equals(before[name]) for name in NAMES)


def test_rows_in_parts_of_any_size_and_beside_a_weekly_task_have_the_same_answers(
    ws: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An entity may have more moments than are represented at once."""
    before = answers(ws, "soon")
    monkeypatch.setattr(builder, "ROWS", 2)
    monkeypatch.setattr(scoring, "GROUP", 7)
    monkeypatch.setattr(scoring, "code_behind", lambda _: "in small parts")
    stages.score(ws, ["soon"], NEWEST, "parts", keep=True)
    result = answers(ws, "soon")
    np.testing.assert_allclose(result.column("score").to_numpy(), before.column("score").to_numpy(), rtol=1e-5)
    assert len(RepresentationArtifact.current(ws.store, NEWEST).entities) == 30


@pytest.fixture
def restored(ws: Workspace) -> Iterator[None]:
    yield
    write(ws, trips())


def write(ws: Workspace, table: pa.Table) -> None:
    with DuckDBWarehouse(ws.settings.warehouse_path) as warehouse:
        warehouse.load(TRIPS, table.select(["rider", "started_at", "booking", "station", "fare"]))


def permuted(moment: datetime, strictly: bool) -> pa.Table:
    """The trips, with every column shuffled among those after a moment, or at it too."""
    table = trips()
    compare = pc.greater if strictly else pc.greater_equal
    later = np.flatnonzero(compare(table.column("started_at"), pa.scalar(moment, pa.timestamp("us"))))
    generator = np.random.default_rng(0)
    columns = {}
    for name in table.column_names:
        order = np.arange(table.num_rows)
        order[later] = generator.permutation(later)
        columns[name] = table.column(name).take(pa.array(order))
    return pa.table(columns)


def alike(entry: pa.Table, other: pa.Table, columns: list[str]) -> bool:
    """Whether answers are the same but for the rounding of sums."""
    assert entry.select(["rider", "moment"]).equals(other.select(["rider", "moment"]))
    pairs = [(entry.column(name).to_numpy(), other.column(name).to_numpy()) for name in columns]
    return all(np.allclose(a, b, rtol=1e-5) if a.dtype == float else (a == b).all() for a, b in pairs)


@pytest.mark.usefixtures("restored")
def test_no_answer_knows_what_happens_after_its_moment_and_each_knows_the_event_that_asks(ws: Workspace) -> None:
    moments = sorted({row["moment"] for row in question_rows() if BEFORE <= row["moment"] < NEWEST})
    moment = moments[len(moments) // 2]
    before = {name: answers(ws, name) for name in NAMES}
    changed: dict[bool, set[str]] = {True: set(), False: set()}
    for strictly in (True, False):
        write(ws, permuted(moment, strictly))
        reports = stages.score(ws, NAMES, NEWEST, "shuffled")
        for name in NAMES:
            assert reports[name].metrics["written"] == 1
            past = pc.less_equal(before[name].column("moment"), pa.scalar(moment, pa.timestamp("us")))
            after = answers(ws, name)
            if not alike(before[name].filter(past), after.filter(past), ANSWERS[name]):
                changed[strictly].add(name)
            assert not alike(before[name], after, ANSWERS[name])
    assert changed == {True: set(), False: set(NAMES)}


def test_rows_to_learn_from_know_nothing_of_what_follows(ws: Workspace) -> None:
    assert check_point_in_time(ws).passed


def test_labels_of_a_window_are_counted_again_from_right_after_the_moment(ws: Workspace) -> None:
    assert "known at next_at" in check_labels(ws, "next_zone").description
    assert check_labels(ws, "soon").metrics["rows"] != 0
    assert check_labels(ws, "soon").passed
    with DuckDBWarehouse(ws.settings.warehouse_path) as warehouse:
        right = warehouse.read(rows_query(QUESTIONS, list(question_rows()[0])))
        wrong = pc.if_else(pc.equal(right.column("rider"), "rider 3"), 1, right.column("soon"))
        warehouse.load(QUESTIONS, right.set_column(right.column_names.index("soon"), "soon", wrong))
    try:
        assert not check_labels(ws, "soon").passed
    finally:
        with DuckDBWarehouse(ws.settings.warehouse_path) as warehouse:
            warehouse.load(QUESTIONS, right)


def test_the_foundation_model_answers_at_each_moment_too(ws: Workspace) -> None:
    report = stages.zero_shot_scores(ws, "soon", NEWEST, "untaught")
    assert report.metrics["rows"] == answers(ws, "soon").num_rows
    with ws.warehouse() as warehouse:
        result = warehouse.read(rows_query(zero_shot_relation("soon"), ["rider", "moment", "score"]))
    assert result.select(["rider", "moment"]).equals(answers(ws, "soon").select(["rider", "moment"]))
    assert len(pc.unique(result.column("score"))) > 1


def test_a_task_that_is_added_later_is_planned_by_what_is_pinned(ws: Workspace) -> None:
    before = ws.snapshot()
    added = ws.contract.task("soon").model_copy(update={"name": "added"})
    more = Workspace.open(
        ws.settings, ws.contract.model_copy(update={"tasks": (*ws.contract.tasks, added)}), lambda _: None
    )
    after = more.snapshot()
    assert after.plans["added"].rows == before.plans["soon"].rows
    assert after.times.training_end == before.times.training_end
    assert "added" not in after.pooled


def test_only_scores_at_the_cutoffs_of_the_grid_are_explained(ws: Workspace) -> None:
    with pytest.raises(DataError, match=r"soon has moments of its own.*Tasks that are: rides_14d"):
        open_question(ws, ws.contract.task("soon"), NEWEST)
