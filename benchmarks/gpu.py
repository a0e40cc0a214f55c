"""Timing on a GPU: device events, warm-up, cold caches, the median of many runs."""

from __future__ import annotations

import sys
from collections.abc import Callable
from statistics import median
from typing import NoReturn

import torch

from saga.native.bindings import cuda_obstacle

_WARM_UP = 10
_FLUSH = 512 << 20  # bytes, more than any second-level cache
_COPY = 1 << 30  # bytes


def require() -> None:
    """Ends the program, with one line and code 2, where saga cannot use a GPU."""
    obstacle = cuda_obstacle()
    if obstacle is not None:
        refuse(f"this needs a GPU that saga can use: {obstacle}.")


def refuse(message: str) -> NoReturn:
    """One line on standard error, exit code 2."""
    print(f"error: {message}", file=sys.stderr)
    sys.exit(2)


def milliseconds(work: Callable[[], object], repeats: int) -> float:
    """Median time between two events around the work; every run finds the caches full of something else."""
    flush = torch.empty(_FLUSH, dtype=torch.uint8, device="cuda")
    for _ in range(_WARM_UP):
        work()
    times = []
    for _ in range(repeats):
        start, end = (torch.cuda.Event(enable_timing=True) for _ in range(2))
        flush.zero_()
        start.record()
        work()
        end.record()
        end.synchronize()
        times.append(start.elapsed_time(end))
    return median(times)


def bandwidth(repeats: int = 30) -> float:
    """Bytes a second, read and written, of copying a GiB within the device's memory."""
    source = torch.empty(_COPY, dtype=torch.uint8, device="cuda")
    target = torch.empty_like(source)
    return 2 * _COPY / (milliseconds(lambda: target.copy_(source), repeats) * 1e-3)


def describe(bytes_per_second: float) -> str:
    """The device's name, its copy bandwidth, and the software."""
    name, cuda = torch.cuda.get_device_name(), torch.version.cuda
    return f"{name}, copies at {bytes_per_second / 1e9:.0f} GB/s; PyTorch {torch.__version__}, CUDA {cuda}"
