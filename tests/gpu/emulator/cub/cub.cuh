// The two CUB algorithms that saga uses, emulated.
#pragma once

#include <cuda_runtime.h>

#include <algorithm>
#include <numeric>
#include <vector>

namespace cub {

struct DeviceScan {
    template <class In, class Out, class Count>
    static cudaError_t ExclusiveSum(void *storage, size_t &bytes, In in, Out out, Count count, cudaStream_t = nullptr) {
        if (storage == nullptr) return bytes = 1, cudaSuccess;
        std::exclusive_scan(in, in + count, out, std::decay_t<decltype(*out)>(0));
        return cudaSuccess;
    }
};

struct DeviceRadixSort {
    template <class Key, class Value, class Count>
    static cudaError_t SortPairs(void *storage, size_t &bytes, const Key *keys, Key *keys_out, const Value *values,
                                 Value *values_out, Count count, int begin_bit = 0, int end_bit = 8 * sizeof(Key),
                                 cudaStream_t = nullptr) {
        if (storage == nullptr) return bytes = 1, cudaSuccess;
        const int width = end_bit - begin_bit;
        const Key mask = width >= int(8 * sizeof(Key)) ? ~Key(0) : (Key(1) << width) - 1;
        std::vector<int64_t> order(count);
        std::iota(order.begin(), order.end(), 0);
        std::stable_sort(order.begin(), order.end(), [&](int64_t a, int64_t b) {
            return ((keys[a] >> begin_bit) & mask) < ((keys[b] >> begin_bit) & mask);
        });
        for (Count i = 0; i < count; ++i) keys_out[i] = keys[order[i]], values_out[i] = values[order[i]];
        return cudaSuccess;
    }
};

}  // namespace cub
