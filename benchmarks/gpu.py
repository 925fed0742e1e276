"""Kernels on a GPU against the CPU path for equality, and against the device's copy bandwidth.

Runs as `python benchmarks/gpu.py [--incidences N]` on a bare machine that has numpy, torch, cupy, numba and pyarrow,
and as `python -m benchmarks gpu`. Data are generated on the device. Without a CUDA device it says so and ends well.
"""

import argparse
import json
import os
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).resolve().parents[1]))


def device_seconds(function: Callable[[], object], times: int = 5) -> float:
    """Least device time of several runs, by events, after one to warm up."""
    import cupy  # pyright: ignore[reportMissingImports]

    function()
    result = []
    for _ in range(times):
        start, end = cupy.cuda.Event(), cupy.cuda.Event()
        start.record()
        function()
        end.record()
        end.synchronize()
        result.append(cupy.cuda.get_elapsed_time(start, end) / 1e3)
    return min(result)


def copy_bandwidth() -> float:
    """GB/s of a copy of 2 GB on the device, bytes read and written."""
    import cupy  # pyright: ignore[reportMissingImports]

    source = cupy.ones(2**29, cupy.float32)
    target = cupy.empty_like(source)
    return 2 * source.nbytes / device_seconds(lambda: cupy.copyto(target, source)) / 1e9


def baskets(nodes: int, incidences: int) -> Any:
    """Hypergraph on the device, ten nodes a hyperedge; the popularity of nodes falls as a power."""
    import cupy  # pyright: ignore[reportMissingImports]

    from basemodel_ops.cleora.hypergraph import Hypergraph

    cupy.random.seed(0)
    members = (nodes * cupy.random.random(incidences, dtype=cupy.float32) ** 3).astype(cupy.int32)
    cupy.minimum(members, nodes - 1, out=members)
    start = cupy.arange(0, incidences + 1, 10, dtype=cupy.int64)
    return Hypergraph(nodes, start, members[: int(start[-1])])


def cleora_equality() -> dict[str, Any]:
    """Largest differences between both paths on a graph of 20,000 nodes."""
    from basemodel_ops.cleora import embed, hash_ids
    from basemodel_ops.cleora.device import vectors_on
    from basemodel_ops.cleora.hypergraph import Hypergraph

    there = baskets(20_000, 400_000)
    graph = Hypergraph(there.nodes, there.edge_start.get(), there.edge_nodes.get())
    ids = np.arange(graph.nodes)
    states = [
        vectors_on(device).start(hash_ids(ids), 256, 0, graph.degree, graph.hyperedges) for device in ("cpu", "cuda")
    ]
    for state in states:
        state.step(graph, True)
    plain, white = (
        [embed(graph, ids, 256, 4, whiten=whiten, device=device).vectors for device in ("cpu", "cuda")]
        for whiten in (False, True)
    )
    cosines = np.einsum("ij,ij->i", *white)
    return {
        "one_step_same_bytes": states[0].take().tobytes() == states[1].take().tobytes(),
        "plain_4_largest_difference": float(np.abs(plain[0] - plain[1]).max()),
        "whitened_4_least_cosine": float(cosines[graph.connected].min()),
    }


def cleora(copy: float, nodes: int, incidences: int, dimension: int) -> dict[str, Any]:
    """Speed of a step, of the L2 norm and of whitening, against the copy."""
    import cupy  # pyright: ignore[reportMissingImports]

    from basemodel_ops.cleora import hash_ids
    from basemodel_ops.cleora.device import vectors_on
    from basemodel_ops.cleora.whitening import whitening_of

    graph = baskets(nodes, incidences)
    hyperedges = cupy.bincount(graph.edge_nodes, minlength=nodes).get()
    state = vectors_on("cuda").start(
        hash_ids(np.arange(nodes)), dimension, 0, hyperedges.astype(np.float64), hyperedges
    )
    step = device_seconds(lambda: (state.step(graph, False), state.normalise()))
    covariance = device_seconds(lambda: state.vectors.T @ state.vectors)
    whitening = whitening_of(state.covariance())
    whiten = device_seconds(lambda: state.whiten(whitening))
    moved = graph.incidences * dimension * 12 / 1e9
    return {
        "nodes": nodes,
        "incidences": graph.incidences,
        "dimension": dimension,
        "step_seconds": step,
        "step_gb_per_s": moved / step,
        "step_of_copy": moved / step / copy,
        "covariance_seconds": covariance,
        "whiten_seconds": whiten,
        "seconds_of_8_whitened_iterations_over_3e9_incidences": 8 * (step * 3e9 / incidences + covariance + whiten),
        "cpu_step_seconds_over_gpu": cpu_step_seconds(graph, hyperedges, dimension) / step,
        "cpus": os.cpu_count(),
    }


