"""Losses worked out by hand; what is not known teaches nothing."""

import math

import numpy as np
import pytest
import torch

from basemodel_ops.foundation.loss import group_losses, split_targets
from basemodel_ops.foundation.network import Shape

NAN = float("nan")
# One yes or no and one amount; two things over one span; one span of two rows of two cells.
SHAPE = Shape(
    inputs=4, scalars=(0,), activity=2, item_inputs=((0, 1),), item_horizons=1, sketch_inputs=((0, 1, 2, 3),),
    distribution_horizons=1, width=2, hidden=4,
)  # fmt: skip
IS_ANY, SCALE = torch.tensor([True, False]), torch.tensor([1.0, 2.0])


def outputs(rows: int) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Answers that are the same for each row."""
    activity = torch.tensor([[0.5, 3.0]]).repeat(rows, 1)
    items = torch.tensor([[[[0.2, -1.0]], [[1.0, 0.0]]]]).repeat(rows, 1, 1, 1)  # (rows, any and amount, spans, things)
    distribution = torch.tensor([[[1.0, 0.0, 0.0, 2.0]]]).repeat(rows, 1, 1)
    return activity, items, distribution


def losses(*rows: list[float]) -> dict[str, float]:
    targets = torch.tensor(rows)
    return {name: float(loss) for name, loss in group_losses(outputs(len(rows)), targets, IS_ANY, SCALE, SHAPE).items()}


def sigmoid(logit: float) -> float:
    return 1 / (1 + math.exp(-logit))


ROW = [1.0, 0.0, 0.0, math.log(3), 0.75, 0.25, 0.0, 0.0]


def test_each_family_is_the_mean_of_what_is_worked_out_by_hand() -> None:
    result = losses(ROW)
    huber = 3.0 / 2.0 - 0.5  # the error of 3 in units of 2, past one: linear
    assert result["activity"] == pytest.approx((-math.log(sigmoid(0.5)) + huber) / 2)
    absent = -math.log(1 - sigmoid(0.2)) + (1.0 - 0.0) ** 2
    present = -math.log(sigmoid(-1.0)) + (0.0 - math.log(3)) ** 2
    assert result["items"] == pytest.approx((absent + present) / 2)
    # The second row of the sketch has no mass, and counts for nothing.
    first, second = (math.exp(x) / (math.e + 1) for x in (1.0, 0.0))
    assert result["item_distribution"] == pytest.approx(-0.75 * math.log(first) - 0.25 * math.log(second))


def test_windows_that_are_not_over_are_left_out_of_the_mean() -> None:
    complete = losses(ROW)
    assert losses(ROW, [NAN] * 8) == pytest.approx(complete)
    amount_unknown = losses([1.0, NAN, *ROW[2:]])
    assert amount_unknown["activity"] == pytest.approx(-math.log(sigmoid(0.5)))
    assert amount_unknown["items"] == pytest.approx(complete["items"])
    assert losses([NAN] * 8) == {"activity": 0, "items": 0, "item_distribution": 0}


def test_windows_that_are_not_over_pull_at_nothing() -> None:
    targets = torch.tensor([ROW, [NAN] * 8])
    answers = tuple(part.requires_grad_() for part in outputs(2))
    torch.stack(list(group_losses(answers, targets, IS_ANY, SCALE, SHAPE).values())).sum().backward()  # type: ignore[arg-type]
    for part in answers:
        assert part.grad is not None
        assert torch.isfinite(part.grad).all()
        assert part.grad[0].any()
        assert not part.grad[1].any()


def test_families_without_outputs_have_no_loss() -> None:
    bare = Shape(4, (0,), 2, (), 0, (), 0, 2, 4)
    result = group_losses(
        (torch.zeros(1, 2), torch.zeros(1, 2, 0, 0), torch.zeros(1, 0, 0)), torch.zeros(1, 2), IS_ANY, SCALE, bare
    )
    assert list(result) == ["activity"]


def test_targets_split_without_rest() -> None:
    activity, items, distribution = split_targets(torch.arange(16.0).reshape(2, 8), SHAPE)
    np.testing.assert_array_equal(activity[1], [8, 9])
    np.testing.assert_array_equal(items[1], [[10, 11]])
    np.testing.assert_array_equal(distribution[1], [[12, 13, 14, 15]])
