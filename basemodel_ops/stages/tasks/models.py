"""The stage that fits a task, by its type."""

from basemodel_ops.contract.types import TaskType
from basemodel_ops.report import Report
from basemodel_ops.stages.tasks.fitting import answer_model
from basemodel_ops.stages.tasks.recommending import recommendation_model
from basemodel_ops.stages.workspace import Workspace


def task_model(ws: Workspace, task: str) -> Report:
    """Fit, choose and refit; the artifact holds the shipped model and the metrics of all candidates."""
    if ws.contract.task(task).type is TaskType.RECOMMENDATION:
        return recommendation_model(ws, task)
    return answer_model(ws, task)
