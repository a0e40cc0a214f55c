// Sorting by depth, and shares of work that keep the order.
#pragma once

#include <algorithm>
#include <cstdint>
#include <numeric>
#include <utility>
#include <vector>

namespace saga {

struct Keyed {
    uint32_t key;
    int32_t id;
};

// Stable radix sort by key, three passes of 11 bits; the result ends in `items`.
inline void radix_sort(Keyed *items, Keyed *scratch, int64_t count) {
    std::vector<int64_t> offsets(3 * 2049);
    for (int64_t i = 0; i < count; ++i)
        for (int pass = 0; pass < 3; ++pass) ++offsets[2049 * pass + ((items[i].key >> 11 * pass) & 2047) + 1];
    for (int pass = 0; pass < 3; ++pass) {
        int64_t *cursor = offsets.data() + 2049 * pass;
        std::partial_sum(cursor, cursor + 2049, cursor);
        for (int64_t i = 0; i < count; ++i) scratch[cursor[(items[i].key >> 11 * pass) & 2047]++] = items[i];
        std::swap(items, scratch);
    }
    // An odd number of passes leaves the result in what began as scratch.
    std::copy(items, items + count, scratch);
}

// Contiguous, equal share of `count` for one thread.
inline std::pair<int, int> share(int count, int thread, int threads) {
    return {int(int64_t(count) * thread / threads), int(int64_t(count) * (thread + 1) / threads)};
}

}  // namespace saga
