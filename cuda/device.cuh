// What the translation units of the CUDA backend share: launching, errors, workspaces, warps.
#pragma once

#include <cuda_runtime.h>

#include <cstdint>

#include "blend.h"
#include "saga.h"

// Returns the code of a failed CUDA call from a function of the C interface.
#define SAGA_TRY(call)                                                  \
    do {                                                                \
        const cudaError_t saga_status = (call);                         \
        if (saga_status != cudaSuccess) return saga::code(saga_status); \
    } while (0)

namespace saga {

constexpr int kWarp = 32;
constexpr unsigned kAllLanes = 0xffffffffu;

// The C interface's code of a CUDA error.
inline int code(cudaError_t status) { return status == cudaSuccess ? 0 : SAGA_ERROR_CUDA + int(status); }

template <class... Parameters, class... Arguments>
cudaError_t launch(void (*kernel)(Parameters...), int64_t blocks, int threads, void *stream, Arguments... arguments) {
    if (blocks == 0) return cudaSuccess;
    cudaLaunchConfig_t config = {};
    config.gridDim = dim3(unsigned(blocks));
    config.blockDim = dim3(unsigned(threads));
    config.stream = static_cast<cudaStream_t>(stream);
    return cudaLaunchKernelEx(&config, kernel, Parameters(arguments)...);
}

SAGA_INLINE int64_t ceil_div(int64_t a, int64_t b) { return (a + b - 1) / b; }

// Splits a workspace into aligned arrays. With a null workspace only `size` means anything.
class Arena {
  public:
    explicit Arena(void *workspace) : begin(static_cast<char *>(workspace)) {}
    template <class T>
    T *take(int64_t count) {
        T *array = reinterpret_cast<T *>(begin + size);
        size += ceil_div(count * int64_t(sizeof(T)), 256) * 256;
        return array;
    }
    int64_t size = 0;

  private:
    char *begin;
};

__device__ __forceinline__ int lane_id() { return threadIdx.x % kWarp; }
__device__ __forceinline__ int warp_id() { return threadIdx.x / kWarp; }
__device__ __forceinline__ int64_t thread_index() { return int64_t(blockIdx.x) * blockDim.x + threadIdx.x; }

template <class T>
__device__ __forceinline__ T warp_sum(T value) {
    for (int step = kWarp / 2; step > 0; step /= 2) value += __shfl_xor_sync(kAllLanes, value, step);
    return value;
}
__device__ __forceinline__ float warp_max(float value) {
    for (int step = kWarp / 2; step > 0; step /= 2) value = fmaxf(value, __shfl_xor_sync(kAllLanes, value, step));
    return value;
}
__device__ __forceinline__ float warp_min(float value) { return -warp_max(-value); }

SAGA_INLINE int tile_columns(const saga_camera &camera) { return (camera.width + SAGA_TILE - 1) / SAGA_TILE; }
SAGA_INLINE int tile_rows(const saga_camera &camera) { return (camera.height + SAGA_TILE - 1) / SAGA_TILE; }

}  // namespace saga
