/* Projection, tile tests and the blending formula, written once for the CPU and the CUDA backend.
 *
 * Conventions: gsplat's "classic" mode. EWA projection with a dilation of 0.3 px^2, near plane 0.01,
 * alpha = min(0.999, o exp(-sigma)), alpha < 1/255 is skipped, a pixel ends where its transmittance
 * would fall to 1e-4 or below, pixel centers lie at +0.5.
 */
#ifndef SAGA_BLEND_H
#define SAGA_BLEND_H

#include <math.h>

#include "saga.h"

#ifdef __CUDACC__
#define SAGA_INLINE __host__ __device__ __forceinline__
#else
#define SAGA_INLINE static inline __attribute__((always_inline))
#endif

#define SAGA_DILATION 0.3f
#define SAGA_NEAR 0.01f
#define SAGA_ALPHA_MAX 0.999f
#define SAGA_ALPHA_MIN (1.0f / 255.0f)
#define SAGA_TRANSMITTANCE_MIN 1e-4f

/* Widens bounds so that rounding never drops a pixel that the alpha test keeps. */
#define SAGA_SIGMA_SLACK 1e-3f
#define SAGA_EXTENT_SLACK 0.01f

/* exp(x) for x <= 0, relative error below 2e-7; branch-free, so that compilers vectorize it. */
SAGA_INLINE float saga_exp(float x) {
#ifdef __CUDA_ARCH__
    return __expf(x);
#else
    x = x < -87.0f ? -87.0f : x;
    const float shifted = x * 1.44269504f + 12582912.0f; /* 1.5 * 2^23: rounds to an integer */
    const float whole = shifted - 12582912.0f;
    const float r = (x - whole * 0.693359375f) + whole * 2.12194440e-4f;
    float poly = 1.9875691500e-4f;
    poly = poly * r + 1.3981999507e-3f;
    poly = poly * r + 8.3334519073e-3f;
    poly = poly * r + 4.1665795894e-2f;
    poly = poly * r + 1.6666665459e-1f;
    poly = poly * r + 5.0000001201e-1f;
    poly = poly * r * r + r + 1.0f;
    union {
        float f;
        int32_t i;
    } power;
    power.i = ((int32_t)whole + 127) << 23;
    return poly * power.f;
#endif
}

/* log(x) for positive normal x, absolute error below 1e-6; branch-free. */
SAGA_INLINE float saga_log(float x) {
#ifdef __CUDA_ARCH__
    return logf(x);
#else
    union {
        float f;
        int32_t i;
    } value;
    value.f = x;
    const int32_t from = 0x3f3504f3; /* the square root of 1/2: the mantissa is brought to between that and twice it */
    const int32_t exponent = (value.i - from) >> 23;
    value.i -= exponent << 23;
    const float r = value.f - 1.0f;
    float poly = 7.0376836292e-2f;
    poly = poly * r - 1.1514610310e-1f;
    poly = poly * r + 1.1676998740e-1f;
    poly = poly * r - 1.2420140846e-1f;
    poly = poly * r + 1.4249322787e-1f;
    poly = poly * r - 1.6668057665e-1f;
    poly = poly * r + 2.0000714765e-1f;
    poly = poly * r - 2.4999993993e-1f;
    poly = poly * r + 3.3333331174e-1f;
    return poly * r * r * r - 0.5f * r * r + r + exponent * 0.69314718f;
#endif
}

/* alpha of a splat at offset (dx, dy) from its center; 0 where it is skipped. */
SAGA_INLINE float saga_alpha(float a, float b, float c, float opacity, float dx, float dy) {
    float sigma = 0.5f * (a * dx * dx + c * dy * dy) + b * dx * dy;
    sigma = sigma < 0.0f ? 0.0f : sigma; /* the form is positive: only rounding, along long needles, says otherwise */
    float alpha = opacity * saga_exp(-sigma);
    /* One comparison after another, NaN passing each but the last: GCC vectorizes no conjunction of them. */
    alpha = alpha > SAGA_ALPHA_MAX ? SAGA_ALPHA_MAX : alpha;
    return alpha >= SAGA_ALPHA_MIN ? alpha : 0.0f;
}

