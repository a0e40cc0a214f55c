// Just enough of CUDA to run saga's kernels on the CPU, so that their logic is tested where no GPU is.
//
// A block runs at a time, each of its threads as a fiber that runs until it meets a barrier or a warp
// collective. The order in which ready fibers run is set by SAGA_EMULATOR_ORDER (forward, reverse, shuffle):
// a result that changes with it betrays a missing barrier. Threads that wait for one another forever,
// or that meet in different collectives, abort the program.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>

#define __global__
#define __device__
#define __host__
#define __shared__ static
#define __forceinline__ inline __attribute__((always_inline))
#define __launch_bounds__(...)
#define __align__(n) alignas(n)

struct dim3 {
    unsigned x, y, z;
    dim3(unsigned x = 1, unsigned y = 1, unsigned z = 1) : x(x), y(y), z(z) {}
};
struct float2 {
    float x, y;
};
struct alignas(16) float4 {
    float x, y, z, w;
};
struct uint2 {
    unsigned x, y;
};
struct alignas(16) uint4 {
    unsigned x, y, z, w;
};
inline float2 make_float2(float x, float y) { return {x, y}; }
inline float4 make_float4(float x, float y, float z, float w) { return {x, y, z, w}; }

// ---- Host ----

enum cudaError_t {
    cudaSuccess = 0,
    cudaErrorInvalidValue = 1,
    cudaErrorInsufficientDriver = 35,
    cudaErrorNoDevice = 100,
    cudaErrorInvalidDevice = 101
};
typedef void *cudaStream_t;
enum cudaDeviceAttr { cudaDevAttrMultiProcessorCount, cudaDevAttrComputeCapabilityMajor };
enum cudaMemcpyKind { cudaMemcpyDeviceToDevice };
struct cudaLaunchConfig_t {
    dim3 gridDim, blockDim;
    size_t dynamicSmemBytes = 0;
    cudaStream_t stream = nullptr;
};

inline cudaError_t cudaGetLastError() { return cudaSuccess; }
inline const char *cudaGetErrorString(cudaError_t) { return "emulated"; }
inline cudaError_t cudaGetDevice(int *device) { return *device = 0, cudaSuccess; }
inline cudaError_t cudaDeviceGetAttribute(int *value, cudaDeviceAttr attribute, int) {
    *value = attribute == cudaDevAttrMultiProcessorCount ? 4 : 9;
    return cudaSuccess;
}
inline cudaError_t cudaMemsetAsync(void *target, int value, size_t bytes, cudaStream_t) {
    if (bytes > 0) std::memset(target, value, bytes);
    return cudaSuccess;
}
inline cudaError_t cudaMemcpyAsync(void *target, const void *source, size_t bytes, cudaMemcpyKind, cudaStream_t) {
    if (bytes > 0) std::memmove(target, source, bytes);
    return cudaSuccess;
}

// ---- Threads ----

extern dim3 threadIdx, blockIdx, blockDim, gridDim;  // of the running fiber

namespace emulator {

// Waits for every thread of the block, or of the warp, that has not ended; `tag` must agree among them.
void block_barrier(const void *tag);
void warp_barrier(const void *tag);

int64_t *warp_slots();                          // [32]: what the lanes of a warp show each other in this collective
unsigned warp_vote(bool yes, const void *tag);  // lanes that said yes, a bit each
int block_vote(bool yes, const void *tag);      // number of threads that said yes

void run(dim3 grid, dim3 threads, void (*body)(void *), void *argument);

template <class T>
int64_t bits(T value) {
    int64_t out = 0;
    std::memcpy(&out, &value, sizeof(T));
    return out;
}
template <class T>
T value(int64_t bits) {
    T out;
    std::memcpy(&out, &bits, sizeof(T));
    return out;
}
template <class T>
T exchange(T mine, int source, const void *tag) {
    int64_t *slots = warp_slots();
    slots[threadIdx.x % 32] = bits(mine);
    warp_barrier(tag);
    return value<T>(slots[source % 32]);
}

}  // namespace emulator

template <class... Parameters, class... Arguments>
cudaError_t cudaLaunchKernelEx(const cudaLaunchConfig_t *config, void (*kernel)(Parameters...),
                               Arguments... arguments) {
    if (config->gridDim.x == 0 || config->blockDim.x == 0 || config->blockDim.x > 1024) return cudaErrorInvalidValue;
    auto body = [&] { kernel(arguments...); };
    emulator::run(config->gridDim, config->blockDim, [](void *call) { (*static_cast<decltype(body) *>(call))(); },
                  &body);
    return cudaSuccess;
}

