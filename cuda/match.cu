// Matching: the largest product of every feature with a set of queries, in one pass over the features.
//
// A thread takes 8 Gaussians: of every channel one load of 16 bytes, which with its neighbor's fills a sector.
#include <cuda_fp16.h>

#include <algorithm>

#include "device.cuh"

namespace {

using namespace saga;

constexpr int kThreads = 256;
constexpr int kGaussians = 8;        // of a thread
constexpr int kMost = 8;             // queries of one pass
constexpr int kShared = 64 * kMost;  // query values in shared memory: 64 channels at a time

__device__ __forceinline__ void widen(const uint4 &halves, float *floats) {
    const uint32_t words[4] = {halves.x, halves.y, halves.z, halves.w};
#pragma unroll
    for (int i = 0; i < 4; ++i) {
        const float2 pair = __half22float2(*reinterpret_cast<const __half2 *>(&words[i]));
        floats[2 * i] = pair.x, floats[2 * i + 1] = pair.y;
    }
}

template <int Q>
__global__ void __launch_bounds__(kThreads)
    match_kernel(int64_t blocks, int64_t c, const uint16_t *__restrict__ features, const float *__restrict__ queries,
                 bool more, float *__restrict__ scores) {
    __shared__ float shared[kShared];
    const int64_t eight = thread_index(), block = eight / 2;
    const bool mine = block < blocks;
    const uint4 *source = reinterpret_cast<const uint4 *>(features) + block * c * 2 + eight % 2;
    float sums[Q][kGaussians] = {};
    for (int64_t first = 0; first < c; first += 64) {
        const int count = int(min(int64_t(64), c - first));
        __syncthreads();
        for (int i = threadIdx.x; i < Q * count; i += kThreads)
            shared[i / count * 64 + i % count] = queries[i / count * c + first + i % count];
        __syncthreads();
#pragma unroll 8
        for (int j = 0; j < count && mine; ++j) {
            float feature[kGaussians];
            widen(__ldg(source + (first + j) * 2), feature);
#pragma unroll
            for (int q = 0; q < Q; ++q)
#pragma unroll
                for (int i = 0; i < kGaussians; ++i) sums[q][i] += feature[i] * shared[q * 64 + j];
        }
    }
    if (!mine) return;
    float4 *out = reinterpret_cast<float4 *>(scores) + eight * 2;
    float best[kGaussians];
#pragma unroll
    for (int i = 0; i < kGaussians; ++i) {
        best[i] = sums[0][i];
#pragma unroll
        for (int q = 1; q < Q; ++q) best[i] = fmaxf(best[i], sums[q][i]);
        // Scores of the queries of an earlier pass.
        if (more) best[i] = fmaxf(best[i], reinterpret_cast<float *>(out)[i]);
    }
    out[0] = make_float4(best[0], best[1], best[2], best[3]);
    out[1] = make_float4(best[4], best[5], best[6], best[7]);
}

using Kernel = void (*)(int64_t, int64_t, const uint16_t *, const float *, bool, float *);
const Kernel kKernels[kMost] = {match_kernel<1>, match_kernel<2>, match_kernel<3>, match_kernel<4>,
                                match_kernel<5>, match_kernel<6>, match_kernel<7>, match_kernel<8>};

}  // namespace

extern "C" int saga_match(int64_t blocks, int64_t c, const uint16_t *features, int64_t q, const float *queries,
                          float *scores, void *stream) {
    for (int64_t first = 0; first < q; first += kMost) {
        const int64_t count = std::min<int64_t>(kMost, q - first);
        SAGA_TRY(launch(kKernels[count - 1], ceil_div(blocks * 2, kThreads), kThreads, stream, blocks, c, features,
                        queries + first * c, first > 0, scores));
    }
    return 0;
}
