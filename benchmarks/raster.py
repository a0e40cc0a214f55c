"""Throughput of render, lift and rows, against a per-pixel loop and against plain PyTorch.

    python benchmarks/raster.py [--device cpu|cuda] [--gaussians 100000 1000000]
        [--clock elapsed|processor] [--no-pytorch]

On a GPU the comparison is with gsplat and with the memory's bandwidth: see raster_cuda.py. On the CPU:

All figures of a row come from one run on one machine, saga and the per-pixel loop in turn; medians of the repeats. The
second table says how far render and lift are from what the processor can do: 32 multiply-adds for each weight that is
not 0, per second, against independent multiply-adds in registers (naive.cpp); and the bytes that must move (inputs that
matter and outputs, once) against a copy in memory. The per-pixel loop (benchmarks/naive.cpp, compiled
here with g++ -O3 -march=native) gets the same projected Gaussians and tile lists, ready made. PyTorch is
saga.raster.reference, run once, less the time of its projection.
"""

from __future__ import annotations

import ctypes
import statistics
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Literal, NamedTuple

import torch
import tyro
from scenes import surfels, view
from torch import Tensor

from saga.raster import BlendOperator, Geometry, SparseRows, reference, tiled_view
from saga.scene.camera import Camera

CHANNELS = 32
IMAGES = ((640, 480), (1920, 1080))
SURFACE_WIDTH = 320  # px of the grid of pixels whose surface is found, about
SAMPLES = 65536  # pixels whose rows are built


class Measurement(NamedTuple):
    """One line of the table; times in seconds, None where there is nothing to compare with."""

    gaussians: int
    image: str
    operation: str
    pixels: int
    ours: float
    naive: float | None
    pytorch: float | None
    multiply_adds: int = 0
    size: int = 0  # bytes that must move


now: Callable[[], float] = time.perf_counter
CLOCKS = {"elapsed": time.perf_counter, "processor": time.process_time}


def seconds_in_turn(works: list[Callable[[], object]], repeats: int) -> list[float]:
    """Medians of some runs of each, one after the other, so that what else the machine does strikes all alike."""
    times: list[list[float]] = [[] for _ in works]
    for _ in range(repeats):
        for own, work in zip(times, works, strict=True):
            start = now()
            work()
            own.append(now() - start)
    return [statistics.median(own) for own in times]


def seconds(work: Callable[[], object], repeats: int) -> float:
    """The median of some runs."""
    return seconds_in_turn([work], repeats)[0]


def peak(library: ctypes.CDLL) -> tuple[float, float]:
    """Multiply-adds per second of all threads in registers, and bytes per second of a copy, read and written."""
    rounds, source = 20_000_000, torch.ones(1 << 26)
    target = torch.empty_like(source)
    count = torch.get_num_threads() * rounds * library.multiply_adds(ctypes.c_int64(1))
    arithmetic = count / seconds(lambda: library.multiply_adds(ctypes.c_int64(rounds)), 5)
    return arithmetic, 2 * 4 * len(source) / seconds(lambda: target.copy_(source), 5)


def entries(operator: BlendOperator) -> int:
    """Weights that are not 0, of all pixels."""
    return sum(int(operator.rows(part).indptr[-1]) for part in operator.pixels().reshape(-1, 2).split(1 << 18))


