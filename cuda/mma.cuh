// Small matrix products of one warp on the tensor cores.
//
// D [16, 8] += A [16, 8] B [8, 8]. With g = lane / 4 and t = lane % 4 a lane holds
//   a: A[g][2t], A[g + 8][2t], A[g][2t + 1], A[g + 8][2t + 1]
//   b: B[2t][g], B[2t + 1][g]
//   d: D[g][2t], D[g][2t + 1], D[g + 8][2t], D[g + 8][2t + 1]
// (PTX ISA, mma.m16n8k8 for tf32, with the columns of A and the rows of B in another order.)
#pragma once

#include "device.cuh"

namespace saga {

// Nearest tf32, ties away from zero: float32 with 10 bits of mantissa.
__device__ __forceinline__ uint32_t to_tf32(float x) {
#if defined(__CUDA_ARCH__) && __CUDA_ARCH__ >= 800
    uint32_t out;
    asm("cvt.rna.tf32.f32 %0, %1;" : "=r"(out) : "f"(x));
    return out;
#else
    const uint32_t bits = __float_as_uint(x);
    return (bits & 0x7f800000u) == 0x7f800000u ? bits : (bits + 0x1000u) & 0xffffe000u;
#endif
}

__device__ __forceinline__ void mma_tf32(float (&d)[4], const uint32_t (&a)[4], const uint32_t (&b)[2]) {
#if defined(__CUDA_ARCH__) && __CUDA_ARCH__ >= 800
    asm("mma.sync.aligned.m16n8k8.row.col.f32.tf32.tf32.f32 {%0, %1, %2, %3}, {%4, %5, %6, %7}, {%8, %9}, {%0, %1, %2, "
        "%3};"
        : "+f"(d[0]), "+f"(d[1]), "+f"(d[2]), "+f"(d[3])
        : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b[0]), "r"(b[1]));
#else
    // Without tf32 units; the host never asks for it there.
    const int row = lane_id() / 4 * 4, column = lane_id() % 4 * 8;
    for (int t = 0; t < 4; ++t)
        for (int odd = 0; odd < 2; ++odd) {
            const float top = __uint_as_float(__shfl_sync(kAllLanes, a[2 * odd], row + t));
            const float bottom = __uint_as_float(__shfl_sync(kAllLanes, a[2 * odd + 1], row + t));
            const float left = __uint_as_float(__shfl_sync(kAllLanes, b[odd], column + t));
            const float right = __uint_as_float(__shfl_sync(kAllLanes, b[odd], column + 4 + t));
            d[0] += top * left, d[1] += top * right, d[2] += bottom * left, d[3] += bottom * right;
        }
#endif
}

// Whether the current device has tf32 units.
inline cudaError_t has_tf32(bool *has) {
    int device = 0, major = 0;
    cudaError_t status = cudaGetDevice(&device);
    if (status == cudaSuccess) status = cudaDeviceGetAttribute(&major, cudaDevAttrComputeCapabilityMajor, device);
    *has = major >= 8;
    return status;
}

}  // namespace saga
