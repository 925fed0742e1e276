"""A plane with two named axes, on which lines, areas, bars and points are drawn as SVG.

Pictures are as wide as a phone and are set side by side where there is room, so that text keeps its size. Colours are
classes, so that a page gives them for light and dark; lines differ by their dashes too.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from basemodel_ops.pages.markup import Markup, concatenated, element

WIDTH, HEIGHT = 340, 240
LETTER = 6.3
"""Width of a letter of the labels, about."""

DASHES = ("", "6 3", "2 3", "8 3 2 3", "1 2", "10 4")
SERIES = len(DASHES)


def short(value: float) -> str:
    """A number as it stands at an axis."""
    if value == 0:
        return "0"
    for scale, letter in ((1e9, "G"), (1e6, "M"), (1e3, "k")):
        if abs(value) >= scale:
            return f"{value / scale:.3g}{letter}"
    return f"{value:.3g}"


def fitted(words: str, room: float) -> str:
    """Words that fit into so many pixels; of longer ones the beginning. Numbers are never cut: they are all short."""
    letters = max(int(room / LETTER), 1)
    return words if len(words) <= letters else f"{words[: letters - 1]}…"


def ticks(low: float, high: float, count: int = 5) -> list[float]:
    """Round numbers between two, about `count`."""
    span = high - low
    if not (span > 0 and math.isfinite(span)):
        return [low]
    raw = span / count
    power = 10.0 ** math.floor(math.log10(raw))
    step = next(entry * power for entry in (1, 2, 2.5, 5, 10) if entry * power >= raw * 0.999)
    first = math.ceil(low / step - 1e-9)
    return [round(n * step, 12) for n in range(first, math.floor(high / step + 1e-9) + 1)]


@dataclass
class Axis:
    """What one axis measures, with its unit, and from where to where."""

    label: str
    low: float
    high: float
    names: Sequence[tuple[float, str]] | None = None
    """Places with names, instead of numbers."""

    def __post_init__(self) -> None:
        if not self.high > self.low:
            self.low, self.high = self.low - 0.5, self.low + 0.5

    @property
    def ticks(self) -> Sequence[tuple[float, str]]:
        """Places and what is written there."""
        return self.names if self.names is not None else [(tick, short(tick)) for tick in ticks(self.low, self.high)]


@dataclass
class Plane:
    """Axes, and what is drawn between them."""

    x: Axis
    y: Axis
    height: int = HEIGHT
    parts: list[Markup] = field(default_factory=list)
    legend: list[tuple[str, str]] = field(default_factory=list)
    """What is drawn and the class that draws it, to be told below."""

    def __post_init__(self) -> None:
        widest = max((len(text) for _, text in self.y.ticks), default=1)
        self.left = 22 + LETTER * widest
        last = max((len(text) for _, text in self.x.ticks), default=1)
        self.right, self.top, self.bottom = max(10.0, LETTER * last / 2 + 2), 10.0, 38.0

    def at(self, x: np.ndarray | Sequence[float], y: np.ndarray | Sequence[float]) -> list[tuple[float, float]]:
        """Places on the picture."""
        inner, tall = WIDTH - self.left - self.right, self.height - self.top - self.bottom
        across = self.left + (np.asarray(x, float) - self.x.low) / (self.x.high - self.x.low) * inner
        down = self.top + (self.y.high - np.asarray(y, float)) / (self.y.high - self.y.low) * tall
        known = np.isfinite(across) & np.isfinite(down)
        return list(zip(across[known].round(1).tolist(), down[known].round(1).tolist(), strict=True))

    def line(
        self, x: Sequence[float] | np.ndarray, y: Sequence[float] | np.ndarray, name: str, series: int = 0
    ) -> None:
        """A line by its points, with its place in the legend."""
        points = " ".join(f"{a:g},{b:g}" for a, b in self.at(x, y))
        series %= SERIES
        dash = DASHES[series] or None
        self.parts.append(element("polyline", points=points, class_=f"line s{series}", stroke_dasharray=dash))
        self.legend.append((name, f"drawn s{series}"))

    def guide(self, x: Sequence[float] | np.ndarray, y: Sequence[float] | np.ndarray, name: str) -> None:
        """A thin line to compare with."""
        points = " ".join(f"{a:g},{b:g}" for a, b in self.at(x, y))
        self.parts.append(element("polyline", points=points, class_="guide"))
        self.legend.append((name, "guide"))

    def bars(self, edges: np.ndarray, heights: np.ndarray, name: str, series: int = 0) -> None:
        """Bars between edges (bars + 1,)."""
        base = max(self.y.low, 0.0)
        for low, high, tall in zip(edges[:-1], edges[1:], heights, strict=True):
            (left, top), (right, foot) = self.at([low, high], [max(tall, base), base])
            self.parts.append(
                element(
                    "rect", x=left + 0.5, y=top, width=max(round(right - left - 1, 1), 0.5),
                    height=max(round(foot - top, 1), 0), class_=f"area s{series % SERIES}",
                )
            )  # fmt: skip
        self.legend.append((name, f"s{series % SERIES}"))

    def dots(
        self, x: np.ndarray | Sequence[float], y: np.ndarray | Sequence[float], name: str, series: int = 0
    ) -> None:
        """Points, as one path."""
        path = "".join(f"M{a:g} {b:g}h0" for a, b in self.at(x, y))
        self.parts.append(element("path", d=path, class_=f"dots s{series % SERIES}"))
        self.legend.append((name, f"s{series % SERIES}"))

    def text(self, x: float, y: float, words: str) -> None:
        """A few words at a place, kept inside of the picture."""
        for across, down in self.at([x], [y]):
            half = LETTER * len(words) / 2
            index = min(max(across, self.left + half), WIDTH - half)
            self.parts.append(element("text", words, x=round(index, 1), y=down, class_="name", text_anchor="middle"))

    def frame(self) -> Markup:
        """The axes with their marks and names."""
        results = []
        foot, left, right = self.height - self.bottom, self.left, WIDTH - self.right
        for value, words in self.y.ticks:
            for _, down in self.at([self.x.low], [value]):
                results.append(element("line", x1=round(left, 1), x2=right, y1=down, y2=down, class_="grid"))
                results.append(element("text", words, x=round(left - 5, 1), y=down + 4, text_anchor="end"))
        for value, words in self.x.ticks:
            for across, _ in self.at([value], [self.y.low]):
                results.append(element("line", x1=across, x2=across, y1=foot, y2=foot + 4, class_="axis"))
                results.append(element("text", words, x=across, y=foot + 16, text_anchor="middle"))
        results.append(element("line", x1=round(left, 1), x2=right, y1=foot, y2=foot, class_="axis"))
        middle = round((self.top + foot) / 2, 1)
        results.append(
            element(
                "text",
                fitted(self.x.label, right - left),
                x=round((left + right) / 2, 1),
                y=self.height - 5,
                text_anchor="middle",
            )
        )
        turned = f"rotate(-90 12 {middle})"
        results.append(
            element(
                "text", fitted(self.y.label, foot - self.top), x=12, y=middle, text_anchor="middle", transform=turned
            )
        )
        return concatenated(results)
