// Projection. Most Gaussians of a large scene lie beside a view: a look at their centers and greatest scales tells, and
// the rest of them is not read. Those that are left are projected a register at a time.
// Fusing products and sums would make splats depend on the processor.
#ifdef __clang__
#pragma clang fp contract(off)
#else
#pragma GCC optimize("fp-contract=off")
#endif

#include <algorithm>

#include "projection.hpp"
#include "splat_tiles.hpp"

extern "C" int saga_project(const saga_camera *camera, int64_t n, const float *means, const float *quaternions,
                            const float *scales, const float *opacities, float *splats, float *depths,
                            int32_t *tile_counts, void *) {
    using namespace saga;
    const Scene scene{means, quaternions, scales, opacities};
    const Sides sides(camera);
#pragma omp parallel for schedule(dynamic, 16)
    for (int64_t begin = 0; begin < n; begin += kLooked) {
        const int count = int(std::min<int64_t>(kLooked, n - begin));
        int32_t *counts = tile_counts + begin, places[kLooked + 1], found = 0;
        look(camera, sides, count, means + 3 * begin, scales + 3 * begin, opacities + begin, counts);
        for (int i = 0; i < count; ++i) {
            places[found] = i;
            found += counts[i];
        }
        for (int first = 0; first < found; first += kLanes) {
            Register lanes;
            const int used = std::min(kLanes, found - first);
            for (int l = 0; l < kLanes; ++l) load(scene, begin + places[first + std::min(l, used - 1)], l, lanes);
            project(camera, lanes);
            for (int l = 0; l < used; ++l) {
                const int64_t i = begin + places[first + l];
                float splat[SAGA_SPLAT];
                for (int k = 0; k < SAGA_SPLAT; ++k) splat[k] = lanes.splats[k][l];
                tile_counts[i] = lanes.seen[l] ? saga::count_tiles(camera, splat) : 0;
                if (tile_counts[i] == 0) continue;
                std::copy(splat, splat + SAGA_SPLAT, splats + i * SAGA_SPLAT);
                depths[i] = lanes.depths[l];
            }
        }
    }
    return 0;
}
