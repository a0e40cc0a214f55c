// The mask of some Gaussians in a view, without a picture: only tiles that they touch are looked at, and a pixel ends
// as soon as nothing behind can change what it shows mostly, which a surface or two decide.
// Fusing products and sums would make masks others than those of rendered pictures.
#ifdef __clang__
#pragma clang fp contract(off)
#else
#pragma GCC optimize("fp-contract=off")
#endif

#include <algorithm>
#include <cstring>
#include <vector>

#include "depth_order.hpp"
#include "host.h"
#include "openmp.hpp"
#include "projection.hpp"
#include "splat_tiles.hpp"
#include "tile.hpp"

namespace {

using namespace saga;

constexpr int kSpan = 64 * kLooked;  // Gaussians that one thread projects at a time
constexpr int kAhead = 16;           // Gaussians between fetching a splat, which may lie anywhere, and looking at it
constexpr float kSlack = 2e-3f;      // more than the rounding of sums over all Gaussians of a pixel
constexpr float kHalf = 0.5f;        // share of what a pixel shows, and least alpha

// Projected Gaussians, in the scene's order.
struct Seen {
    std::vector<float> splats;  // SAGA_SPLAT each
    std::vector<Keyed> depths;  // the id is the place here
    std::vector<uint8_t> members;

    void add(const Register &lanes, int l, uint8_t member) {
        uint32_t key;  // depths are positive: their bits sort as they do
        std::memcpy(&key, lanes.depths + l, 4);
        depths.push_back({key, int32_t(members.size())});
        for (int k = 0; k < SAGA_SPLAT; ++k) splats.push_back(lanes.splats[k][l]);
        members.push_back(member);
    }

    void add(const Seen &other) {
        const int32_t before = int32_t(members.size());
        for (const Keyed &each : other.depths) depths.push_back({each.key, each.id + before});
        splats.insert(splats.end(), other.splats.begin(), other.splats.end());
        members.insert(members.end(), other.members.begin(), other.members.end());
    }
};

// Tiles that members touch, how many of them lie above and left of each corner, and the box around them.
struct Wanted {
    int columns;
    std::vector<uint8_t> tiles;
    std::vector<int32_t> table;
    saga_tile_box box;