/* Blends one alpha into a pixel: returns its weight and updates the transmittance, which becomes 0
 * when the pixel ends. */
SAGA_INLINE float saga_blend(float alpha, float *transmittance) {
    const float next = *transmittance * (1.0f - alpha);
    const float weight = next > SAGA_TRANSMITTANCE_MIN ? alpha * *transmittance : 0.0f;
    *transmittance = next > SAGA_TRANSMITTANCE_MIN ? next : 0.0f;
    return weight;
}

SAGA_INLINE float saga_clamp(float x, float low, float high) { return x < low ? low : (x > high ? high : x); }

/* Smallest sigma of the splat over the pixel centers' rectangle [x0, x1] x [y0, y1]. */
SAGA_INLINE float saga_min_sigma(const float *splat, float x0, float y0, float x1, float y1) {
    const float a = splat[2], b = splat[3], c = splat[4];
    const float dx = saga_clamp(splat[0], x0, x1) - splat[0], dy = saga_clamp(splat[1], y0, y1) - splat[1];
    if (dx == 0.0f && dy == 0.0f) return 0.0f;
    /* The minimum of a convex form lies on an edge that faces its center. */
    float best = 3.4e38f;
    if (dx != 0.0f) {
        const float e = saga_clamp(-b * dx / c, y0 - splat[1], y1 - splat[1]);
        best = 0.5f * (a * dx * dx + c * e * e) + b * dx * e;
    }
    if (dy != 0.0f) {
        const float e = saga_clamp(-b * dy / a, x0 - splat[0], x1 - splat[0]);
        const float sigma = 0.5f * (a * e * e + c * dy * dy) + b * e * dy;
        best = sigma < best ? sigma : best;
    }
    return best;
}

/* Tiles [x0, x1) x [y0, y1) that the splat's bounding box touches. */
typedef struct {
    int32_t x0, y0, x1, y1;
} saga_tile_box;

SAGA_INLINE saga_tile_box saga_tiles_of(const saga_camera *camera, const float *splat) {
    const float w = (float)camera->width, h = (float)camera->height;
    /* Pixel centers covered: x - hw <= i + 0.5 <= x + hw. */
    const float left = saga_clamp(ceilf(splat[0] - splat[6] - 0.5f), 0.0f, w);
    const float right = saga_clamp(floorf(splat[0] + splat[6] - 0.5f) + 1.0f, 0.0f, w);
    const float top = saga_clamp(ceilf(splat[1] - splat[7] - 0.5f), 0.0f, h);
    const float bottom = saga_clamp(floorf(splat[1] + splat[7] - 0.5f) + 1.0f, 0.0f, h);
    saga_tile_box box = {0, 0, 0, 0};
    if (left < right && top < bottom) {
        box.x0 = (int32_t)left / SAGA_TILE;
        box.y0 = (int32_t)top / SAGA_TILE;
        box.x1 = ((int32_t)right + SAGA_TILE - 1) / SAGA_TILE;
        box.y1 = ((int32_t)bottom + SAGA_TILE - 1) / SAGA_TILE;
    }
    return box;
}

/* The largest sigma at which a splat of some opacity has alpha 1/255, and a bit more. */
SAGA_INLINE float saga_reach(float opacity) { return saga_log(255.0f * opacity) + SAGA_SIGMA_SLACK; }

/* Whether the splat has a sigma of at most `reach` somewhere in the tile. */
SAGA_INLINE bool saga_touches_tile(const float *splat, float reach, int32_t tx, int32_t ty) {
    const float x0 = tx * SAGA_TILE + 0.5f, y0 = ty * SAGA_TILE + 0.5f;
    return saga_min_sigma(splat, x0, y0, x0 + (SAGA_TILE - 1), y0 + (SAGA_TILE - 1)) <= reach;
}

