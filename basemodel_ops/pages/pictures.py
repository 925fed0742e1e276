"""Pictures with their title, words for those who cannot see them, and a legend below."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from basemodel_ops.pages.axes import WIDTH, Axis, Plane, fitted
from basemodel_ops.pages.markup import Markup, concatenated, element, slug


@dataclass(frozen=True)
class Picture:
    """A figure of a page: its title, what is to be seen on it, and the drawing with its legend."""

    title: str
    words: str
    svg: Markup
    legend: tuple[tuple[str, str], ...] = ()

    def figure(self, *index: object) -> Markup:
        """The figure as HTML; `index` makes its ids those of no other."""
        markup = element("figcaption", element("strong", self.title), " ", self.words)
        key = slug(*index, self.title)
        keys = [
            element("li", element("span", class_=f"swatch {style}", aria_hidden="true"), name)
            for name, style in self.legend
        ]
        legend = element("ul", *keys, class_="legend") if len(keys) > 1 else ""
        return element("figure", self.inline(key), legend, markup)

    def inline(self, key: str) -> Markup:
        """The drawing, named by its title."""
        return Markup(str(self.svg).replace("@", key, 2))

    def alone(self, style: str) -> str:
        """The drawing as a file of its own, in the colours of `style`."""
        svg = str(self.inline("picture")).replace("<svg ", '<svg xmlns="http://www.w3.org/2000/svg" ', 1)
        start = svg.index(">") + 1
        return f"{svg[:start]}<style>{style}</style>{svg[start:]}"


def drawn(title: str, words: str, parts: Sequence[Markup], height: int, width: int = WIDTH) -> Markup:
    """An SVG of parts, with its title and description."""
    head = (element("title", title, id=Markup("@-t")), element("desc", words))
    return element(
        "svg", *head, *parts, viewBox=f"0 0 {width} {height}", role="img", aria_labelledby=Markup("@-t"), width=width,
        height=height,
    )  # fmt: skip


def of_plane(title: str, words: str, plane: Plane) -> Picture:
    """The picture of what is drawn on a plane."""
    return Picture(title, words, drawn(title, words, [plane.frame(), *plane.parts], plane.height), tuple(plane.legend))


Curve = tuple[Sequence[float] | np.ndarray, Sequence[float] | np.ndarray]


def curves(
    title: str, words: str, x: str, y: str, lines: Mapping[str, Curve], guide: tuple[str, Curve] | None = None,
    bounds: tuple[float | None, float | None, float | None, float | None] = (None, None, None, None),
    names: Sequence[tuple[float, str]] | None = None,
) -> Picture:  # fmt: skip
    """Lines by name over one pair of axes.

    Args:
        title: Of the picture.
        words: What is to be seen on it.
        x: What the axis measures, with its unit.
        y: The same of the other.
        lines: Points by name.
        guide: What to compare with, and its name.
        bounds: Lowest and highest x, lowest and highest y, where they are not those of the points.
        names: Places on the first axis with names.
    """
    drawn_lines = [*lines.values(), *([guide[1]] if guide else [])]
    results = []
    for index in (0, 1):
        values = np.concatenate([np.asarray(drawn_line[index], float) for drawn_line in drawn_lines])
        values = values[np.isfinite(values)]
        low, high = (float(values.min()), float(values.max())) if len(values) else (0.0, 1.0)
        given = bounds[2 * index : 2 * index + 2]
        results.append((low if given[0] is None else given[0], high if given[1] is None else given[1]))
    (left, right), (low, high) = results
    plane = Plane(Axis(x, left, right, names), Axis(y, low, high))
    if guide is not None:
        plane.guide(*guide[1], guide[0])
    for series, (name, line) in enumerate(lines.items()):
        plane.line(*line, name, series)
    return of_plane(title, words, plane)


def histogram(title: str, words: str, x: str, y: str, edges: np.ndarray, shares: Mapping[str, np.ndarray]) -> Picture:
    """Shares of several groups between the same edges, as outlines; the first filled."""
    highest = max((float(share.max(initial=0)) for share in shares.values()), default=1.0) or 1.0
    plane = Plane(Axis(x, float(edges[0]), float(edges[-1])), Axis(y, 0.0, highest * 1.05))
    for series, (name, heights) in enumerate(shares.items()):
        if series == 0:
            plane.bars(edges, heights, name)
        else:
            plane.line(np.repeat(edges, 2)[1:-1], np.repeat(heights, 2), name, series)
    return of_plane(title, words, plane)


def interval(value: float, low: float, high: float, bounds: tuple[float, float], words: str, key: str) -> Markup:
    """A point and its interval in a cell of a table, over the same bounds in all rows."""
    width, height = 120, 18
    span = (bounds[1] - bounds[0]) or 1.0

    def x_of(entry: float) -> float:
        return round(4 + (width - 8) * min(max((entry - bounds[0]) / span, 0.0), 1.0), 1)

    ends = element("line", x1=x_of(low), x2=x_of(high), y1=9, y2=9, class_="line s0")
    dot = element("circle", cx=x_of(value), cy=9, r=4, class_="cell s0")
    return Markup(str(drawn(words, words, [ends, dot], height, width)).replace("@", key, 2))


def matrix(title: str, words: str, rows: Sequence[str], columns: Sequence[str], shares: np.ndarray) -> Picture:
    """Shares (rows, columns) as tiles with their numbers; names of long rows stand above them."""
    size = (WIDTH - 10) / max(len(columns), 1)
    tall, parts = 34, []
    for down, row in enumerate(rows):
        top = 22 + down * (tall + 16)
        parts.append(element("text", fitted(row, WIDTH - 8), x=4, y=top - 4))
        for across, share in enumerate(shares[down]):
            left = round(4 + across * size, 1)
            parts.append(
                element(
                    "rect", x=left, y=top, width=round(size - 2, 1), height=tall - 4, class_="cell s0",
                    fill_opacity=round(0.04 + 0.4 * float(share), 3),
                )
            )  # fmt: skip
            middle = round(left + size / 2 - 1, 1)
            parts.append(element("text", f"{share:.0%}", x=middle, y=top + 19, text_anchor="middle"))
    foot = 22 + len(rows) * (tall + 16)
    for across in range(len(columns)):
        parts.append(
            element("text", str(across + 1), x=round(4 + (across + 0.5) * size, 1), y=foot, text_anchor="middle")
        )
    key = ", ".join(f"{index}: {name}" for index, name in enumerate(columns, 1))
    return Picture(title, f"{words} Columns: {key}.", drawn(title, words, [concatenated(parts)], foot + 8))