class Naive:
    """The per-pixel loop over the tile lists of a view."""

    def __init__(self, library: ctypes.CDLL, tiled: tiled_view.TiledView) -> None:
        """Keeps the tile lists of a view for the compiled loop."""
        self.library, self.tiled = library, tiled
        self.lists = [ctypes.c_void_p(t.data_ptr()) for t in (tiled.splats, tiled.tile_offsets, tiled.ids)]

    @staticmethod
    def compiled(folder: Path) -> ctypes.CDLL:
        """benchmarks/naive.cpp as a shared library."""
        target = folder / "naive.so"
        flags = ["-O3", "-march=native", "-std=c++17", "-fopenmp", "-fPIC", "-shared"]
        subprocess.run(["g++", *flags, str(Path(__file__).with_name("naive.cpp")), "-o", str(target)], check=True)
        return ctypes.CDLL(str(target))

    def render(self, x: Tensor) -> Tensor:
        """Returns A x, [H, W, C]."""
        out = torch.empty(self.tiled.height, self.tiled.width, CHANNELS)
        self.library.naive_render(
            self.tiled.width,
            self.tiled.height,
            *self.lists,
            ctypes.c_void_p(x.data_ptr()),
            ctypes.c_void_p(out.data_ptr()),
        )
        return out

    def lift(self, y: Tensor) -> Tensor:
        """Returns the adjoint product with y, [N, C]."""
        out = torch.zeros(len(self.tiled.splats), CHANNELS)
        self.library.naive_lift(
            self.tiled.width,
            self.tiled.height,
            *self.lists,
            ctypes.c_void_p(y.data_ptr()),
            ctypes.c_void_p(out.data_ptr()),
        )
        return out

    def rows(self, pixels: Tensor) -> SparseRows:
        """Returns the rows of A of some pixels."""
        small = pixels.to(torch.int32).contiguous()
        count, where = ctypes.c_int64(len(small)), ctypes.c_void_p(small.data_ptr())
        indptr = torch.zeros(len(small) + 1, dtype=torch.int64)
        start = ctypes.c_void_p(indptr.data_ptr())
        self.library.naive_rows(self.tiled.width, count, where, *self.lists, start, None, None)
        indptr.cumsum_(0)
        indices = torch.empty(int(indptr[-1]), dtype=torch.int32)
        weights = torch.empty(int(indptr[-1]))
        self.library.naive_rows(
            self.tiled.width, count, where, *self.lists, start, ctypes.c_void_p(indices.data_ptr()),
            ctypes.c_void_p(weights.data_ptr()),
        )  # fmt: skip
        return SparseRows(indptr, indices, weights, len(self.tiled.splats))


def check(naive: Naive, operator: BlendOperator, x: Tensor, y: Tensor, pixels: Tensor) -> None:
    """The two do the same work: equal but for weights that rounding moves across a threshold."""
    for ours, theirs in (
        (operator.render(x), naive.render(x)),
        (operator.lift(y), naive.lift(y)),
        (operator.rows(pixels).render(x), naive.rows(pixels).render(x)),
    ):
        assert (ours - theirs).norm() < 1e-3 * ours.norm(), "the yardstick computes something else"


def pytorch(geometry: Geometry, camera: Camera, x: Tensor, y: Tensor, pixels: Tensor) -> list[float]:
    """Seconds of render, lift and rows in plain PyTorch."""
    works: list[Callable[[], object]] = [
        lambda: reference.render(geometry, camera, x),
        lambda: reference.lift(geometry, camera, y),
        lambda: reference.rows(geometry, camera, pixels),
    ]
    project = seconds(lambda: reference.project(geometry, camera), 2)
    return [seconds(work, 1) - project for work in works]