/* Rotation matrix, row-major, of a quaternion (w first) of any non-zero length. */
SAGA_INLINE void saga_rotation(const float *q, float *rot) {
    const float s = 2.0f / (q[0] * q[0] + q[1] * q[1] + q[2] * q[2] + q[3] * q[3]);
    rot[0] = 1 - s * (q[2] * q[2] + q[3] * q[3]);
    rot[1] = s * (q[1] * q[2] - q[0] * q[3]);
    rot[2] = s * (q[1] * q[3] + q[0] * q[2]);
    rot[3] = s * (q[1] * q[2] + q[0] * q[3]);
    rot[4] = 1 - s * (q[1] * q[1] + q[3] * q[3]);
    rot[5] = s * (q[2] * q[3] - q[0] * q[1]);
    rot[6] = s * (q[1] * q[3] - q[0] * q[2]);
    rot[7] = s * (q[2] * q[3] + q[0] * q[1]);
    rot[8] = 1 - s * (q[1] * q[1] + q[2] * q[2]);
}

/* EWA projection of one Gaussian; false when it is culled. Branch-free, so that compilers vectorize it. */
SAGA_INLINE bool saga_project_one(const saga_camera *cam, const float *mean, const float *q, const float *scale,
                                  float opacity, float *splat, float *depth) {
    const float *v = cam->view;
    const float x = v[0] * mean[0] + v[1] * mean[1] + v[2] * mean[2] + v[3];
    const float y = v[4] * mean[0] + v[5] * mean[1] + v[6] * mean[2] + v[7];
    const float z = v[8] * mean[0] + v[9] * mean[1] + v[10] * mean[2] + v[11];
    float rot[9];
    saga_rotation(q, rot);

    /* The affine approximation grows without bound off the axis. */
    const float tx = saga_clamp(x / z, cam->slopes[0], cam->slopes[1]);
    const float ty = saga_clamp(y / z, cam->slopes[2], cam->slopes[3]);
    const float fx = cam->fx / z, fy = cam->fy / z;

    /* cov2d = (J W R S)(J W R S)^T + dilation */
    float xx = SAGA_DILATION, xy = 0.0f, yy = SAGA_DILATION, u[3], w[3];
    for (int k = 0; k < 3; ++k) {
        const float r0 = rot[k] * scale[k], r1 = rot[3 + k] * scale[k], r2 = rot[6 + k] * scale[k];
        const float c0 = v[0] * r0 + v[1] * r1 + v[2] * r2;
        const float c1 = v[4] * r0 + v[5] * r1 + v[6] * r2;
        const float c2 = v[8] * r0 + v[9] * r1 + v[10] * r2;
        u[k] = fx * (c0 - tx * c2), w[k] = fy * (c1 - ty * c2);
        xx += u[k] * u[k];
        xy += u[k] * w[k];
        yy += w[k] * w[k];
    }
    /* xx * yy - xy * xy by Lagrange's identity, without its cancellation for long thin Gaussians. */
    const float c01 = u[0] * w[1] - u[1] * w[0], c12 = u[1] * w[2] - u[2] * w[1], c20 = u[2] * w[0] - u[0] * w[2];
    const float det = c01 * c01 + c12 * c12 + c20 * c20 + SAGA_DILATION * (xx + yy - SAGA_DILATION);
    const float reach = 2.0f * saga_reach(opacity);
    splat[0] = fx * x + cam->cx;
    splat[1] = fy * y + cam->cy;
    splat[2] = yy / det;
    splat[3] = -xy / det;
    splat[4] = xx / det;
    splat[5] = opacity;
    splat[6] = sqrtf(reach * xx) + SAGA_EXTENT_SLACK;
    splat[7] = sqrtf(reach * yy) + SAGA_EXTENT_SLACK;
    *depth = z;
    float sum = 0.0f;
    for (int k = 0; k < SAGA_SPLAT; ++k) sum += splat[k] * 0.0f; /* NaN when any is not finite */
    return (z >= SAGA_NEAR) & (opacity >= SAGA_ALPHA_MIN) & (det > 0.0f) & (sum == 0.0f);
}

