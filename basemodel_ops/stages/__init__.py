"""Stages: each reads its parents, calls the science, writes one artifact or table, and reports.

A name is loaded with its module when it is first asked for: a command that reads an artifact loads no learner.
"""

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from basemodel_ops.report import Finding, Report
    from basemodel_ops.stages.asking import Reply, ask_entity
    from basemodel_ops.stages.due import models_due
    from basemodel_ops.stages.embedding import codes, embeddings
    from basemodel_ops.stages.encoding import encoders
    from basemodel_ops.stages.evaluation import task_evaluation
    from basemodel_ops.stages.examples import explain_representation, training_examples
    from basemodel_ops.stages.forgetting import Forgotten, forget
    from basemodel_ops.stages.models import task_model
    from basemodel_ops.stages.pretraining import foundation_model
    from basemodel_ops.stages.scoring import entity_representation, score, task_scores
    from basemodel_ops.stages.workspace import Workspace
    from basemodel_ops.stages.zero_shot import zero_shot_scores

__all__ = [
    "Finding",
    "Forgotten",
    "Reply",
    "Report",
    "Workspace",
    "ask_entity",
    "codes",
    "embeddings",
    "encoders",
    "entity_representation",
    "explain_representation",
    "forget",
    "foundation_model",
    "models_due",
    "score",
    "task_evaluation",
    "task_model",
    "task_scores",
    "training_examples",
    "zero_shot_scores",
]

HOMES = {
    "basemodel_ops.report": ("Finding", "Report"),
    "basemodel_ops.stages.asking": ("Reply", "ask_entity"),
    "basemodel_ops.stages.due": ("models_due",),
    "basemodel_ops.stages.embedding": ("codes", "embeddings"),
    "basemodel_ops.stages.encoding": ("encoders",),
    "basemodel_ops.stages.evaluation": ("task_evaluation",),
    "basemodel_ops.stages.examples": ("explain_representation", "training_examples"),
    "basemodel_ops.stages.forgetting": ("Forgotten", "forget"),
    "basemodel_ops.stages.models": ("task_model",),
    "basemodel_ops.stages.pretraining": ("foundation_model",),
    "basemodel_ops.stages.scoring": ("entity_representation", "score", "task_scores"),
    "basemodel_ops.stages.workspace": ("Workspace",),
    "basemodel_ops.stages.zero_shot": ("zero_shot_scores",),
}
"""Modules, and the names that this package takes from them: the same as above, for people and tools."""


def __getattr__(name: str) -> Any:
    """A name of the package, from its module."""
    for module, names in HOMES.items():
        if name in names:
            return getattr(importlib.import_module(module), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
