"""Matching against one read of the features: what a query costs before post-processing.

    python benchmarks/matching.py [--device cpu|cuda] [--gaussians 2500000] [--queries 1 3 5]
        [--clock elapsed|processor]

"one read" is the time in which all threads sum the same bytes as 64-bit integers. It is measured in turn with each
matching: medians of the repeats. On a GPU
it is the time of as many bytes at the bandwidth of a copy (benchmarks/gpu.py), and times are medians with cold caches.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from functools import partial
from typing import Literal

import gpu
import torch
import tyro

from saga.query.matching import Matcher, max_product_reference

now: Callable[[], float] = time.perf_counter
CLOCKS = {"elapsed": time.perf_counter, "processor": time.process_time}


def in_turn(works: list[Callable[[], object]], repeats: int) -> list[float]:
    """Medians, in milliseconds, of several runs of each, one after the other."""
    times: list[list[float]] = [[] for _ in works]
    for _ in range(repeats):
        for own, work in zip(times, works, strict=True):
            start = now()
            work()
            own.append((now() - start) * 1e3)
    return [statistics.median(own) for own in times]


def main(
    device: Literal["cpu", "cuda"] = "cpu",
    gaussians: int = 2_500_000,
    queries: tuple[int, ...] = (1, 3, 5),
    repeats: int = 20,
    clock: Literal["elapsed", "processor"] = "elapsed",
) -> None:
    """Measures matching and prints the table."""
    global now
    now = CLOCKS[clock]
    if device == "cuda":
        gpu.require()
    generator = torch.Generator().manual_seed(0)
    matcher = Matcher.build(torch.randn(gaussians, 32, generator=generator).to(device))
    words = matcher.blocks.view(torch.int64).flatten()
    size = words.numel() * 8 / 1e6
    if device == "cuda":
        bandwidth = gpu.bandwidth()
        where = gpu.describe(bandwidth)
    else:
        where = f"{torch.get_num_threads()} threads, {clock} time"
    print(f"{gaussians:,} Gaussians, {size:.0f} MB of float16 features, {where}\n")
    print("| | ms | one read, ms | ratio | PyTorch / ours |\n| --- | ---: | ---: | ---: | ---: |")
    for count in queries:
        prompt = torch.randn(count, 32, generator=generator).to(device)
        work, twin = partial(matcher.cosine, prompt), partial(max_product_reference, matcher.blocks, prompt)
        if device == "cuda":
            ours, read, plain = gpu.milliseconds(work, repeats), 1e9 * size / bandwidth, gpu.milliseconds(twin, 3)
        else:
            (ours, read), (plain,) = in_turn([work, words.sum], repeats), in_turn([twin], 3)
        print(f"| matching, queries: {count} | {ours:.3f} | {read:.3f} | {ours / read:.2f} x | {plain / ours:.1f} x |")


if __name__ == "__main__":
    tyro.cli(main)
