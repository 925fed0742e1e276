"""Stages: each reads its parents, calls the science, writes one artifact or table, and reports.

A name is loaded with its module when it is first asked for: a command that reads an artifact loads no learner.
"""

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from basemodel_ops.report import CheckResult, Report
    from basemodel_ops.stages.erasure.forgetting import Erasure, forget
    from basemodel_ops.stages.explanations.entity import explain_entity, explain_items
    from basemodel_ops.stages.explanations.publishing import task_explanations
    from basemodel_ops.stages.features.embedding import codes, embeddings
    from basemodel_ops.stages.features.encoding import encoders
    from basemodel_ops.stages.features.examples import explain_representation, training_examples
    from basemodel_ops.stages.foundation.pretraining import foundation_model
    from basemodel_ops.stages.insight.anomalies import anomalies
    from basemodel_ops.stages.insight.audiences import audience
    from basemodel_ops.stages.insight.lookalikes import lookalikes, similar
    from basemodel_ops.stages.insight.segmentation import segmentation
    from basemodel_ops.stages.insight.segments import segments
    from basemodel_ops.stages.insight.vectors import entity_embeddings, item_embeddings
    from basemodel_ops.stages.planning.due import models_due
    from basemodel_ops.stages.reporting.reporting import report
    from basemodel_ops.stages.scoring.deciles import task_deciles
    from basemodel_ops.stages.scoring.querying import QueryResult, query_entity
    from basemodel_ops.stages.scoring.scoring import entity_representation, score, task_scores
    from basemodel_ops.stages.scoring.zero_shot import zero_shot_scores
    from basemodel_ops.stages.tasks.evaluation import task_evaluation
    from basemodel_ops.stages.tasks.models import task_model
    from basemodel_ops.stages.workspace import Workspace

__all__ = [
    "CheckResult",
    "Erasure",
    "QueryResult",
    "Report",
    "Workspace",
    "anomalies",
    "audience",
    "codes",
    "embeddings",
    "encoders",
    "entity_embeddings",
    "entity_representation",
    "explain_entity",
    "explain_items",
    "explain_representation",
    "forget",
    "foundation_model",
    "item_embeddings",
    "lookalikes",
    "models_due",
    "query_entity",
    "report",
    "score",
    "segmentation",
    "segments",
    "similar",
    "task_deciles",
    "task_evaluation",
    "task_explanations",
    "task_model",
    "task_scores",
    "training_examples",
    "zero_shot_scores",
]

HOMES = {
    "basemodel_ops.report": ("CheckResult", "Report"),
    "basemodel_ops.stages.scoring.querying": ("QueryResult", "query_entity"),
    "basemodel_ops.stages.insight.anomalies": ("anomalies",),
    "basemodel_ops.stages.insight.audiences": ("audience",),
    "basemodel_ops.stages.insight.lookalikes": ("lookalikes", "similar"),
    "basemodel_ops.stages.insight.segmentation": ("segmentation",),
    "basemodel_ops.stages.insight.segments": ("segments",),
    "basemodel_ops.stages.insight.vectors": ("entity_embeddings", "item_embeddings"),
    "basemodel_ops.stages.planning.due": ("models_due",),
    "basemodel_ops.stages.reporting.reporting": ("report",),
    "basemodel_ops.stages.scoring.deciles": ("task_deciles",),
    "basemodel_ops.stages.features.embedding": ("codes", "embeddings"),
    "basemodel_ops.stages.features.encoding": ("encoders",),
    "basemodel_ops.stages.explanations.entity": ("explain_entity", "explain_items"),
    "basemodel_ops.stages.explanations.publishing": ("task_explanations",),
    "basemodel_ops.stages.tasks.evaluation": ("task_evaluation",),
    "basemodel_ops.stages.features.examples": ("explain_representation", "training_examples"),
    "basemodel_ops.stages.erasure.forgetting": ("Erasure", "forget"),
    "basemodel_ops.stages.tasks.models": ("task_model",),
    "basemodel_ops.stages.foundation.pretraining": ("foundation_model",),
    "basemodel_ops.stages.scoring.scoring": ("entity_representation", "score", "task_scores"),
    "basemodel_ops.stages.workspace": ("Workspace",),
    "basemodel_ops.stages.scoring.zero_shot": ("zero_shot_scores",),
}
"""Modules, and the names that this package takes from them: the same as above, for people and tools."""


def __getattr__(name: str) -> Any:
    """A name of the package, from its module."""
    for module, names in HOMES.items():
        if name in names:
            return getattr(importlib.import_module(module), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
