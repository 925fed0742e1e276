"""Areas within areas: how much each part of a whole is, and each part of a part."""

import textwrap
from collections.abc import Sequence
from dataclasses import dataclass

from basemodel_ops.pages.axes import LETTER, WIDTH
from basemodel_ops.pages.markup import Markup, element
from basemodel_ops.pages.pictures import Picture, drawn

HEADER, LINE = 15, 13
"""Height of the name of an area that holds others, and of each further line of a name."""


@dataclass(frozen=True)
class Part:
    """A part of a whole: its name, its size (0 or more), which way it works, and its own parts."""

    name: str
    size: float
    sign: float = 0.0
    parts: tuple["Part", ...] = ()


Box = tuple[float, float, float, float]


def treemap(title: str, words: str, full: Sequence[Part], height: int = 300) -> Picture:
    """Parts as areas: `s0` raises and `s1` lowers, by the sign of each."""
    results: list[Markup] = []
    _draw(list(full), (0.0, 0.0, float(WIDTH), float(height)), results, 0)
    legend = (("+ raises the score", "s0"), ("− lowers the score", "s1"))
    return Picture(title, words, drawn(title, words, results, height), legend)


def squares(sizes: Sequence[float], box: Box) -> list[Box]:
    """Boxes (left, top, width, height) of these sizes, the largest first, as nearly square as rows allow.

    Bruls, Huizing and van Wijk, 2000.
    """
    total, (left, top, width, height) = sum(sizes), box
    if total <= 0 or width <= 0 or height <= 0:
        return [(left, top, 0.0, 0.0)] * len(sizes)
    areas, results = [size * width * height / total for size in sizes], []
    while areas:
        side, row = min(width, height), 1
        while row < len(areas) and _worst(areas[: row + 1], side) <= _worst(areas[:row], side):
            row += 1
        thick, along = sum(areas[:row]) / side, 0.0
        for area in areas[:row]:
            long = area / thick if thick else 0.0
            results.append((left, top + along, thick, long) if width >= height else (left + along, top, long, thick))
            along += long
        if width >= height:
            left, width = left + thick, width - thick
        else:
            top, height = top + thick, height - thick
        areas = areas[row:]
    return results


def _worst(row: Sequence[float], side: float) -> float:
    total = sum(row)
    if total <= 0:
        return float("inf")
    return max(
        max(side**2 * entry / total**2, total**2 / (side**2 * entry)) if entry > 0 else float("inf") for entry in row
    )


def _draw(parts: list[Part], box: Box, results: list[Markup], level: int) -> None:
    parts = sorted((part for part in parts if part.size > 0), key=lambda part: (-part.size, part.name))
    for part, (left, top, width, height) in zip(parts, squares([part.size for part in parts], box), strict=True):
        style = "s0" if part.sign >= 0 else "s1"
        hint = element("title", f"{part.name}: {part.size:.3g}")
        leaf = not part.parts
        results.append(
            element(
                "rect", hint, x=round(left + 0.5, 1), y=round(top + 0.5, 1), width=round(max(width - 1, 0), 1),
                height=round(max(height - 1, 0), 1), class_=f"tile {style}" if leaf else "box",
            )
        )  # fmt: skip
        name = part.name if not leaf else f"{'+' if part.sign >= 0 else '−'} {part.name}"
        lines = _lines(name, width, height if leaf else HEADER)
        for number, line in enumerate(lines):
            results.append(element("text", line, x=round(left + 4, 1), y=round(top + 12 + LINE * number, 1)))
        if not leaf:
            edge, head = 2.0, HEADER if lines else 2.0
            inner = (left + edge, top + head, max(width - 2 * edge, 0.0), max(height - head - edge, 0.0))
            _draw(list(part.parts), inner, results, level + 1)


def _lines(name: str, width: float, height: float) -> list[str]:
    """A name in lines that an area has room for, broken between words; none where it would be cut."""
    letters = int((width - 6) / LETTER)
    lines = textwrap.wrap(name, letters, break_long_words=False, break_on_hyphens=False) if letters > 0 else []
    fits = all(len(line) <= letters for line in lines) and HEADER + LINE * (len(lines) - 1) <= height
    return lines if fits else []
