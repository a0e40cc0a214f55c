// Errors and facts about the device.
#include "device.cuh"

extern "C" const char *saga_error_string(int code) {
    if (code == 0) return "no error";
    return cudaGetErrorString(static_cast<cudaError_t>(code - SAGA_ERROR_CUDA));
}

extern "C" int saga_threads(void) {
    int device = 0, processors = 0;
    if (cudaGetDevice(&device) != cudaSuccess) return 0;
    cudaDeviceGetAttribute(&processors, cudaDevAttrMultiProcessorCount, device);
    return processors;
}
