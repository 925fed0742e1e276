"""The bank: small boosted models over the futures that the network learns, for data of modest size."""

from basemodel_ops.bank.activity import ActivityBank, fit_bank
from basemodel_ops.bank.completion import complete
from basemodel_ops.bank.folds import FOLDS, crossed, folds_of
from basemodel_ops.bank.mixing import family_losses, mix_shares
from basemodel_ops.bank.pairs import Pairs, fit_thing_pairs
from basemodel_ops.bank.similarity import similarity

__all__ = [
    "FOLDS",
    "ActivityBank",
    "Pairs",
    "complete",
    "crossed",
    "family_losses",
    "fit_bank",
    "fit_thing_pairs",
    "folds_of",
    "mix_shares",
    "similarity",
]
