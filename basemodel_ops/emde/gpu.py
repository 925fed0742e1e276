"""The CUDA kernel: a block of threads per entity and depth row, its sketch in shared memory."""

import numpy as np

from basemodel_ops.emde.device import array_module

THREADS = 64
"""Threads of a block: histories are short, and small blocks keep more of them in flight."""

SHARED = 48 * 1024
"""Bytes of shared memory that every device gives to a block without being asked."""

SOURCE = r"""
extern "C" __global__ void sketch_entities(
    const long long* start, const double* time, const int* codes, const float* weights, const int weighted,
    const unsigned short* table, const int depth, const int width,
    const double* cutoffs, const int count, const double* rates, const int lives, float* out)
{
    extern __shared__ float sketch[];  // (lives, width)
    const long long entity = blockIdx.x;
    const int row = blockIdx.y;
    const int cells = lives * width;
    for (int i = threadIdx.x; i < cells; i += blockDim.x) sketch[i] = 0.0f;
    long long position = start[entity];
    const long long last = start[entity + 1];
    for (int c = 0; c < count; ++c) {
        // Events ascend in time: every thread finds the same first event at or after the cutoff.
        long long low = position, high = last;
        while (low < high) {
            const long long middle = (low + high) / 2;
            if (time[middle] < cutoffs[c]) low = middle + 1; else high = middle;
        }
        __syncthreads();
        for (long long e = position + threadIdx.x; e < low; e += blockDim.x) {
            const int code = codes[e];
            if (code < 0) continue;
            const double age = cutoffs[c] - time[e];
            const float value = weighted ? weights[e] : 1.0f;
            const int cell = table[(long long)code * depth + row];
            for (int life = 0; life < lives; ++life)
                atomicAdd(&sketch[life * width + cell], value * exp2f((float)(-age * rates[life])));
        }
        position = low;
        __syncthreads();
        for (int i = threadIdx.x; i < cells; i += blockDim.x) {
            const int life = i / width;
            const long long slot = (entity * count + c) * lives + life;
            out[(slot * depth + row) * width + i % width] = sketch[i];
            if (c + 1 < count) sketch[i] *= exp2f((float)(-(cutoffs[c + 1] - cutoffs[c]) * rates[life]));
        }
    }
}
"""


def sketch_on_device(
    start: np.ndarray,
    time: np.ndarray,
    codes: np.ndarray,
    weights: np.ndarray,
    table: np.ndarray,
    width: int,
    cutoffs: np.ndarray,
    half_lives: np.ndarray,
) -> np.ndarray:
    """`sketch_histories` on a CUDA device; equal to the CPU up to the order of float32 sums.

    Arrays may be NumPy's or CuPy's; the result is on the side where `codes` is.

    Raises:
        RuntimeError: no device, or no CuPy.
        ValueError: a sketch row does not fit the shared memory of a block.
    """
    cupy = array_module()
    depth, lives = table.shape[1], len(half_lives)
    shared = lives * width * 4
    if shared > SHARED:
        raise ValueError(f"{lives} half-lives x {width} cells take {shared} bytes; a block has {SHARED}.")
    # Times count from the last cutoff: differences of days keep their digits in double.
    origin = float(cutoffs[-1])
    moments = cupy.asarray(time).astype(cupy.float64) - origin
    out = cupy.empty((len(start) - 1, len(cutoffs), lives, depth * width), cupy.float32)
    if len(out) == 0:
        return out if isinstance(codes, cupy.ndarray) else cupy.asnumpy(out)
    kernel = cupy.RawKernel(SOURCE, "sketch_entities")
    kernel(
        (len(out), depth),
        (THREADS,),
        (
            cupy.asarray(start, cupy.int64), moments, cupy.asarray(codes, cupy.int32),
            cupy.asarray(weights if len(weights) else np.zeros(1), cupy.float32), np.int32(len(weights) > 0),
            cupy.asarray(table).astype(cupy.uint16), np.int32(depth), np.int32(width),
            cupy.asarray(np.asarray(cutoffs, np.float64) - origin), np.int32(len(cutoffs)),
            cupy.asarray(1.0 / half_lives), np.int32(lives), out,
        ),
        shared_mem=shared,
    )  # fmt: skip
    return out if isinstance(codes, cupy.ndarray) else cupy.asnumpy(out)
