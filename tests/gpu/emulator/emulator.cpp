// The fibers of emulator::run.
#include <cuda_runtime.h>

#include <csetjmp>
#include <memory>
#include <random>
#include <vector>

#include <ucontext.h>

dim3 threadIdx, blockIdx, blockDim, gridDim;

namespace emulator {

namespace {

constexpr int kThreads = 1024;
constexpr size_t kStack = 256 << 10;

struct Barrier {
    int members = 0, arrived = 0;
    const void *tag = nullptr;
    std::vector<int> waiting;
};

struct Fiber {
    ucontext_t start;
    jmp_buf resume;
    std::unique_ptr<char[]> stack;
    bool begun = false, ready = false, ended = true;
    unsigned phase = 0;  // of the warp collectives this thread has met
};

Fiber fibers[kThreads];
Barrier warps[kThreads / 32], whole;
int64_t slots[kThreads / 32][2][32], shared_slots[2][kThreads];
unsigned block_phase[kThreads], blocks;
jmp_buf scheduler;
ucontext_t back;
int current;
void (*kernel)(void *);
void *kernel_argument;

[[noreturn]] void fail(const char *what) {
    std::fprintf(stderr, "emulated kernel: block %u thread %u: %s\n", blockIdx.x, threadIdx.x, what);
    std::abort();
}

void yield() {
    if (_setjmp(fibers[current].resume) == 0) _longjmp(scheduler, 1);
}

void release(Barrier &barrier) {
    for (const int id : barrier.waiting) fibers[id].ready = true;
    barrier.waiting.clear();
    barrier.arrived = 0;
}

void arrive(Barrier &barrier, const void *tag) {
    if (barrier.arrived > 0 && barrier.tag != tag) fail("threads meet in different collectives");
    barrier.tag = tag;
    barrier.waiting.push_back(current);
    fibers[current].ready = false;
    if (++barrier.arrived == barrier.members) release(barrier);
    yield();
}

void leave(Barrier &barrier) {
    if (--barrier.members > 0 && barrier.arrived == barrier.members) release(barrier);
}

void trampoline() {
    for (;;) {
        kernel(kernel_argument);
        fibers[current].ended = true;
        fibers[current].ready = false;
        leave(warps[current / 32]);
        leave(whole);
        yield();
    }
}

void resume(int id) {
    current = id;
    threadIdx.x = unsigned(id);
    Fiber &fiber = fibers[id];
    if (_setjmp(scheduler) != 0) return;
    if (fiber.begun) _longjmp(fiber.resume, 1);
    fiber.begun = true;
    fiber.stack.reset(new char[kStack]);
    getcontext(&fiber.start);
    fiber.start.uc_stack.ss_sp = fiber.stack.get();
    fiber.start.uc_stack.ss_size = kStack;
    fiber.start.uc_link = nullptr;
    makecontext(&fiber.start, trampoline, 0);
    swapcontext(&back, &fiber.start);
}

std::vector<int> order_of(int threads) {
    std::vector<int> order(threads);
    for (int i = 0; i < threads; ++i) order[i] = i;
    const char *wanted = std::getenv("SAGA_EMULATOR_ORDER");
    if (wanted != nullptr && wanted[0] == 'r') std::reverse(order.begin(), order.end());
    static std::mt19937 random(0);
    if (wanted != nullptr && wanted[0] == 's') std::shuffle(order.begin(), order.end(), random);
    return order;
}

void run_block(int threads) {
    ++blocks;
    const std::vector<int> order = order_of(threads);
    whole.members = threads;
    for (int i = 0; i < threads; ++i) {
        fibers[i].ready = true;
        fibers[i].ended = false;
        // Numbers go on from one block to the next: no vote of an earlier block is taken for one of this.
        fibers[i].phase = block_phase[i] = blocks * 2654435761u;
        warps[i / 32].members = std::min(32, threads - i / 32 * 32);
    }
    while (whole.members > 0) {
        bool any = false;
        for (const int id : order) {
            if (!fibers[id].ready) continue;
            resume(id);
            any = true;
        }
        if (!any) fail("threads wait for each other forever");
    }
}

}  // namespace

// Two sets of slots take turns: a lane is never more than one collective ahead of another that reads.
int64_t *warp_slots() { return slots[current / 32][fibers[current].phase++ % 2]; }

// Votes carry the number of the collective, so that those of threads that have ended do not count.
unsigned warp_vote(bool yes, const void *tag) {
    const unsigned phase = fibers[current].phase;
    int64_t *votes = warp_slots();
    const int64_t mine = int64_t(phase) * 2 + 1;
    votes[current % 32] = mine - !yes;
    warp_barrier(tag);
    unsigned mask = 0;
    for (int lane = 0; lane < 32; ++lane) mask |= unsigned(votes[lane] == mine) << lane;
    return mask;
}

int block_vote(bool yes, const void *tag) {
    const unsigned phase = block_phase[current]++;
    int64_t *votes = shared_slots[phase % 2];
    const int64_t mine = int64_t(phase) * 2 + 1;
    votes[current] = mine - !yes;
    block_barrier(tag);
    return int(std::count(votes, votes + blockDim.x, mine));
}

void warp_barrier(const void *tag) { arrive(warps[current / 32], tag); }
void block_barrier(const void *tag) { arrive(whole, tag); }

void run(dim3 grid, dim3 threads, void (*body)(void *), void *argument) {
    kernel = body;
    kernel_argument = argument;
    blockDim = threads;
    gridDim = grid;
    for (unsigned b = 0; b < grid.x; ++b) {
        blockIdx.x = b;
        run_block(int(threads.x));
    }
}

}  // namespace emulator
