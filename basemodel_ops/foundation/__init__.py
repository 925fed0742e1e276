"""The foundation model: many targets of an entity, predicted from its representation."""

from basemodel_ops.foundation.hardware import Hardware
from basemodel_ops.foundation.model import FoundationModel
from basemodel_ops.foundation.network import PretrainingNetwork, Shape
from basemodel_ops.foundation.training import TrainingCurve, pretrain

__all__ = ["FoundationModel", "Hardware", "PretrainingNetwork", "Shape", "TrainingCurve", "pretrain"]
