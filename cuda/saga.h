/* The C interface of saga's native backends.
 *
 * cpu/ and cuda/ each implement it in one shared library (libsaga_cpu, libsaga_cuda). Pointers are raw
 * and belong to the caller, on the host for the CPU library and on the device for the CUDA library;
 * nothing is kept between calls. `stream` is a cudaStream_t, NULL on the CPU. Every function returns
 * 0 or an error code that saga_error_string explains; sizes of workspaces are returned in bytes.
 *
 * Shapes: n Gaussians, t tiles of SAGA_TILE x SAGA_TILE pixels in row-major order, m (tile, Gaussian)
 * pairs, p pixels, c channels. All arrays are dense and row-major, floats are 32-bit.
 */
#ifndef SAGA_H
#define SAGA_H

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define SAGA_TILE 16
#define SAGA_SPLAT 8 /* floats of a projected Gaussian, see saga_project */

#define SAGA_ERROR_TILE_COUNTS 1 /* saga_bin was given counts of another projection (the CPU library checks it) */
#define SAGA_ERROR_CUDA 1000     /* plus a cudaError_t */

/* How products are made; the CPU library is always exact and deterministic. */
#define SAGA_EXACT 1         /* float32 throughout, where products of more than 4 channels would use tf32 */
#define SAGA_DETERMINISTIC 2 /* sums in an order-independent form, where saga_lift would use float atomics */

/* An ideal pinhole in OpenCV axes; view is the world-to-camera 4x4, row-major. */
typedef struct {
    int32_t width, height;
    float fx, fy, cx, cy;
    float view[16];
    float slopes[4]; /* least and greatest x / z, then y / z, at which the projection is linearized */
} saga_camera;

/* Sparse rows of the blending operator A (CSR): row r is pixels' weights over Gaussians. */
typedef struct {
    const int64_t *indptr;  /* [rows + 1] */
    const int32_t *indices; /* [nnz], Gaussians front to back */
    const float *weights;   /* [nnz], or NULL where every entry of a row counts 1 / their number (saga_rows_render) */
} saga_rows;

const char *saga_error_string(int code);
int saga_threads(void);

/* ---- Rasterizer -------------------------------------------------------------------------------- */

/* EWA projection. splats [n, 8]: x, y (px), conic a, b, c, opacity, half width, half height (px) of the
 * region with alpha >= 1/255; depths [n]: camera z; tile_counts [n]: tiles touched, 0 when culled. The splats and
 * depths of culled Gaussians are not written, so that memory which is 0 on entry need not exist. */
int saga_project(const saga_camera *camera, int64_t n, const float *means, const float *quaternions,
                 const float *scales, const float *opacities, float *splats, float *depths, int32_t *tile_counts,
                 void *stream);

/* Tile lists in depth order: tile_offsets [t + 1], ids [m], m = sum of tile_counts. */
int64_t saga_bin_workspace(const saga_camera *camera, int64_t n, int64_t m);
int saga_bin(const saga_camera *camera, int64_t n, const float *splats, const float *depths, const int32_t *tile_counts,
             int64_t m, int64_t *tile_offsets, int32_t *ids, void *workspace, void *stream);

/* out = A x: x [n, c] -> out [height, width, c]. */
int saga_render(const saga_camera *camera, const float *splats, const int64_t *tile_offsets, const int32_t *ids,
                int64_t c, const float *x, float *out, int flags, void *stream);

/* out = A^T y: y [height, width, c] -> out [n, c]. */
int64_t saga_lift_workspace(const saga_camera *camera, int64_t n, int64_t c, int flags);
int saga_lift(const saga_camera *camera, int64_t n, const float *splats, const int64_t *tile_offsets,
              const int32_t *ids, int64_t c, const float *y, float *out, int flags, void *workspace, void *stream);

/* Rows of A at p sampled pixels [p, 2] (x, y), sorted by tile; runs [r + 1] delimits pixels of one tile.
 * First the entries of each row, counts [p]; then the rows themselves, each from its place in starts [p] on. */
int saga_rows_count(const saga_camera *camera, const float *splats, const int64_t *tile_offsets, const int32_t *ids,
                    const int32_t *pixels, int64_t r, const int64_t *runs, int32_t *counts, void *stream);
