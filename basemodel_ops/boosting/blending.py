"""Which learner answers, per group of targets: the one, the other or their mean, by the loss on later rows."""

import numpy as np

WEIGHTS = (0.0, 0.5, 1.0)
"""Shares of the network that are tried; the rest is the boosters'."""

MARGIN = 0.01
"""By how much another share than the default must lower the loss: later rows are of a few weeks only."""


def group_losses(
    predictions: np.ndarray, targets: np.ndarray, is_binary: np.ndarray, target_groups: list[str]
) -> dict[str, float]:
    """Mean loss of each group: log loss of yes or no, squared error of amounts; unknown targets are left out.

    Args:
        predictions: (rows, targets) logits and amounts.
        targets: (rows, targets), not-a-number where unknown.
        is_binary: (targets,) bool.
        target_groups: The group of each target.
    """
    targets = targets.astype(np.float32)
    happened = np.nan_to_num(targets).clip(0, 1)
    log_loss = np.logaddexp(0, predictions) - happened * predictions
    loss = np.where(is_binary, log_loss, (predictions - np.nan_to_num(targets)) ** 2)
    known = ~np.isnan(targets)
    names = np.array(target_groups)
    return {
        name: float(loss[:, names == name][known[:, names == name]].mean())
        for name in dict.fromkeys(target_groups)
        if known[:, names == name].any()
    }


def _best(loss: dict[float, float], default: float) -> float:
    """The share with the least loss, if that is clearly less than with the default, which answers otherwise."""
    weight = min(loss, key=lambda weight: loss[weight])
    return weight if loss[weight] < (1 - MARGIN) * loss[default] else default


def blend_weights(
    network: np.ndarray,
    boosters: np.ndarray,
    targets: np.ndarray,
    is_binary: np.ndarray,
    target_groups: list[str],
    default: float = 0.0,
) -> tuple[np.ndarray, dict[str, dict[str, float]]]:
    """The network's share in each target's prediction, float32 (targets,), and the loss of every share per group.

    Another share than the `default` one, which is one of `WEIGHTS`, is taken where its loss is clearly less.
    """
    tried = {
        weight: group_losses(weight * network + (1 - weight) * boosters, targets, is_binary, target_groups)
        for weight in WEIGHTS
    }
    best = {
        name: _best({weight: tried[weight].get(name, 0.0) for weight in WEIGHTS}, default)
        for name in dict.fromkeys(target_groups)
    }
    losses = {
        name: {f"network {weight:g}": tried[weight][name] for weight in WEIGHTS} for name in best if name in tried[0.0]
    }
    return np.array([best[name] for name in target_groups], np.float32), losses
