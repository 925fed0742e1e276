"""The loss: three families, each where its window is over."""

import torch
from torch.nn import functional

from basemodel_ops.foundation.network import Shape


def _mean_where(loss: torch.Tensor, known: torch.Tensor) -> torch.Tensor:
    return (loss * known).sum() / known.sum().clamp_min(1)


def split_targets(targets: torch.Tensor, shape: Shape) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Activity (rows, activity), items (rows, spans, items) and composition (rows, spans, cells) of the targets."""
    rows, middle = len(targets), shape.activity + shape.item_horizons * shape.items
    return (
        targets[:, : shape.activity],
        targets[:, shape.activity : middle].reshape(rows, shape.item_horizons, shape.items),
        targets[:, middle:].reshape(rows, shape.distribution_horizons, shape.cells),
    )


def group_losses(
    outputs: tuple[torch.Tensor, torch.Tensor, torch.Tensor],
    targets: torch.Tensor,
    is_binary: torch.Tensor,
    scale: torch.Tensor,
    shape: Shape,
) -> dict[str, torch.Tensor]:
    """Mean losses of the families `activity`, `items` and `item_distribution`; windows that are not over are left
    out.

    Args:
        outputs: As returned by the network.
        targets: (rows, targets), not-a-number where the window is not over.
        is_binary: (activity,) bool, which activity outputs are logits.
        scale: (activity,) standard deviation of the amounts.
        shape: Sizes.
    """
    activity, item_target, item_distribution = split_targets(targets, shape)
    known = ~torch.isnan(activity)
    target = torch.nan_to_num(activity)
    logits = functional.binary_cross_entropy_with_logits(outputs[0], target.clamp(0, 1), reduction="none")
    amounts = functional.smooth_l1_loss(outputs[0] / scale, target / scale, reduction="none")
    losses = {"activity": _mean_where(torch.where(is_binary, logits, amounts), known)} if shape.activity else {}
    if shape.items:
        known = ~torch.isnan(item_target)
        count = torch.nan_to_num(item_target)
        happens = functional.binary_cross_entropy_with_logits(outputs[1][:, 0], (count > 0).float(), reduction="none")
        amount = (outputs[1][:, 1] - count).square()
        losses["items"] = _mean_where(happens + amount, known)
    if shape.cells:
        split = (*item_distribution.shape[:2], -1, shape.width)
        shares = torch.nan_to_num(item_distribution).reshape(split)
        cross_entropy = -(shares * torch.log_softmax(outputs[2].reshape(split), dim=-1)).sum(-1)
        # A row without events has no shares: it teaches nothing and counts for nothing.
        losses["item_distribution"] = _mean_where(cross_entropy, shares.sum(-1) > 0)
    return losses
