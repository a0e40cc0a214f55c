"""Matching against one read of the features: what a query costs before post-processing.

    python benchmarks/matching.py [--gaussians 2500000] [--queries 1 3 5]

"one read" is the time in which all threads sum the same bytes as 64-bit integers (best of the repeats).
"""

from __future__ import annotations

import time
from collections.abc import Callable

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


def main(gaussians: int = 2_500_000, queries: tuple[int, ...] = (1, 3, 5), repeats: int = 20) -> None:
    generator = torch.Generator().manual_seed(0)
    matcher = Matcher.build(torch.randn(gaussians, 32, generator=generator))
    words = matcher.blocks.view(torch.int64).flatten()
    read = best(words.sum, repeats)
    size = words.numel() * 8 / 1e6
    print(f"{gaussians:,} Gaussians, {size:.0f} MB of float16 features, {torch.get_num_threads()} threads")
    print(f"one read            {read:8.2f} ms  ({size / read:.1f} GB/s)")
    for count in queries:
        prompt = torch.randn(count, 32, generator=generator)
        ours = best(lambda prompt=prompt: matcher.cosine(prompt), repeats)
        plain = best(lambda prompt=prompt: max_product_reference(matcher.blocks, prompt), 3)
        print(f"matching, {count} queries {ours:8.2f} ms  {ours / read:5.2f} x one read  {plain / ours:5.1f} x PyTorch")


if __name__ == "__main__":
    tyro.cli(main)
