"""The GPU against the CPU; without a GPU, the CUDA source's loops run thread by thread on the host."""

import ctypes
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest

from basemodel_ops.cleora import build_hypergraph, embed, embed_stream, hash_ids
from basemodel_ops.cleora.arrays import has_cuda, vectors_on
from basemodel_ops.cleora.cpu import CpuVectors
from basemodel_ops.cleora.layout import hashed_blocks, to_blocks, to_rows
from basemodel_ops.cleora.shares import HUB_BITS, shares_of
from basemodel_ops.errors import SettingsError

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
extern "C" void host_start(
    const unsigned long long* hashes, float* out, long long nodes, int dimension, long long first)
{ EACH(3, 1, 64, 1, hashed_start(hashes, out, nodes, dimension, first)) }
extern "C" void host_step(const long long* start, const int* members, const float* weights, const float* inverse,
    const float* hub_inverse, const float* vectors, int* sums, unsigned long long* hub_sums, const long long* hubs,
    const float* mean, float* out, long long edges, long long nodes, int hub_count, int bits, int dimension)
{
  EACH((edges + 7) / 8, (dimension + 127) / 128, 32, 8,
       scatter(start, members, weights, inverse, hub_inverse, vectors, sums, hub_sums, edges, dimension))
  for (int hub = 0; hub < hub_count; ++hub) for (int k = 0; k < dimension; ++k)
    sums[hubs[hub] * dimension + k] = ((long long)hub_sums[hub * dimension + k] + (1ll << (bits - 1))) >> bits;
  EACH(3, 1, 64, 1, finish(sums, inverse, mean, out, nodes, dimension))
}
"""


@pytest.fixture(scope="module")
def host(tmp_path_factory):
    compiler = shutil.which("g++")
    if compiler is None:
        pytest.skip("no g++ to compile the CUDA source for the host")
    folder = tmp_path_factory.mktemp("host")
    (folder / "host.cpp").write_text(HOST + SOURCE.read_text().replace('extern "C"', "") + CALLS)
    options = ["-O1", "-ffp-contract=off", "-shared", "-fPIC", "-o", str(folder / "host.so"), str(folder / "host.cpp")]
    subprocess.run([compiler, *options], check=True)
    return ctypes.CDLL(str(folder / "host.so"))


def pointer(array):
    return ctypes.c_void_p(None if array is None else array.ctypes.data)


def rows_of(is_weighted):
    generator = np.random.default_rng(0)
    nodes, edges = generator.integers(0, 200, 3000), generator.integers(0, 400, 3000)
    return nodes, edges, generator.random(3000) if is_weighted else None


def test_the_cuda_start_equals_the_cpus(host):
    hashes = hash_ids(np.arange(100))
    out = np.empty((100, 40), np.float32)
    host.host_start(pointer(hashes), pointer(out), ctypes.c_longlong(100), 40, ctypes.c_longlong(1 + 3 * 1_000_003))
    assert out.tobytes() == to_rows(hashed_blocks(hashes, 40, 3), np.arange(100), 40).tobytes()


@pytest.mark.parametrize("is_weighted", [False, True])
@pytest.mark.parametrize("dimension", [16, 150])
def test_the_cuda_step_equals_the_cpus_to_the_byte(host, is_weighted, dimension):
    nodes, edges, weights = rows_of(is_weighted)
    graph = build_hypergraph(nodes, edges, 201, weights)
    shares = shares_of(graph.degree, graph.hyperedges, hub_above=15)
    assert 20 < len(shares.hubs) < 150
    vectors = np.random.default_rng(1).uniform(-1, 1, (201, dimension)).astype(np.float32)
    state = CpuVectors(to_blocks(vectors, np.arange(201)), dimension, np.arange(201), shares)
    sums = np.zeros(vectors.shape, np.int32)
    hub_sums = np.zeros((len(shares.hubs), dimension), np.int64)
    mean = np.ascontiguousarray(state.step(graph, True))
    out = np.empty_like(vectors)
    host.host_step(
        pointer(graph.edge_start), pointer(graph.edge_nodes), pointer(graph.weights), pointer(shares.inverse),
        pointer(shares.hub_inverse), pointer(vectors), pointer(sums), pointer(hub_sums), pointer(shares.hubs),
        pointer(mean), pointer(out), ctypes.c_longlong(graph.edges), ctypes.c_longlong(201),
        len(shares.hubs), HUB_BITS, dimension,
    )  # fmt: skip
    assert out.tobytes() == state.take().tobytes()


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
