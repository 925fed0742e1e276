"""Models that are due to be trained again, since they saw someone who was forgotten."""

from basemodel_ops.assets import FOUNDATION_MODEL
from basemodel_ops.stages.workspace import Workspace


def is_model(key: str) -> bool:
    """Whether an artifact is the foundation model or a task's model."""
    return key == FOUNDATION_MODEL or key.endswith("/model")


def models_due(ws: Workspace) -> dict[str, str]:
    """Keys of the current models that saw someone who was forgotten, and since when they are due."""
    return dict(sorted(ws.store.current_due().items()))
