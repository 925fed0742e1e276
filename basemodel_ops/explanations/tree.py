"""The tree over which a score is shared out: players at its leaves, groups of them above."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise

import numpy as np


@dataclass(frozen=True)
class Node:
    """A group of players, and the groups that it falls into; none where it is not to be divided."""

    name: object
    members: np.ndarray  # (members,) int64, positions of players
    parts: "tuple[Node, ...] | Callable[[], tuple[Node, ...]]" = ()
    """The groups, or what makes them: few nodes of a large tree are ever opened."""

    def __post_init__(self) -> None:
        """Hold groups that are there already to be a partition of the members."""
        if not callable(self.parts):
            self._check(self.parts)

    @cached_property
    def children(self) -> "tuple[Node, ...]":
        """The groups, which are a partition of the members."""
        if not callable(self.parts):
            return self.parts
        children = self.parts()
        self._check(children)
        return children

    def _check(self, parts: "tuple[Node, ...]") -> None:
        if parts:
            together = np.sort(np.concatenate([part.members for part in parts]))
            if not np.array_equal(together, np.sort(self.members)) or (together[1:] == together[:-1]).any():
                raise ValueError(f"The parts of {self.name} are no partition of it: each member is in exactly one.")


def split(name: object, members: np.ndarray, fan: int) -> Node:
    """A node whose members, in their order, are halved, quartered and so on, `fan` ways, down to single ones."""
    if len(members) == 1:
        return Node(name, members)

    def parts() -> tuple[Node, ...]:
        count = min(fan, len(members))
        size, longer = divmod(len(members), count)  # the first are longer by one
        ends = [part * size + min(part, longer) for part in range(count + 1)]
        return tuple(split(name, members[low:high], fan) for low, high in pairwise(ends))

    return Node(name, members, parts)
