"""Small parts of a stream, gathered into few large ones."""

from collections.abc import Callable, Iterable, Iterator
from typing import TypeVar

Part = TypeVar("Part")


def batched(
    parts: Iterable[Part], size: Callable[[Part], int], least: int, join: Callable[[list[Part]], Part]
) -> Iterator[Part]:
    """The same parts in order, joined until they have at least the size `least`; the last may be smaller."""
    waiting: list[Part] = []
    total = 0
    for part in parts:
        waiting.append(part)
        total += size(part)
        if total >= least:
            yield join(waiting)
            waiting, total = [], 0
    if waiting:
        yield join(waiting)
