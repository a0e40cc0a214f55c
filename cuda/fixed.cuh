// Sums in 64-bit fixed point, which do not depend on the order of their terms: atomics stay, and results repeat
// bit for bit.
#pragma once

#include "device.cuh"

namespace saga {

// The power of two that scales terms of at most `largest` so that `terms` of them, and 2^8 times that, fit.
// A magnitude that is not finite gives NaN, which then spreads to every sum.
__device__ __forceinline__ double fixed_scale(const unsigned *largest, int64_t terms) {
    const float magnitude = __uint_as_float(*largest);
    if (!(magnitude <= 3.4028235e38f)) return magnitude - magnitude;
    const int bits = magnitude > 0.0f ? ilogbf(magnitude) + 1 : 0;
    return scalbn(1.0, 54 - bits - (64 - __clzll(terms)));
}

__device__ __forceinline__ void fixed_add(unsigned long long *sum, float term, double scale) {
    atomicAdd(sum, static_cast<unsigned long long>(__double2ll_rn(double(term) * scale)));
}

__device__ __forceinline__ float fixed_value(unsigned long long sum, double scale) {
    return float(double(static_cast<long long>(sum)) / scale);
}

constexpr int kFixedThreads = 256;

// Zeroes *largest, then sets it to the bits of the largest magnitude; NaN counts as larger than all.
cudaError_t find_largest(int64_t count, const float *values, unsigned *largest, void *stream);

// out = sums / scale, for n * c sums of at most `terms` terms.
cudaError_t fixed_to_float(int64_t count, const unsigned long long *sums, const unsigned *largest, int64_t terms,
                           float *out, void *stream);

}  // namespace saga