def measure(
    library: ctypes.CDLL, count: int, size: tuple[int, int], repeats: int, with_pytorch: bool
) -> Iterator[Measurement]:
    """The lines of one scene in one image size."""
    geometry, camera = surfels(count, "cpu"), view(*size)
    generator = torch.Generator().manual_seed(0)
    x = torch.rand(count, CHANNELS, generator=generator)
    y = torch.rand(size[1], size[0], CHANNELS, generator=generator)
    pixels = torch.stack([torch.randint(s, (SAMPLES,), generator=generator) for s in size], 1)
    image, area = f"{size[0]} x {size[1]}", size[0] * size[1]

    operator, tiled = BlendOperator(geometry, camera), tiled_view.TiledView.build(geometry, camera)
    naive = Naive(library, tiled)
    check(naive, operator, x, y, pixels)
    weights, seen = entries(operator), int((tiled.depths > 0).sum())
    lists = 32 * seen + tiled.ids.nbytes + tiled.tile_offsets.nbytes
    products, moved = CHANNELS * weights, (lists + 4 * CHANNELS * (seen + area), lists + 4 * CHANNELS * (area + count))
    works: list[tuple[str, int, Callable[[], object], Callable[[], object], int, int]] = [
        ("render", area, lambda: operator.render(x), lambda: naive.render(x), products, moved[0]),
        ("lift", area, lambda: operator.lift(y), lambda: naive.lift(y), products, moved[1]),
        (f"rows, {SAMPLES} pixels", SAMPLES, lambda: operator.rows(pixels), lambda: naive.rows(pixels), 0, 0),
    ]
    slow: list[float | None] = [None] * len(works)
    if with_pytorch:
        slow = list(pytorch(geometry, camera, x, y, pixels))
    build = seconds(lambda: BlendOperator(geometry, camera), repeats)
    yield Measurement(count, image, "project + sort", area, build, None, None)
    for (name, number, work, loop, work_done, bytes_moved), torch_time in zip(works, slow, strict=True):
        ours, theirs = seconds_in_turn([work, loop], repeats)
        yield Measurement(count, image, name, number, ours, theirs, torch_time, work_done, bytes_moved)
    grid = operator.pixels(max(1, size[0] // SURFACE_WIDTH))
    surface = seconds(lambda: operator.surface(grid), repeats)
    yield Measurement(count, image, f"surface, {len(grid[0])} x {len(grid)}", grid[..., 0].numel(), surface, None, None)


def line(m: Measurement) -> str:
    """Returns one row of the table, in Markdown."""

    def compared(other: float | None) -> str:
        return "- | -" if other is None else f"{1e3 * other:.1f} | {other / m.ours:.1f} x"

    speed = f"{1e3 * m.ours:.2f} | {m.pixels / m.ours / 1e6:.2f}"
    return f"| {m.gaussians} | {m.image} | {m.operation} | {speed} | {compared(m.naive)} | {compared(m.pytorch)} |"


def share_of_peak(m: Measurement, arithmetic: float, copying: float) -> str:
    """Returns one row of the second table, in Markdown."""
    rate, bandwidth = m.multiply_adds / m.ours, m.size / m.ours
    return (
        f"| {m.gaussians} | {m.image} | {m.operation} | {m.multiply_adds / 1e9:.2f} | {rate / 1e9:.1f} | "
        f"{100 * rate / arithmetic:.0f} % | {m.size / 1e6:.0f} | {100 * bandwidth / copying:.0f} % |"
    )


def main(
    device: Literal["cpu", "cuda"] = "cpu",
    gaussians: tuple[int, ...] | None = None,
    repeats: int | None = None,
    clock: Literal["elapsed", "processor"] = "elapsed",
    pytorch: bool = True,
) -> None:
    """Measure the rasterizer.

    Args:
        device: where to run, and with what to compare: see above.
        gaussians: scene sizes; 0.1 and 1 million by default, on a GPU 3 million too.
        repeats: runs of each measurement, of which the median counts: 5 by default, on a GPU 100.
        clock: "processor" counts the processor's time of all threads, where others use the machine; set
            OMP_NUM_THREADS=1 with it.
        pytorch: whether to compare with plain PyTorch, which takes most of the time.
    """
    if device == "cuda":
        import raster_cuda

        raster_cuda.report(gaussians or (100_000, 1_000_000, 3_000_000), repeats or 100)
        return
    global now
    now, gaussians, repeats = CLOCKS[clock], gaussians or (100_000, 1_000_000), repeats or 5
    print(f"{CHANNELS} channels, float32, {torch.get_num_threads()} CPU threads, {clock} time, median of {repeats}")
    print("(PyTorch: one run). Projection and sorting have a line of their own and are in no other.\n")
    print("| Gaussians | image | operation | ms | Mpix/s | per-pixel loop, ms | ratio | PyTorch, ms | ratio |")
    print("| ---: | --- | --- | ---: | ---: | ---: | ---: | ---: | ---: |")
    done: list[Measurement] = []
    with tempfile.TemporaryDirectory() as folder:
        library = Naive.compiled(Path(folder))
        for count in gaussians:
            for size in IMAGES:
                for measurement in measure(library, count, size, repeats, pytorch):
                    print(line(measurement), flush=True)
                    done.append(measurement)
        arithmetic, copying = peak(library)
    print(f"\nPeak: {arithmetic / 1e9:.1f} billion multiply-adds a second, {copying / 1e9:.1f} GB/s copied.\n")
    print("| Gaussians | image | operation | multiply-adds, billions | a second | of peak | MB | of copying |")
    print("| ---: | --- | --- | ---: | ---: | ---: | ---: | ---: |")
    for measurement in done:
        if measurement.multiply_adds:
            print(share_of_peak(measurement, arithmetic, copying))


if __name__ == "__main__":
    tyro.cli(main)
