"""The foundation model: many futures of an entity, predicted from its representation."""

from basemodel_ops.foundation.hardware import Hardware
from basemodel_ops.foundation.model import FoundationModel
from basemodel_ops.foundation.network import FutureNetwork, Shape
from basemodel_ops.foundation.training import TrainingCurve, pretrain

__all__ = ["FoundationModel", "FutureNetwork", "Hardware", "Shape", "TrainingCurve", "pretrain"]
