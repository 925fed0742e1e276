"""The GPU against the CPU; without a GPU, its code with numpy for CuPy and its kernels thread by thread on the host."""

import ctypes
import importlib
import shutil
import subprocess
import sys
import types
from pathlib import Path

import numpy as np
import pytest

from basemodel_ops.cleora import build_hypergraph, embed, embed_stream, hash_ids
from basemodel_ops.cleora.cpu import CpuVectors
from basemodel_ops.cleora.device import has_cuda, vectors_on
from basemodel_ops.cleora.layout import to_blocks
from basemodel_ops.cleora.markov_weights import markov_weights_of
from basemodel_ops.errors import SettingsError
from tests.basemodel_ops.cleora.dense import unit

needs_cuda = pytest.mark.skipif(not has_cuda(), reason="no CUDA device, or no CuPy")
SOURCE = Path(__file__).parents[3] / "basemodel_ops" / "cleora" / "cuda.cu"

HOST = """
#include <math.h>
#define __global__ static
struct D { long long x, y; };
static D blockIdx, blockDim, threadIdx, gridDim;
static float __fadd_rn(float a, float b) { return a + b; }
static float __fsub_rn(float a, float b) { return a - b; }
static float __fmul_rn(float a, float b) { return a * b; }
static float __fdiv_rn(float a, float b) { return a / b; }
static int __float2int_rn(float a) { return (int)lrintf(a); }
static float __shfl_xor_sync(unsigned, float a, int) { return a; }
static long long __float2ll_rn(float a) { return llrintf(a); }
template <class T> static void atomicAdd(T* a, T b) { *a += b; }
#define EACH(gx, gy, bx, by, call) gridDim = {gx, gy}; blockDim = {bx, by}; \\
  for (blockIdx.x = 0; blockIdx.x < gridDim.x; ++blockIdx.x) \\
  for (blockIdx.y = 0; blockIdx.y < gridDim.y; ++blockIdx.y) \\
  for (threadIdx.x = 0; threadIdx.x < blockDim.x; ++threadIdx.x) \\
  for (threadIdx.y = 0; threadIdx.y < blockDim.y; ++threadIdx.y) call;
"""
CALLS = """
extern "C" void host_hashed_start(
    const unsigned long long* hashes, float* out, long long nodes, int dimension, unsigned long long first)
{ EACH(3, 1, 64, 1, hashed_start(hashes, out, nodes, dimension, first)) }
extern "C" void host_scatter(
    const long long* start, const int* members, const float* weights, const float* inverse, const float* hub_inverse,
    const float* vectors, int* sums, unsigned long long* hub_sums, long long edges, int dimension)
{
  EACH((edges + 7) / 8, (dimension + 127) / 128, 32, 8,
       scatter(start, members, weights, inverse, hub_inverse, vectors, sums, hub_sums, edges, dimension))
}
extern "C" void host_finish(
    const int* sums, const float* inverse, const float* mean, float* out, long long nodes, int dimension)
{ EACH(3, 1, 64, 1, finish(sums, inverse, mean, out, nodes, dimension)) }
"""


@pytest.fixture(scope="module")
def host(tmp_path_factory):
    """The CUDA source's kernels, compiled for the host."""
    compiler = shutil.which("g++")
    if compiler is None:
        pytest.skip("no g++ to compile the CUDA source for the host")
    folder = tmp_path_factory.mktemp("host")
    (folder / "host.cpp").write_text(HOST + SOURCE.read_text().replace('extern "C"', "") + CALLS)
    options = ["-O1", "-ffp-contract=off", "-shared", "-fPIC", "-o", str(folder / "host.so"), str(folder / "host.cpp")]
    subprocess.run([compiler, *options], check=True)
    return ctypes.CDLL(str(folder / "host.so"))


class HostModule:
    """A `cupy.RawModule` whose kernels run on the host."""

    library: ctypes.CDLL

    def __init__(self, code: str) -> None:
        assert code == SOURCE.read_text()

    def get_function(self, name: str):
        def launch(grid, block, arguments):
            assert all(isinstance(size, int) for size in (*grid, *block))
            if name == "unit_rows":  # a warp cannot be run thread by thread
                vectors, nodes, dimension = arguments
                assert vectors.shape == (nodes, dimension)
                vectors[:] = unit(vectors)
                return
            kinds = {np.int64: ctypes.c_longlong, np.uint64: ctypes.c_ulonglong, np.int32: ctypes.c_int}
            values = [
                ctypes.c_void_p(value.ctypes.data) if isinstance(value, np.ndarray) else kinds[type(value)](int(value))
                for value in arguments
            ]
            getattr(self.library, f"host_{name}")(*values)

        return launch


