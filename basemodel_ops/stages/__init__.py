"""Stages: each reads its parents, calls the science, writes one artifact or table, and reports."""

from basemodel_ops.report import Finding, Report
from basemodel_ops.stages.asking import Reply, ask_entity
from basemodel_ops.stages.embedding import codes, embeddings
from basemodel_ops.stages.encoding import encoders
from basemodel_ops.stages.examples import entity_representation, explain_representation, training_examples
from basemodel_ops.stages.fitting import task_model
from basemodel_ops.stages.forgetting import Forgotten, forget, models_due
from basemodel_ops.stages.pretraining import foundation_model
from basemodel_ops.stages.scoring import task_evaluation, task_scores
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
    "task_evaluation",
    "task_model",
    "task_scores",
    "training_examples",
    "zero_shot_scores",
]
