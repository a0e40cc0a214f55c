// Errors and facts about the device.
#include "device.cuh"

extern "C" const char *saga_error_string(int code) {
    if (code == 0) return "no error";
    const auto status = static_cast<cudaError_t>(code - SAGA_ERROR_CUDA);
    switch (status) {
        case cudaErrorNoDevice:
        case cudaErrorInvalidDevice:  // of which CUB speaks where there is none
            return "no CUDA device is available";
        case cudaErrorInsufficientDriver:
            return "the NVIDIA driver is missing or too old for this library";
        default:
            return cudaGetErrorString(status);
    }
}

extern "C" int saga_threads(void) {
    int device = 0, processors = 0;
    if (cudaGetDevice(&device) != cudaSuccess) return 0;
    cudaDeviceGetAttribute(&processors, cudaDevAttrMultiProcessorCount, device);
    return processors;
}
