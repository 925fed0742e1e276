"""Pictures of what people would rather see than read, as PNG bytes."""

import io

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure


def _png(figure: Figure) -> bytes:
    buffer = io.BytesIO()
    FigureCanvasAgg(figure).print_png(buffer)
    return buffer.getvalue()


def loss_curve(losses: list[float]) -> bytes:
    """Loss per training step."""
    figure = Figure(figsize=(6, 3), layout="tight")
    axes = figure.add_subplot()
    axes.plot(np.arange(1, len(losses) + 1), losses, linewidth=1)
    axes.set(xlabel="step", ylabel="loss", title="Pretraining")
    return _png(figure)


def candidate_bars(metrics: dict[str, float], metric: str) -> bytes:
    """One bar per candidate."""
    figure = Figure(figsize=(6, 0.5 + 0.4 * len(metrics)), layout="tight")
    axes = figure.add_subplot()
    axes.barh(list(metrics), list(metrics.values()))
    known = [value for value in metrics.values() if np.isfinite(value)] or [0.0]
    low, high = min(known), max(known)
    axes.set_xlim(low - 0.5 * (high - low) - 0.01, high + 0.1 * (high - low) + 0.01)
    axes.set(xlabel=metric, title="Test, out of time")
    axes.invert_yaxis()
    return _png(figure)