@pytest.fixture
def cuda_vectors(host, monkeypatch):
    """`CudaVectors` with numpy in CuPy's place."""
    HostModule.library = host
    names = ("float32", "int32", "int64", "asarray", "empty", "zeros", "matmul")
    cupy = types.SimpleNamespace(RawModule=HostModule, asnumpy=np.array, **{name: getattr(np, name) for name in names})
    monkeypatch.setitem(sys.modules, "cupy", cupy)
    monkeypatch.delitem(sys.modules, "basemodel_ops.cleora.cuda", raising=False)
    result = importlib.import_module("basemodel_ops.cleora.cuda").CudaVectors
    monkeypatch.setattr(result, "available", staticmethod(lambda: 10**9))
    yield result
    sys.modules.pop("basemodel_ops.cleora.cuda", None)


def rows_of(is_weighted):
    generator = np.random.default_rng(0)
    nodes, edges = generator.integers(0, 200, 3000), generator.integers(0, 400, 3000)
    return nodes, edges, generator.random(3000) if is_weighted else None


@pytest.mark.parametrize("is_weighted", [False, True])
@pytest.mark.parametrize("dimension", [16, 150])
def test_the_cuda_step_equals_the_cpus_to_the_byte(cuda_vectors, is_weighted, dimension):
    graph = build_hypergraph(*rows_of(is_weighted)[:2], 201, rows_of(is_weighted)[2])
    shares = markov_weights_of(graph.degree, graph.hyperedges, hub_above=15)
    assert 20 < len(shares.hubs) < 150
    vectors = np.random.default_rng(1).uniform(-1, 1, (201, dimension)).astype(np.float32)
    cpu = CpuVectors(to_blocks(vectors, np.arange(201)), dimension, np.arange(201), shares)
    cuda = cuda_vectors(vectors.copy(), shares)
    for _ in range(2):
        assert cpu.step(graph, True).tobytes() == cuda.step(graph, True).tobytes()
        assert cpu.take().tobytes() == cuda.take().tobytes()


@pytest.mark.parametrize("whiten", [False, True])
@pytest.mark.parametrize("is_weighted", [False, True])
def test_the_cuda_path_equals_the_cpu(cuda_vectors, monkeypatch, whiten, is_weighted):
    nodes, edges, weights = rows_of(is_weighted)
    graph, ids = build_hypergraph(nodes, edges, 201, weights), np.arange(201)

    def chunks():
        for part in range(4):
            here = edges % 4 == part
            yield (nodes[here], edges[here]) if weights is None else (nodes[here], edges[here], weights[here])

    cpu = embed(graph, ids, 48, 4, whiten=whiten, device="cpu")
    monkeypatch.setattr("basemodel_ops.cleora.embedding.vectors_on", lambda device: cuda_vectors)
    for cuda in (embed(graph, ids, 48, 4, whiten=whiten), embed_stream(chunks, ids, 48, 4, whiten=whiten)):
        for name in ("vectors", "previous", "mean"):
            np.testing.assert_allclose(getattr(cuda, name), getattr(cpu, name), atol=1e-3 if whiten else 1e-5)


@pytest.mark.skipif(has_cuda(), reason="there is a CUDA device")
def test_a_missing_device_is_refused_and_auto_falls_to_the_cpu():
    with pytest.raises(SettingsError, match="needs CuPy and a CUDA device"):
        vectors_on("cuda")
    assert vectors_on("auto") is CpuVectors


@pytest.mark.gpu
@needs_cuda
@pytest.mark.parametrize("whiten", [False, True])
@pytest.mark.parametrize("is_weighted", [False, True])
def test_the_gpu_equals_the_cpu(whiten, is_weighted):
    nodes, edges, weights = rows_of(is_weighted)
    graph, ids = build_hypergraph(nodes, edges, 201, weights), np.arange(201)
    cpu, gpu = (embed(graph, ids, 96, 4, whiten=whiten, device=device) for device in ("cpu", "cuda"))
    np.testing.assert_allclose(gpu.vectors, cpu.vectors, atol=1e-3 if whiten else 1e-5)
    np.testing.assert_allclose(gpu.previous, cpu.previous, atol=1e-3 if whiten else 1e-5)


@pytest.mark.gpu
@needs_cuda
def test_a_step_on_the_gpu_equals_the_cpus_to_the_byte():
    nodes, edges, weights = rows_of(True)
    graph, hashes = build_hypergraph(nodes, edges, 201, weights), hash_ids(np.arange(201))
    states = [vectors_on(device).start(hashes, 150, 0, graph.degree, graph.hyperedges) for device in ("cpu", "cuda")]
    for state in states:
        state.step(graph, True)
    assert states[0].take().tobytes() == states[1].take().tobytes()


@pytest.mark.gpu
@needs_cuda
def test_a_stream_on_the_gpu_equals_the_cpus():
    nodes, edges, _ = rows_of(False)

    def chunks():
        for part in range(4):
            yield nodes[edges % 4 == part], edges[edges % 4 == part]

    cpu, gpu = (embed_stream(chunks, np.arange(201), 64, 4, whiten=False, device=device) for device in ("cpu", "cuda"))
    np.testing.assert_allclose(gpu.vectors, cpu.vectors, atol=1e-5)
