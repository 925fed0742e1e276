"""The stage that fits a task: candidates on training rows, choice on later ones, refit through the newest label."""

from dataclasses import replace

import numpy as np
import pyarrow as pa

from basemodel_ops.artifacts import ArtifactWriter
from basemodel_ops.contract.task_types import Shape
from basemodel_ops.contract.types import OnWorse, Task, TaskType
from basemodel_ops.errors import DataError
from basemodel_ops.report import Report
from basemodel_ops.stages.features.rows import Represented
from basemodel_ops.stages.foundation.checkpoint import Checkpoint
from basemodel_ops.stages.snapshot.parts import PARTS, parts_used
from basemodel_ops.stages.snapshot.task_rows import (
    Fit,
    TaskRows,
    fitted_metrics,
    known_before_test,
    load_task_rows,
    prepared,
)
from basemodel_ops.stages.snapshot.times import to_datetime
from basemodel_ops.stages.tasks.baseline import EVENTS, PLAIN, plain_features, plain_predictions
from basemodel_ops.stages.tasks.feature_sets import (
    aggregate_names,
    item_names,
    pair_feature_sets,
    peer_keys,
    single_feature_sets,
)
from basemodel_ops.stages.tasks.positive_items import read_positive_items, truth_matrix
from basemodel_ops.stages.tasks.predictions import keep_predictions, pair_predictions, single_predictions
from basemodel_ops.stages.tasks.selection import known_targets, peer_features, select
from basemodel_ops.stages.tasks.supplement import drawn_entities, examples_of
from basemodel_ops.stages.workspace import Workspace
from basemodel_ops.tasks import multilabel
from basemodel_ops.tasks.cold_start import ColdStart, measure_by_history
from basemodel_ops.tasks.comparison import difference_error, is_worse, mean_metrics
from basemodel_ops.tasks.heads import RATE, ROUNDS, SHARP, BoostedHead
from basemodel_ops.tasks.kinds import kind_of
from basemodel_ops.tasks.leakage import find_leaking_feature
from basemodel_ops.tasks.metrics import metric_of, multilabel_metrics
from basemodel_ops.tasks.multilabel import choose_pairs, fit_pairs
from basemodel_ops.tasks.single import FeatureSets, fit_heads, save_mixture
from basemodel_ops.warehouse.base import Warehouse


def single_model(ws: Workspace, task: str) -> Report:
    """Fit, choose and refit; the artifact holds the shipped model and the metrics of all candidates."""
    declared, snapshot = ws.contract.task(task), ws.snapshot()

    def write(ws: Workspace, writer: ArtifactWriter) -> tuple[dict[str, float | int | str], dict[str, bytes]]:
        plan = snapshot.plans[task]
        with ws.warehouse() as warehouse:
            rows = load_task_rows(warehouse, declared, snapshot.times, plan)
            learn = FITS[declared.form.shape]
            rows = prepared(declared, rows, ws.settings.seed)
            examples, row_index = examples_of(ws, warehouse, declared, rows, snapshot)
            rows, row_index = rows.take(np.flatnonzero(row_index >= 0)), row_index[row_index >= 0]
            fit = learn(ws, warehouse, declared, rows, examples, row_index, Checkpoint(ws), writer)
            writer.json("parts", parts_used(declared, rows.cutoff, rows.part))
        return fitted_metrics(writer, plan, fit), {}

    return ws.materialize(f"{task}/model", write)


def read_targets(task: Task, rows: TaskRows) -> tuple[np.ndarray, list[str] | None]:
    """Targets as numbers, and the class names of a multiclass task."""
    if rows.target is None:
        raise DataError(f"Task {task.name} has no target column {task.target}.")
    return kind_of(task.type).read(task, rows.target)


