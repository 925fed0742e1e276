"""Figures of docs/mathematics.md, by the product's own kernels. Writes SVG, prints what they show in numbers."""

import argparse
from pathlib import Path
from typing import Any

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt
import numpy as np

from basemodel_ops.cleora import build_hypergraph, embed
from basemodel_ops.emde.codes import DensityLSH
from basemodel_ops.emde.query import decoded_counts

GROUPS, MEMBERS = 12, 10
DEPTHS, WIDTHS = (2, 4, 8, 16), (32, 64, 128, 256)
STYLE = {
    "svg.fonttype": "none",
    "svg.hashsalt": "basemodel",
    "font.size": 9,
    "axes.spines.top": False,
    "axes.spines.right": False,
}


def windows(folder: Path) -> None:
    """Cutoffs of one task with a horizon of four weeks: what trains, validates, tests, and is scored."""
    parts = {"train": range(6), "no part": range(6, 9), "validation": range(9, 11), "no part ": range(11, 14),
             "test": range(14, 18), "scored": range(18, 21)}  # fmt: skip
    colours = dict(zip(parts, ("#4269d0", "#bbbbbb", "#efb118", "#bbbbbb", "#ff725c", "#3ca951"), strict=True))
    figure, axes = plt.subplots(figsize=(7, 3))
    for name, weeks in parts.items():
        for week in weeks:
            axes.plot([week, week + 4], [week, week], color=colours[name], linewidth=2.5, solid_capstyle="butt")
            axes.plot([week], [week], marker="o", markersize=3.5, color=colours[name])
        axes.text(weeks[-1] + 4.4, weeks[-1] - 0.3, name.strip(), color="#555555", fontsize=8)
    axes.axvline(21.5, color="#888888", linestyle=":")
    axes.text(21.6, 0, "end of the data", color="#555555", fontsize=8)
    axes.set(xlabel="weeks", ylabel="cutoffs, one a week", yticks=[], xlim=(-0.5, 27))
    _save(figure, folder / "windows.svg")


def cleora(folder: Path, seed: int) -> dict[str, list[float]]:
    """Baskets of six items, four in five of them out of one of twelve groups: cosines within groups, and across."""
    draw = np.random.default_rng(seed)
    baskets = np.repeat(np.arange(1500), 6)
    home = draw.integers(0, GROUPS, 1500)[baskets]
    group = np.where(draw.random(len(baskets)) < 0.8, home, draw.integers(0, GROUPS, len(baskets)))
    items = group * MEMBERS + draw.integers(0, MEMBERS, len(baskets))
    graph = build_hypergraph(items, baskets, GROUPS * MEMBERS)
    alike = np.equal.outer(*[np.arange(GROUPS * MEMBERS) // MEMBERS] * 2)
    shown = {"1 step": (1, False), "8 steps": (8, False), "8 steps, whitened": (8, True)}
    figure, all_axes = plt.subplots(1, len(shown), figsize=(8, 3))
    cosines = {}
    for axes, (name, (steps, whiten)) in zip(all_axes, shown.items(), strict=True):
        vectors = embed(graph, np.arange(GROUPS * MEMBERS), 16, steps, whiten, seed).vectors
        near = vectors @ vectors.T
        cosines[name] = [float(near[alike].mean()), float(near[~alike].mean())]
        image = axes.imshow(near, vmin=-1, vmax=1, cmap="RdBu_r")
        axes.set(xticks=[], yticks=[], xlabel="items, by group")
        axes.set_title("{}\nwithin {:.2f}, across {:.2f}".format(name, *cosines[name]), fontsize=9)
    figure.colorbar(image, ax=all_axes, label="cosine", shrink=0.8)
    _save(figure, folder / "cleora.svg")
    return cosines


def sketch(folder: Path, seed: int) -> dict[str, list[float]]:
    """Histories of 300 events over 5,000 items, as frequent as words are; error of the ten largest counts."""
    draw = np.random.default_rng(seed)
    vectors = draw.normal(size=(5000, 32)).astype(np.float32)
    chance = 1 / np.arange(1, 5001)
    histories = [draw.choice(5000, 300, p=chance / chance.sum()) for _ in range(20)]
    figure, axes = plt.subplots(figsize=(5.5, 3))
    errors: dict[str, list[float]] = {}
    for depth in DEPTHS:
        for width in WIDTHS:
            codes = DensityLSH.fit(vectors, depth, width, seed=seed).encode(vectors)
            result = [_error(history, codes, depth, width) for history in histories]
            errors.setdefault(f"depth {depth}", []).append(float(np.mean(result)))
        axes.plot(WIDTHS, errors[f"depth {depth}"], marker="o", markersize=3, label=f"depth {depth}")
    axes.set(xscale="log", xlabel="width (cells in a row)", ylabel="relative error of the ten\nlargest counts")
    axes.set_xticks(WIDTHS, [str(width) for width in WIDTHS])
    axes.minorticks_off()
    axes.legend(frameon=False, fontsize=8)
    _save(figure, folder / "sketch.svg")
    return errors


def _error(history: np.ndarray, codes: np.ndarray, depth: int, width: int) -> float:
    cells = np.zeros((depth, width))
    for item in history:
        cells[np.arange(depth), codes[item]] += 1
    true = np.bincount(history, minlength=len(codes))
    largest = np.argsort(-true, kind="stable")[:10]
    return float(np.abs(decoded_counts(cells, codes)[largest] - true[largest]).sum() / true[largest].sum())


def _save(figure: Any, path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, metadata={"Date": None}, bbox_inches="tight")
    plt.close(figure)


def run(rest: list[str]) -> dict[str, Any]:
    """Write the figures; the same bytes for the same seed."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks figures", description=__doc__)
    parser.add_argument("--folder", type=Path, default=Path("docs/figures"))
    parser.add_argument("--seed", type=int, default=0)
    chosen = parser.parse_args(rest)
    with plt.rc_context(STYLE):
        windows(chosen.folder)
        return {"cosines": cleora(chosen.folder, chosen.seed), "sketch_error": sketch(chosen.folder, chosen.seed)}
