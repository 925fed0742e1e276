"""The residual network, with skips from inputs to the outputs of the same cells."""

from dataclasses import asdict, dataclass

import torch
from torch import nn


@dataclass(frozen=True)
class Shape:
    """Sizes of inputs and outputs.

    Inputs are laid out as the representation, outputs as the futures: activity, then things, then composition.
    `thing_inputs[f]` are the input positions of a thing's feature f; likewise `sketch_inputs`.
    """

    inputs: int
    scalars: tuple[int, ...]
    """Positions of the scalars, which reach the activity outputs directly."""
    activity: int
    thing_inputs: tuple[tuple[int, ...], ...]
    thing_spans: int
    sketch_inputs: tuple[tuple[int, ...], ...]
    composition_spans: int
    width: int
    hidden: int
    read: tuple[int, ...] = ()
    """Positions that the hidden layers read; all when there are none. Skips read whatever they name."""

    @property
    def things(self) -> int:
        """Exactly kept values over all columns."""
        return len(self.thing_inputs[0]) if self.thing_inputs else 0

    @property
    def cells(self) -> int:
        """Density cells over all sketched columns."""
        return len(self.sketch_inputs[0]) if self.sketch_inputs else 0

    def plain(self) -> dict[str, object]:
        """A JSON-able form."""
        return asdict(self)

    @classmethod
    def from_plain(cls, plain: dict) -> "Shape":
        """The inverse of `plain`."""
        tuples = {
            k: tuple(tuple(x) if isinstance(x, list) else x for x in v) for k, v in plain.items() if isinstance(v, list)
        }
        return cls(**{**plain, **tuples})


def _index(rows: tuple[tuple[int, ...], ...]) -> torch.Tensor:
    return torch.tensor(rows, dtype=torch.long).reshape(len(rows), len(rows[0]) if rows else 0)


class Head(nn.Module):
    """A linear map that starts at zero; it may have no outputs, where a project has nothing of that family."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.zeros(outputs, inputs))
        self.bias = nn.Parameter(torch.zeros(outputs))

    def forward(self, inputs: torch.Tensor) -> torch.Tensor:
        """Outputs (rows, outputs) of (rows, inputs)."""
        return nn.functional.linear(inputs, self.weight, self.bias)


class FutureNetwork(nn.Module):
    """Four hidden layers with batch norm and leaky ReLU; three families of outputs.

    A linear projection of the first layer joins at the third, and the first layer's output at the last. Each thing and
    each sketch cell has a skip from its own inputs: what an entity did with a thing says most of what it will do.
    """

    def __init__(self, shape: Shape) -> None:
        super().__init__()
        self.shape = shape
        hidden = shape.hidden
        self.first = nn.Linear(len(shape.read) or shape.inputs, hidden)
        self.second, self.third, self.fourth = (nn.Linear(hidden, hidden) for _ in range(3))
        self.project = nn.Linear(hidden, hidden)
        self.norms = nn.ModuleList(nn.BatchNorm1d(hidden) for _ in range(4))
        self.activate = nn.LeakyReLU(0.01)
        self.dropout = nn.Dropout(0.1)
        self.activity = Head(hidden, shape.activity)
        self.activity_skip = Head(len(shape.scalars), shape.activity)
        self.things = Head(hidden, 2 * shape.thing_spans * shape.things)
        self.thing_skip = nn.Parameter(torch.zeros(len(shape.thing_inputs), 2 * shape.thing_spans, shape.things))
        self.composition = Head(hidden, shape.composition_spans * shape.cells)
        self.cell_skip = nn.Parameter(torch.zeros(len(shape.sketch_inputs), shape.composition_spans))
        self.register_buffer("read_index", torch.tensor(shape.read, dtype=torch.long), persistent=False)
        self.register_buffer("scalar_index", torch.tensor(shape.scalars, dtype=torch.long), persistent=False)
        self.register_buffer("thing_index", _index(shape.thing_inputs), persistent=False)
        self.register_buffer("cell_index", _index(shape.sketch_inputs), persistent=False)

    def skips(self) -> list[nn.Parameter]:
        """The weights that lead from inputs straight to outputs."""
        return [self.activity_skip.weight, self.thing_skip, self.cell_skip]

    def trunk(self, inputs: torch.Tensor) -> torch.Tensor:
        """The last hidden layer (rows, hidden) of standardised `inputs` (rows, inputs)."""
        read = inputs[:, self.get_buffer("read_index")] if self.shape.read else inputs
        first = self.dropout(self.activate(self.norms[0](self.first(read))))
        second = self.dropout(self.activate(self.norms[1](self.second(first))))
        third = self.activate(self.norms[2](self.third(second) + self.project(first)))
        return self.activate(self.norms[3](self.fourth(third))) + first

    def activity_of(self, last: torch.Tensor, inputs: torch.Tensor) -> torch.Tensor:
        """Logits of "any" and amounts, (rows, activity)."""
        return self.activity(last) + self.activity_skip(inputs[:, self.get_buffer("scalar_index")])

    def things_of(self, last: torch.Tensor, inputs: torch.Tensor) -> torch.Tensor:
        """Logits of any and log counts of each thing, (rows, 2, spans, things)."""
        own = inputs[:, self.get_buffer("thing_index")]  # (rows, features, things)
        things = self.things(last).reshape(len(inputs), 2 * self.shape.thing_spans, self.shape.things)
        # Few features of many things: sums of products are many times faster than as many tiny matrices.
        for feature, skip in enumerate(self.thing_skip):
            things = things + own[:, feature, None] * skip
        return things.reshape(len(inputs), 2, self.shape.thing_spans, self.shape.things)

    def composition_of(self, last: torch.Tensor, inputs: torch.Tensor) -> torch.Tensor:
        """Logits of shares, to be soft-maxed over each row's width, (rows, spans, cells)."""
        own = inputs[:, self.get_buffer("cell_index")]  # (rows, features, cells)
        cells = self.composition(last) + torch.einsum("rfc,fs->rsc", own, self.cell_skip).flatten(1)
        return cells.reshape(len(inputs), self.shape.composition_spans, self.shape.cells)

    def forward(self, inputs: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        """Activity, things and composition of standardised `inputs` (rows, inputs)."""
        last = self.trunk(inputs)
        return self.activity_of(last, inputs), self.things_of(last, inputs), self.composition_of(last, inputs)
