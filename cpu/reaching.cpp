// Which Gaussians can reach a picture, told by spheres around them.
#include "common.hpp"
#include "host.h"

namespace {

constexpr int64_t kShare = 1 << 14;  // Gaussians that a thread takes at a time

SAGA_CLONES void look(int64_t begin, int64_t end, const float *__restrict means, const float *__restrict scales,
                      const float *given, const float *least, uint8_t *__restrict inside) {
    float sides[5][5];
    for (int k = 0; k < 5; ++k) {
        for (int j = 0; j < 4; ++j) sides[k][j] = given[4 * k + j];
        sides[k][4] = least[k];
    }
#pragma omp simd
    for (int64_t i = begin; i < end; ++i) {
        const float x = means[3 * i], y = means[3 * i + 1], z = means[3 * i + 2];
        const float s01 = scales[3 * i] > scales[3 * i + 1] ? scales[3 * i] : scales[3 * i + 1];
        const float s = s01 > scales[3 * i + 2] ? s01 : scales[3 * i + 2];
        int32_t all = 1;
        for (int k = 0; k < 5; ++k)
            all &= sides[k][0] * x + sides[k][1] * y + sides[k][2] * z + sides[k][3] * s - sides[k][4] >= 0.0f;
        inside[i] = uint8_t(all);
    }
}

}  // namespace

extern "C" int saga_reaching(int64_t n, const float *means, const float *scales, const float *sides, const float *least,
                             uint8_t *inside) {
#pragma omp parallel for schedule(dynamic)
    for (int64_t begin = 0; begin < n; begin += kShare)
        look(begin, begin + kShare < n ? begin + kShare : n, means, scales, sides, least, inside);
    return 0;
}
