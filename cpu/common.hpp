// What the translation units of the CPU backend share.
#pragma once

#include <cstdint>

#include "../cuda/blend.h"
#include "../cuda/saga.h"
#include "simd.hpp"

namespace saga {

inline int tile_columns(const saga_camera *camera) { return (camera->width + SAGA_TILE - 1) / SAGA_TILE; }
inline int tile_rows(const saga_camera *camera) { return (camera->height + SAGA_TILE - 1) / SAGA_TILE; }

}  // namespace saga