def cpu_step_seconds(graph: Any, hyperedges: np.ndarray, dimension: int) -> float:
    """Seconds of the same step and norm on all CPUs of this machine, after one to compile and to lay out."""
    from basemodel_ops.cleora import hash_ids
    from basemodel_ops.cleora.device import vectors_on
    from basemodel_ops.cleora.hypergraph import Hypergraph

    here = Hypergraph(graph.nodes, graph.edge_start.get(), graph.edge_nodes.get())
    ids = hash_ids(np.arange(graph.nodes))
    state = vectors_on("cpu").start(ids, dimension, 0, hyperedges.astype(np.float64), hyperedges)
    result = []
    for _ in range(2):
        started = time.perf_counter()
        state.step(here, False)
        state.normalise()
        result.append(time.perf_counter() - started)
    return result[-1]


def sketches(copy: float, entities: int, events: int, items: int = 100_000, width: int = 128) -> dict[str, Any]:
    """Equality of sketched histories with the CPU's, and the events a second that they take in.

    Args:
        copy: GB/s of a copy on the device.
        entities: Histories, of equal length.
        events: Events in all.
        elements: Things that events are of.
        width: Cells of each of ten depth rows.
    """
    import cupy  # pyright: ignore[reportMissingImports]

    from basemodel_ops.emde import sketch_histories

    generator = np.random.default_rng(0)
    table = generator.integers(0, width, (items, 10))
    value, half_lives = events // entities, np.array([3.0, 30.0, 180.0])
    time_of = np.sort(generator.uniform(0, 360, (entities, value)), axis=1).ravel()
    codes = generator.integers(0, items, entities * value).astype(np.int32)
    start = np.arange(entities + 1, dtype=np.int64) * value

    def sketched(count: int, device: str) -> Any:
        last = int(start[count])
        there = [cupy.asarray(values[:last]) if device == "cuda" else values[:last] for values in (time_of, codes)]
        return lambda: sketch_histories(
            start[: count + 1], *there, table, width, np.array([360.0]), half_lives, device=device  # pyright: ignore
        )  # fmt: skip

    subset = min(entities, 20_000)
    here, there = sketched(subset, "cpu"), sketched(subset, "cuda")
    expected, result = here(), there().get()
    started = time.perf_counter()
    here()
    cpu = time.perf_counter() - started
    seconds = device_seconds(sketched(entities, "cuda"))
    moved = (entities * 3 * 10 * width * 4 + events * 12) / 1e9
    return {
        "entities": entities,
        "events": entities * value,
        "largest_difference": float(np.abs(expected - result).max()),
        "events_per_second": entities * value / seconds,
        "bytes_of_copy": moved / seconds / copy,
        "cpu_seconds_over_gpu": cpu / device_seconds(there),
    }