    bool any(const saga_tile_box &of) const {
        const auto at = [&](int x, int y) { return table[y * (columns + 1) + x]; };
        return at(of.x1, of.y1) - at(of.x0, of.y1) - at(of.x1, of.y0) + at(of.x0, of.y0) > 0;
    }
};

// visit(lanes, l, place) for those of a block's Gaussians that are kept and seen; kept [count] is 1 for these.
template <class Visit>
void project_kept(const saga_camera *camera, const Scene &scene, int64_t first, int count, const int32_t *kept,
                  Visit visit) {
    int32_t places[kLooked + 1], found = 0;
    for (int i = 0; i < count; ++i) {
        places[found] = i;
        found += kept[i];
    }
    for (int start = 0; start < found; start += kLanes) {
        Register lanes;
        const int used = std::min(kLanes, found - start);
        for (int l = 0; l < kLanes; ++l) load(scene, first + places[start + std::min(l, used - 1)], l, lanes);
        project(camera, lanes);
        for (int l = 0; l < used; ++l)
            if (lanes.seen[l]) visit(lanes, l, first + places[start + l]);
    }
}

// Calls work(begin, count, part) for blocks of Gaussians, by any thread, and returns the parts in the scene's order.
template <class Work>
Seen in_order(int64_t n, Work work) {
    const int64_t spans = (n + kSpan - 1) / kSpan;
    std::vector<Seen> parts(spans);
#pragma omp parallel for schedule(dynamic)
    for (int64_t s = 0; s < spans; ++s)
        for (int64_t first = s * kSpan; first < std::min(n, (s + 1) * kSpan); first += kLooked)
            work(first, int(std::min<int64_t>(kLooked, n - first)), parts[s]);
    Seen all;
    for (const Seen &part : parts) all.add(part);
    return all;
}

Wanted touched_by_members(const saga_camera *camera, int64_t n, const Scene &scene, const uint8_t *members) {
    const Seen seen = in_order(n, [&](int64_t first, int count, Seen &part) {
        if (std::memchr(members + first, 1, count) == nullptr) return;
        int32_t kept[kLooked];
        for (int i = 0; i < count; ++i) kept[i] = members[first + i];
        project_kept(camera, scene, first, count, kept,
                     [&](const Register &lanes, int l, int64_t) { part.add(lanes, l, 1); });
    });
    const int rows = tile_rows(camera), columns = tile_columns(camera);
    Wanted wanted{columns,
                  std::vector<uint8_t>(size_t(rows) * columns),
                  std::vector<int32_t>(size_t(rows + 1) * (columns + 1)),
                  {columns, rows, 0, 0}};
    for (size_t i = 0; i < seen.members.size(); ++i)
        for_each_tile(camera, &seen.splats[i * SAGA_SPLAT], 0, rows, [&](int64_t tile) { wanted.tiles[tile] = 1; });
    saga_tile_box &box = wanted.box;
    for (int y = 0; y < rows; ++y)
        for (int x = 0, sum = 0; x < columns; ++x) {
            if (wanted.tiles[y * columns + x])
                box = {std::min(box.x0, x), std::min(box.y0, y), std::max(box.x1, x + 1), std::max(box.y1, y + 1)};
            sum += wanted.tiles[y * columns + x];
            wanted.table[(y + 1) * (columns + 1) + x + 1] = wanted.table[y * (columns + 1) + x + 1] + sum;
        }
    return wanted;
}

// All that may touch these tiles.
Seen around(const saga_camera *camera, int64_t n, const Scene &scene, const uint8_t *members, const Wanted &wanted) {
    const Sides sides(camera, wanted.box);
    return in_order(n, [&](int64_t first, int count, Seen &part) {
        int32_t kept[kLooked];
        look(camera, sides, count, scene.means + 3 * first, scene.scales + 3 * first, scene.opacities + first, kept);
        project_kept(camera, scene, first, count, kept, [&](const Register &lanes, int l, int64_t place) {
            float splat[SAGA_SPLAT];
            for (int k = 0; k < SAGA_SPLAT; ++k) splat[k] = lanes.splats[k][l];
            if (wanted.any(saga_tiles_of(camera, splat))) part.add(lanes, l, members[place]);
        });
    });
}

std::vector<Keyed> depth_order(const Seen &seen) {
    std::vector<Keyed> order = seen.depths, scratch(order.size());
    radix_sort(order.data(), scratch.data(), int64_t(order.size()));
    return order;
}

// Lists of tiles, front to back.
struct Lists {
    std::vector<int64_t> offsets;
    std::vector<int32_t> ids;
};

struct Touch {
    int32_t tile, id;
};

Lists list_tiles(const saga_camera *camera, const Seen &seen, const Wanted &wanted, const std::vector<Keyed> &order) {
    const int rows = tile_rows(camera);
    const int64_t tiles = int64_t(wanted.tiles.size()), count = int64_t(order.size());
    Lists lists;
    lists.offsets.assign(tiles + 1, 0);
#pragma omp parallel
    {
        const auto [begin, end] = share(rows, omp_get_thread_num(), omp_get_num_threads());
        std::vector<Touch> touches;
        for (int64_t k = 0; k < count; ++k) {
            __builtin_prefetch(&seen.splats[int64_t(order[std::min(k + kAhead, count - 1)].id) * SAGA_SPLAT]);
            const int32_t id = order[k].id;
            for_each_tile_of(camera, &seen.splats[int64_t(id) * SAGA_SPLAT], begin, end, wanted.tiles.data(),
                             [&](int64_t tile) {
                touches.push_back({int32_t(tile), id});
                ++lists.offsets[tile + 1];
            });
        }
#pragma omp barrier
#pragma omp single
        {
            std::partial_sum(lists.offsets.begin(), lists.offsets.end(), lists.offsets.begin());
            lists.ids.resize(lists.offsets[tiles]);
        }
        // An offset serves as the cursor, and is shifted back below.
        for (const Touch &touch : touches) lists.ids[lists.offsets[touch.tile]++] = touch.id;
    }
    std::memmove(lists.offsets.data() + 1, lists.offsets.data(), tiles * sizeof(int64_t));
    lists.offsets[0] = 0;
    return lists;
}

// A tile's pixels: what is left of each ray, and the sums of all weights and of the members'. Bits of `open` are columns
// that are not decided.
struct Pixels {
    alignas(64) float transmittance[T * T], all[T * T], own[T * T];
    uint32_t open[T];
    int rows_left;
};

// Ends pixels of a row whose answer nothing behind can change. The rest of a ray weighs at most its transmittance; with
// no more members to come it only speaks against them.
SAGA_INLINE void decide(Pixels &pixels, int r, bool members_follow) {
    const float for_them = members_follow ? kHalf : 0.0f, none = members_follow ? -1.0f : 0.0f;
    float *__restrict left = pixels.transmittance + r * T;
    const float *__restrict all = pixels.all + r * T, *__restrict own = pixels.own + r * T;
#pragma omp simd
    for (int l = 0; l < T; ++l) {
        const float lead = own[l] - kHalf * all[l];
        const int outside = (-lead > for_them * left[l] + kSlack) | (own[l] == none);
        const int inside = (lead > kHalf * left[l] + kSlack) & (all[l] > kHalf + kSlack);
        left[l] = outside | inside ? 0.0f : left[l];
    }
    const uint32_t open = uint32_t(positive(left));
    pixels.rows_left -= (pixels.open[r] != 0) & (open == 0);
    pixels.open[r] = open;
}

// Leaves open the columns and rows of the tile that members may touch: other pixels show none. Returns the last member.
SAGA_INLINE int64_t begin_tile(const Tile &tile, const Seen &seen, const int32_t *ids, int64_t count, Pixels &pixels) {
    int64_t last = -1;
    std::memset(pixels.open, 0, sizeof pixels.open);
    for (int64_t k = 0; k < count; ++k) {
        __builtin_prefetch(&seen.members[ids[std::min(k + kAhead, count - 1)]]);
        if (!seen.members[ids[k]]) continue;
        const float *splat = &seen.splats[int64_t(ids[k]) * SAGA_SPLAT];
        const Rows rows = rows_of(splat, tile);
        const uint32_t columns = columns_of(splat, tile);
        for (int r = rows.top; r < rows.bottom; ++r) pixels.open[r] |= columns;
        last = k;
    }
    std::memset(pixels.all, 0, sizeof pixels.all);
    std::memset(pixels.own, 0, sizeof pixels.own);
    pixels.rows_left = 0;
    for (int r = 0; r < T; ++r) {
        for (int l = 0; l < T; ++l) pixels.transmittance[r * T + l] = float(pixels.open[r] >> l & 1);
        pixels.rows_left += pixels.open[r] != 0;
    }
    return last;
}

SAGA_CLONES void walk(const Tile &tile, const Seen &seen, const int32_t *ids, int64_t count, Pixels &pixels) {
    const int64_t last = begin_tile(tile, seen, ids, count, pixels);
    for (int64_t k = 0; k < count && pixels.rows_left > 0; ++k) {
        __builtin_prefetch(&seen.splats[int64_t(ids[std::min(k + kAhead, count - 1)]) * SAGA_SPLAT]);
        const float *splat = &seen.splats[int64_t(ids[k]) * SAGA_SPLAT];
        const Rows rows = rows_of(splat, tile);
        const uint32_t columns = columns_of(splat, tile);
        const float dx0 = tile.x0 + 0.5f - splat[0], mine = seen.members[ids[k]] ? 1.0f : 0.0f;
        for (int r = rows.top; r < rows.bottom; ++r) {
            if ((pixels.open[r] & columns) == 0) continue;
            alignas(64) float weights[T];
            blend_row(splat, dx0, tile.y0 + r + 0.5f - splat[1], pixels.transmittance + r * T, weights);
            float *__restrict all = pixels.all + r * T, *__restrict own = pixels.own + r * T;
#pragma omp simd
            for (int l = 0; l < T; ++l) {
                all[l] += weights[l];
                own[l] += weights[l] * mine;
            }
            decide(pixels, r, k < last);
        }
        for (int r = 0; k == last && r < T; ++r) decide(pixels, r, false);
    }
}

}  // namespace

