// Instruction-set dispatch: a function marked SAGA_CLONES is compiled for several x86-64 levels, and the
// loader picks the best one that the processor has. GCC's OpenMP regions do not inherit the clones, so
// parallel regions live in plain functions that call marked kernels.
#pragma once

#if defined(__x86_64__) && defined(__GNUC__) && !defined(__clang__) && defined(__linux__)
#define SAGA_CLONES __attribute__((target_clones("arch=x86-64-v4", "arch=x86-64-v3", "default")))
#else
#define SAGA_CLONES
#endif
