"""Explanations of the shipped pipeline: what they sum to, what masking does, what is published, what is refused."""

import shutil
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import pyarrow as pa
import pytest

from basemodel_ops import stages
from basemodel_ops.contract.types import Personal, Target, TaskType
from basemodel_ops.errors import DataError
from basemodel_ops.stages import Workspace
from basemodel_ops.stages.checks.explanations import check_faithful, check_sums
from basemodel_ops.stages.explanations.explaining import EVALUATIONS, Explained, Group, groups, open_question
from basemodel_ops.stages.explanations.grouping import columns_of
from basemodel_ops.stages.explanations.masking import Masker
from basemodel_ops.stages.explanations.published import REST, explanation_relation, importance_relation
from basemodel_ops.stages.explanations.publishing import TOP, batched
from basemodel_ops.stages.features.builder import Builder, source_plans
from basemodel_ops.stages.features.reading import Chosen
from basemodel_ops.stages.scoring.answering import score_relation
from basemodel_ops.stages.snapshot.times import to_microseconds
from basemodel_ops.tasks.cold_start import ColdStart

from ..riding import CUTOFFS, RIDES, ask, is_over
from ..trips import RIDERS, TASK_TABLE, trips

NEWEST = CUTOFFS[-1]
Answer = Callable[[str, datetime], Any]


def many(rider: str, cutoff: datetime) -> int:
    return int(len(RIDES[rider, cutoff]) > 3)


def rides(rider: str, cutoff: datetime) -> float:
    return float(len(RIDES[rider, cutoff]))


