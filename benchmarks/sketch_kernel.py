"""How fast the sketch kernel is, per core, and how far from copying memory."""

import argparse
import time
from collections import deque
from collections.abc import Callable
from typing import Any

import numba
import numpy as np

from basemodel_ops.emde import compact, identity_codes
from basemodel_ops.emde.decay import rates_of
from basemodel_ops.emde.kernels import sketch_entities
from basemodel_ops.representation.workers import parallel_map

DEPTH, WIDTH, ITEMS = 10, 128, 200_000
HALF_LIVES = np.array([7.0, 28.0, 365.0])
SHARD = 4096
"""Entities sketched in one call; their sketches stand beyond the last cache."""


CALLS = 4
"""Shards that each thread sketches in one measurement."""


def _fastest(work: Callable[[], object], repeats: int) -> float:
    work()
    seconds = []
    for _ in range(repeats):
        started = time.perf_counter()
        work()
        seconds.append(time.perf_counter() - started)
    return min(seconds)


@numba.njit(parallel=True, nogil=True, cache=True)
def _copy(source: np.ndarray, target: np.ndarray) -> None:
    for block in numba.prange(len(source)):
        target[block] = source[block]


def _events(per_entity: int, generator: np.random.Generator) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    count = per_entity * SHARD
    time_of = np.sort(generator.uniform(0, 365, (SHARD, per_entity)), axis=1).ravel()
    codes = (ITEMS * generator.random(count) ** 3).astype(np.int32)
    return np.arange(SHARD + 1) * per_entity, time_of, codes


def run(arguments: list[str]) -> dict[str, Any]:
    """Measure short, middling and long histories on one thread and on all."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks sketch_kernel", description=__doc__)
    parser.add_argument("--repeats", type=int, default=7)
    chosen = parser.parse_args(arguments)
    generator = np.random.default_rng(0)
    table = compact(identity_codes(generator.integers(0, 2**63, ITEMS).astype(np.uint64), DEPTH, WIDTH), WIDTH)
    rates, empty, cutoffs = rates_of(HALF_LIVES), np.zeros(0, np.float32), np.full((SHARD, 1), 365.0)
    out = np.zeros((SHARD, 1, len(rates) * DEPTH * WIDTH), np.float32)
    source, target = np.ones((256, 1 << 18), np.float32), np.ones((256, 1 << 18), np.float32)  # 256 MB each
    before, rows, copies = numba.get_num_threads(), [], {}
    try:
        for threads in sorted({1, before}):
            numba.set_num_threads(threads)
            copies[threads] = 2 * source.nbytes / _fastest(lambda: _copy(source, target), chosen.repeats)
            for per_entity in (10, 100, 1000):
                start, moments, codes = _events(per_entity, generator)
                arguments_of = (start, moments, codes, empty, table, WIDTH, cutoffs)
                outs = [out, *(np.zeros_like(out) for _ in range(threads - 1))] * CALLS
                # Threads side by side, each with shards of its own, as streams are sketched.
                seconds = _fastest(
                    lambda given=arguments_of, outs=outs, threads=threads: deque(
                        parallel_map(lambda entry: sketch_entities(*given, rates, entry), outs, threads), 0
                    ),
                    chosen.repeats,
                ) / len(outs)
                # What must pass between memory and core at least: events in, sketches out.
                moved = moments.nbytes + codes.nbytes + out.nbytes
                rows.append(
                    {
                        "threads": threads, "events_per_entity": per_entity,
                        "events_per_second": round(len(codes) / seconds),
                        "events_per_second_per_thread": round(len(codes) / seconds / threads),
                        "cell_updates_per_second": round(len(codes) * DEPTH * len(rates) / seconds),
                        "gb_per_second": round(moved / seconds / 1e9, 2),
                        "share_of_copy": round(moved / seconds / copies[threads], 3),
                    }
                )  # fmt: skip
    finally:
        numba.set_num_threads(before)
    return {
        "depth": DEPTH, "width": WIDTH, "half_lives": HALF_LIVES.tolist(),
        "copy_gb_per_second": {str(threads): round(rate / 1e9, 2) for threads, rate in copies.items()}, "runs": rows,
    }  # fmt: skip
