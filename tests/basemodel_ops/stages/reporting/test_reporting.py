"""Tasks of every kind, fitted once: rows kept of their test, deciles of their scores, and a page about them."""

import json
import shutil
from datetime import datetime
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from sklearn.metrics import roc_auc_score

from basemodel_ops import stages
from basemodel_ops.artifacts import ArtifactStore
from basemodel_ops.contract.types import Relation, Target, Task, TaskType
from basemodel_ops.errors import DataError
from basemodel_ops.stages import Workspace
from basemodel_ops.stages.checks.deciles import check_deciles
from basemodel_ops.stages.explanations.published import effects_relation
from basemodel_ops.stages.reporting import tables
from basemodel_ops.stages.reporting import tested as measuring
from basemodel_ops.stages.reporting.report_artifact import ReportArtifact
from basemodel_ops.stages.reporting.worth import Worth, worth
from basemodel_ops.stages.scoring.answering import score_relation
from basemodel_ops.stages.scoring.deciles import deciles_relation
from basemodel_ops.stages.tasks import predictions
from basemodel_ops.stages.tasks.evaluation_artifact import EvaluationArtifact
from basemodel_ops.stages.tasks.model_artifact import ModelArtifact
from basemodel_ops.stages.tasks.predictions import PredictionsArtifact, read_predictions
from basemodel_ops.tasks import label_efficiency
from basemodel_ops.tasks.draws import SURE
from basemodel_ops.tasks.metrics import metric_of
from basemodel_ops.warehouse.duckdb import DuckDBWarehouse
from basemodel_ops.warehouse.queries import rows_query

from ..riding import CUTOFFS, RIDES, ask, is_over
from ..trips import RIDER_TABLE, RIDERS, TASK_TABLE
from ..trips import riders as people

NEWEST = CUTOFFS[-1]
BINARY, CLASS, MANY, AMOUNT, ITEMS, *_ = TaskType
LABELS = {"population": TASK_TABLE, "predicts": Target(source="trips", column="station")}


def rode(rider: str, cutoff: datetime) -> int:
    return int(len(RIDES[rider, cutoff]) > 4)


def paid(rider: str, cutoff: datetime) -> float:
    return sum(row["fare"] for row in RIDES[rider, cutoff] if abs(row["fare"]) < 1e9)