int saga_rows_fill(const saga_camera *camera, const float *splats, const int64_t *tile_offsets, const int32_t *ids,
                   const int32_t *pixels, int64_t r, const int64_t *runs, const int64_t *starts, int32_t *indices,
                   float *weights, void *stream);

/* Depth of the surface at p sampled pixels as above. An entry's depth is where the pixel's ray
 * meets most of the Gaussian's density; the surface lies at the mean by weight of the depths within 2 % of the
 * row's median, the depth of the first entry, front to back, up to which at least half of the row's weight lies.
 * depths [p]: camera z, infinity where alpha < 1/2; alphas [p]: sum of the row. */
int64_t saga_surface_workspace(int64_t n);
int saga_surface(const saga_camera *camera, int64_t n, const float *means, const float *quaternions,
                 const float *scales, const float *splats, const int64_t *tile_offsets, const int32_t *ids,
                 const int32_t *pixels, int64_t r, const int64_t *runs, float *depths, float *alphas, void *workspace,
                 void *stream);

/* ---- Training on cached rows ------------------------------------------------------------------- */

/* out[k] = sum_i rows[selected[k], i] x[i]: x [n, c] -> out [s, c]. */
int saga_rows_render(const saga_rows *rows, int64_t s, const int64_t *selected, int64_t c, const float *x, float *out,
                     void *stream);

/* out[i] = sum_k rows[selected[k], i] y[k]: y [s, c] -> out [n, c]. */
int64_t saga_rows_lift_workspace(int64_t n, int64_t c);
int saga_rows_lift(const saga_rows *rows, int64_t s, const int64_t *selected, int64_t n, int64_t c, const float *y,
                   float *out, void *workspace, void *stream);

/* One Adam step on the rows of x that the selected pixels touch, at most m of them, with gradient rows^T y.
 * first, second [n, c]: moments; steps [n]: updates of each row so far; of the workspace, which grows with m and c and
 * hardly with n, all is zero on entry and on return that matters between steps. */
int64_t saga_rows_adam_workspace(int64_t n, int64_t c, int64_t m);
int saga_rows_adam(const saga_rows *rows, int64_t s, const int64_t *selected, int64_t n, int64_t c, int64_t m,
                   const float *y, float *x, float *first, float *second, int32_t *steps, float rate, float beta1,
                   float beta2, float epsilon, void *workspace, void *stream);

/* ---- Queries ----------------------------------------------------------------------------------- */

/* scores[i] = max over k of features[i] . queries[k]: features float16 [blocks, c, 16], 16 Gaussians per block,
 * queries [q, c], q > 0, scores [blocks * 16]. */
#define SAGA_MATCH_BLOCK 16
int saga_match(int64_t blocks, int64_t c, const uint16_t *features, int64_t q, const float *queries, float *scores,
               void *stream);

/* ---- Neighbor searches ------------------------------------------------------------------------- */

/* points [n, 3], all below 1e18 in magnitude, n < 2^31. Distances are Euclidean, in scene units. The
 * workspace of each search is that of the n points it searches among; its content means nothing before and
 * after the call. */
int64_t saga_neighbors_workspace(int64_t n);

/* distances [n]: to the closest other point; infinity for a point that is alone. */
int saga_nearest_distance(int64_t n, const float *points, float *distances, void *workspace, void *stream);

/* indices [n, k]: of each point itself, then of the k - 1 nearest others by distance, and by index where squared
 * distances are equal in double precision; 1 <= k <= min(n, SAGA_MOST_NEIGHBORS). */
#define SAGA_MOST_NEIGHBORS 32
int saga_nearest_neighbors(int64_t n, const float *points, int64_t k, int32_t *indices, void *workspace, void *stream);

/* distances [n]: approximate mean distance to the k nearest points, itself included, 1 <= k <= n. */
int saga_mean_distance(int64_t n, const float *points, int64_t k, float *distances, void *workspace, void *stream);

/* within [q]: set to 1 where a query [q, 3] has a point within the radius. Queries whose entry is
 * already non-zero are skipped and keep it. */
int saga_within_radius(int64_t n, const float *points, int64_t q, const float *queries, double radius, uint8_t *within,
                       void *workspace, void *stream);

/* region [n]: the seeds on entry; on return every point that steps of at most radius from point to
 * point reach from a seed, seeds included. */
int saga_grow_region(int64_t n, const float *points, double radius, uint8_t *region, void *workspace, void *stream);

#ifdef __cplusplus
}
#endif
#endif
