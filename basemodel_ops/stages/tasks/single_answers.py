"""Tasks of one answer: heads weighed by earlier moments, judged on the test, fitted again on all rows."""

from dataclasses import dataclass, replace

import numpy as np
import pyarrow as pa

from basemodel_ops.artifacts import ArtifactWriter
from basemodel_ops.contract.types import Contract, OnWorse, Task, TaskType
from basemodel_ops.errors import DataError
from basemodel_ops.stages.features.rows import Represented
from basemodel_ops.stages.foundation.checkpoint import Checkpoint
from basemodel_ops.stages.progress import log_progress
from basemodel_ops.stages.snapshot.parts import PARTS
from basemodel_ops.stages.snapshot.snapshot import Snapshot
from basemodel_ops.stages.snapshot.task_rows import TaskRows, known_before_test
from basemodel_ops.stages.snapshot.times import to_datetime
from basemodel_ops.stages.tasks.baseline import (
    EVENTS,
    REFERENCE,
    KnownTargets,
    ReferenceRows,
    reference_features,
    reference_predictions,
)
from basemodel_ops.stages.tasks.feature_sets import aggregate_names, item_names, peer_keys, single_feature_sets
from basemodel_ops.stages.tasks.fit import Fit
from basemodel_ops.stages.tasks.labels_needed import measure_curve
from basemodel_ops.stages.tasks.model_artifact import Comparison
from basemodel_ops.stages.tasks.peer_answers import PeerAnswers, with_peers
from basemodel_ops.stages.tasks.predictions import single_predictions
from basemodel_ops.stages.tasks.selection import LabelledRows, Selection, aged, select
from basemodel_ops.stages.tasks.single_artifact import SingleModelArtifact
from basemodel_ops.stages.tasks.supplement import drawn_entities, terms_of
from basemodel_ops.stages.tasks.targets import read_targets, refuse_constant
from basemodel_ops.stages.workspace import Workspace
from basemodel_ops.tasks.boosted_head import RATE, ROUNDS, SHARP, BoostedHead
from basemodel_ops.tasks.cold_start import ColdStart, measure_by_history
from basemodel_ops.tasks.comparison import difference_error, is_worse, mean_metrics
from basemodel_ops.tasks.feature_sets import FeatureSets
from basemodel_ops.tasks.intervals import Interval
from basemodel_ops.tasks.kinds import kind_of
from basemodel_ops.tasks.label_efficiency import LabelEfficiency
from basemodel_ops.tasks.leakage import find_leaking_feature
from basemodel_ops.tasks.metrics import Metrics, gain, metric_of
from basemodel_ops.tasks.single import Mixture, fit_heads
from basemodel_ops.warehouse.base import Warehouse


@dataclass(frozen=True)
class FittedSingle:
    """What was fitted for a task of one answer, and how it does."""

    fit: Fit
    mixture: Mixture
    widths: dict[str, int]
    """Features of each part of the views that the heads learnt from."""
    classes: list[str] | None
    cold_start: ColdStart
    comparison: Comparison
    interval: Interval | None
    by_history: Metrics
    peers: PeerAnswers | None
    curve: LabelEfficiency | None
    predictions: pa.Table

    def write(self, writer: ArtifactWriter) -> None:
        """Write what gives answers, and how good they are."""
        SingleModelArtifact.write(writer, self.mixture, self.widths, self.classes, self.cold_start)
        SingleModelArtifact.write_comparison(writer, self.comparison)
        SingleModelArtifact.write_metrics_by_history(writer, self.by_history)
        if self.interval is not None:
            SingleModelArtifact.write_interval(writer, self.interval)
        if self.peers is not None:
            SingleModelArtifact.write_peers(writer, self.peers)
        if self.curve is not None:
            SingleModelArtifact.write_label_efficiency(writer, self.curve)


def fit_single(
    ws: Workspace, warehouse: Warehouse, task: Task, rows: TaskRows, examples: Represented, row_index: np.ndarray,
    checkpoint: Checkpoint,
) -> FittedSingle:  # fmt: skip
    """Weigh heads by earlier moments, judge the mixture on the test, and fit it again on all rows.

    Args:
        ws: The project.
        warehouse: Where the baseline reads raw events.
        task: Of one answer.
        rows: Labelled rows with their parts.
        examples: Their representation.
        row_index: The place of each row there, (rows,).
        checkpoint: The foundation model.
    """
    kind, metric, seed = task.type, metric_of(task), ws.settings.seed
    target, classes = read_targets(task, rows)
    terms = terms_of(ws, warehouse, task, rows, ws.snapshot())
    feature_sets = replace(single_feature_sets(examples, checkpoint, row_index, task, terms), weight=rows.weight)
    parts = {name: np.flatnonzero(rows.part == name) for name in PARTS}
    _refuse_hopeless(task, aggregate_names(examples, task), item_names(examples), feature_sets, target, parts, seed)
    feature_sets, peers = with_peers(task, rows, peer_keys(examples, row_index), target, feature_sets)
    labelled = aged(LabelledRows(task, rows, feature_sets, target, examples.entity[row_index]), seed)
    known, test, is_warm = known_before_test(rows, task.horizon), parts["test"], examples.has_history(row_index)
    chosen = select(labelled, known, test, seed, progress=log_progress(ws.log, "heads fitted"))
    curve = measure_curve(labelled, known, test, seed, chosen)

    def known_when(indices: np.ndarray, part: str) -> np.ndarray:
        return labelled.known_until(indices, int(rows.cutoff[parts[part]].min()))

    weight = None if rows.weight is None else rows.weight[known]
    cold = ColdStart.of(kind, known_when(known, "test"), is_warm[known], weight)
    reference = _reference(ws.contract, ws.snapshot(), warehouse, labelled, parts, known, known_when, seed)
    judged = _judged(task, chosen, reference, cold, is_warm[test], seed)
    chosen, interval = judged.chosen, judged.chosen.interval(task)
    on_test, shares = judged.bounded(task, interval, seed), chosen.selected.weights
    fit = Fit(chosen.name, chosen.metrics, on_test, shares, labelled.half_life)
    heads = fit_heads(kind, labelled.feature_sets, target, seed, list(shares), metric)
    return FittedSingle(
        fit, replace(chosen.selected, heads=heads), feature_sets.widths, classes,
        ColdStart.of(kind, target, is_warm, rows.weight),
        judged.comparison(kind_of(kind).warning(task.name, target, parts)), interval,
        judged.by_history(task, is_warm[test]), peers, curve,
        single_predictions(task, rows, target, classes, chosen, judged.against),
    )  # fmt: skip