def _fit_single(
    ws: Workspace, warehouse: Warehouse, task: Task, rows: TaskRows, examples: Represented, row_index: np.ndarray,
    checkpoint: Checkpoint, writer: ArtifactWriter,
) -> Fit:  # fmt: skip
    kind, metric, seed = task.type, metric_of(task), ws.settings.seed
    target, classes = read_targets(task, rows)
    feature_sets = replace(single_feature_sets(examples, checkpoint, row_index, task), weight=rows.weight)
    parts = {name: np.flatnonzero(rows.part == name) for name in PARTS}
    _refuse_hopeless(
        task, aggregate_names(examples, task), item_names(examples), feature_sets, target, parts, seed
    )  # fmt: skip
    if feature_sets.items is not None:
        known_peers, peers = peer_features(task, rows, peer_keys(examples, row_index), target)
        feature_sets = feature_sets.with_peers(known_peers)
        writer.arrays("peers", peers.arrays())
    entity_index, test = examples.entity[row_index], parts["test"]
    known = known_before_test(rows, task.horizon)
    chosen = select(task, rows, feature_sets, target, entity_index, known, test, seed)
    tested, is_warm = chosen.test, examples.has_history(row_index)

    def known_when(indices: np.ndarray, part: str) -> np.ndarray:
        return known_targets(task, rows, target, indices, int(rows.cutoff[parts[part]].min()))

    cold = ColdStart.of(
        kind, known_when(known, "test"), is_warm[known], None if rows.weight is None else rows.weight[known]
    )
    tested.predictions[chosen.name] = cold.applied(tested.predictions[chosen.name], is_warm[test])
    features = _plain_features(ws, warehouse, task, rows)
    if features is not None:
        tested.predictions[PLAIN] = plain_predictions(kind, metric, features, target, parts, known, seed, known_when)
    on_test = mean_metrics(kind, [tested])
    against = PLAIN if PLAIN in on_test else "baseline"
    standard_error = difference_error(kind, metric, [tested], (chosen.name, against), seed)
    values = {name: result[metric] for name, result in on_test.items()}
    if is_worse(metric, values[chosen.name], values[against], standard_error) and task.on_worse is OnWorse.BASELINE:
        chosen = chosen.instead("baseline")
        tested = chosen.test
        tested.predictions["baseline"] = cold.applied(tested.predictions["baseline"], is_warm[test])
        on_test["baseline"] = mean_metrics(kind, [tested])["baseline"]
    interval = chosen.interval(task)
    if interval is not None:
        on_test[chosen.name] |= interval.measured(tested.predictions[chosen.name], target[test])
        writer.arrays("interval", interval.arrays())
    on_test[chosen.name] |= kind_of(kind).bounds(
        target[test], tested.predictions[chosen.name], entity_index[test], tested.weight, seed
    )
    warning = kind_of(kind).warning(task.name, target, parts)
    writer.json(
        "baseline",
        {"name": against, "noise": standard_error if np.isfinite(standard_error) else 0.0, "warning": warning},
    )
    keep_predictions(ws, task.name, single_predictions(task, rows, target, classes, chosen, against), writer)
    selected = replace(
        chosen.selected, heads=fit_heads(kind, feature_sets, target, seed, list(chosen.selected.weights), metric)
    )
    arrays, texts = save_mixture(selected)
    writer.arrays("heads", arrays)
    for name, text in texts.items():
        writer.text(name, text)
    cold = ColdStart.of(kind, target, is_warm, rows.weight)
    recipe = {
        "shares": dict(selected.weights),
        "texts": sorted(texts),
        "classes": classes,
        "cold_start": cold.prediction,
    }
    writer.json("recipe", recipe)
    name = chosen.name
    writer.json(
        "apart", measure_by_history(is_warm[test], lambda subset: mean_metrics(kind, [tested.take(subset)])[name])
    )
    return Fit(chosen.name, chosen.metrics, on_test, chosen.selected.weights)


def _plain_features(ws: Workspace, warehouse: Warehouse, task: Task, rows: TaskRows) -> np.ndarray | None:
    """What the baseline reads of the rows; None where it would be of too many events."""
    snapshot = ws.snapshot()
    plan = snapshot.plans[task.name]
    if sum(snapshot.events.values()) * plan.read > EVENTS:
        return None
    chosen = drawn_entities(warehouse, task, plan)
    return plain_features(ws.contract, warehouse, rows, to_datetime(int(rows.cutoff.max())), chosen)


