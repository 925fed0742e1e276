"""The stage that fits a task: candidates on training rows, choice on later ones, refit through the newest label."""

from dataclasses import replace

import numpy as np
import pyarrow as pa

from basemodel_ops.artifacts import Draft
from basemodel_ops.contract.task_types import Shape
from basemodel_ops.contract.types import OnWorse, Task
from basemodel_ops.errors import DataError
from basemodel_ops.report import Report
from basemodel_ops.stages.features.rows import Represented
from basemodel_ops.stages.foundation.checkpoint import Checkpoint
from basemodel_ops.stages.snapshot.parts import PARTS, parts_used
from basemodel_ops.stages.snapshot.task_rows import (
    Fit,
    Rows,
    fitted_numbers,
    known_before_test,
    population,
    prepared,
)
from basemodel_ops.stages.snapshot.times import to_datetime
from basemodel_ops.stages.tasks.baseline import EVENTS, PLAIN, plain_answers, plain_features
from basemodel_ops.stages.tasks.positives import positives, truth_matrix
from basemodel_ops.stages.tasks.selection import known_targets, select, tell_of_peers
from basemodel_ops.stages.tasks.supplement import drawn_entities, examples_of
from basemodel_ops.stages.tasks.views import automatic_names, pair_views, peer_keys, single_views
from basemodel_ops.stages.workspace import Workspace
from basemodel_ops.tasks import multilabel
from basemodel_ops.tasks.cold_start import ColdStart, measured_apart
from basemodel_ops.tasks.comparing import difference_error, is_worse, mean_metrics
from basemodel_ops.tasks.kinds import kind_of
from basemodel_ops.tasks.leakage import telltale
from basemodel_ops.tasks.metrics import metric_of, multilabel_metrics
from basemodel_ops.tasks.multilabel import choose_pairs, fit_pairs
from basemodel_ops.tasks.single import Views, fit_heads, save_mixture
from basemodel_ops.warehouse.base import Warehouse


def answer_model(ws: Workspace, task: str) -> Report:
    """Fit, choose and refit; the artifact holds the shipped model and the metrics of all candidates."""
    declared, snapshot = ws.contract.task(task), ws.snapshot()

    def fill(ws: Workspace, draft: Draft) -> tuple[dict[str, float | int | str], dict[str, bytes]]:
        plan = snapshot.plans[task]
        with ws.warehouse() as warehouse:
            rows = population(warehouse, declared, snapshot.times, plan)
            learn = FITS[declared.form.shape]
            rows = prepared(declared, rows, ws.settings.seed)
            examples, place = examples_of(ws, warehouse, declared, rows, snapshot)
            rows, place = rows.take(np.flatnonzero(place >= 0)), place[place >= 0]
            fit = learn(ws, warehouse, declared, rows, examples, place, Checkpoint(ws), draft)
            draft.json("parts", parts_used(declared, rows.cutoff, rows.part))
        return fitted_numbers(draft, plan, fit), {}

    return ws.made(f"{task}/model", fill)


def read_targets(task: Task, rows: Rows) -> tuple[np.ndarray, list[str] | None]:
    """Targets as numbers, and the class names of a multiclass task."""
    if rows.target is None:
        raise DataError(f"Task {task.name} has no target column {task.target}.")
    return kind_of(task.type).read(task, rows.target)


