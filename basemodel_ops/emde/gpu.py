"""The CUDA kernel: a block of threads per entity, its sketch in shared memory."""

import numpy as np

from basemodel_ops.emde.device import array_module

THREADS = 128
"""Threads of a block: histories are short, and small blocks keep more of them in flight."""

SHARED = 48 * 1024
"""Bytes of shared memory that every device gives to a block without being asked."""

SOURCE = r"""
extern "C" __global__ void sketch_entities(
    const long long* start, const double* time, const int* codes, const float* weights, const int weighted,
    const unsigned short* table, const int depth, const int width,
    const double* moments, const int stride, const int count, const double* rates, const int lives,
    const int rows, float* out)
{
    extern __shared__ float sketch[];  // (lives, rows, width): as many depth rows as fit, from `first` on
    const long long entity = blockIdx.x;
    const double* cutoffs = moments + entity * stride;  // the stride is 0 where all entities share them
    const int first = blockIdx.y * rows;
    const int mine = min(rows, depth - first);
    const int cells = mine * width;
    for (int i = threadIdx.x; i < lives * cells; i += blockDim.x) sketch[i] = 0.0f;
    __syncthreads();
    const long long last = start[entity + 1];
    // Events ascend in time: each thread goes through its own of them once, over all cutoffs.
    long long e = start[entity] + threadIdx.x;
    for (int c = 0; c < count; ++c) {
        for (; e < last && time[e] < cutoffs[c]; e += blockDim.x) {
            const int code = codes[e];
            if (code < 0) continue;
            const double age = cutoffs[c] - time[e];
            const float value = weighted ? weights[e] : 1.0f;
            const unsigned short* cell = table + (long long)code * depth + first;
            for (int life = 0; life < lives; ++life) {
                const float faded = value * exp2f((float)(-age * rates[life]));
                for (int row = 0; row < mine; ++row)
                    atomicAdd(&sketch[life * cells + row * width + cell[row]], faded);
            }
        }
        __syncthreads();
        for (int i = threadIdx.x; i < lives * cells; i += blockDim.x) {
            const int life = i / cells;
            const long long slot = (entity * count + c) * lives + life;
            out[(slot * depth + first) * width + i % cells] = sketch[i];
            if (c + 1 < count) sketch[i] *= exp2f((float)(-(cutoffs[c + 1] - cutoffs[c]) * rates[life]));
        }
        __syncthreads();
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
    depth, half_life_count = table.shape[1], len(half_lives)
    row = half_life_count * width * 4
    if row > SHARED:
        raise ValueError(f"{half_life_count} half-lives x {width} cells take {row} bytes; a block has {SHARED}.")
    rows = min(depth, SHARED // row)
    out = cupy.empty((len(start) - 1, cutoffs.shape[-1], half_life_count, depth * width), cupy.float32)
    if out.size == 0:
        return out if isinstance(codes, cupy.ndarray) else cupy.asnumpy(out)
    # Times count from the last cutoff: differences of days keep their digits in double.
    origin = float(cutoffs.max())
    times = cupy.asarray(time).astype(cupy.float64) - origin
    stride = 0 if cutoffs.ndim == 1 else cutoffs.shape[1]
    kernel = cupy.RawKernel(SOURCE, "sketch_entities")
    kernel(
        (len(out), -(-depth // rows)),
        (THREADS,),
        (
            cupy.asarray(start, cupy.int64), times, cupy.asarray(codes, cupy.int32),
            cupy.asarray(weights if len(weights) else np.zeros(1), cupy.float32), np.int32(len(weights) > 0),
            cupy.asarray(table).astype(cupy.uint16), np.int32(depth), np.int32(width),
            cupy.asarray(np.ascontiguousarray(cutoffs, np.float64) - origin), np.int32(stride), np.int32(out.shape[1]),
            cupy.asarray(1.0 / half_lives), np.int32(half_life_count), np.int32(rows), out,
        ),
        shared_mem=rows * row,
    )  # fmt: skip
    return out if isinstance(codes, cupy.ndarray) else cupy.asnumpy(out)