inline void __syncthreads() { emulator::block_barrier(reinterpret_cast<void *>(&__syncthreads)); }
inline int __syncthreads_count(int predicate) {
    return emulator::block_vote(predicate != 0, reinterpret_cast<void *>(&__syncthreads_count));
}
inline int __syncthreads_and(int predicate) { return __syncthreads_count(!predicate) == 0; }
inline int __syncthreads_or(int predicate) { return __syncthreads_count(predicate) > 0; }
inline void __syncwarp(unsigned = ~0u) { emulator::warp_barrier(reinterpret_cast<void *>(&__syncwarp)); }
inline unsigned __ballot_sync(unsigned, int predicate) {
    return emulator::warp_vote(predicate != 0, reinterpret_cast<void *>(&__ballot_sync));
}
inline int __any_sync(unsigned mask, int predicate) { return __ballot_sync(mask, predicate) != 0; }
inline int __all_sync(unsigned mask, int predicate) { return __ballot_sync(mask, !predicate) == 0; }
template <class T>
T __shfl_sync(unsigned, T value, int source) {
    return emulator::exchange(value, source, reinterpret_cast<void *>(&__shfl_sync<T>));
}
template <class T>
T __shfl_xor_sync(unsigned, T value, int mask) {
    return emulator::exchange(value, int(threadIdx.x % 32) ^ mask, reinterpret_cast<void *>(&__shfl_xor_sync<T>));
}
template <class T>
T __shfl_up_sync(unsigned, T value, int delta) {
    const int lane = int(threadIdx.x % 32);
    return emulator::exchange(value, lane >= delta ? lane - delta : lane, reinterpret_cast<void *>(&__shfl_up_sync<T>));
}
template <class T>
T __shfl_down_sync(unsigned, T value, int delta) {
    const int lane = int(threadIdx.x % 32);
    return emulator::exchange(value, lane + delta < 32 ? lane + delta : lane,
                              reinterpret_cast<void *>(&__shfl_down_sync<T>));
}

// ---- Device functions ----

template <class T>
T __ldg(const T *address) {
    return *address;
}
inline int __popc(unsigned x) { return __builtin_popcount(x); }
inline int __ffs(int x) { return __builtin_ffs(x); }
inline int __clz(int x) { return x == 0 ? 32 : __builtin_clz(unsigned(x)); }
inline int __clzll(long long x) { return x == 0 ? 64 : __builtin_clzll((unsigned long long)(x)); }
inline unsigned __float_as_uint(float x) { return emulator::value<unsigned>(emulator::bits(x)); }
inline int __float_as_int(float x) { return emulator::value<int>(emulator::bits(x)); }
inline float __uint_as_float(unsigned x) { return emulator::value<float>(emulator::bits(x)); }
inline float __int_as_float(int x) { return emulator::value<float>(emulator::bits(x)); }
inline float __expf(float x) { return std::exp(x); }
inline long long __float2ll_rn(float x) { return std::llrint(x); }
inline long long __double2ll_rn(double x) { return std::llrint(x); }
using std::max;
using std::min;
inline int64_t min(int64_t a, long long b) { return a < b ? a : b; }

// One block runs at a time and fibers switch only at barriers, so plain operations are atomic.
template <class T, class U>
T atomicAdd(T *address, U value) {
    const T old = *address;
    *address = T(old + value);
    return old;
}
template <class T, class U>
T atomicMax(T *address, U value) {
    const T old = *address;
    *address = std::max(old, T(value));
    return old;
}
template <class T, class U>
T atomicMin(T *address, U value) {
    const T old = *address;
    *address = std::min(old, T(value));
    return old;
}
template <class T, class U>
T atomicOr(T *address, U value) {
    const T old = *address;
    *address = old | T(value);
    return old;
}
template <class T, class U>
T atomicExch(T *address, U value) {
    const T old = *address;
    *address = T(value);
    return old;
}
template <class T, class U, class V>
T atomicCAS(T *address, U expected, V value) {
    const T old = *address;
    if (old == T(expected)) *address = T(value);
    return old;
}
inline void __threadfence() {}
