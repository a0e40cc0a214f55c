// The tiles that a splat touches.
#pragma once

#include <algorithm>

#include "common.hpp"

namespace saga {

// visit(tile) for the tiles of rows [row_begin, row_end) in which the splat reaches alpha 1/255.
template <class Visit>
SAGA_INLINE void for_each_tile(const saga_camera *camera, const float *splat, int row_begin, int row_end, Visit visit) {
    const saga_tile_box box = saga_tiles_of(camera, splat);
    const int columns = tile_columns(camera), top = std::max(box.y0, row_begin), bottom = std::min(box.y1, row_end);
    if (box.x1 - box.x0 <= 1 && box.y1 - box.y0 <= 1) {
        if (top < bottom && box.x0 < box.x1) visit(int64_t(top) * columns + box.x0);
        return;
    }
    const float reach = saga_reach(splat[5]);
    for (int ty = top; ty < bottom; ++ty)
        for (int tx = box.x0; tx < box.x1; ++tx)
            if (saga_touches_tile(splat, reach, tx, ty)) visit(int64_t(ty) * columns + tx);
}

// The same, for the tiles that are wanted.
template <class Visit>
SAGA_INLINE void for_each_tile_of(const saga_camera *camera, const float *splat, int row_begin, int row_end,
                                  const uint8_t *wanted, Visit visit) {
    const saga_tile_box box = saga_tiles_of(camera, splat);
    const int columns = tile_columns(camera), top = std::max(box.y0, row_begin), bottom = std::min(box.y1, row_end);
    const bool single = box.x1 - box.x0 <= 1 && box.y1 - box.y0 <= 1;
    float reach = 0.0f;
    for (int ty = top; ty < bottom; ++ty)
        for (int tx = box.x0; tx < box.x1; ++tx) {
            const int64_t tile = int64_t(ty) * columns + tx;
            if (!wanted[tile]) continue;
            if (reach == 0.0f) reach = saga_reach(splat[5]);
            if (single || saga_touches_tile(splat, reach, tx, ty)) visit(tile);
        }
}

inline int32_t count_tiles(const saga_camera *camera, const float *splat) {
    int32_t count = 0;
    for_each_tile(camera, splat, 0, tile_rows(camera), [&](int64_t) { ++count; });
    return count;
}

}  // namespace saga
