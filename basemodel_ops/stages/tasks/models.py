"""The stage that fits a task, by the shape of its answers."""

from basemodel_ops.contract.task_types import Shape
from basemodel_ops.report import Report
from basemodel_ops.stages.tasks.fitting import single_model
from basemodel_ops.stages.tasks.recommendation import recommendation_model
from basemodel_ops.stages.workspace import Workspace


def task_model(ws: Workspace, task: str) -> Report:
    """Fit, choose and refit; the artifact holds the shipped model and the metrics of all candidates."""
    return MODELS[ws.contract.task(task).form.shape](ws, task)


MODELS = {Shape.ANSWER: single_model, Shape.LABELS: single_model, Shape.ITEMS: recommendation_model}