def pretraining(rows: int, hardware: Any, inputs: int = 4096, hidden: int = 2048) -> dict[str, Any]:
    """Rows and bytes a second that the foundation network learns from, compiling and a first pass left out.

    Args:
        rows: Rows of made-up inputs and futures.
        hardware: On what to learn.
        inputs: Length of a representation; a quarter are things, a quarter cells.
        hidden: Units of a hidden layer.
    """
    from basemodel_ops.foundation import Shape, pretrain

    items, cells = inputs // 4, inputs // 4 // 128 * 128
    shape = Shape(
        inputs=inputs, scalars=(), activity=64, item_inputs=(tuple(range(items)),), item_horizons=2,
        sketch_inputs=(tuple(range(items, items + cells)),), distribution_horizons=2, width=128, hidden=hidden,
    )  # fmt: skip
    generator = np.random.default_rng(0)
    values = generator.random((rows, inputs), np.float32).astype(np.float16)
    targets = generator.random((rows, 64 + 2 * (items + cells)), np.float32).astype(np.float16)
    moments: list[float] = []

    def learn(passed: Callable[[str], None]) -> None:
        pretrain(
            values, targets, np.arange(64) % 2 == 0, shape, 3, 0, passed, batch=min(4096, rows // 4), hardware=hardware
        )  # fmt: skip

    learn(lambda _: moments.append(time.perf_counter()))
    seconds = (moments[-1] - moments[0]) / (len(moments) - 1)
    size = values.nbytes + targets.nbytes
    result = {"rows_per_second": rows * 0.95 / seconds, "gb_per_s": size * 0.95 / seconds / 1e9, "seconds": seconds}
    return result | ({"busy": busy(learn)} if hardware.device == "cuda" else {})


def busy(learn: Callable[[Callable[[str], None]], None]) -> float:
    """Share of the time after the first pass in which the GPU ran a kernel; the profiler slows the host, not the GPU.

    Args:
        learn: Learns in three passes, and calls what it is given after each.
    """
    from torch.profiler import ProfilerActivity, profile

    profiler = profile(activities=[ProfilerActivity.CUDA], acc_events=True)
    moments: list[float] = []

    def passed(_: str) -> None:
        if not moments:
            profiler.start()
        moments.append(time.perf_counter())
        if len(moments) == 3:
            profiler.stop()

    learn(passed)
    ran = sum(entry.self_device_time_total for entry in profiler.key_averages() if entry.device_type.name == "CUDA")
    return ran / 1e6 / (moments[-1] - moments[0])


def run(arguments: list[str]) -> dict[str, Any]:
    """Equality and speed on the GPU, or why there are none."""
    parser = argparse.ArgumentParser(prog="python benchmarks/gpu.py", description=__doc__)
    parser.add_argument("--nodes", type=int, default=2_000_000, help="nodes of the Cleora graph")
    parser.add_argument("--incidences", type=int, default=200_000_000, help="incidences of the Cleora graph")
    parser.add_argument("--rows", type=int, default=200_000, help="rows that the foundation network learns from")
    parser.add_argument("--entities", type=int, default=500_000, help="histories that are sketched")
    parser.add_argument("--dimension", type=int, default=256, help="columns of the Cleora vectors")
    chosen = parser.parse_args(arguments)
    from basemodel_ops.cleora.device import has_cuda

    if not has_cuda():
        return {"absent": "no CUDA device, or CuPy is not installed: nothing was measured"}
    import cupy  # pyright: ignore[reportMissingImports]

    from basemodel_ops.foundation import Hardware

    copy = copy_bandwidth()
    return {
        "device": cupy.cuda.runtime.getDeviceProperties(0)["name"].decode(),
        "copy_gb_per_s": copy,
        "cleora": {
            "equality": cleora_equality(),
            **cleora(copy, chosen.nodes, chosen.incidences, chosen.dimension),
        },
        "sketches": {
            "100 events each": sketches(copy, chosen.entities, 100 * chosen.entities),
            "10 events each": sketches(copy, chosen.entities, 10 * chosen.entities),
        },
        "pretraining": {
            "bf16, compiled": pretraining(chosen.rows, Hardware.detect()),
            "float32, as it is written": pretraining(chosen.rows, Hardware("cuda")),
            "on the CPU": pretraining(chosen.rows // 20, Hardware()),
        },
    }


if __name__ == "__main__":
    sys.stdout.write(json.dumps(run(sys.argv[1:])) + "\n")
