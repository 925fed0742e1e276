"""Kernels on a GPU against the CPU path for equality, and against the device's copy bandwidth.

Runs as `python benchmarks/gpu.py [--incidences N]` on a bare machine that has numpy, torch, cupy, numba and pyarrow,
and as `python -m benchmarks gpu`. Data are generated on the device. Without a CUDA device it says so and ends well.
"""

import argparse
import json
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
    found = []
    for _ in range(times):
        start, end = cupy.cuda.Event(), cupy.cuda.Event()
        start.record()
        function()
        end.record()
        end.synchronize()
        found.append(cupy.cuda.get_elapsed_time(start, end) / 1e3)
    return min(found)


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
    from basemodel_ops.cleora.arrays import vectors_on
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
    from basemodel_ops.cleora.arrays import vectors_on
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

    things, cells = inputs // 4, inputs // 4 // 128 * 128
    shape = Shape(
        inputs=inputs, scalars=(), activity=64, thing_inputs=(tuple(range(things)),), thing_spans=2,
        sketch_inputs=(tuple(range(things, things + cells)),), composition_spans=2, width=128, hidden=hidden,
    )  # fmt: skip
    generator = np.random.default_rng(0)
    values = generator.random((rows, inputs), np.float32).astype(np.float16)
    futures = generator.random((rows, 64 + 2 * (things + cells)), np.float32).astype(np.float16)
    moments: list[float] = []
    pretrain(
        values, futures, np.arange(64) % 2 == 0, shape, 3, 0, lambda _: moments.append(time.perf_counter()),
        batch=min(4096, rows // 4), hardware=hardware,
    )  # fmt: skip
    seconds = (moments[-1] - moments[0]) / (len(moments) - 1)
    size = values.nbytes + futures.nbytes
    return {"rows_per_second": rows * 0.95 / seconds, "gb_per_s": size * 0.95 / seconds / 1e9, "seconds": seconds}


def run(arguments: list[str]) -> dict[str, Any]:
    """Equality and speed on the GPU, or why there are none."""
    parser = argparse.ArgumentParser(prog="python benchmarks/gpu.py", description=__doc__)
    parser.add_argument("--nodes", type=int, default=2_000_000, help="nodes of the Cleora graph")
    parser.add_argument("--incidences", type=int, default=200_000_000, help="incidences of the Cleora graph")
    parser.add_argument("--rows", type=int, default=200_000, help="rows that the foundation network learns from")
    parser.add_argument("--dimension", type=int, default=256, help="columns of the Cleora vectors")
    chosen = parser.parse_args(arguments)
    from basemodel_ops.cleora.arrays import has_cuda

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
        "pretraining": {
            "bf16, compiled": pretraining(chosen.rows, Hardware.found()),
            "float32, as it is written": pretraining(chosen.rows, Hardware("cuda")),
        },
    }


if __name__ == "__main__":
    sys.stdout.write(json.dumps(run(sys.argv[1:])) + "\n")
