"""What a network may learn from histories without labels: one stack of layers and inputs, several objectives.

*Contrastive*: two moments of one history lie near each other (InfoNCE, van den Oord et al. 2018, as CoLES uses it).
*Next session*: what is in the next basket, how much, and when. *Futures*: families of the product's own.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch.nn import functional

from basemodel_ops.foundation import FoundationModel, PretrainingNetwork, Shape, pretrain
from basemodel_ops.foundation.network import Head
from benchmarks.quality.events import DAY, Events

BATCH = 256
RATE = 2e-3
TEMPERATURE = 0.1
PROJECTED = 128
FAMILIES = ("activity", "items", "item_distribution")

Answer = Callable[[np.ndarray], np.ndarray]
"""Features or logits (rows, outputs) of inputs (rows, inputs)."""

Loss = Callable[[torch.Tensor, np.ndarray], torch.Tensor]
"""Loss of the last hidden layers (rows, hidden) of some rows."""


def only(shape: Shape, *families: str) -> Shape:
    """The sizes with the outputs of these families alone; ValueError names one that does not exist."""
    if unknown := set(families) - set(FAMILIES):
        raise ValueError(f"No family {', '.join(sorted(unknown))}. There are: {', '.join(FAMILIES)}.")
    if "activity" not in families:
        shape = replace(shape, activity=0)
    if "items" not in families:
        shape = replace(shape, item_inputs=(), item_horizons=0)
    if "item_distribution" not in families:
        shape = replace(shape, sketch_inputs=(), distribution_horizons=0)
    return shape


def learn_targets(
    inputs: np.ndarray, targets: np.ndarray, is_binary: np.ndarray, shape: Shape, epochs: int, seed: int
) -> FoundationModel:
    """The product's own pretraining; `futures` holds what `shape` answers, in its order."""
    return pretrain(inputs, targets, is_binary, shape, epochs, seed, lambda line: None)[0]


def learn(
    inputs: np.ndarray, shape: Shape, batches: Iterator[np.ndarray], steps: int, seed: int, loss: Loss,
    heads: list[torch.nn.Parameter] | None = None,
) -> FoundationModel:  # fmt: skip
    """The same layers by another loss: one-cycle AdamW as in `pretrain`, over `steps` batches of rows."""
    torch.manual_seed(seed)
    sample = inputs[: 2 * 4096].astype(np.float32)
    scale = torch.from_numpy(sample.mean(0)), torch.from_numpy(np.maximum(sample.std(0), 0.05))
    model = FoundationModel(PretrainingNetwork(shape), *scale)
    parameters = [*model.network.parameters(), *(heads or [])]
    optimiser = torch.optim.AdamW(parameters, lr=RATE, weight_decay=0.02)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, RATE, total_steps=max(steps, 1))
    model.network.train()
    for _, rows in zip(range(steps), batches, strict=False):
        last = model.network.trunk(model.standardise(torch.from_numpy(inputs[rows].astype(np.float32))))
        result = loss(last, rows)
        optimiser.zero_grad(set_to_none=True)
        result.backward()
        torch.nn.utils.clip_grad_norm_(parameters, 5.0)
        optimiser.step()
        schedule.step()
    model.network.eval()
    return model


