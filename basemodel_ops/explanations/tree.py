"""The tree over which a score is shared out: players at its leaves, groups of them above."""

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Node:
    """A group of players, and the groups that it falls into; none where it is not to be divided."""

    name: object
    members: np.ndarray  # (members,) int64, positions of players
    children: tuple["Node", ...] = ()

    def __post_init__(self) -> None:
        """Hold the children to be a partition of the members."""
        if self.children:
            together = np.concatenate([child.members for child in self.children])
            if len(together) != len(self.members) or set(together.tolist()) != set(self.members.tolist()):
                raise ValueError(f"The parts of {self.name} are no partition of it: each member is in exactly one.")


def split(name: object, members: np.ndarray, fan: int) -> Node:
    """A node whose members, in their order, are halved, quartered and so on, `fan` ways, down to single ones."""
    if len(members) == 1:
        return Node(name, members)
    parts = np.array_split(members, min(fan, len(members)))
    return Node(name, members, tuple(split(name, part, fan) for part in parts))
