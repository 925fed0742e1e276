"""Encoders: how the columns of a source become numbers. A column of a new type is one new file with an `ENCODER`."""

from basemodel_ops.encoders.base import Encoder, State, encoder_types, fit_encoder, load_encoder, track_names
from basemodel_ops.encoders.numbers import NumberScale, signed_log1p
from basemodel_ops.encoders.vocabulary import Vocabulary

__all__ = [
    "Encoder",
    "NumberScale",
    "State",
    "Vocabulary",
    "encoder_types",
    "fit_encoder",
    "load_encoder",
    "signed_log1p",
    "track_names",
]