def learn_contrastive(inputs: np.ndarray, entity: np.ndarray, shape: Shape, steps: int, seed: int) -> FoundationModel:
    """Two rows of one entity are told from those of all others in the batch; `entity` (rows,) ints."""
    torch.manual_seed(seed)
    project = torch.nn.Linear(shape.hidden, PROJECTED)
    return learn(
        inputs, only(shape), pairs_of(entity, BATCH // 2, seed), steps, seed,
        lambda last, rows: info_nce(project(last)), list(project.parameters()),
    )  # fmt: skip


def pairs_of(entity: np.ndarray, count: int, seed: int) -> Iterator[np.ndarray]:
    """Endless batches of `count` entities, two different rows of each side by side, (2 x count,)."""
    generator = np.random.default_rng(seed)
    order = np.argsort(entity, kind="stable")
    _, start, size = np.unique(entity[order], return_index=True, return_counts=True)
    start, size = start[size > 1], size[size > 1]
    while True:
        chosen = generator.choice(len(start), min(count, len(start)), replace=False)
        entry = generator.integers(0, size[chosen])
        other = (entry + generator.integers(1, size[chosen])) % size[chosen]
        yield order[np.stack([start[chosen] + entry, start[chosen] + other], axis=1).ravel()]


def info_nce(vectors: torch.Tensor) -> torch.Tensor:
    """Mean cross-entropy of finding each row's partner (its neighbour 2n, 2n + 1) by cosine among all other rows."""
    unit = functional.normalize(vectors, dim=1)
    near = unit @ unit.T / TEMPERATURE
    near = near.masked_fill(torch.eye(len(near), dtype=torch.bool), -torch.inf)
    return functional.cross_entropy(near, torch.arange(len(near)) ^ 1)


@dataclass(frozen=True)
class NextSession:
    """The first basket at or after the cutoff of each row where there was one: its labels and its amounts."""

    rows: np.ndarray  # (known,) positions among the rows asked
    labels: np.ndarray  # (known, labels) bool
    amounts: np.ndarray  # (known, amounts) log of days to wait, of lines, of each number


def next_sessions(
    events: Events, entity_index: np.ndarray, cutoff: np.ndarray, label: np.ndarray, labels: int, end: int
) -> NextSession:
    """What came next strictly before `end` (microseconds); `label` (events,) says which label an event is of, or -1."""
    first = events.before(entity_index, cutoff)
    stop = events.before(entity_index, np.full(len(entity_index), end))
    rows = np.flatnonzero(first < stop)
    session = np.cumsum(events.is_first) - 1
    begin = np.append(np.flatnonzero(events.is_first), len(events.time))
    low, high = first[rows], np.minimum(begin[session[first[rows]] + 1], stop[rows])
    table = np.stack([np.ones(len(events.time)), *events.numbers.values()], axis=1)
    total = np.concatenate([np.zeros((1, table.shape[1])), np.cumsum(table, axis=0)])
    sums = total[high] - total[low]
    wait = (events.time[low] - cutoff[rows]) / DAY
    size = high - low
    event = np.repeat(low - np.cumsum(size) + size, size) + np.arange(size.sum())
    held = np.zeros((len(rows), labels), bool)
    row, of = np.repeat(np.arange(len(rows)), size), label[event]
    held[row[of >= 0], of[of >= 0]] = True
    amounts = np.concatenate([wait[:, None], sums], axis=1)
    return NextSession(rows, held, (np.sign(amounts) * np.log1p(np.abs(amounts))).astype(np.float32))


def learn_next_session(
    inputs: np.ndarray, session: NextSession, shape: Shape, steps: int, seed: int
) -> tuple[FoundationModel, Head]:
    """Learn what comes next; the head answers logits of the labels, then the amounts at deviation 1."""
    labels = session.labels.shape[1]
    head = Head(shape.hidden, labels + session.amounts.shape[1])
    held = torch.from_numpy(session.labels.astype(np.float32))
    amounts = torch.from_numpy((session.amounts - session.amounts.mean(0)) / np.maximum(session.amounts.std(0), 0.05))
    row_index = np.full(len(inputs), -1)
    row_index[session.rows] = np.arange(len(session.rows))
    with torch.no_grad():
        head.bias[:labels] = torch.logit(held.mean(0).clamp(1e-5, 1 - 1e-5))

    def loss(last: torch.Tensor, rows: np.ndarray) -> torch.Tensor:
        at, result = torch.from_numpy(row_index[rows]), head(last)
        happens = functional.binary_cross_entropy_with_logits(result[:, :labels], held[at])
        return happens + functional.smooth_l1_loss(result[:, labels:], amounts[at])

    model = learn(inputs, only(shape), _batches(session.rows, seed), steps, seed, loss, list(head.parameters()))
    return model, head


def _batches(rows: np.ndarray, seed: int) -> Iterator[np.ndarray]:
    """Endless batches, a pass over the rows after another."""
    generator = np.random.default_rng(seed)
    while True:
        order = generator.permutation(rows)
        yield from (order[low : low + BATCH] for low in range(0, max(len(order) - BATCH, 0) + 1, BATCH))


def hidden_of(model: FoundationModel, inputs: np.ndarray, head: Head | None = None, batch: int = 2048) -> np.ndarray:
    """The last hidden layer of rows, or what a head says of it, float32 (rows, outputs)."""
    result = []
    model.network.eval()
    with torch.no_grad():
        for low in range(0, len(inputs), batch):
            last = model.network.trunk(
                model.standardise(torch.from_numpy(inputs[low : low + batch].astype(np.float32)))
            )
            result.append((last if head is None else head(last)).numpy())
    return np.concatenate(result)
