"""Pretraining: one-cycle AdamW over (representation, targets) rows."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch

from basemodel_ops.foundation.hardware import Hardware
from basemodel_ops.foundation.loss import group_losses, split_targets
from basemodel_ops.foundation.model import FoundationModel
from basemodel_ops.foundation.network import PretrainingNetwork, Shape

SAMPLE = 4096
"""Rows from which averages and scales are taken."""

Loss = Callable[[torch.Tensor, torch.Tensor], torch.Tensor]
"""Of a batch of inputs and its targets."""

MEASURED, MEASURED_BATCH = 2048, 512
"""Held-out rows that are measured, at most, and how many of them at once."""

SKIP_RATE = 20.0
"""Skips learn faster: an adaptive step moves a weight by about the rate, and few steps would leave them near zero."""


@dataclass(frozen=True)
class TrainingCurve:
    """Loss per step, and per group on held-out rows beside that of knowing only averages."""

    steps: list[float]
    heldout: dict[str, float]
    unigram: dict[str, float]


def _unigram(targets: np.ndarray, is_binary: np.ndarray, shape: Shape) -> tuple[torch.Tensor, ...]:
    """Outputs that know only the averages of the training rows, one row each; 0 of windows that are over in no row."""
    activity, item_target, item_distribution = split_targets(torch.from_numpy(targets.astype(np.float32)), shape)
    mean = torch.nanmean(activity, 0)
    rate = mean.clamp(1e-4, 1 - 1e-4)
    any_rate = torch.nanmean(torch.where(item_target.isnan(), item_target, (item_target > 0).float()), 0).clamp(
        1e-5, 1 - 1e-5
    )
    shares = torch.nanmean(item_distribution, 0)
    averages = (
        torch.where(torch.from_numpy(is_binary), torch.logit(rate), mean)[None],
        torch.stack([torch.logit(any_rate), torch.nanmean(item_target, 0)])[None],
        torch.log(shares + 1e-6)[None],
    )
    return tuple(map(torch.nan_to_num, averages))


def _parts(rows: np.ndarray) -> list[np.ndarray]:
    """The rows, some at a time; one part even of none, for its shape."""
    return [rows[low : low + MEASURED_BATCH] for low in range(0, max(len(rows), 1), MEASURED_BATCH)]


def pretrain(
    inputs: np.ndarray,
    targets: np.ndarray,
    is_binary: np.ndarray,
    shape: Shape,
    epochs: int,
    seed: int,
    log: Callable[[str], None],
    batch: int = 256,
    rate: float = 2e-3,
    held: np.ndarray | None = None,
    hardware: Hardware | None = None,
) -> tuple[FoundationModel, TrainingCurve]:
    """Learn the targets from the representation; the same rows and seed give the same weights on a CPU.

    Args:
        inputs: (rows, inputs) float16.
        targets: (rows, targets) float16, not-a-number where unknown.
        is_binary: (activity,) bool, which activity outputs are yes or no.
        shape: Sizes of the network.
        epochs: Passes over the rows.
        seed: Seed of weights and order.
        log: Called with a line of progress.
        batch: Rows in a step.
        rate: Peak learning rate; `SKIP_RATE` times that for skips.
        held: (rows,) bool, rows that are measured on and not learnt from; a twentieth at random if not given.
        hardware: On what to learn; what is found if not given.
    """
    hardware = hardware or Hardware.detect()
    torch.manual_seed(seed)
    rows, apart = _divided(len(inputs), held, seed)
    sample = np.sort(rows[:SAMPLE])
    mean, deviation, scale = _scales(inputs[sample], targets[sample, : shape.activity])
    unigram = _unigram(targets[sample], is_binary, shape)
    network = _network(shape, unigram).to(hardware.device)
    scale = scale.to(hardware.device)
    center, spread, yes_or_no = (torch.from_numpy(v).to(hardware.device) for v in (mean, deviation, is_binary))
    model = FoundationModel(network, center, spread)
    if not (shape.activity or shape.items or shape.cells):
        return model.on_cpu(), TrainingCurve([], {}, {})

    def loss_of(inputs: torch.Tensor, target: torch.Tensor) -> torch.Tensor:
        outputs = tuple(part.float() for part in network(model.standardise(inputs)))
        return torch.stack(list(group_losses(outputs, target, yes_or_no, scale, shape).values())).sum()

    passes = [_steps(rows, batch, (seed, epoch)) for epoch in range(epochs)]
    curve = _optimise(network, loss_of, (inputs, targets), passes, rate, hardware, log)
    model = model.on_cpu()
    apart = np.sort(apart[:MEASURED])
    measured = _measured(model, inputs[apart], targets[apart], unigram, yes_or_no.cpu(), scale.cpu(), shape)
    return model, TrainingCurve(curve, *measured)


def _network(shape: Shape, unigram: tuple[torch.Tensor, ...]) -> PretrainingNetwork:
    """A network that starts at the averages."""
    network = PretrainingNetwork(shape)
    with torch.no_grad():
        network.activity.bias.copy_(unigram[0][0])
        network.items.bias.copy_(unigram[1][0].flatten())
        network.item_distribution.bias.copy_(unigram[2][0].flatten())
    return network


def _steps(rows: np.ndarray, batch: int, seed: tuple[int, int]) -> np.ndarray:
    """Rows of the steps of a pass, (steps, batch)."""
    steps = max(len(rows) // batch, 1)
    shuffled = np.random.default_rng(seed).permutation(rows)
    return np.sort(shuffled[: steps * batch].reshape(steps, -1), axis=1)


def _optimise(
    network: PretrainingNetwork, loss_of: Loss, data: tuple[np.ndarray, np.ndarray], passes: list[np.ndarray],
    rate: float, hardware: Hardware, log: Callable[[str], None],
) -> list[float]:  # fmt: skip
    """Learn from the rows (inputs and targets) of each pass, (steps, batch) each; returns the loss of every step."""
    called = hardware.compiled(loss_of)
    optimiser, schedule = _optimiser(network, hardware, rate, sum(map(len, passes)))
    inputs, targets = map(hardware.keep, data)
    losses: list[torch.Tensor] = []
    network.train()
    for epoch, steps in enumerate(passes):
        for chosen in torch.from_numpy(steps).to(inputs.device):
            with hardware.precision():
                loss = called(hardware.batch(inputs, chosen), hardware.batch(targets, chosen))
            optimiser.zero_grad(set_to_none=True)
            loss.backward()
            torch.nn.utils.clip_grad_norm_(network.parameters(), 5.0)
            optimiser.step()
            schedule.step()
            losses.append(loss.detach().clone())  # asked for its value at the end of a pass only: a GPU works ahead
        mean = float(torch.stack(losses[-len(steps) :]).mean())
        log(f"pretraining, pass {epoch + 1}/{len(passes)}: loss {mean:.4f}")
    return torch.stack(losses).tolist() if losses else []


def _divided(count: int, held: np.ndarray | None, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Rows that are learnt from and rows that are measured on, in random order."""
    order = np.random.default_rng(seed).permutation(count)
    if held is None:
        apart, rows = order[: max(count // 20, 1)], order[max(count // 20, 1) :]
    else:
        apart, rows = order[held[order]], order[~held[order]]
    if len(rows) < 2:  # a batch is normalised by its own deviation, which one row has none of
        rows = np.resize(order, 2)
    return rows, apart


def _scales(inputs: np.ndarray, amounts: np.ndarray) -> tuple[np.ndarray, np.ndarray, torch.Tensor]:
    """Mean and deviation of inputs (rows, inputs), and deviation of known amounts (rows, activity)."""
    inputs, amounts = inputs.astype(np.float32), amounts.astype(np.float32)
    known = ~np.isnan(amounts)
    total = np.maximum(known.sum(0), 1)
    center = np.where(known, amounts, 0).sum(0) / total
    spread = np.sqrt(np.where(known, (np.nan_to_num(amounts) - center) ** 2, 0).sum(0) / total)
    scale = torch.from_numpy(np.maximum(spread, 0.05).astype(np.float32))
    return inputs.mean(0), np.maximum(inputs.std(0), 0.05), scale


def _optimiser(
    network: PretrainingNetwork, hardware: Hardware, rate: float, steps: int
) -> tuple[torch.optim.Optimizer, torch.optim.lr_scheduler.OneCycleLR]:
    """AdamW and its one cycle of `steps` up to `rate`; skips are not decayed, see `SKIP_RATE`."""
    skips = {id(weight) for weight in network.skips()}
    groups = [
        {"params": [p for p in network.parameters() if id(p) not in skips], "lr": rate},
        {"params": network.skips(), "lr": SKIP_RATE * rate, "weight_decay": 0.0},
    ]
    optimiser = hardware.optimiser(groups, weight_decay=0.02)
    return optimiser, torch.optim.lr_scheduler.OneCycleLR(optimiser, [rate, SKIP_RATE * rate], total_steps=steps)


def _measured(
    model: FoundationModel,
    inputs: np.ndarray,
    targets: np.ndarray,
    unigram: tuple[torch.Tensor, ...],
    is_binary: torch.Tensor,
    scale: torch.Tensor,
    shape: Shape,
) -> tuple[dict[str, float], dict[str, float]]:
    """Loss per group of the network and of the averages, on rows that it did not learn from."""
    with torch.no_grad():
        target = torch.from_numpy(targets.astype(np.float32))
        # In parts: what a layer holds of all rows at once would be the most memory that is taken.
        results = [
            model.network(model.standardise(torch.from_numpy(inputs[part].astype(np.float32))))
            for part in _parts(np.arange(len(inputs)))
        ]
        first, second, third = (torch.cat(part) for part in zip(*results, strict=True))
        heldout = group_losses((first, second, third), target, is_binary, scale, shape)
        averages = tuple(part.expand(len(inputs), *part.shape[1:]) for part in unigram)
        theirs = group_losses(averages, target, is_binary, scale, shape)  # type: ignore[arg-type]
    return {name: float(loss) for name, loss in heldout.items()}, {name: float(loss) for name, loss in theirs.items()}
