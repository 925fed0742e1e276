"""Tasks of many labels: a row per label, all candidates compared on later rows, the best fitted again on all."""

from dataclasses import dataclass, replace

import numpy as np
import pyarrow as pa

from basemodel_ops.artifacts import ArtifactWriter
from basemodel_ops.contract.types import Task
from basemodel_ops.stages.features.rows import Represented
from basemodel_ops.stages.foundation.checkpoint import Checkpoint
from basemodel_ops.stages.snapshot.parts import PARTS
from basemodel_ops.stages.snapshot.task_rows import TaskRows, known_before_test
from basemodel_ops.stages.tasks.feature_sets import label_item_ids, pair_feature_sets
from basemodel_ops.stages.tasks.fit import Fit
from basemodel_ops.stages.tasks.label_artifact import LabelModelArtifact
from basemodel_ops.stages.tasks.model_artifact import Comparison
from basemodel_ops.stages.tasks.positive_items import read_positive_items, truth_matrix
from basemodel_ops.stages.tasks.predictions import pair_predictions
from basemodel_ops.stages.tasks.targets import refuse_empty
from basemodel_ops.stages.workspace import Workspace
from basemodel_ops.tasks import multilabel
from basemodel_ops.tasks.cold_start import measure_by_history
from basemodel_ops.tasks.influence import auroc_moved, standard_error
from basemodel_ops.tasks.metrics import Metrics, multilabel_metrics
from basemodel_ops.tasks.multilabel import PairModel, choose_pairs, fit_pairs
from basemodel_ops.warehouse.base import Warehouse


@dataclass(frozen=True)
class FittedLabels:
    """What was fitted for a task of many labels, and how it does."""

    fit: Fit
    pairs: PairModel
    labels: pa.Array
    noise: float
    by_history: Metrics
    predictions: pa.Table

    def write(self, writer: ArtifactWriter) -> None:
        """Write what gives answers, and how good they are."""
        LabelModelArtifact.write(writer, self.pairs, self.labels)
        LabelModelArtifact.write_metrics_by_history(writer, self.by_history)
        LabelModelArtifact.write_comparison(writer, Comparison(noise=self.noise))


def fit_labels(
    ws: Workspace, warehouse: Warehouse, task: Task, rows: TaskRows, examples: Represented, row_index: np.ndarray,
    checkpoint: Checkpoint,
) -> FittedLabels:  # fmt: skip
    """Compare candidates on validation, measure them on the test, and fit the best again on all rows.

    Arguments are those of `fit_single`.
    """
    positive_items = read_positive_items(warehouse, task, ws.snapshot().plans[task.name].read)
    labels = positive_items.labels
    target = truth_matrix(positive_items, rows)
    item_ids = label_item_ids(ws.store, task, labels)
    feature_sets = pair_feature_sets(examples, checkpoint, row_index, task, item_ids)
    parts = {name: np.flatnonzero(rows.part == name) for name in PARTS}
    train, validation, test = parts.values()
    refuse_empty(task, {name: part[target[part].any(axis=1)] for name, part in parts.items()})
    candidates = fit_pairs(feature_sets.candidates, feature_sets.rows(train), target[train], ws.settings.seed)
    selected, metrics = choose_pairs(candidates, feature_sets.rows(validation), target[validation])
    entity = examples.entity[row_index[validation]]
    worth = candidates[selected].calibrated(feature_sets.rows(validation), target[validation], entity).calibration
    known = known_before_test(rows, task.horizon)
    newest = fit_pairs(tuple(candidates), feature_sets.rows(known), target[known], ws.settings.seed)
    newest[selected] = replace(newest[selected], calibration=worth)
    predictions = multilabel.predictions_of(newest, feature_sets.rows(test))
    on_test = {name: multilabel_metrics(target[test], prediction) for name, prediction in predictions.items()}
    kept = pair_predictions(task, rows.take(test), labels, target[test], predictions, selected, ws.settings.seed)
    fitted = replace(fit_pairs((selected,), feature_sets, target, ws.settings.seed)[selected], calibration=worth)
    is_warm, shown = examples.has_history(row_index[test]), predictions[selected]
    by_history = measure_by_history(
        is_warm, lambda rows_of_group: multilabel_metrics(target[test][rows_of_group], shown[rows_of_group])
    )
    (_, moved), (_, against) = (auroc_moved(target[test], predictions[name]) for name in (selected, "baseline"))
    noise = standard_error(moved - against, examples.entity[row_index[test]])
    return FittedLabels(Fit(selected, metrics, on_test), fitted, labels, noise, by_history, kept)
