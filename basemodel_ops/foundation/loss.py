"""The loss: three families, each where its window is over."""

import torch
from torch.nn import functional

from basemodel_ops.foundation.network import Shape


def _mean_where(loss: torch.Tensor, known: torch.Tensor) -> torch.Tensor:
    return (loss * known).sum() / known.sum().clamp_min(1)


def split_targets(futures: torch.Tensor, shape: Shape) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Activity (rows, activity), things (rows, spans, things) and composition (rows, spans, cells) of the futures."""
    rows, middle = len(futures), shape.activity + shape.thing_spans * shape.things
    return (
        futures[:, : shape.activity],
        futures[:, shape.activity : middle].reshape(rows, shape.thing_spans, shape.things),
        futures[:, middle:].reshape(rows, shape.composition_spans, shape.cells),
    )


def family_losses(
    outputs: tuple[torch.Tensor, torch.Tensor, torch.Tensor],
    futures: torch.Tensor,
    is_any: torch.Tensor,
    scale: torch.Tensor,
    shape: Shape,
) -> dict[str, torch.Tensor]:
    """Mean losses of the families `activity`, `things` and `composition`; windows that are not over are left out.

    Args:
        outputs: As returned by the network.
        futures: (rows, futures), not-a-number where the window is not over.
        is_any: (activity,) bool, which activity outputs are logits.
        scale: (activity,) standard deviation of the amounts.
        shape: Sizes.
    """
    activity, things, composition = split_targets(futures, shape)
    known = ~torch.isnan(activity)
    target = torch.nan_to_num(activity)
    logits = functional.binary_cross_entropy_with_logits(outputs[0], target.clamp(0, 1), reduction="none")
    amounts = functional.smooth_l1_loss(outputs[0] / scale, target / scale, reduction="none")
    losses = {"activity": _mean_where(torch.where(is_any, logits, amounts), known)} if shape.activity else {}
    if shape.things:
        known = ~torch.isnan(things)
        count = torch.nan_to_num(things)
        happens = functional.binary_cross_entropy_with_logits(outputs[1][:, 0], (count > 0).float(), reduction="none")
        amount = (outputs[1][:, 1] - count).square()
        losses["things"] = _mean_where(happens + amount, known)
    if shape.cells:
        split = (*composition.shape[:2], -1, shape.width)
        shares = torch.nan_to_num(composition).reshape(split)
        cross_entropy = -(shares * torch.log_softmax(outputs[2].reshape(split), dim=-1)).sum(-1)
        # A row without events has no shares: it teaches nothing and counts for nothing.
        losses["composition"] = _mean_where(cross_entropy, shares.sum(-1) > 0)
    return losses
