// Half-precision pairs, emulated.
#pragma once

#include <cuda_runtime.h>

struct __half2 {
    uint16_t x, y;
};

namespace emulator {
inline float widen(uint16_t half) {
    const float magnitude = value<float>(int64_t(uint32_t(half & 0x7fff) << 13)) * 5.192296858534828e33f;  // 2^112
    return half & 0x8000 ? -magnitude : magnitude;
}
}  // namespace emulator

inline float2 __half22float2(__half2 pair) { return {emulator::widen(pair.x), emulator::widen(pair.y)}; }
