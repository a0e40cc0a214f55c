"""Matching against one read of the features: what a query costs before post-processing.

    python benchmarks/matching.py [--device cpu|cuda] [--gaussians 2500000] [--queries 1 3 5]

"one read" is the time in which all threads sum the same bytes as 64-bit integers (best of the repeats). On a GPU
it is the time of as many bytes at the bandwidth of a copy (benchmarks/gpu.py), and times are medians with cold caches.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Literal

import gpu
import torch
import tyro

from saga.query.matching import Matcher, max_product_reference


def best(work: Callable[[], object], repeats: int) -> float:
    """Milliseconds of the fastest of several runs."""
    times = []
    for _ in range(repeats):
        start = time.perf_counter()
        work()
        times.append((time.perf_counter() - start) * 1e3)
    return min(times)


def main(
    device: Literal["cpu", "cuda"] = "cpu",
    gaussians: int = 2_500_000,
    queries: tuple[int, ...] = (1, 3, 5),
    repeats: int = 20,
) -> None:
    """Measures matching and prints the table."""
    if device == "cuda":
        gpu.require()
    measure = gpu.milliseconds if device == "cuda" else best
    generator = torch.Generator().manual_seed(0)
    matcher = Matcher.build(torch.randn(gaussians, 32, generator=generator).to(device))
    words = matcher.blocks.view(torch.int64).flatten()
    size = words.numel() * 8 / 1e6
    if device == "cuda":
        bandwidth = gpu.bandwidth()
        read = 1e9 * size / bandwidth
        where = gpu.describe(bandwidth)
    else:
        read = best(words.sum, repeats)
        where = f"{torch.get_num_threads()} threads"
    print(f"{gaussians:,} Gaussians, {size:.0f} MB of float16 features, {where}\n")
    print("| | ms | times one read | PyTorch / ours |\n| --- | ---: | ---: | ---: |")
    print(f"| one read ({size / read:.1f} GB/s) | {read:.3f} | | |")
    for count in queries:
        prompt = torch.randn(count, 32, generator=generator).to(device)
        ours = measure(lambda prompt=prompt: matcher.cosine(prompt), repeats)
        plain = measure(lambda prompt=prompt: max_product_reference(matcher.blocks, prompt), 3)
        print(f"| matching, queries: {count} | {ours:.3f} | {ours / read:.2f} x | {plain / ours:.1f} x |")


if __name__ == "__main__":
    tyro.cli(main)