def some_label(rider: str, cutoff: datetime) -> str:
    return ("none", "few", "many")[min(len(RIDES[rider, cutoff]) // 2, 2)]


def station(rider: str, cutoff: datetime) -> Any:
    """A station that is common enough to be a label, where the rider went to one."""
    known = [row["station"] for row in RIDES[rider, cutoff] if row["station"] < 6]
    return known[0] if known else ...


LABELS = {"population": TASK_TABLE, "predicts": Target(source="trips", column="station")}
KINDS: dict[TaskType, tuple[Answer, pa.DataType, dict[str, Any]]] = {
    TaskType.BINARY: (many, pa.int64(), {}),
    TaskType.REGRESSION: (rides, pa.float64(), {}),
    TaskType.MULTICLASS: (some_label, pa.string(), {}),
    TaskType.MULTILABEL: (station, pa.int64(), LABELS),
}


@pytest.fixture(scope="module")
def fitted(riders: Workspace) -> dict[TaskType, tuple[Workspace, str]]:
    """A task of each kind with a model, and its scores of the newest week."""
    result = {}
    for kind, (answer, values, more) in KINDS.items():
        ws, task = ask(
            riders,
            lambda rider, cutoff, answer=answer: answer(rider, cutoff) if is_over(cutoff) else None,
            values,
            type=kind,
            **more,
        )
        few = ws.settings.model_copy(update={"explained": 4})
        ws = Workspace.open(few, ws.contract, lambda _: None, "run")
        stages.task_model(ws, task.name)
        stages.task_scores(ws, task.name, NEWEST, "run")
        result[kind] = ws, task.name
    return result


def explained(ws: Workspace, name: str, entities: list[str]) -> list[Explained]:
    question = open_question(ws, ws.contract.task(name), NEWEST)
    with ws.warehouse() as warehouse:
        return [
            entry
            for group in groups(Builder.of(ws, warehouse, NEWEST, entities), question)
            for entry in group.in_raw_events(group.explain(EVALUATIONS, 0))
        ]


def query(ws: Workspace, text: str) -> list[tuple]:
    with duckdb.connect(str(ws.settings.warehouse_path), read_only=True) as connection:
        return connection.execute(text).fetchall()


@pytest.mark.parametrize("kind", KINDS)
def test_reasons_sum_to_the_published_score_less_that_of_nothing(
    fitted: dict[TaskType, tuple[Workspace, str]], kind: TaskType
) -> None:
    ws, name = fitted[kind]
    column = {TaskType.REGRESSION: "prediction", TaskType.MULTICLASS: "probability"}.get(kind, "score")
    best = "and rank = 1" if kind is TaskType.MULTILABEL else ""
    published = dict(
        query(ws, f"select rider, {column} from {score_relation(name)} where as_of = timestamp '{NEWEST}' {best}")
    )
    result = explained(ws, name, ["rider 3", "rider 11", "rider 20"])
    assert [entry.entity for entry in result] == ["rider 11", "rider 20", "rider 3"]
    for entry in result:
        assert entry.score == pytest.approx(published[entry.entity], abs=1e-6)
        assert sum(reason.contribution for reason in entry.reasons) == pytest.approx(
            entry.score - entry.empty, abs=1e-6
        )
        # So few rows tell labels nothing: they stand at their rates.
        assert kind is TaskType.MULTILABEL or entry.score != entry.empty
        assert bool(entry.label) == (kind in (TaskType.MULTICLASS, TaskType.MULTILABEL))
        current = sorted(row["started_at"] for row in trips().to_pylist() if row["rider"] == entry.entity)
        current = [moment for moment in current if moment < NEWEST]
        assert sorted(time for reason in entry.reasons for time in reason.times) == current
        assert {reason.about.table for reason in entry.reasons} == {"behavior.trips"}
        assert {reason.about.column for reason in entry.reasons} == {"station"}


def test_a_base_rate_for_those_without_a_history_is_no_reason(fitted: dict[TaskType, tuple[Workspace, str]]) -> None:
    """It answers for them beside the model; in the explanation it would go to whichever event comes first."""
    ws, name = fitted[TaskType.BINARY]
    question = open_question(ws, ws.contract.task(name), NEWEST)
    result = []
    with ws.warehouse() as warehouse:
        for answer in ((), (0.99,)):
            question._cold = ColdStart(answer)  # pyright: ignore[reportAttributeAccessIssue]
            (group,) = groups(Builder.of(ws, warehouse, NEWEST, ["rider 3", "rider 11"]), question)
            result.append(group.explain(EVALUATIONS, 0))
    for plain, ruled in zip(*result, strict=True):
        assert (plain.score, plain.empty) == (ruled.score, ruled.empty)
        assert [share.value for share in plain.shares] == [share.value for share in ruled.shares]


def test_a_masked_history_is_the_row_of_a_warehouse_without_these_events(riders: Workspace, tmp_path: Path) -> None:
    """Rows are made again from a copy of the warehouse in which the events are deleted."""
    chosen = ["rider 4", "rider 9"]
    cutoff = to_microseconds(NEWEST)
    with riders.warehouse() as warehouse:
        builder = Builder(riders, warehouse, cutoff, Chosen(only=tuple(chosen)))
        (part,) = builder.parts(np.arange(2), np.full(2, cutoff), 2048)
        masker = Masker(builder, part, cutoff, is_narrow=False)
        generator = np.random.default_rng(5)
        (history,) = masker.histories
        kept = [generator.random(count) < 0.6 for count in np.diff(history.start)]
        result = masker.rows(np.array([1, 0, 1, 0]), [kept[1], kept[0], ~kept[1], np.ones_like(kept[0])]).values
        complete = builder.represent(part)
    copy = tmp_path / "home"
    shutil.copytree(riders.settings.home, copy)
    with duckdb.connect(str(copy / "warehouse.duckdb")) as connection:
        for number, rider in enumerate(chosen):
            times = history.time[history.start[number] : history.start[number + 1]][~kept[number]]
            removed = ", ".join(f"make_timestamp({time})" for time in times)
            connection.execute(f"delete from behavior.trips where rider = '{rider}' and started_at in ({removed})")
    settings = riders.settings.model_copy(update={"home": copy})
    without = Workspace.open(settings, riders.contract, lambda _: None)
    with without.warehouse() as warehouse:
        builder = Builder(without, warehouse, cutoff, Chosen(only=tuple(chosen)))
        (part,) = builder.parts(np.arange(2), np.full(2, cutoff), 2048)
        again = builder.represent(part)
    np.testing.assert_array_equal(result[:2], again[[1, 0]])
    np.testing.assert_array_equal(result[3], complete[0])
    assert (result[0] != complete[1]).any()


def test_no_event_at_all_is_a_row_of_attributes_and_calendar_alone(riders: Workspace) -> None:
    cutoff = to_microseconds(NEWEST)
    with riders.warehouse() as warehouse:
        builder = Builder(riders, warehouse, cutoff, Chosen(only=("rider 4",)))
        (part,) = builder.parts(np.arange(1), np.full(1, cutoff), 2048)
        masker = Masker(builder, part, cutoff, is_narrow=True)
        rows = masker.rows(np.zeros(1, np.int64), [np.zeros(len(part.histories[0].time), bool)])
        complete = builder.represent(part)
    for kind in ("attribute", "calendar"):
        current, there = rows.layout.positions(kind), builder.layout.positions(kind)
        np.testing.assert_array_equal(rows.values[:, current], complete[:, there])
        assert rows.values[:, current].any()
    assert not rows.values[:, rows.layout.positions("count")].any()
    assert not rows.layout.select("sketch")


def test_a_narrower_row_has_the_same_numbers_in_what_it_holds(riders: Workspace) -> None:
    cutoff = to_microseconds(NEWEST)
    with riders.warehouse() as warehouse:
        builder = Builder(riders, warehouse, cutoff, Chosen(only=("rider 4", "rider 9")))
        (part,) = builder.parts(np.arange(2), np.full(2, cutoff), 2048)
        maskers = [Masker(builder, part, cutoff, *narrow) for narrow in ((True, False), (False, True))]
        full = [np.ones(count, bool) for count in np.diff(part.histories[0].start)]
        complete = builder.represent(part)
    longest = f"{max(riders.settings.half_lives):g}"
    for masker, kept in zip(maskers, (("scalar", "sum", "mean", "count"), ("scalar", "count", "pooled")), strict=True):
        rows = masker.rows(np.arange(2), full)
        assert {*kept, "attribute", "calendar"} - {"pooled"} <= set(rows.layout.kinds)
        assert not rows.layout.select("cell")
        for block in rows.layout.blocks:
            same = [
                b for b in builder.layout.select(block.kind, block.source, block.column) if b.detail == block.detail
            ]
            np.testing.assert_array_equal(
                rows.values[:, block.offset : block.end], complete[:, same[0].offset : same[0].end]
            )
        if "sum" not in kept:
            assert {block.detail for block in rows.layout.select("sum")} <= {longest}


@pytest.mark.parametrize("kind", [TaskType.BINARY, TaskType.MULTILABEL])
def test_the_highest_and_a_sample_are_published_and_what_is_there_is_not_made_again(
    fitted: dict[TaskType, tuple[Workspace, str]], kind: TaskType
) -> None:
    ws, name = fitted[kind]
    first = stages.task_explanations(ws, name, NEWEST, "first")
    assert (first.metrics["written"], first.metrics["entities"]) == (1, 8)
    table = explanation_relation(name)
    rows = query(ws, f"select rider, rank, column_value, contribution, score, empty_score, chosen_by from {table}")
    best = "and rank = 1" if kind is TaskType.MULTILABEL else ""
    order = query(ws, f"select rider from {score_relation(name)} where true {best} order by score desc, rider limit 4")
    assert {row[0] for row in rows if row[-1] == "top"} == {rider for (rider,) in order}
    assert len({row[0] for row in rows if row[-1] == "sample"}) == 4
    for rider in {row[0] for row in rows}:
        current = sorted((row for row in rows if row[0] == rider), key=lambda row: row[1])
        assert [row[1] for row in current] == list(range(1, len(current) + 1))
        assert len(current) <= TOP + 1
        assert sum(row[3] for row in current) == pytest.approx(current[0][4] - current[0][5], abs=1e-6)
        size = [abs(row[3]) for row in current if row[2] != REST]
        assert size == sorted(size, reverse=True)
    assert check_sums(ws, name, NEWEST).passed
    described = "kind, source_table, column_name, column_value, entities, of_entities, mean_absolute, mean"
    share = query(ws, f"select {described} from {importance_relation(name)} where kind = 'events' order by rank")
    assert {(row[1], row[2], row[5]) for row in share} == {("behavior.trips", "station", 4)}
    assert len({row[3] for row in share}) == len(share)
    drawn = {row[0]: row[4] - row[5] for row in rows if row[-1] == "sample"}
    assert sum(row[7] for row in share) == pytest.approx(np.mean(list(drawn.values())), abs=1e-9)
    assert all(row[6] >= abs(row[7]) - 1e-12 and 1 <= row[4] <= 4 for row in share)
    again = stages.task_explanations(ws, name, NEWEST, "second")
    assert again.reused
    assert query(ws, f"select distinct run_id from {table}") == [("first",)]


@pytest.mark.parametrize("kind", [TaskType.BINARY, TaskType.MULTILABEL])
@pytest.mark.parametrize("others", [True, False], ids=["with others", "alone"])
def test_a_scored_entity_without_events_has_no_published_reason(
    fitted: dict[TaskType, tuple[Workspace, str]], kind: TaskType, others: bool
) -> None:
    ws, name = fitted[kind]
    many = Workspace.open(ws.settings.model_copy(update={"explained": RIDERS}), ws.contract, lambda _: None, "run")
    scores, as_of = score_relation(name), CUTOFFS[-3] if others else CUTOFFS[-4]
    if others:
        stages.task_scores(many, name, as_of, "run")
    with duckdb.connect(str(ws.settings.warehouse_path)) as connection:
        nobody = f"select * replace ('nobody' as rider, timestamp '{as_of}' as as_of) from {scores}"
        connection.execute(f"insert into {scores} {nobody} where rider = 'rider 3' and as_of = timestamp '{NEWEST}'")
    report = stages.task_explanations(many, name, as_of, "run")
    rows = query(ws, f"select distinct rider from {explanation_relation(name)} where as_of = timestamp '{as_of}'")
    assert report.metrics["entities"] == len(rows) + 1
    assert ("nobody",) not in rows
    assert bool(rows) == others
    for check_result in (check_sums(many, name, as_of), check_faithful(many, name, as_of)):
        assert check_result.passed or check_result.name == "reasons_are_faithful", check_result.description
    assert others or "Nobody whose score is explained has events" in check_sums(many, name, as_of).description
    assert not check_sums(many, name, CUTOFFS[-5]).passed  # of a week that was never explained


def test_rows_are_gathered_by_table_in_their_order() -> None:
    entry, other = ({"n": 1}, {"n": 2}, {"n": 3}), ({"n": 9},)
    described = [("a", [entry[0]]), ("b", [other[0]]), ("a", [entry[1]]), ("c", []), ("a", [entry[2]])]
    result = list(batched(iter(described), most=2))
    assert result == [("a", [entry[0], entry[1]]), ("b", [other[0]]), ("a", [entry[2]])]


def test_the_checks_say_what_is_wrong(fitted: dict[TaskType, tuple[Workspace, str]]) -> None:
    ws, name = fitted[TaskType.REGRESSION]
    stages.task_explanations(ws, name, NEWEST, "run")
    faithful = check_faithful(ws, name, NEWEST)
    assert faithful.passed == (float(faithful.metrics["ratio"]) >= 3)
    assert float(faithful.metrics["named"]) > float(faithful.metrics["random"]) > 0
    with duckdb.connect(str(ws.settings.warehouse_path)) as connection:
        connection.execute(f"update {explanation_relation(name)} set contribution = contribution + 0.01 where rank = 1")
    assert not check_sums(ws, name, NEWEST).passed
    with duckdb.connect(str(ws.settings.warehouse_path)) as connection:
        connection.execute(f"update {explanation_relation(name)} set contribution = contribution - 0.01 where rank = 1")
        connection.execute(f"update {score_relation(name)} set prediction = prediction + 1")
    check_result = check_sums(ws, name, NEWEST)
    assert not check_result.passed
    assert "score again" in check_result.description


def test_the_check_asks_what_was_just_explained_and_else_explains_again(
    fitted: dict[TaskType, tuple[Workspace, str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    ws, name = fitted[TaskType.MULTICLASS]
    stages.task_explanations(ws, name, NEWEST, "run")
    explain, calls = Group.explain, []
    monkeypatch.setattr(Group, "explain", lambda *arguments: calls.append(1) or explain(*arguments))
    at_hand = check_faithful(ws, name, NEWEST)
    assert not calls
    other = Workspace.open(ws.settings, ws.contract, lambda _: None, "run")
    anew = check_faithful(other, name, NEWEST)
    assert len(calls) == 1
    assert at_hand.metrics == pytest.approx(anew.metrics)
    with duckdb.connect(str(ws.settings.warehouse_path)) as connection:
        connection.execute(f"update {explanation_relation(name)} set score = score + 0.01")
    check_faithful(ws, name, NEWEST)  # what is published is not what was explained
    assert len(calls) == 2
    with duckdb.connect(str(ws.settings.warehouse_path)) as connection:
        connection.execute(f"update {explanation_relation(name)} set score = score - 0.01")


def test_one_entity_is_explained_the_same_twice_and_by_a_label_of_choice(
    fitted: dict[TaskType, tuple[Workspace, str]],
) -> None:
    ws, name = fitted[TaskType.MULTICLASS]
    first, again = (stages.explain_entity(ws, name, "rider 5", NEWEST) for _ in range(2))
    assert first == again
    parts = {label: stages.explain_entity(ws, name, "rider 5", NEWEST, label) for label in ("none", "few", "many")}
    assert sum(entry.score for entry in parts.values()) == pytest.approx(1, abs=1e-5)
    assert max(entry.score for entry in parts.values()) == pytest.approx(first.score, abs=1e-6)


def test_what_cannot_be_explained_says_why_and_what_can(
    fitted: dict[TaskType, tuple[Workspace, str]], riders: Workspace
) -> None:
    ws, name = fitted[TaskType.BINARY]

    def refused(words: str, current: Workspace, *arguments: Any) -> None:
        with pytest.raises(DataError, match=words):
            stages.explain_entity(current, *arguments)

    refused(rf"No task 'gone'\. There are: {name}\.", ws, "gone", "rider 1", NEWEST)
    refused("'nobody' has no event before 2024-07-01.*does not ask about it.*rider 0", ws, name, "nobody", NEWEST)
    early = datetime(2023, 12, 25)
    refused("'rider 1' has no event before 2023-12-25.*Nobody has any", ws, name, "rider 1", early)
    refused(f"No label 'yes' of task {name}. It has none", ws, name, "rider 1", NEWEST, "yes")
    refused("It has: .*few", *fitted[TaskType.MULTICLASS], "rider 1", NEWEST, "gone")
    unfitted, task = ask(riders, many, pa.int64())
    refused(f"{task.name} has no model.*basemodel train --task {task.name}", unfitted, task.name, "rider 1", NEWEST)
    items, ranked = ask(riders, many, pa.int64(), type=TaskType.RECOMMENDATION)
    refused(f"{ranked.name} recommends items.*explain_items", items, ranked.name, "rider 1", NEWEST)
    with pytest.raises(DataError, match=f"{name} recommends nothing.*explain_entity"):
        stages.explain_items(ws, name, "rider 1", NEWEST)
    with pytest.raises(DataError, match=f"no scores of {name} as of 2024-06-24.*basemodel score --task {name}"):
        stages.task_explanations(ws, name, CUTOFFS[-2], "run")
    none = Workspace.open(ws.settings.model_copy(update={"explained": 0}), ws.contract, lambda _: None)
    with pytest.raises(DataError, match="BASEMODEL_EXPLAINED is 0"):
        stages.task_explanations(none, name, NEWEST, "run")


def test_values_of_personal_columns_are_not_named(fitted: dict[TaskType, tuple[Workspace, str]]) -> None:
    ws, name = fitted[TaskType.BINARY]
    (event,) = ws.contract.events
    personal = Personal(relation=event.relation, column="station", purpose="forecasts")
    marked = Workspace.open(ws.settings, ws.contract.model_copy(update={"personal": (personal,)}), lambda _: None)
    plans, _ = source_plans(marked.contract, marked.settings, marked.store, marked.snapshot())
    (plain,) = columns_of(ws.contract, ws.store, plans, ws.contract.task(name))
    assert plain is not None
    assert plain.name == "station"
    assert columns_of(marked.contract, marked.store, plans, ws.contract.task(name)) == [None]
    assert {reason.about.column for entry in explained(marked, name, ["rider 3"]) for reason in entry.reasons} == {""}


def test_entities_without_events_of_a_source_are_represented(riders: Workspace) -> None:
    """A source of which the chosen entities have nothing has its columns all the same."""
    with riders.warehouse() as warehouse:
        builder = Builder(riders, warehouse, to_microseconds(NEWEST), Chosen(only=("nobody",)))
        reader = builder._reader(riders.contract.events[0], builder.plans[0])
        empty = reader.empty_events()
        everyone = Builder(riders, warehouse, to_microseconds(NEWEST))
        (_, (history,)), *_ = everyone.histories(RIDERS)
    assert len(empty) == 0
    assert empty.item_ids.keys() == history.item_ids.keys()
    assert empty.numbers.keys() == history.numbers.keys()
