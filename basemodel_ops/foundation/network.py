"""The residual network, with skips from inputs to the outputs of the same cells."""

from dataclasses import asdict, dataclass

import torch
from torch import nn


@dataclass(frozen=True)
class Shape:
    """Sizes of inputs and outputs.

    Inputs are laid out as the representation, outputs as the targets: activity, then items, then composition.
    `item_inputs[f]` are the input positions of a item's feature f; likewise `sketch_inputs`.
    """

    inputs: int
    scalars: tuple[int, ...]
    """Positions of the scalars, which reach the activity outputs directly."""
    activity: int
    item_inputs: tuple[tuple[int, ...], ...]
    item_horizons: int
    sketch_inputs: tuple[tuple[int, ...], ...]
    distribution_horizons: int
    width: int
    hidden: int
    read: tuple[int, ...] = ()
    """Positions that the hidden layers read; all when there are none. Skips read whatever they name."""

    @property
    def items(self) -> int:
        """Exactly kept values over all columns."""
        return len(self.item_inputs[0]) if self.item_inputs else 0

    @property
    def cells(self) -> int:
        """Density cells over all sketched columns."""
        return len(self.sketch_inputs[0]) if self.sketch_inputs else 0

    def to_dict(self) -> dict[str, object]:
        """A JSON-able form."""
        return asdict(self)

    @classmethod
    def from_dict(cls, content: dict) -> "Shape":
        """The inverse of `content`."""
        tuples = {
            k: tuple(tuple(x) if isinstance(x, list) else x for x in v)
            for k, v in content.items()
            if isinstance(v, list)
        }
        return cls(**{**content, **tuples})


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


class PretrainingNetwork(nn.Module):
    """Four hidden layers with batch norm and leaky ReLU; three families of outputs.

    A linear projection of the first layer joins at the third, and the first layer's output at the last. Each item and
    each sketch cell has a skip from its own inputs: what an entity did with an item says most of what it will do.
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
        self.items = Head(hidden, 2 * shape.item_horizons * shape.items)
        self.item_skip = nn.Parameter(torch.zeros(len(shape.item_inputs), 2 * shape.item_horizons, shape.items))
        self.item_distribution = Head(hidden, shape.distribution_horizons * shape.cells)
        self.cell_skip = nn.Parameter(torch.zeros(len(shape.sketch_inputs), shape.distribution_horizons))
        self.register_buffer("read_index", torch.tensor(shape.read, dtype=torch.long), persistent=False)
        self.register_buffer("scalar_index", torch.tensor(shape.scalars, dtype=torch.long), persistent=False)
        self.register_buffer("thing_index", _index(shape.item_inputs), persistent=False)
        self.register_buffer("cell_index", _index(shape.sketch_inputs), persistent=False)

    def skips(self) -> list[nn.Parameter]:
        """The weights that lead from inputs straight to outputs."""
        return [self.activity_skip.weight, self.item_skip, self.cell_skip]

    def trunk(self, inputs: torch.Tensor) -> torch.Tensor:
        """The last hidden layer (rows, hidden) of standardised `inputs` (rows, inputs)."""
        read = inputs[:, self.get_buffer("read_index")] if self.shape.read else inputs
        first = self.dropout(self.activate(self.norms[0](self.first(read))))
        second = self.dropout(self.activate(self.norms[1](self.second(first))))
        third = self.activate(self.norms[2](self.third(second) + self.project(first)))
        return self.activate(self.norms[3](self.fourth(third))) + first

    def activity_of(self, last: torch.Tensor, inputs: torch.Tensor) -> torch.Tensor:
        """Logits of "occurred" and amounts, (rows, activity)."""
        return self.activity(last) + self.activity_skip(inputs[:, self.get_buffer("scalar_index")])

    def items_of(self, last: torch.Tensor, inputs: torch.Tensor, kinds: int = 2) -> torch.Tensor:
        """Logits of any and log counts of each item, (rows, 2, spans, items), or the first of these `kinds`."""
        its_inputs = inputs[:, self.get_buffer("thing_index")]  # (rows, features, items)
        rows, wanted = len(inputs), kinds * self.shape.item_horizons
        items = self.items(last).reshape(rows, 2 * self.shape.item_horizons, self.shape.items)[:, :wanted]
        # Few features of many items: sums of products are many times faster than as many tiny matrices.
        for feature, skip in enumerate(self.item_skip[:, :wanted]):
            items = items + its_inputs[:, feature, None] * skip
        return items.reshape(rows, kinds, self.shape.item_horizons, self.shape.items)

    def item_distribution_of(self, last: torch.Tensor, inputs: torch.Tensor) -> torch.Tensor:
        """Logits of shares, to be soft-maxed over each row's width, (rows, spans, cells)."""
        its_inputs = inputs[:, self.get_buffer("cell_index")]  # (rows, features, cells)
        cells = self.item_distribution(last) + torch.einsum("rfc,fs->rsc", its_inputs, self.cell_skip).flatten(1)
        return cells.reshape(len(inputs), self.shape.distribution_horizons, self.shape.cells)

    def forward(self, inputs: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        """Activity, items and composition of standardised `inputs` (rows, inputs)."""
        last = self.trunk(inputs)
        return self.activity_of(last, inputs), self.items_of(last, inputs), self.item_distribution_of(last, inputs)
