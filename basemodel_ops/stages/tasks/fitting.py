"""The stage that fits a task: candidates on training rows, choice on later ones, refit through the newest label."""

import numpy as np

from basemodel_ops.artifacts import ArtifactWriter
from basemodel_ops.contract.task_types import Shape
from basemodel_ops.report import Report
from basemodel_ops.stages.foundation.checkpoint import Checkpoint
from basemodel_ops.stages.snapshot.parts import parts_used
from basemodel_ops.stages.snapshot.task_rows import load_task_rows, prepared
from basemodel_ops.stages.tasks.fit import report_fit
from basemodel_ops.stages.tasks.label_answers import fit_labels
from basemodel_ops.stages.tasks.model_artifact import FittedMetrics, ModelArtifact
from basemodel_ops.stages.tasks.predictions import keep_predictions
from basemodel_ops.stages.tasks.single_answers import fit_single
from basemodel_ops.stages.tasks.supplement import examples_of
from basemodel_ops.stages.workspace import Workspace


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
            fitted = learn(ws, warehouse, declared, rows, examples, row_index, Checkpoint(ws.store))
        fit = fitted.fit
        fitted.write(writer)
        keep_predictions(ws.store, task, fitted.predictions, writer)
        ModelArtifact.write_parts(writer, parts_used(declared, rows.cutoff, rows.part))
        ModelArtifact.write_metrics(writer, FittedMetrics(fit.selected, fit.validation, fit.test))
        return report_fit(plan, fit), {}

    return ws.materialize(ModelArtifact.key(task), write)


FITS = {Shape.ANSWER: fit_single, Shape.LABELS: fit_labels}
"""What learns, by the shape of the answers."""
