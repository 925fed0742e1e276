"""How far the kernels are from the machine: what they move a second against what a copy moves.

Copy: a 512 MB array to another, bytes read plus bytes written. Cleora: a step reads a row of vectors and reads and
writes a row of sums for each incidence, 12 bytes a column; much of that comes from caches, so the figure may exceed the
copy's. Whitening: multiplications and additions a second. All data are generated with a fixed seed.
"""

import argparse
import time
from collections.abc import Callable
from typing import Any

import numba
import numpy as np
from numba import njit, prange

SHAPES = {
    "68k nodes, 1.4 M incidences, 256 columns": (68_000, 1_400_000, 256),
    "1 M nodes, 10 M incidences, 64 columns": (1_000_000, 10_000_000, 64),
}


@njit(parallel=True, cache=True)
def parallel_copy(source: np.ndarray, target: np.ndarray) -> None:
    """Copy on all threads."""
    for part in prange(64):
        low, high = len(source) * part // 64, len(source) * (part + 1) // 64
        target[low:high] = source[low:high]


def least_seconds(function: Callable[[], object], times: int = 5) -> float:
    """Least of several runs, after one to warm up."""
    function()
    result = []
    for _ in range(times):
        start = time.perf_counter()
        function()
        result.append(time.perf_counter() - start)
    return min(result)


def copy_bandwidth() -> dict[str, float]:
    """GB/s of a copy, bytes read and written."""
    source, target = np.ones(2**26), np.zeros(2**26)
    size = 2 * source.nbytes / 1e9
    return {
        "numpy_gb_per_s": size / least_seconds(lambda: np.copyto(target, source)),
        "all_threads_gb_per_s": size / least_seconds(lambda: parallel_copy(source, target)),
    }


def baskets(nodes: int, incidences: int) -> tuple[np.ndarray, np.ndarray]:
    """Incidences of about ten a basket; the popularity of nodes falls as a power."""
    generator = np.random.default_rng(0)
    node = (nodes * generator.random(incidences) ** 3).astype(np.int64)
    return generator.permutation(nodes)[node], np.arange(incidences) // 10


def cleora(nodes: int, incidences: int, dimension: int, copy: float) -> dict[str, Any]:
    """Speed of building, of a step and of whitening."""
    from basemodel_ops.cleora import build_hypergraph, hash_ids
    from basemodel_ops.cleora.cpu import CpuVectors
    from basemodel_ops.cleora.whitening import whitening_of

    node, edge = baskets(nodes, incidences)
    build = least_seconds(lambda: build_hypergraph(node, edge, nodes), 2)
    graph = build_hypergraph(node, edge, nodes)
    state = CpuVectors.start(hash_ids(np.arange(nodes)), dimension, 0, graph.degree, graph.hyperedges)
    step = least_seconds(lambda: (state.step(graph, False), state.normalise()))
    covariance = least_seconds(state.covariance)
    whitening = whitening_of(state.covariance())
    whiten = least_seconds(lambda: state.whiten(whitening))
    moved = graph.incidences * dimension * 12 / 1e9
    operations = nodes * dimension * (dimension + 16) / 1e9
    return {
        "build_million_incidences_per_s": incidences / build / 1e6,
        "step_seconds": step,
        "step_million_incidences_per_s": graph.incidences / step / 1e6,
        "step_gb_per_s": moved / step,
        "step_of_copy": moved / step / copy,
        "covariance_gflop_per_s": operations / covariance,
        "whiten_gflop_per_s": operations / whiten,
    }


def run(arguments: list[str]) -> dict[str, Any]:
    """Bandwidth of the machine and of the kernels."""
    argparse.ArgumentParser(prog="python -m benchmarks kernel", description=__doc__).parse_args(arguments)
    copy = copy_bandwidth()
    return {
        "threads": numba.get_num_threads(),
        "copy": copy,
        "cleora": {name: cleora(*shape, copy["all_threads_gb_per_s"]) for name, shape in SHAPES.items()},
    }
