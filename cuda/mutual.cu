// Which of each point's nearest have the point among theirs: one thread per entry.
#include "device.cuh"

namespace {

constexpr int kThreads = 256;

__global__ void __launch_bounds__(kThreads)
    mutual_kernel(int64_t n, int64_t k, const int32_t *__restrict__ indices, uint8_t *__restrict__ mutual) {
    const int64_t entry = saga::thread_index();
    if (entry >= n * k) return;
    const int32_t point = int32_t(entry / k);
    const int32_t *row = indices + indices[entry] * k;
    bool found = false;
    for (int64_t p = 0; p < k; ++p) found |= row[p] == point;
    mutual[entry] = found;
}

}  // namespace

extern "C" int saga_mutual_neighbors(int64_t n, int64_t k, const int32_t *indices, uint8_t *mutual, void *stream) {
    SAGA_TRY(saga::launch(mutual_kernel, saga::ceil_div(n * k, kThreads), kThreads, stream, n, k, indices, mutual));
    return 0;
}
