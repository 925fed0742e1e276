"""A query network in the space of item vectors: it learns, from what came next, how a history points to items.

Histories are pooled at several half-lives, counted in the entity's own sessions. The query starts as their weighted
sum, so that an untrained network ranks by closeness, and learns what to add to it; an item starts as its vector.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numba
import numpy as np
import torch
from torch import nn

HALF_LIVES = (1.0, 3.0, 10.0, np.inf)
"""Sessions after which an event counts half, of the decaying pools."""

RECENT = (1, 3)
"""Sessions of the pools of the newest ones."""

NO_FURTHER = 1000
"""Sessions after which an event fades no further."""

POOLS = len(HALF_LIVES) + len(RECENT)
START = (1.0, 0.3, 0.1, 0.03, 0.3, 0.1)
"""Share of each pool in the query before anything is learnt."""

MOST_FREQUENT = 16_384
"""Items that logits are measured against, at most: the most usual, which are nearly all of their sum."""

NEGATIVES = 2048
BATCH = 512
RATE = 1e-3
RESIDUAL_RATE = 0.3
EPOCHS = 2
MOST_UPDATES = 15_000_000
"""Times that the vector of an item is moved, at most: every step moves those of the whole catalogue."""

MOST_CASES = 120_000
"""Events that are learnt from, at most, in a pass."""


@dataclass(frozen=True)
class Sequences:
    """Known items of all entities, sorted by entity and time."""

    start: np.ndarray  # (entities + 1,) int64, the first event of each entity
    item: np.ndarray  # (events,) int64
    session_index: np.ndarray  # (events,) int64, ascending, one by one

    def before(self, event: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """First event, end and present session of what came before the sessions of these events."""
        first = self.start[np.searchsorted(self.start, event, side="right") - 1]
        now = self.session_index[event]
        return first, np.searchsorted(self.session_index, now), now

    def complete_histories(self, entities: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """The same of all events of these entities, seen from the session after the last."""
        first, end = self.start[entities], self.start[entities + 1]
        last = (
            self.session_index[np.maximum(end - 1, 0)] if len(self.session_index) else np.zeros(len(entities), np.int64)
        )
        return first, end, last + 1


@numba.njit(parallel=True, nogil=True, cache=True)
def _pool(
    first: np.ndarray, end: np.ndarray, now: np.ndarray, item: np.ndarray, session_index: np.ndarray,
    vectors: np.ndarray, faded: np.ndarray, recent: np.ndarray, out: np.ndarray,
) -> None:  # fmt: skip
    for row in numba.prange(len(first)):
        for event in range(first[row], end[row]):
            age = now[row] - session_index[event] - 1
            vector = vectors[item[event]]
            for pool in range(len(faded) + len(recent)):
                if pool < len(faded):
                    weight = faded[pool, min(age, faded.shape[1] - 1)]
                else:
                    weight = np.float32(age < recent[pool - len(faded)])
                if weight > 1e-6:
                    for index in range(len(vector)):
                        out[row, pool, index] += weight * vector[index]
        for pool in range(out.shape[1]):
            length = np.sqrt((out[row, pool] ** 2).sum())
            if length > 0:
                out[row, pool] /= length


def pools(
    sequences: Sequences, history_range: tuple[np.ndarray, np.ndarray, np.ndarray], vectors: np.ndarray
) -> np.ndarray:
    """Decayed sums of item vectors at length 1, float32 (spans, pools, dimension); zeros without events."""
    out = np.zeros((len(history_range[0]), POOLS, vectors.shape[1]), np.float32)
    faded = np.exp2(-np.arange(NO_FURTHER) / np.asarray(HALF_LIVES)[:, None]).astype(np.float32)
    _pool(*history_range, sequences.item, sequences.session_index, vectors, faded, np.asarray(RECENT), out)
    return out


class QueryNetwork(nn.Module):
    """Query of pooled histories and vectors of items, whose dot product scores them."""

    def __init__(self, vectors: torch.Tensor, hidden: int = 256, dropout: float = 0.3) -> None:
        """Start as closeness to `vectors` (items, dimension)."""
        super().__init__()
        items, dimension = vectors.shape
        self.register_buffer("vectors", vectors, persistent=False)
        self.share = nn.Parameter(torch.tensor(START))
        self.linear = nn.Parameter(torch.zeros(POOLS * dimension, dimension))
        self.layers = nn.Sequential(
            nn.Linear(POOLS * dimension, hidden), nn.GELU(), nn.Dropout(dropout), nn.Linear(hidden, dimension)
        )
        nn.init.zeros_(self.layers[-1].weight)  # pyright: ignore[reportArgumentType]
        nn.init.zeros_(self.layers[-1].bias)  # pyright: ignore[reportArgumentType]
        self.residual = nn.Parameter(torch.zeros(items, dimension))
        self.bias = nn.Parameter(torch.zeros(items))
        self.scale = nn.Parameter(torch.tensor(np.log(10.0), dtype=torch.float32))

    def forward(self, pooled: torch.Tensor) -> torch.Tensor:
        """Queries (rows, dimension) of pools (rows, pools, dimension)."""
        flat = pooled.flatten(1)
        skip = torch.einsum("p,rpd->rd", self.share, pooled)
        return self.scale.exp() * (skip + flat @ self.linear + self.layers(flat))

    def items(self) -> torch.Tensor:
        """Vectors of all items (items, dimension)."""
        return self.vectors + self.residual  # pyright: ignore[reportOperatorIssue]


class Retrieval:
    """A trained query network: queries of entities and what to multiply them with."""

    def __init__(self, network: QueryNetwork, vectors: np.ndarray) -> None:
        self.network, self._vectors = network.eval(), vectors
        with torch.no_grad():
            self.items = network.items().numpy()  # (items, dimension)
            self.bias = network.bias.numpy()  # (items,)
        self.frequent_items = np.sort(np.argsort(-self.bias, kind="stable")[:MOST_FREQUENT])

    def queries(self, sequences: Sequences, entities: np.ndarray, batch: int = 2048) -> np.ndarray:
        """Queries after all events of the entities, float32 (entities, dimension)."""
        results = [np.zeros((0, self._vectors.shape[1]), np.float32)]
        for low in range(0, len(entities), batch):
            pooled = pools(sequences, sequences.complete_histories(entities[low : low + batch]), self._vectors)
            with torch.no_grad():
                results.append(self.network(torch.from_numpy(pooled)).numpy())
        return np.concatenate(results)

    def log_partition(self, queries: np.ndarray, batch: int = 256) -> np.ndarray:
        """Log of the sum of exponentiated logits of the `MOST_FREQUENT` items, float32 (queries,)."""
        result = np.zeros(len(queries), np.float32)
        items, bias = self.items[self.frequent_items], self.bias[self.frequent_items]
        for low in range(0, len(queries), batch):
            logits = queries[low : low + batch] @ items.T + bias
            most = logits.max(axis=1)
            result[low : low + batch] = most + np.log(np.exp(logits - most[:, None]).sum(axis=1))
        return result

    def arrays(self) -> dict[str, np.ndarray]:
        """Everything learnt, by name."""
        return {name: value.numpy() for name, value in self.network.state_dict().items()}

    @classmethod
    def from_arrays(cls, arrays: dict[str, np.ndarray], vectors: np.ndarray) -> "Retrieval":
        """The inverse of `arrays`, with the item vectors it was learnt on."""
        network = QueryNetwork(torch.from_numpy(vectors))
        network.load_state_dict({name: torch.from_numpy(value.copy()) for name, value in arrays.items()})
        return cls(network, vectors)


def _log_inclusion(targets: np.ndarray, items: int) -> torch.Tensor:
    """Log of how likely each item is among the candidates of a batch, float32 (items,)."""
    share = np.bincount(targets, minlength=items) / len(targets)
    absent = np.exp(BATCH * np.log1p(-np.minimum(share, 1 - 1e-9)) + NEGATIVES * np.log1p(-min(1 / items, 1 - 1e-9)))
    return torch.from_numpy(np.log(1 - absent + 1e-12).astype(np.float32))


def learn_retrieval(
    sequences: Sequences, vectors: np.ndarray, seed: int, log: Callable[[str], None], epochs: int = EPOCHS
) -> Retrieval:
    """Learn from every event what the sessions before it pointed to; the same input and seed give the same weights.

    Softmax over the items of the batch and `NEGATIVES` drawn evenly, each corrected by how likely it was to be there.

    Args:
        sequences: Events that may be learnt from.
        vectors: Item vectors, float32 (items, dimension).
        seed: Of weights, order and negatives.
        log: Called with a line of progress.
        epochs: Passes over the events, or over `MOST_CASES` of them.
    """
    torch.manual_seed(seed)
    generator = np.random.default_rng(seed)
    items = len(vectors)
    network = QueryNetwork(torch.from_numpy(np.ascontiguousarray(vectors, np.float32)))
    # An entity's first session has no history that points anywhere.
    first, end, _ = sequences.before(np.arange(len(sequences.item)))
    cases = np.flatnonzero(end > first)
    most = min(MOST_CASES, MOST_UPDATES * BATCH // max(epochs * items, 1))
    steps = epochs * (min(len(cases), most) // BATCH)
    if steps == 0:
        return Retrieval(network, vectors)
    inclusion = _log_inclusion(sequences.item[cases], items)
    rest = [named_parameter for name, named_parameter in network.named_parameters() if name != "residual"]
    # Items leave their vectors slowly, and are drawn back: most are seen only a few times.
    residual = {"params": [network.residual], "lr": RESIDUAL_RATE * RATE, "weight_decay": 0.1}
    optimiser = torch.optim.AdamW([{"params": rest, "lr": RATE, "weight_decay": 0.01}, residual], fused=True)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, [RATE, RESIDUAL_RATE * RATE], total_steps=steps)
    losses = []
    network.train()
    for epoch in range(epochs):
        order = generator.permutation(cases)[: steps // epochs * BATCH]
        for batch in order.reshape(-1, BATCH):
            pooled = torch.from_numpy(pools(sequences, sequences.before(batch), vectors))
            wanted = sequences.item[batch]
            candidates = np.unique(np.concatenate([wanted, generator.integers(0, items, NEGATIVES)]))
            chosen, target = torch.from_numpy(candidates), torch.from_numpy(np.searchsorted(candidates, wanted))
            logits = network(pooled) @ (network.vectors[chosen] + network.residual[chosen]).T  # pyright: ignore[reportIndexIssue]
            loss = nn.functional.cross_entropy(logits + network.bias[chosen] - inclusion[chosen], target)
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
            schedule.step()
            losses.append(loss.item())
        log(f"retrieval, pass {epoch + 1}/{epochs}: loss {np.mean(losses[-(steps // epochs) :]):.3f}")
    return Retrieval(network, vectors)