def _refuse_hopeless(
    task: Task, names: list[str], items: list[str], feature_sets: FeatureSets, target: np.ndarray,
    parts: dict[str, np.ndarray], seed: int,
) -> None:  # fmt: skip
    """DataError if a part has no rows, those to learn from have one answer only, an input gives the target away, or the
    kind of the task refuses them; `names` are those of aggregates, `items` those of items."""
    _refuse_empty(task, parts)
    train = parts["train"]
    if len(np.unique(target[train])) < 2:
        raise DataError(
            f"Target {task.target} of {task.name} has one value only in its {len(train)} training rows. Start the grid "
            "earlier, shorten the horizon, or widen the task's population."
        )

    def make() -> BoostedHead:
        return BoostedHead(TaskType.BINARY, ROUNDS // 2, seed, RATE, 20, style=SHARP)

    if problem := kind_of(task.type).refusal(task, feature_sets, [*names, *items], target, parts, make, seed):
        raise DataError(problem)
    copy = find_leaking_feature(task.type, feature_sets.aggregates[train], target[train], seed)
    if copy is not None:
        raise DataError(
            f"Input {names[copy]} tells the target {task.target} of {task.name} by itself: it holds the answer. Give "
            "that column the type `ignore`, or the attribute source a `valid_from`."
        )


def _refuse_empty(task: Task, parts: dict[str, np.ndarray]) -> None:
    """DataError where nobody has an answer in a part."""
    for name, rows in parts.items():
        if len(rows) == 0:
            way_out = "Label more of them" if task.horizon is None else "Return answers for all complete cutoffs"
            raise DataError(f"Task {task.name} has no labelled rows for {name}. {way_out}.")


def _fit_multilabel(
    ws: Workspace, warehouse: Warehouse, task: Task, rows: TaskRows, examples: Represented, row_index: np.ndarray,
    checkpoint: Checkpoint, writer: ArtifactWriter,
) -> Fit:  # fmt: skip
    positive_items = read_positive_items(warehouse, task, ws.snapshot().plans[task.name].read)
    labels = positive_items.labels
    target = truth_matrix(positive_items, rows)
    feature_sets = pair_feature_sets(ws, examples, checkpoint, row_index, task, labels)
    parts = {name: np.flatnonzero(rows.part == name) for name in PARTS}
    train, validation, test = parts.values()
    _refuse_empty(task, {name: part[target[part].any(axis=1)] for name, part in parts.items()})
    candidates = fit_pairs(
        ("baseline", "zero-shot", "boosted", "blend"), feature_sets.rows(train), target[train], ws.settings.seed
    )
    selected, metrics = choose_pairs(candidates, feature_sets.rows(validation), target[validation])
    worth = candidates[selected].calibrated(feature_sets.rows(validation), target[validation]).calibration
    known = known_before_test(rows, task.horizon)
    newest = fit_pairs(tuple(candidates), feature_sets.rows(known), target[known], ws.settings.seed)
    newest[selected] = replace(newest[selected], calibration=worth)
    predictions = multilabel.predictions_of(newest, feature_sets.rows(test))
    on_test = {name: multilabel_metrics(target[test], prediction) for name, prediction in predictions.items()}
    pairs = pair_predictions(task, rows.take(test), labels, target[test], predictions, selected, ws.settings.seed)
    keep_predictions(ws, task.name, pairs, writer)
    fitted = replace(fit_pairs((selected,), feature_sets, target, ws.settings.seed)[selected], calibration=worth)
    arrays, texts = fitted.state()
    writer.arrays("heads", arrays)
    for name, text in texts.items():
        writer.text(name, text)
    writer.table("labels", pa.table({"label": labels}))
    writer.json("recipe", {"kind": selected, "texts": sorted(texts)})
    is_warm, shown = examples.has_history(row_index[test]), predictions[selected]
    writer.json(
        "apart", measure_by_history(is_warm, lambda subset: multilabel_metrics(target[test][subset], shown[subset]))
    )
    return Fit(selected, metrics, on_test)


FITS = {Shape.ANSWER: _fit_single, Shape.LABELS: _fit_multilabel}
"""What learns, by the shape of the answers."""
