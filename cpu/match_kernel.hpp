// The kernel of match.cpp, which includes this once for each level of instructions: no guard, and no includes.

// Adds the products of one channel of a block with q queries.
template <int q>
SAGA_INLINE void match_channel(const uint16_t *halves, int64_t c, const float *queries, Floats *sums) {
    Floats feature;
    widen(halves, &feature);
#pragma GCC unroll 8
    for (int k = 0; k < q; ++k) sums[k] += feature * queries[k * c];
}

// Raises best to the products of one block with q queries.
template <int q>
void match_block(const uint16_t *block, int64_t c, const float *queries, Floats *best) {
    Floats sums[q] = {};
    int64_t j = 0;
    for (; j + 2 <= c; j += 2) {
        __builtin_prefetch(block + j * kLanes + kAhead);  // two channels lie in a cache line
        match_channel<q>(block + j * kLanes, c, queries + j, sums);
        match_channel<q>(block + (j + 1) * kLanes, c, queries + j + 1, sums);
    }
    if (j < c) match_channel<q>(block + j * kLanes, c, queries + j, sums);
    for (int k = 0; k < q; ++k) *best = sums[k] > *best ? sums[k] : *best;
}

void match(const Job &job, int64_t begin, int64_t end) {
    using Kernel = void (*)(const uint16_t *, int64_t, const float *, Floats *);
    static_assert(kQueries == 8);
    constexpr Kernel kernels[kQueries] = {match_block<1>, match_block<2>, match_block<3>, match_block<4>,
                                          match_block<5>, match_block<6>, match_block<7>, match_block<8>};
    for (int64_t b = begin; b < end; ++b) {
        Floats best = Floats{} - 3.4e38f;
        for (int64_t k = 0; k < job.q; k += kQueries)
            kernels[std::min<int64_t>(kQueries, job.q - k) - 1](job.features + b * job.c * kLanes, job.c,
                                                                job.queries + k * job.c, &best);
        *(Scores *)(job.scores + b * kLanes) = best;
    }
}
