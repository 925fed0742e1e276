"""Label-efficiency curves: what ships and the best baseline, by share of labels, one panel per task."""

from pathlib import Path
from typing import Any

from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

NO_LABELS = 0.001
"""Where the answers without a label stand on the logarithmic axis."""

ACROSS = 3
"""Panels side by side at most."""

Curve = dict[str, dict[str, Any]]
"""Per share of labels the figures of each side."""


def figure_of(value: Any) -> float:
    """The primary figure of a cell: itself, or the first of several."""
    return float(next(iter(value.values())) if isinstance(value, dict) else value)


def mean_curve(curves: list[Curve]) -> Curve:
    """The mean over seeds, cell by cell."""
    return {
        share: {
            side: sum(figure_of(curve[share][side]) for curve in curves) / len(curves)
            for side in ("shipped", "best_baseline")
            if side in cell
        }
        for share, cell in curves[0].items()
    }


def draw_curves(curves: dict[str, tuple[str, Curve]], path: Path) -> None:
    """Write a picture of the tasks' curves; `curves` holds the metric and the mean curve of each."""
    across = min(len(curves), ACROSS)
    down = -(-len(curves) // across)
    figure = Figure(figsize=(4.2 * across, 3.4 * down), layout="tight")
    for number, (task, (metric, curve)) in enumerate(curves.items(), 1):
        axes = figure.add_subplot(down, across, number)
        for side, label in (("shipped", "shipped"), ("best_baseline", "best baseline")):
            points = [(max(float(share), NO_LABELS), cell[side]) for share, cell in curve.items() if side in cell]
            axes.plot(*zip(*points, strict=True), marker="o", markersize=3, label=label)
        axes.set_xscale("log")
        ticks = [max(float(share), NO_LABELS) for share in curve]
        axes.set_xticks(ticks, [f"{float(share):.1%}".replace(".0%", "%") for share in curve], fontsize=7)
        axes.minorticks_off()
        axes.set(title=task, xlabel="labels", ylabel=metric)
        axes.grid(alpha=0.3)
        axes.legend()
    with path.open("wb") as file:
        FigureCanvasAgg(figure).print_png(file)