/* ---- Depth along a pixel's ray ----
 *
 * Density along the ray o + t d, d = 1 along camera z, is greatest at t = (a . b) / (a . a), where a = M d,
 * b = M (mu - o) and M'M is the inverse covariance. Where the ray differs from the one through the center by
 * (dx / fx, dy / fy, 0), a is b / z + e with e linear in dx and dy, and t = z (1 - (a . e) / (a . a)): exact at
 * the center, whatever the Gaussian's size. */
#define SAGA_RAY 11             /* floats of a Gaussian: b / z, d e / d dx, d e / d dy (3 axes each), z, reach */
#define SAGA_FLATTEST 1e-4f     /* least axis over the greatest: thinner Gaussians are planes and lines to float32 */
#define SAGA_REACH 5.0f         /* standard deviations along camera z: alpha ends at 3.4, perspective adds to that */
#define SAGA_SURFACE_NEAR 0.02f /* of the median depth: entries this close to it belong to the surface */
#define SAGA_SURFACE_ALPHA 0.5f /* least alpha of a pixel that has a surface */

SAGA_INLINE void saga_ray_form(const saga_camera *cam, const float *mean, const float *q, const float *scale,
                               float *form) {
    const float *v = cam->view;
    float rot[9], center[3], deviation = 0.0f;
    saga_rotation(q, rot);
    for (int k = 0; k < 3; ++k) {
        const float *row = v + 4 * k;
        center[k] = row[0] * mean[0] + row[1] * mean[1] + row[2] * mean[2] + row[3];
    }
    const float longest = fmaxf(fmaxf(scale[0], scale[1]), fmaxf(scale[2], 1e-30f));
    for (int k = 0; k < 3; ++k) {
        float axis[3]; /* in camera coordinates */
        for (int j = 0; j < 3; ++j) axis[j] = v[4 * j] * rot[k] + v[4 * j + 1] * rot[3 + k] + v[4 * j + 2] * rot[6 + k];
        /* Only ratios of the axes matter: none of these is above 1, nor its square below SAGA_FLATTEST^2. */
        const float inverse = SAGA_FLATTEST / fmaxf(scale[k] / longest, SAGA_FLATTEST);
        form[k] = inverse * (axis[0] * center[0] + axis[1] * center[1] + axis[2] * center[2]) / center[2];
        form[3 + k] = inverse * axis[0] / cam->fx;
        form[6 + k] = inverse * axis[1] / cam->fy;
        deviation += scale[k] * axis[2] * (scale[k] * axis[2]);
    }
    form[9] = center[2];
    form[10] = SAGA_REACH * sqrtf(deviation);
}

/* Camera z at which the ray of a pixel at offset (dx, dy) from the projected center meets the Gaussian most. The
 * image's dilation gives thin Gaussians weight where their density has long ended: the depth stays within its reach. */
SAGA_INLINE float saga_ray_depth(const float *form, float dx, float dy) {
    const float e0 = form[3] * dx + form[6] * dy, e1 = form[4] * dx + form[7] * dy, e2 = form[5] * dx + form[8] * dy;
    const float a0 = form[0] + e0, a1 = form[1] + e1, a2 = form[2] + e2;
    const float along = a0 * e0 + a1 * e1 + a2 * e2, square = a0 * a0 + a1 * a1 + a2 * a2;
    const float shift = -form[9] * along / square;
    const float low = SAGA_NEAR - form[9];
    float depth = shift > form[10] ? form[10] : shift;
    depth = depth < -form[10] ? -form[10] : depth;
    return form[9] + (depth < low ? low : depth);
}

#endif
