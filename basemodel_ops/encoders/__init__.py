"""Encoders: how the columns of a source become numbers."""

from basemodel_ops.encoders.numbers import NumberScale, squash
from basemodel_ops.encoders.vocabulary import Vocabulary

__all__ = ["NumberScale", "Vocabulary", "squash"]
