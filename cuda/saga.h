/* The C interface of saga's native backends.
 *
 * cpu/ and cuda/ each implement it in one shared library (libsaga_cpu, libsaga_cuda). Pointers are raw
 * and belong to the caller, on the host for the CPU library and on the device for the CUDA library;
 * nothing is allocated or kept between calls. `stream` is a cudaStream_t, NULL on the CPU. Every
 * function returns 0 or an error code that saga_error_string explains.
 *
 * Shapes: n Gaussians, t tiles of SAGA_TILE x SAGA_TILE pixels, m (tile, Gaussian) pairs,
 * p pixels, c channels, q queries. All arrays are dense and row-major.
 */
#ifndef SAGA_H
#define SAGA_H

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define SAGA_TILE 16

const char *saga_error_string(int code);

#ifdef __cplusplus
}
#endif
#endif
