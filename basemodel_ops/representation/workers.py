"""Work on shards side by side: a thread per core, each with kernels of one thread, and results in order."""

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

import numba
import numpy as np
from numba import njit, prange

Item = TypeVar("Item")
Result = TypeVar("Result")


@njit(parallel=True, cache=True)
def _touch(out: np.ndarray) -> None:
    for i in prange(len(out)):
        out[i] = i


def safe_workers() -> int:
    """Threads that may run kernels at once: numba's, or 1 where its threading layer allows no more."""
    _touch(np.zeros(2))  # the layer is chosen when the first kernel runs
    layer = numba.threading_layer()  # pyright: ignore[reportPrivateImportUsage]
    return 1 if layer == "workqueue" else numba.get_num_threads()


def parallel_map(work: Callable[[Item], Result], items: Iterable[Item], workers: int | None = None) -> Iterator[Result]:
    """`work` of each item, in order, `workers` at a time.

    A kernel that is parallel itself waits for its slowest thread at every call; shards side by side wait for nothing.
    At most `workers` items and results are in memory. Items are taken in the caller's thread.
    """
    count = min(workers or safe_workers(), safe_workers())
    if count == 1:
        yield from map(work, items)
        return
    waiting: deque[Future[Result]] = deque()
    with ThreadPoolExecutor(count, "shard", initializer=numba.set_num_threads, initargs=(1,)) as pool:
        try:
            for item in items:
                waiting.append(pool.submit(work, item))
                if len(waiting) >= count:
                    yield waiting.popleft().result()
            while waiting:
                yield waiting.popleft().result()
        finally:
            for future in waiting:
                future.cancel()
