"""Keeping a row within bounds: which blocks are left out where a representation would be too wide, by a stated rule.

Width explodes where many sources mention items with many facts. Left out are, until the row is short enough and the
widest first: cells of facts of items, then texts and images of items, then values of categories of items, then the
cells and texts of events themselves. Scalars, an event's own categories, sketches and vectors always stay.
"""

from collections.abc import Collection, Iterator
from dataclasses import dataclass, replace

from basemodel_ops.encoders.base import track_column
from basemodel_ops.errors import DataError
from basemodel_ops.representation.build import SourcePlan, history_layout
from basemodel_ops.representation.item_numbers import numbers_each
from basemodel_ops.representation.recent import OF_COLUMN
from basemodel_ops.representation.runs import RUN


@dataclass(frozen=True)
class LeftOut:
    """A column that is no part of a row, and why."""

    source: str
    column: str
    kind: str
    numbers: int

    @property
    def reason(self) -> str:
        """The rule that left it out."""
        return f"rows are bounded, and these {self.numbers} numbers were the widest {self.kind}"


RANKS = {"cells of facts": 0, "texts of facts": 1, "categories of facts": 2, "cells": 3, "texts": 4}


def narrow(
    plans: list[SourcePlan],
    most: int,
    half_lives: tuple[float, ...],
    counted: tuple[float, ...],
    windows: tuple[int, ...],
    kept: Collection[tuple[str, str]] = (),
) -> tuple[list[SourcePlan], list[LeftOut]]:
    """The plans without what makes a row longer than `most` numbers, and what was left out; `kept` columns stay.

    Raises:
        DataError: what has to stay is longer.
    """
    length = history_layout(plans, half_lives, counted, windows).length
    left: list[LeftOut] = []
    while length > most:
        results = [
            left_out
            for plan in plans
            for left_out in _groups(plan, half_lives, counted)
            if (plan.name, left_out.column) not in kept
        ]
        if not results:
            raise DataError(
                f"A row of the representation takes {length:,} numbers without all that can be left out, and at most "
                f"{most:,} are allowed. Raise BASEMODEL_ROW_NUMBERS, lower BASEMODEL_TOP_ITEMS, BASEMODEL_DEPTH or "
                "BASEMODEL_WIDTH, or give columns the type `ignore`."
            )
        worst = min(results, key=lambda entry: (RANKS[entry.kind], -entry.numbers, entry.source, entry.column))
        plans = [_without(plan, worst.column) if plan.name == worst.source else plan for plan in plans]
        left.append(worst)
        length -= worst.numbers
    return plans, left


def _groups(plan: SourcePlan, half_lives: tuple[float, ...], counted: tuple[float, ...]) -> Iterator[LeftOut]:
    """What could be left out of a plan."""
    cells: dict[str, int] = {}
    for track, size in plan.cells.items():
        cells[track_column(track)] = cells.get(track_column(track), 0) + size * len(half_lives)
    for column, numbers in cells.items():
        yield LeftOut(plan.name, column, "cells of facts" if "." in column else "cells", numbers)
    for column, density in plan.densities.items():
        numbers = (density.rows * density.width + 1) * len(half_lives)
        yield LeftOut(plan.name, column, "texts of facts" if "." in column else "texts", numbers)
    for column, size in plan.top_items.items():
        if "." in column:  # counted once, per session at every half-life, and how lately
            of_items = plan.measured.get(column, 0) * numbers_each(len(plan.numbers), len(half_lives))
            numbers = size * (2 + len(counted)) + OF_COLUMN + len(RUN) + of_items
            yield LeftOut(plan.name, column, "categories of facts", numbers)


def _without(plan: SourcePlan, column: str) -> SourcePlan:
    return replace(
        plan,
        cells={track: size for track, size in plan.cells.items() if track_column(track) != column},
        densities={name: density for name, density in plan.densities.items() if name != column},
        top_items={name: size for name, size in plan.top_items.items() if name != column},
        measured={name: size for name, size in plan.measured.items() if name != column},
        vocabularies={name: size for name, size in plan.vocabularies.items() if name != column},
    )
