/* What runs on the host alone: pictures before anything of them is on a device, and what is done one step after the
 * other, which is nothing for a GPU, or saves work that a GPU does in less time than it takes to find out.
 *
 * Only the CPU library has these functions. Pointers are the caller's, arrays dense and row-major. Every function
 * returns 0.
 */
#ifndef SAGA_HOST_H
#define SAGA_HOST_H

#include <stdint.h>

#include "../cuda/saga.h"

#ifdef __cplusplus
extern "C" {
#endif

/* A picture rgb [height, width, 3] in CIELAB (D65), lab [height, width, 3], and the length of the gradient of its
 * color, smoothed along both axes with a kernel [2 radius + 1], in Lab units a pixel: gradient [height, width], by
 * Sobel's operator. Beyond the sides a picture is mirrored. */
int saga_color_edges(int64_t height, int64_t width, const uint8_t *rgb, int64_t radius, const float *kernel, float *lab,
                     float *gradient);

/* What merging two neighbors costs:
 * (edge + unlike + color * hue) * (smaller area / samples / size_unit) ^ size_exponent * (1 + emptiness * empty)
 *   edge    mean strength of their border, less `texture` times the smaller of their textures, in units of edge_unit
 *   unlike  2 less the intersection of their histograms
 *   hue     difference of mean a, b in units of hue_unit, at most most_hues, and hue_lightness times the difference of
 *           lightness in units of lightness_unit, at most 1
 *   empty   share of a view that their common box leaves free, the mean over the views that show them */
typedef struct {
    double edge_unit, texture, color, hue_unit, most_hues, lightness_unit, hue_lightness, emptiness, samples, size_unit,
        size_exponent;
} saga_merge_costs;

/* Merges l leaves two at a time, the pair of neighbors that costs least first (then the one of the lower numbers),
 * until one region is left or no neighbors are. Regions are numbered as they are formed, from l on; those of the
 * arrays of 2 l - 1 rows are the leaves at entry, and all regions on return.
 *   areas [2l-1]; textures [2l-1]; colors [2l-1, 3]: L, a, b; histograms [2l-1, d];
 *   boxes [2l-1, 4, k]: -top, -left, bottom, right in k views; shown [2l-1, k]: pixels there;
 *   pairs [b, 2]: leaves that touch; borders [b, 3]: length, strength and closedness, the latter two summed along it;
 *   children [l-1, 2]: the two regions that each new one is made of;
 *   heights [2l-1]: the highest cost up to each merge, 0 for leaves;
 *   seams [2l-1, 2]: length and strength of the border across which a region was merged, 0 for the last;
 *   around [2l-1, 2]: length and closedness of the whole border around each region.
 * merged is how many regions were formed. */
int saga_merge(int64_t l, int64_t d, int64_t k, int64_t b, const saga_merge_costs *costs, double *areas,
               double *textures, double *colors, double *histograms, double *boxes, double *shown, const int64_t *pairs,
               const double *borders, int64_t *children, double *heights, double *seams, double *around,
               int64_t *merged);

/* mutual [n, k]: 1 where the neighbor at this place of indices [n, k], as saga_nearest_neighbors finds them, has the point
 * in its own row. */
int saga_mutual_neighbors(int64_t n, int64_t k, const int32_t *indices, uint8_t *mutual);

/* The same as lists: from starts[places[i]] on, lists has places [n] of the mutual neighbors of point i, in their order. */
int saga_mutual_lists(int64_t n, int64_t k, const int32_t *indices, const uint8_t *mutual, const int64_t *places,
                      const int64_t *starts, int32_t *lists);

/* inside [n]: 1 where all five sides [5, 4] are at least `least` [5]: sums of the four factors times a Gaussian's mean
 * (x, y, z) and its greatest scale, of means [n, 3] and scales [n, 3]. */
int saga_reaching(int64_t n, const float *means, const float *scales, const float *sides, const float *least,
                  uint8_t *inside);

/* mask [height, width]: 1 where members [n], 0 or 1, of a scene's Gaussians make up more than half of what a pixel of a
 * view shows, and all of them cover more than half of it. It is what saga_render of the members and of all tells, without
 * any picture; the Gaussians are those of saga_project. On a GPU, rendering the two takes less than finding out where to
 * stop. */
int saga_majority(const saga_camera *camera, int64_t n, const float *means, const float *quaternions,
                  const float *scales, const float *opacities, const uint8_t *members, uint8_t *mask);

#ifdef __cplusplus
}
#endif
#endif