@dataclass(frozen=True)
class _Judged:
    """What ships, and how it and what it is compared with do on the test."""

    chosen: Selection
    on_test: Metrics
    against: str
    """The baseline that it is compared with."""
    standard_error: float
    """Of the difference between the two."""

    def comparison(self, warning: str) -> Comparison:
        """What is kept of the comparison."""
        return Comparison(self.against, self.standard_error if np.isfinite(self.standard_error) else 0.0, warning)

    def bounded(self, task: Task, interval: Interval | None, seed: int) -> Metrics:
        """The metrics on the test, those of what ships with their bounds and with how often an interval holds."""
        name, tested = self.chosen.name, self.chosen.test
        shipped, predictions = dict(self.on_test[name]), tested.predictions[name]
        if interval is not None:
            shipped |= interval.measured(predictions, tested.target)
        shipped |= kind_of(task.type).bounds(tested.target, predictions, tested.entity_index, tested.weight, seed)
        return {**self.on_test, name: shipped}

    def by_history(self, task: Task, is_warm: np.ndarray) -> Metrics:
        """The metrics of what ships, of entities with a history and of those without; `is_warm` (test rows,)."""
        tested = self.chosen.test
        return measure_by_history(is_warm, lambda rows: mean_metrics(task.type, [tested.take(rows)])[self.chosen.name])


def _judged(
    task: Task, chosen: Selection, reference: np.ndarray | None, cold: ColdStart, is_warm: np.ndarray, seed: int
) -> _Judged:
    """Compare what was chosen with the baselines on the test.

    Where it is worse, the baseline ships if the task says so.

    Args:
        task: Of one answer.
        chosen: By earlier moments.
        plain: What the baseline on plain features answers, (test rows,); None where there is none.
        cold: What is answered to entities without events.
        is_warm: Whether each test row's entity has events, (test rows,).
        seed: Of the draws of entities.
    """
    kind, metric, tested = task.type, metric_of(task), chosen.test
    tested.predictions[chosen.name] = cold.applied(tested.predictions[chosen.name], is_warm)
    if reference is not None:
        tested.predictions[REFERENCE] = reference
    on_test = mean_metrics(kind, [tested])
    # The better one on the test: a baseline that happens to be weak guards nothing.
    baselines = [name for name in ("baseline", REFERENCE) if name in on_test]
    against = max(baselines, key=lambda name: gain(metric, on_test[name][metric]))
    standard_error = difference_error(kind, metric, [tested], (chosen.name, against), seed)
    values = {name: result[metric] for name, result in on_test.items()}
    if is_worse(metric, values[chosen.name], values[against], standard_error) and task.on_worse is OnWorse.BASELINE:
        chosen = chosen.instead("baseline")
        tested = chosen.test
        tested.predictions["baseline"] = cold.applied(tested.predictions["baseline"], is_warm)
        on_test["baseline"] = mean_metrics(kind, [tested])["baseline"]
    return _Judged(chosen, on_test, against, standard_error)


def _reference(
    contract: Contract, snapshot: Snapshot, warehouse: Warehouse, labelled: LabelledRows, parts: dict[str, np.ndarray],
    known: np.ndarray, known_when: KnownTargets, seed: int,
) -> np.ndarray | None:  # fmt: skip
    """What the baseline answers to the test rows; None where it would read too many events."""
    task, rows = labelled.task, labelled.rows
    plan = snapshot.plans[task.name]
    if sum(snapshot.events.values()) * plan.read > EVENTS:
        return None
    before, chosen = to_datetime(int(rows.cutoff.max())), drawn_entities(warehouse, task, plan)
    features = reference_features(contract, warehouse, rows, before, chosen, task.reads)
    read = ReferenceRows(features, labelled.target, parts, known, rows.weight)
    return reference_predictions(task.type, metric_of(task), read, seed, known_when)


def _refuse_hopeless(
    task: Task, names: list[str], items: list[str], feature_sets: FeatureSets, target: np.ndarray,
    parts: dict[str, np.ndarray], seed: int,
) -> None:  # fmt: skip
    """DataError if nothing can be learnt of the targets, an input gives them away, or the kind of the task refuses
    them; `names` are those of aggregates, `items` those of items."""
    refuse_constant(task, target, parts)
    train = parts["train"]

    def make() -> BoostedHead:
        return BoostedHead(TaskType.BINARY, ROUNDS // 2, seed, RATE, 20, style=SHARP)

    if problem := kind_of(task.type).refusal(task, feature_sets, [*names, *items], target, parts, make, seed):
        raise DataError(problem)
    copy = find_leaking_feature(task.type, feature_sets.rows(train).columns_of("aggregates"), target[train], seed)
    if copy is not None:
        raise DataError(
            f"Input {names[copy]} tells the target {task.target} of {task.name} by itself: it holds the answer. Give "
            "that column the type `ignore`, or the attribute source a `valid_from`."
        )