def much(rider: str, cutoff: datetime) -> str:
    return ("none", "few", "many")[min(len(RIDES[rider, cutoff]) // 2, 2)]


def station(rider: str, cutoff: datetime) -> Any:
    known = [row["station"] for row in RIDES[rider, cutoff] if row["station"] < 6]
    return known[0] if known else ...


def taken(rider: str, cutoff: datetime) -> Any:
    return RIDES[rider, cutoff][0]["station"] if RIDES[rider, cutoff] else ...


KINDS: dict[TaskType, tuple[Any, pa.DataType, dict[str, Any]]] = {
    BINARY: (rode, pa.int64(), {}), AMOUNT: (paid, pa.float64(), {}), CLASS: (much, pa.string(), {}),
    MANY: (station, pa.int64(), LABELS), ITEMS: (taken, pa.int64(), LABELS),
}  # fmt: skip


@pytest.fixture(scope="module")
def ws(riders: Workspace, tmp_path_factory: pytest.TempPathFactory) -> Workspace:
    """A home of its own, with a fitted, evaluated and scored task of each kind."""
    home = tmp_path_factory.mktemp("reporting") / "home"
    shutil.copytree(riders.settings.home, home)
    current = Workspace.open(riders.settings.model_copy(update={"home": home}), riders.contract, lambda _: None)
    table = Relation(schema_name="tasks", name="everyone")
    with DuckDBWarehouse(current.settings.warehouse_path) as warehouse:
        requested = [(f"rider {number}", cutoff) for number in range(RIDERS) for cutoff in CUTOFFS]
        names, moments = zip(*requested, strict=True)
        warehouse.load(table, pa.table({"rider": names, "cutoff": pa.array(moments, pa.timestamp("us"))}))
    tasks: list[Task] = []
    for kind, (answer, values, more) in KINDS.items():
        more = {**more, "population": table} if more else {}
        past = lambda rider, cutoff, answer=answer: answer(rider, cutoff) if is_over(cutoff) else None  # noqa: E731
        query, task = ask(current, past, values, type=kind, **more)
        with pytest.MonkeyPatch.context() as fewer:  # riders are few
            fewer.setattr(label_efficiency, "LEAST", 5)
            stages.task_model(query, task.name)
        stages.task_evaluation(query, task.name)
        stages.task_scores(query, task.name, NEWEST, "run")
        tasks.append(task)
    with DuckDBWarehouse(current.settings.warehouse_path) as warehouse:  # of two tariffs by the time of the test
        attributes = people()
        known = zip(attributes["rider"].to_pylist(), attributes["tariff"].to_pylist(), strict=True)
        names = ["silver" if tariff == "gold" and int(rider[6:]) % 2 else tariff for rider, tariff in known]
        warehouse.load(
            RIDER_TABLE, attributes.set_column(attributes.schema.get_field_index("tariff"), "tariff", pa.array(names))
        )
    return Workspace.open(current.settings, current.contract.model_copy(update={"tasks": tuple(tasks)}), lambda _: None)


def named(ws: Workspace, kind: TaskType) -> Task:
    return next(task for task in ws.contract.tasks if task.type is kind)


@pytest.fixture(scope="module")
def worths(ws: Workspace) -> dict[TaskType, Worth]:
    with ws.warehouse() as warehouse:
        return {
            task.type: worth(ws.contract, ws.snapshot(), ws.store, warehouse, task, NEWEST, ws.settings.seed)
            for task in ws.contract.tasks
        }


@pytest.mark.parametrize("kind", [BINARY, AMOUNT, CLASS])
def test_every_labelled_row_is_kept_with_its_answer_where_a_model_had_not_learnt_from_it(
    ws: Workspace, kind: TaskType
) -> None:
    task = named(ws, kind)
    rows = read_predictions(ws.store, task.name).to_pylist()
    answer = KINDS[kind][0]
    over = {(rider, cutoff) for rider, cutoff in RIDES if is_over(cutoff)}
    assert {(row["rider"], row["cutoff"]) for row in rows} <= over
    assert len(rows) == len({(row["rider"], row["cutoff"]) for row in rows})
    for row in rows:
        assert row["label"] == pytest.approx(answer(row["rider"], row["cutoff"]))
        assert row["part"] == "train" or row["prediction"] is not None
    first = {
        part: min(row["cutoff"] for row in rows if row["part"] == part) for part in ("train", "validation", "test")
    }
    assert first["train"] < first["validation"] < first["test"]


def test_the_rows_give_the_reported_metric_again(ws: Workspace, worths: dict[TaskType, Worth]) -> None:
    task = named(ws, BINARY)
    rows = read_predictions(ws.store, task.name, "test").to_pydict()
    metrics = ModelArtifact.current(ws.store, task.name).metrics
    for column, name in (("prediction", metrics.shipped), ("baseline", worths[BINARY].card.baseline)):
        result = roc_auc_score(rows["label"], rows[column], sample_weight=rows["weight"])
        assert result == pytest.approx(metrics.test[name]["auroc"])


def test_the_chances_of_all_classes_give_macro_auroc_again(ws: Workspace) -> None:
    task = named(ws, CLASS)
    rows = read_predictions(ws.store, task.name, "test").to_pylist()
    chances, weights = [json.loads(row["probabilities"]) for row in rows], [row["weight"] for row in rows]
    for row, every in zip(rows, chances, strict=True):
        assert every[row["prediction"]] == pytest.approx(row["probability"], rel=1e-5)
    labels = {row["label"] for row in rows}
    aurocs = [
        roc_auc_score([row["label"] == name for row in rows], [every[name] for every in chances], sample_weight=weights)
        for name in labels
    ]
    metrics = ModelArtifact.current(ws.store, task.name).metrics
    assert len(labels) > 1
    assert np.mean(aurocs) == pytest.approx(metrics.test[metrics.shipped]["macro_auroc"], abs=1e-4)


def test_chances_of_very_many_classes_are_kept_of_test_rows_first(
    ws: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    classes = ["a", "b", "c", "d"]
    prediction = np.random.default_rng(0).dirichlet(np.ones(4), 9)
    prediction[8] = np.nan
    part = np.array(["test", "train", "embargo", "validation", "train", "test", "validation", "train", "test"])
    monkeypatch.setattr(predictions, "CHANCES", 4 * 3 + 1)
    kept = predictions.chances_of_classes(named(ws, CLASS), part, prediction, classes).to_pylist()
    there = {index: json.loads(text) for index, text in enumerate(kept) if text is not None}
    assert len(there) == 3
    assert {0, 5} < set(there) <= {0, 3, 5, 6}
    for index, chances in there.items():
        assert list(chances.values()) == pytest.approx(prediction[index].tolist(), rel=1e-5)
        assert list(chances) == classes


def test_rows_that_an_older_version_kept_are_read(ws: Workspace, worths: dict[TaskType, Worth]) -> None:
    task, card = named(ws, CLASS), worths[CLASS].card
    rows = read_predictions(ws.store, task.name, "test").drop_columns(["probabilities"])
    tested = measuring.Tested(task, rows, card.shipped, card.baseline, ws.settings.seed)
    assert tested.measured()["shipped"].value == pytest.approx(card.measured["shipped"].value)


@pytest.mark.parametrize("kind", KINDS)
def test_an_evaluation_says_how_sure_its_difference_is_as_the_card_does(
    ws: Workspace, worths: dict[TaskType, Worth], kind: TaskType
) -> None:
    """Of many labels by the same formula, else by other draws. A card measures accuracy of classes, another metric."""
    noise = float(EvaluationArtifact.current(ws.store, named(ws, kind).name).report["noise"])
    difference = worths[kind].card.measured["difference"]
    error = (difference.high - difference.low) / 2 / SURE
    assert kind is CLASS or noise == pytest.approx(error, rel=1e-9 if kind is MANY else 0.5, abs=1e-5)


@pytest.mark.parametrize("kind", KINDS)
def test_a_card_measures_what_the_evaluation_reports_and_within_its_interval(
    ws: Workspace, worths: dict[TaskType, Worth], kind: TaskType
) -> None:
    task, card = named(ws, kind), worths[kind].card
    metric = "accuracy" if kind is CLASS else metric_of(task)
    assert card.metric == metric
    measured = card.measured["shipped"]
    assert measured.value == pytest.approx(card.metrics[card.shipped][metric], abs=1e-6)
    assert measured.low < measured.value < measured.high
    difference = card.measured["difference"]
    assert difference.value == pytest.approx(measured.value - card.measured["baseline"].value)
    assert worths[kind].pictures
    assert len({picture.title for picture in worths[kind].pictures}) == len(worths[kind].pictures)


def test_a_card_measures_each_group_of_an_attribute_on_its_own_rows(
    ws: Workspace, worths: dict[TaskType, Worth]
) -> None:
    card = worths[AMOUNT].card
    rows = read_predictions(ws.store, card.task, "test").to_pylist()
    tariffs = {f"rider {number}": ("gold", "silver")[number % 2] for number in range(RIDERS)}
    assert {(group.attribute, group.value) for group in card.groups} == {
        ("riders.tariff", "gold"),
        ("riders.tariff", "silver"),
    }
    for group in card.groups:
        current = [row for row in rows if tariffs.get(row["rider"]) == group.value]
        assert group.rows == len(current) > 0
        if group.measured is not None:
            true, described = (
                np.log1p(np.maximum([row[name] for row in current], 0)) for name in ("label", "prediction")
            )
            value = 1 - ((true - described) ** 2).sum() / ((true - true.mean()) ** 2).sum()
            assert group.measured.value == pytest.approx(value, abs=1e-6)


@pytest.mark.parametrize("kind", [BINARY, AMOUNT, CLASS])
def test_a_card_tells_what_fewer_labels_are_worth_and_all_of_them_what_the_heads_are(
    ws: Workspace, worths: dict[TaskType, Worth], kind: TaskType
) -> None:
    card = worths[kind].card
    curve = card.label_efficiency
    assert curve is not None
    assert curve["metric"] == metric_of(named(ws, kind))
    assert curve["shares"][-1] == 1
    assert "Label efficiency" in {picture.title for picture in worths[kind].pictures}
    assert "label_efficiency" in stages.task_evaluation(ws, card.task).drawings
    for name in {*curve["values"]} & {*card.metrics}:  # of all labels, as the evaluation measures them
        assert curve["values"][name][-1] == pytest.approx(card.metrics[name][curve["metric"]], abs=1e-9)


def test_effects_are_read_in_order_of_what_moves_scores_most(ws: Workspace) -> None:
    task = named(ws, AMOUNT)
    schema = "elsewhere"
    rows = [
        {"as_of": NEWEST, "rank": rank, "aggregate": f"aggregate {rank}", "bin": number, "words": f"{number} days",
         "entities": 10, "contribution": rank - 1.5, "score": 2.0}
        for rank, number in ((2, 1), (1, 2), (1, 1))
    ]  # fmt: skip
    with DuckDBWarehouse(ws.settings.warehouse_path) as warehouse:
        assert tables.effects(warehouse, task, schema, NEWEST) == []
        warehouse.load(effects_relation(task.name, schema), pa.Table.from_pylist(rows))
        result = tables.effects(warehouse, task, schema, NEWEST)
        assert tables.effects(warehouse, task, schema, CUTOFFS[0]) == []
    described = [(effect.aggregate, effect.words, effect.added) for effect in result]
    assert described == [
        ("aggregate 1", "1 days", -0.5),
        ("aggregate 1", "2 days", -0.5),
        ("aggregate 2", "1 days", 0.5),
    ]


def test_a_card_is_whole_for_machines(worths: dict[TaskType, Worth]) -> None:
    for result in worths.values():
        plain = result.card.as_dict()
        for name in ("data", "window", "population", "measured", "groups", "limits", "hashes"):
            assert plain[name], name
        assert plain["hashes"]["model"]
        assert "NaN" not in str(plain)


@pytest.mark.parametrize("kind", [BINARY, AMOUNT, CLASS, MANY])
def test_deciles_are_those_of_a_count(ws: Workspace, kind: TaskType) -> None:
    task = named(ws, kind)
    report = stages.task_deciles(ws, task.name, NEWEST, "run")
    assert not report.reused
    assert stages.task_deciles(ws, task.name, NEWEST, "again").reused
    group = {CLASS: ["class"], MANY: ["item"]}.get(kind, [])
    answer = {AMOUNT: "prediction", CLASS: "probability"}.get(kind, "score")
    with ws.warehouse() as warehouse:
        scores = warehouse.read(rows_query(score_relation(task.name), ["rider", *group, answer])).to_pylist()
        names = ["rider", *group, "score", "percentile", "decile"]
        result = warehouse.read(rows_query(deciles_relation(task.name), names)).to_pylist()
    assert len(result) == len(scores) == report.metrics["rows"]
    for row in result:
        rest = [entry[answer] for entry in scores if all(entry[name] == row[name] for name in group)]
        below, same = (
            sum(test) for test in zip(*((entry < row["score"], entry == row["score"]) for entry in rest), strict=True)
        )
        assert row["percentile"] == pytest.approx(100 * (below + same / 2) / len(rest))
        assert row["decile"] == min(int(row["percentile"] // 10) + 1, 10)
    assert check_deciles(ws, task.name, NEWEST).passed


@pytest.mark.parametrize("kind", [BINARY, MANY, ITEMS])
def test_scores_of_a_week_are_sampled_by_how_many_entities_there_are(
    ws: Workspace, kind: TaskType, monkeypatch: pytest.MonkeyPatch
) -> None:
    task = named(ws, kind)
    with ws.warehouse() as warehouse:
        scores = warehouse.read(rows_query(score_relation(task.name), ["rider"]))
        entities = len(scores["rider"].unique())
        monkeypatch.setattr(tables, "SCORES", entities)
        (result,) = tables.scored_weeks(warehouse, task, ws.settings.answers_schema, NEWEST).values()
    assert len(result) == entities


def test_a_page_is_made_once_holds_a_card_per_task_and_says_what_is_missing(ws: Workspace) -> None:
    created = stages.report(ws, NEWEST)
    assert not created.reused
    assert created.drawings
    assert stages.report(ws, NEWEST).reused
    kept = ReportArtifact(ws.store.current(ReportArtifact.key(NEWEST)))
    page = kept.page
    for task in ws.contract.tasks:
        assert kept.card(task.name)["task"] == task.name
        assert f"Model card: {task.name}" in page
    for line in ("No segments of this week", "No look-alikes", "No anomalies", "No score of this task is explained"):
        assert line in page
    assert created.metrics["bytes"] == len(page.encode()) < 10 * 2**20


def test_a_week_without_rows_has_no_scores_no_deciles_and_a_page_that_says_so(ws: Workspace) -> None:
    early = datetime(2023, 12, 25)
    for task in ws.contract.tasks:
        if task.type is not ITEMS:
            assert stages.task_deciles(ws, task.name, early, "run").metrics["rows"] == 0
            assert check_deciles(ws, task.name, early).passed
    created = stages.report(ws, early)
    page = ReportArtifact(ws.store.current(ReportArtifact.key(early))).page
    assert created.metrics["tasks"] == len(ws.contract.tasks) == page.count("No week is scored yet")
    for line in ("No segments of this week", "No look-alikes", "No anomalies", "No score of this task is explained"):
        assert line in page


def test_the_same_answers_give_the_same_bytes(ws: Workspace) -> None:
    stages.report(ws, NEWEST)
    artifact = ws.store.current(ReportArtifact.key(NEWEST))
    before = ReportArtifact(artifact).page
    ws.store.remove(artifact.key, artifact.version)
    assert not stages.report(ws, NEWEST).reused
    assert ReportArtifact(ws.store.current(ReportArtifact.key(NEWEST))).page == before


def test_what_is_not_kept_is_said_with_the_way_out(ws: Workspace) -> None:
    task = named(ws, ITEMS)
    with pytest.raises(DataError, match=r"of validation\. There are some of: test"):
        read_predictions(ws.store, task.name, "validation")
    store = ArtifactStore(ws.settings.artifact_root)
    rows = store.current(PredictionsArtifact.key(task.name))
    store.remove(rows.key, rows.version)
    with pytest.raises(DataError, match="someone among them was forgotten"):
        read_predictions(ws.store, task.name, "test")
    with ws.warehouse() as warehouse:
        result = worth(ws.contract, ws.snapshot(), ws.store, warehouse, task, NEWEST, ws.settings.seed)
    assert not result.pictures
    assert "forgotten" in result.why_none
    assert result.card.measured["shipped"].value == pytest.approx(
        result.card.metrics[result.card.shipped]["ndcg_10"], abs=1e-5
    )


def test_before_anything_is_trained_there_is_no_page(ws: Workspace, tmp_path: Any) -> None:
    empty = Workspace.open(ws.settings.model_copy(update={"artifacts": str(tmp_path)}), ws.contract, lambda _: None)
    with pytest.raises(DataError, match="Nothing was trained yet"):
        stages.report(empty, NEWEST)
