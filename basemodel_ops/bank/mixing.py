"""Which learner answers, per family of futures: the one, the other or their mean, by the loss on later rows."""

import numpy as np

SHARES = (0.0, 0.5, 1.0)
"""Shares of the network that are tried; the rest is the bank's."""

MARGIN = 0.01
"""By how much another share than the usual one must lower the loss: later rows are of a few weeks only."""


def family_losses(
    answers: np.ndarray, futures: np.ndarray, is_any: np.ndarray, families: list[str]
) -> dict[str, float]:
    """Mean loss of each family: log loss of yes or no, squared error of amounts; unknown futures are left out.

    Args:
        answers: (rows, futures) logits and amounts.
        futures: (rows, futures), not-a-number where unknown.
        is_any: (futures,) bool.
        families: The family of each future.
    """
    futures = futures.astype(np.float32)
    happened = np.nan_to_num(futures).clip(0, 1)
    log_loss = np.logaddexp(0, answers) - happened * answers
    loss = np.where(is_any, log_loss, (answers - np.nan_to_num(futures)) ** 2)
    known = ~np.isnan(futures)
    names = np.array(families)
    return {
        name: float(loss[:, names == name][known[:, names == name]].mean())
        for name in dict.fromkeys(families)
        if known[:, names == name].any()
    }


def _best(loss: dict[float, float], usual: float) -> float:
    """The share with the least loss, if that is clearly less than with the usual one, which answers otherwise."""
    share = min(loss, key=lambda share: loss[share])
    return share if loss[share] < (1 - MARGIN) * loss[usual] else usual


def mix_shares(
    network: np.ndarray,
    bank: np.ndarray,
    futures: np.ndarray,
    is_any: np.ndarray,
    families: list[str],
    usual: float = 0.0,
) -> tuple[np.ndarray, dict[str, dict[str, float]]]:
    """The network's share in each future's answer, float32 (futures,), and the loss of every share per family.

    Another share than the `usual` one, which is one of `SHARES`, is taken where its loss is clearly less.
    """
    tried = {share: family_losses(share * network + (1 - share) * bank, futures, is_any, families) for share in SHARES}
    best = {
        name: _best({share: tried[share].get(name, 0.0) for share in SHARES}, usual) for name in dict.fromkeys(families)
    }
    losses = {
        name: {f"network {share:g}": tried[share][name] for share in SHARES} for name in best if name in tried[0.0]
    }
    return np.array([best[name] for name in families], np.float32), losses
