// Pictures in CIELAB and how strongly their colors change (see host.h).
#include <algorithm>
#include <cmath>
#include <cstring>
#include <vector>

#include "host.h"
#include "simd.hpp"

namespace {

// sRGB to XYZ (BT.709 primaries), each row over the white point of D65.
constexpr double kWhite[3] = {0.95047, 1.0, 1.08883};
constexpr double kXyz[3][3] = {{0.412453 / kWhite[0], 0.357580 / kWhite[0], 0.180423 / kWhite[0]},
                               {0.212671, 0.715160, 0.072169},
                               {0.019334 / kWhite[2], 0.119193 / kWhite[2], 0.950227 / kWhite[2]}};

// Light of each of the 256 levels.
struct Light {
    double of[256];
    Light() {
        for (int i = 0; i < 256; ++i) {
            const double level = i / 255.0;
            of[i] = level > 0.04045 ? std::pow((level + 0.055) / 1.055, 2.4) : level / 12.92;
        }
    }
};

// Cube root by Halley's steps, each of which triples the digits, from a guess that is off by 3 % at most. Differences of
// roots are multiplied by 500, so the last step is taken in double precision.
inline double cube_root(double t) {
    const float single = float(t);
    int32_t bits;
    std::memcpy(&bits, &single, 4);
    bits = int32_t(float(bits) * (1.0f / 3.0f)) + 709921077;
    float guess;
    std::memcpy(&guess, &bits, 4);
    const float third = guess * guess * guess;
    const double y = guess * ((third + 2 * single) / (2 * third + single));
    const double cube = y * y * y;
    return y * ((cube + 2 * t) / (2 * cube + t));
}

inline double lightness(double t) { return t > 0.008856 ? cube_root(t) : 7.787 * t + 16.0 / 116.0; }

// One row: rgb [width, 3] to L, a and b [width] each; linear has room for 3 width.
SAGA_CLONES void lab_row(int64_t width, const uint8_t *rgb, const double *light, double *linear, float *L, float *a,
                         float *b) {
    for (int64_t c = 0; c < 3; ++c)
        for (int64_t x = 0; x < width; ++x) linear[c * width + x] = light[rgb[3 * x + c]];
    for (int64_t x = 0; x < width; ++x) {
        const double red = linear[x], green = linear[width + x], blue = linear[2 * width + x];
        const double fx = lightness(kXyz[0][0] * red + kXyz[0][1] * green + kXyz[0][2] * blue);
        const double fy = lightness(kXyz[1][0] * red + kXyz[1][1] * green + kXyz[1][2] * blue);
        const double fz = lightness(kXyz[2][0] * red + kXyz[2][1] * green + kXyz[2][2] * blue);
        L[x] = float(116 * fy - 16), a[x] = float(500 * (fx - fy)), b[x] = float(200 * (fy - fz));
    }
}

// Position within 0 .. size - 1 of one beyond, mirrored at the outer side of the first and the last.
inline int64_t mirrored(int64_t i, int64_t size) {
    const int64_t period = 2 * size;
    i = ((i % period) + period) % period;
    return i < size ? i : period - 1 - i;
}

// out += weight * in
SAGA_CLONES void add(int64_t count, float weight, const float *in, float *out) {
    for (int64_t x = 0; x < count; ++x) out[x] += weight * in[x];
}

// Smooths rows [width] with a kernel of 2 radius + 1 weights; `wide` has room for width + 2 radius.
void smooth_row(int64_t width, int64_t radius, const float *kernel, const float *in, float *wide, float *out) {
    for (int64_t i = -radius; i < width + radius; ++i) wide[i + radius] = in[mirrored(i, width)];
    std::fill(out, out + width, 0.0f);
    for (int64_t k = 0; k <= 2 * radius; ++k) add(width, kernel[k], wide + k, out);
}

// Adds the squared gradient of one channel along a row, from the row above, itself and the one below; each of these has
// a mirrored value before its first and after its last.
SAGA_CLONES void add_squares(int64_t width, const float *above, const float *here, const float *below, float *squares) {
    for (int64_t x = 0; x < width; ++x) {
        const float across = (above[x + 2] - above[x]) + 2 * (here[x + 2] - here[x]) + (below[x + 2] - below[x]);
        const float down = (below[x] - above[x]) + 2 * (below[x + 1] - above[x + 1]) + (below[x + 2] - above[x + 2]);
        squares[x] += (across / 8) * (across / 8) + (down / 8) * (down / 8);
    }
}

}  // namespace

extern "C" int saga_color_edges(int64_t height, int64_t width, const uint8_t *rgb, int64_t radius, const float *kernel,
                                float *lab, float *gradient) {
    static const Light light;
    if (height == 0 || width == 0) return 0;
    const int64_t size = height * width;
    std::vector<float> planes(3 * size), across(3 * size);
#pragma omp parallel
    {
        std::vector<float> wide(width + 2 * radius);
        std::vector<double> linear(3 * width);
#pragma omp for schedule(static)
        for (int64_t y = 0; y < height; ++y) {
            float *row[3];
            for (int c = 0; c < 3; ++c) row[c] = &planes[c * size + y * width];
            lab_row(width, rgb + 3 * y * width, light.of, linear.data(), row[0], row[1], row[2]);
            for (int64_t x = 0; x < width; ++x)
                for (int c = 0; c < 3; ++c) lab[3 * (y * width + x) + c] = row[c][x];
            for (int c = 0; c < 3; ++c)
                smooth_row(width, radius, kernel, row[c], wide.data(), &across[c * size + y * width]);
        }
#pragma omp for schedule(static)
        for (int64_t y = 0; y < height; ++y)
            for (int c = 0; c < 3; ++c) {
                float *out = &planes[c * size + y * width];
                std::fill(out, out + width, 0.0f);
                for (int64_t k = -radius; k <= radius; ++k)
                    add(width, kernel[k + radius], &across[c * size + mirrored(y + k, height) * width], out);
            }
        std::vector<float> rows[3];
        for (auto &row : rows) row.resize(width + 2);
#pragma omp for schedule(static)
        for (int64_t y = 0; y < height; ++y) {
            std::fill(gradient + y * width, gradient + (y + 1) * width, 0.0f);
            for (int c = 0; c < 3; ++c) {
                for (int k = 0; k < 3; ++k) {
                    const float *in = &planes[c * size + mirrored(y + k - 1, height) * width];
                    std::copy(in, in + width, rows[k].begin() + 1);
                    rows[k][0] = in[0], rows[k][width + 1] = in[width - 1];
                }
                add_squares(width, rows[0].data(), rows[1].data(), rows[2].data(), gradient + y * width);
            }
            for (int64_t x = 0; x < width; ++x) gradient[y * width + x] = std::sqrt(gradient[y * width + x]);
        }
    }
    return 0;
}
