"""Cleora against pycleora 3.2.1 on The Complete Journey, and against published figures on Facebook pages.

Each contestant runs in a process of its own, in turn, `--repeats` times; the least seconds and the largest peak memory
of each are compared. Seconds go from ids (ours: arrays; pycleora: lines of text, its input) to vectors. Ours compiles
before the clock starts, on a tiny graph, from numba's cache where it is warm: `compile_seconds`. Both run with their
defaults; pycleora's trim hyperedges to 16 nodes, ours are whole. Peak memory is the process's, libraries included.

The Facebook pages come from the folder that BASEMODEL_FACEBOOK_PAGES names; see `cleora_pages` for the protocol.
"""

import argparse
import os
import tempfile
from typing import Any

from benchmarks.cleora_pages import DIMENSION, ITERATIONS, PUBLISHED
from benchmarks.measure import apart

MODULE = "benchmarks.cleora_data"
MODES = {"plain": {"iterations": 4, "whiten": False}, "whitened": {"iterations": 8, "whiten": True}}


def run(arguments: list[str]) -> dict[str, Any]:
    """Speed, memory and quality against the peer; growth; pages."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks cleora", description=__doc__)
    parser.add_argument("--repeats", type=int, default=3, help="times that each contestant runs")
    parser.add_argument("--skip-pages", action="store_true", help="leave the Facebook pages out")
    chosen = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory() as folder:
        data = apart(f"{MODULE}:prepare", folder=folder)["result"]
        result: dict[str, Any] = {"data": data, "dimension": 256, "repeats": chosen.repeats}
        for mode, settings in MODES.items():
            result[mode] = compare(folder, mode, settings, chosen.repeats)
        rates = apart(f"{MODULE}:same_category", folder=folder, saved=["whitened_ours.npy", "whitened_pycleora.npy"])
        ours, peer = rates["result"]["whitened_ours.npy"], rates["result"]["whitened_pycleora.npy"]
        result["whitened"]["neighbour_same_category"] = {"ours": ours["all"], "pycleora": peer["all"]}
        result["whitened"]["neighbour_same_category_sold_5_times"] = {
            "ours": ours["sold_5_times"], "pycleora": peer["sold_5_times"],
        }  # fmt: skip
        result["growth"] = [growth(folder, times) for times in (1, 4, 16)]
        result["inductive"] = apart(f"{MODULE}:inductive", folder=folder)["result"]
    result["pages"] = {"skipped": True} if chosen.skip_pages else pages()
    return result


def compare(folder: str, mode: str, settings: dict[str, Any], repeats: int) -> dict[str, Any]:
    """Both contestants in turn, and their ratios; the vectors of the last run are saved."""
    runs: dict[str, list[dict[str, Any]]] = {"ours": [], "pycleora": []}
    for _ in range(repeats):
        for name, measured in runs.items():
            measured.append(apart(f"{MODULE}:{name}", folder=folder, save=f"{mode}_{name}.npy", **settings))
    result = {
        name: {
            "seconds": min(entry["result"]["seconds"] for entry in measured),
            "peak_mb": max(entry["peak_mb"] for entry in measured),
            "all_seconds": [round(entry["result"]["seconds"], 3) for entry in measured],
        }
        for name, measured in runs.items()
    }
    result["ours"]["compile_seconds"] = min(entry["result"]["compile_seconds"] for entry in runs["ours"])
    return {
        "speedup": result["pycleora"]["seconds"] / result["ours"]["seconds"],
        "memory_ratio": result["ours"]["peak_mb"] / result["pycleora"]["peak_mb"],
        **settings,
        **result,
    }


def growth(folder: str, times: int) -> dict[str, Any]:
    """Plain, 4 iterations, on copies of the baskets."""
    measured = [apart(f"{MODULE}:ours", folder=folder, times=times, **MODES["plain"]) for _ in range(2)]
    seconds = min(entry["result"]["seconds"] for entry in measured)
    incidences = measured[0]["result"]["incidences"]
    return {
        "incidences": incidences,
        "seconds": seconds,
        "nanoseconds_per_incidence": 1e9 * seconds / incidences,
        "peak_mb": max(entry["peak_mb"] for entry in measured),
    }


def pages() -> dict[str, Any]:
    """Figures on the Facebook pages beside the published ones, or why there are none."""
    folder = os.environ.get("BASEMODEL_FACEBOOK_PAGES")
    if not folder:
        return {"absent": "set BASEMODEL_FACEBOOK_PAGES to the folder of edges.parquet and pages.parquet"}
    return {
        "dimension": DIMENSION,
        "iterations": ITERATIONS,
        "published": PUBLISHED,
        **apart("benchmarks.cleora_pages:pages", folder=folder)["result"],
    }
