// The two loops of a Cleora step, as in kernels.py: means of hyperedges, added to their members' integer sums.
// Products and sums are written with round-to-nearest intrinsics, so that no fused multiply-add changes a bit
// against the CPU; integer atomics are exact, so that the order of hyperedges does not either.

#define TILE 4        // columns of a thread, 32 apart: four loads under way at once, each coalesced over the warp
#define UNIT 1073741824.0f

extern "C" __global__ void scatter(
    const long long* start, const int* members, const float* weights, const float* inverse, const float* hub_inverse,
    const float* vectors, int* sums, unsigned long long* hub_sums, long long edges, int dimension)
{
    long long edge = (long long)blockIdx.x * blockDim.y + threadIdx.y;
    int column = blockIdx.y * 32 * TILE + threadIdx.x;
    if (edge >= edges) return;
    long long low = start[edge], high = start[edge + 1];
    float mean[TILE];
    for (int k = 0; k < TILE; ++k) mean[k] = 0.0f;
    float total = 0.0f;
    for (long long at = low; at < high; ++at) {
        const float* row = vectors + (long long)members[at] * dimension + column;
        float weight = weights ? weights[at] : 1.0f;
        total = __fadd_rn(total, weight);
        for (int k = 0; k < TILE; ++k)
            if (column + 32 * k < dimension) mean[k] = __fadd_rn(mean[k], __fmul_rn(row[32 * k], weight));
    }
    float share = __fdiv_rn(1.0f, total);
    for (int k = 0; k < TILE; ++k) mean[k] = __fmul_rn(mean[k], share);
    for (long long at = low; at < high; ++at) {
        long long node = members[at];
        float weight = weights ? weights[at] : 1.0f;
        if (inverse[node] > 0.0f) {
            int* row = sums + node * dimension + column;
            float factor = __fmul_rn(weight, inverse[node]);
            for (int k = 0; k < TILE; ++k)
                if (column + 32 * k < dimension) atomicAdd(row + 32 * k, __float2int_rn(__fmul_rn(mean[k], factor)));
        } else {
            long long hub = (long long)(-inverse[node]) - 1;
            unsigned long long* row = hub_sums + hub * dimension + column;
            float factor = __fmul_rn(weight, hub_inverse[hub]);
            for (int k = 0; k < TILE; ++k)
                if (column + 32 * k < dimension)
                    atomicAdd(row + 32 * k, (unsigned long long)__float2ll_rn(__fmul_rn(mean[k], factor)));
        }
    }
}

// Sums to vectors, less the mean; isolated nodes are zero.
extern "C" __global__ void finish(
    const int* sums, const float* inverse, const float* mean, float* vectors, long long nodes, int dimension)
{
    long long stride = (long long)gridDim.x * blockDim.x;
    for (long long i = (long long)blockIdx.x * blockDim.x + threadIdx.x; i < nodes * dimension; i += stride) {
        long long node = i / dimension;
        float value = __fsub_rn(__fmul_rn((float)sums[i], 1.0f / UNIT), mean[i - node * dimension]);
        vectors[i] = inverse[node] != 0.0f ? value : 0.0f;
    }
}

// Rows to unit length, one warp a row; zero rows stay zero.
extern "C" __global__ void unit_rows(float* vectors, long long nodes, int dimension)
{
    long long node = (long long)blockIdx.x * blockDim.y + threadIdx.y;
    if (node >= nodes) return;
    float* row = vectors + node * dimension;
    float square = 0.0f;
    for (int column = threadIdx.x; column < dimension; column += 32) square += row[column] * row[column];
    for (int away = 16; away > 0; away /= 2) square += __shfl_xor_sync(0xffffffffu, square, away);
    float factor = square > 0.0f ? 1.0f / sqrtf(square) : 0.0f;
    for (int column = threadIdx.x; column < dimension; column += 32) row[column] *= factor;
}

// U(-1, 1) from the hash of the id, the column and the seed, as hashed_start in kernels.py.
extern "C" __global__ void hashed_start(
    const unsigned long long* hashes, float* vectors, long long nodes, int dimension, unsigned long long first)
{
    long long stride = (long long)gridDim.x * blockDim.x;
    for (long long i = (long long)blockIdx.x * blockDim.x + threadIdx.x; i < nodes * dimension; i += stride) {
        long long node = i / dimension;
        unsigned long long z = hashes[node] + 0x9E3779B97F4A7C15ull * (first + (unsigned long long)(i - node * dimension));
        z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9ull;
        z = (z ^ (z >> 27)) * 0x94D049BB133111EBull;
        z = z ^ (z >> 31);
        vectors[i] = (float)((int)(z >> 41) * 2 + 1) * (1.0f / 8388608.0f) - 1.0f;
    }
}