def _fit_single(
    ws: Workspace, warehouse: Warehouse, task: Task, rows: Rows, examples: Represented, place: np.ndarray,
    checkpoint: Checkpoint, draft: Draft,
) -> Fit:  # fmt: skip
    kind, metric, seed = task.type, metric_of(task), ws.settings.seed
    target, classes = read_targets(task, rows)
    views = replace(single_views(examples, checkpoint, place, task), weight=rows.weight)
    parts = {name: np.flatnonzero(rows.part == name) for name in PARTS}
    _refuse_hopeless(task, automatic_names(examples, task), views, target, parts, seed)
    if views.items is not None:
        told, peers = tell_of_peers(task, rows, peer_keys(examples, place), target)
        views = views.with_peers(told)
        draft.arrays("peers", peers.arrays())
    owner, test = examples.entity[place], parts["test"]
    known = known_before_test(rows, task.horizon)
    chosen = select(task, rows, views, target, owner, known, test, seed)
    tested, is_warm = chosen.test, examples.has_history(place)

    def known_when(places: np.ndarray, part: str) -> np.ndarray:
        return known_targets(task, rows, target, places, int(rows.cutoff[parts[part]].min()))

    cold = ColdStart.of(
        kind, known_when(known, "test"), is_warm[known], None if rows.weight is None else rows.weight[known]
    )
    tested.answers[chosen.name] = cold.applied(tested.answers[chosen.name], is_warm[test])
    features = _plain_features(ws, warehouse, task, rows)
    if features is not None:
        tested.answers[PLAIN] = plain_answers(kind, metric, features, target, parts, known, seed, known_when)
    on_test = mean_metrics(kind, [tested])
    against = PLAIN if PLAIN in on_test else "baseline"
    noise = difference_error(kind, metric, [tested], (chosen.name, against), seed)
    values = {name: found[metric] for name, found in on_test.items()}
    if is_worse(metric, values[chosen.name], values[against], noise) and task.on_worse is OnWorse.BASELINE:
        chosen = chosen.instead("baseline")
        tested = chosen.test
        tested.answers["baseline"] = cold.applied(tested.answers["baseline"], is_warm[test])
        on_test["baseline"] = mean_metrics(kind, [tested])["baseline"]
    interval = chosen.interval(task)
    if interval is not None:
        on_test[chosen.name] |= interval.measured(tested.answers[chosen.name], target[test])
        draft.arrays("interval", interval.arrays())
    warning = kind_of(kind).warning(task.name, target, parts)
    draft.json("baseline", {"name": against, "noise": noise if np.isfinite(noise) else 0.0, "warning": warning})
    shipped = replace(chosen.shipped, heads=fit_heads(kind, views, target, seed, list(chosen.shipped.shares), metric))
    arrays, texts = save_mixture(shipped)
    draft.arrays("heads", arrays)
    for name, text in texts.items():
        draft.text(name, text)
    cold = ColdStart.of(kind, target, is_warm, rows.weight)
    recipe = {"shares": dict(shipped.shares), "texts": sorted(texts), "classes": classes, "cold_start": cold.answer}
    draft.json("recipe", recipe)
    name = chosen.name
    draft.json("apart", measured_apart(is_warm[test], lambda some: mean_metrics(kind, [tested.some(some)])[name]))
    return Fit(chosen.name, chosen.metrics, on_test, chosen.shipped.shares)


def _plain_features(ws: Workspace, warehouse: Warehouse, task: Task, rows: Rows) -> np.ndarray | None:
    """What the baseline reads of the rows; None where it would be of too many events."""
    snapshot = ws.snapshot()
    plan = snapshot.plans[task.name]
    if sum(snapshot.events.values()) * plan.read > EVENTS:
        return None
    chosen = drawn_entities(warehouse, task, plan)
    return plain_features(ws.contract, warehouse, rows, to_datetime(int(rows.cutoff.max())), chosen)


def _refuse_hopeless(
    task: Task, names: list[str], views: Views, target: np.ndarray, parts: dict[str, np.ndarray], seed: int
) -> None:
    """DataError if a part has no rows, those to learn from have one answer only, or an input gives the target away."""
    _refuse_empty(task, parts)
    train = parts["train"]
    if len(np.unique(target[train])) < 2:
        raise DataError(
            f"Target {task.target} of {task.name} has one value only in its {len(train)} training rows. Start the grid "
            "earlier, shorten the horizon, or widen the task's population."
        )
    copy = telltale(task.type, views.automatic[train], target[train], seed)
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
    ws: Workspace, warehouse: Warehouse, task: Task, rows: Rows, examples: Represented, place: np.ndarray,
    checkpoint: Checkpoint, draft: Draft,
) -> Fit:  # fmt: skip
    found = positives(warehouse, task, ws.snapshot().plans[task.name].read)
    labels = found.labels
    target = truth_matrix(found, rows)
    views = pair_views(ws, examples, checkpoint, place, task, labels)
    parts = {name: np.flatnonzero(rows.part == name) for name in PARTS}
    train, validation, test = parts.values()
    _refuse_empty(task, {name: part[target[part].any(axis=1)] for name, part in parts.items()})
    candidates = fit_pairs(
        ("baseline", "zero-shot", "boosted", "blend"), views.rows(train), target[train], ws.settings.seed
    )
    shipped, metrics = choose_pairs(candidates, views.rows(validation), target[validation])
    worth = candidates[shipped].calibrated(views.rows(validation), target[validation]).calibration
    known = known_before_test(rows, task.horizon)
    newest = fit_pairs(tuple(candidates), views.rows(known), target[known], ws.settings.seed)
    newest[shipped] = replace(newest[shipped], calibration=worth)
    answers = multilabel.answers_of(newest, views.rows(test))
    on_test = {name: multilabel_metrics(target[test], answer) for name, answer in answers.items()}
    fitted = replace(fit_pairs((shipped,), views, target, ws.settings.seed)[shipped], calibration=worth)
    arrays, texts = fitted.state()
    draft.arrays("heads", arrays)
    for name, text in texts.items():
        draft.text(name, text)
    draft.table("labels", pa.table({"label": labels}))
    draft.json("recipe", {"kind": shipped, "texts": sorted(texts)})
    is_warm, shown = examples.has_history(place[test]), answers[shipped]
    draft.json("apart", measured_apart(is_warm, lambda some: multilabel_metrics(target[test][some], shown[some])))
    return Fit(shipped, metrics, on_test)


FITS = {Shape.ANSWER: _fit_single, Shape.LABELS: _fit_multilabel}
"""What learns, by the shape of the answers."""