extern "C" int saga_majority(const saga_camera *camera, int64_t n, const float *means, const float *quaternions,
                             const float *scales, const float *opacities, const uint8_t *members, uint8_t *mask) {
    std::memset(mask, 0, size_t(camera->width) * camera->height);
    const Scene scene{means, quaternions, scales, opacities};
    const Wanted wanted = touched_by_members(camera, n, scene, members);
    if (wanted.box.x0 >= wanted.box.x1) return 0;
    const Seen seen = around(camera, n, scene, members, wanted);
    const Lists lists = list_tiles(camera, seen, wanted, depth_order(seen));
    const int64_t tiles = int64_t(lists.offsets.size()) - 1;
#pragma omp parallel for schedule(dynamic, 4)
    for (int64_t tile = 0; tile < tiles; ++tile) {
        const int64_t begin = lists.offsets[tile], count = lists.offsets[tile + 1] - begin;
        if (count == 0) continue;
        const Tile at = tile_at(camera, tile);
        Pixels pixels;
        walk(at, seen, lists.ids.data() + begin, count, pixels);
        for (int r = 0; r < at.height; ++r)
            for (int l = 0; l < at.width; ++l) {
                const float all = pixels.all[r * T + l], own = pixels.own[r * T + l];
                mask[(int64_t(at.y0) + r) * camera->width + int64_t(at.x0) + l] = own > kHalf * all && all > kHalf;
            }
    }
    return 0;
}
