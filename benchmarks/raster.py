"""Throughput of render, lift and rows, against a per-pixel loop and against plain PyTorch.

    python benchmarks/raster.py [--device cpu|cuda] [--gaussians 100000 1000000]

On a GPU the comparison is with gsplat and with the memory's bandwidth: see raster_cuda.py. On the CPU:

All figures of a row come from one run on one machine. The per-pixel loop (benchmarks/naive.cpp, compiled
here with g++ -O3 -march=native) gets the same projected Gaussians and tile lists, ready made. PyTorch is
saga.raster.reference, run once, less the time of its projection.
"""

from __future__ import annotations

import ctypes
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


def seconds(work: Callable[[], object], repeats: int) -> float:
    """The fastest of some runs."""
    best = float("inf")
    for _ in range(repeats):
        start = time.perf_counter()
        work()
        best = min(best, time.perf_counter() - start)
    return best


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


def measure(library: ctypes.CDLL, count: int, size: tuple[int, int], repeats: int) -> Iterator[Measurement]:
    """The lines of one scene in one image size."""
    geometry, camera = surfels(count, "cpu"), view(*size)
    generator = torch.Generator().manual_seed(0)
    x = torch.rand(count, CHANNELS, generator=generator)
    y = torch.rand(size[1], size[0], CHANNELS, generator=generator)
    pixels = torch.stack([torch.randint(s, (SAMPLES,), generator=generator) for s in size], 1)
    image, area = f"{size[0]} x {size[1]}", size[0] * size[1]

    operator = BlendOperator(geometry, camera)
    works: list[tuple[str, int, Callable[[], object]]] = [
        ("render", area, lambda: operator.render(x)),
        ("lift", area, lambda: operator.lift(y)),
        (f"rows, {SAMPLES} pixels", SAMPLES, lambda: operator.rows(pixels)),
    ]
    naive = Naive(library, tiled_view.TiledView.build(geometry, camera))
    check(naive, operator, x, y, pixels)
    loops = [
        seconds(lambda: naive.render(x), repeats),
        seconds(lambda: naive.lift(y), repeats),
        seconds(lambda: naive.rows(pixels), repeats),
    ]
    slow = pytorch(geometry, camera, x, y, pixels)
    build = seconds(lambda: BlendOperator(geometry, camera), repeats)
    yield Measurement(count, image, "project + sort", area, build, None, None)
    for (name, number, work), loop, torch_time in zip(works, loops, slow, strict=True):
        work()
        yield Measurement(count, image, name, number, seconds(work, repeats), loop, torch_time)
    grid = operator.pixels(max(1, size[0] // SURFACE_WIDTH))
    surface = seconds(lambda: operator.surface(grid), repeats)
    yield Measurement(count, image, f"surface, {len(grid[0])} x {len(grid)}", grid[..., 0].numel(), surface, None, None)


def line(m: Measurement) -> str:
    """Returns one row of the table, in Markdown."""

    def compared(other: float | None) -> str:
        return "- | -" if other is None else f"{1e3 * other:.1f} | {other / m.ours:.1f} x"

    speed = f"{1e3 * m.ours:.2f} | {m.pixels / m.ours / 1e6:.2f}"
    return f"| {m.gaussians} | {m.image} | {m.operation} | {speed} | {compared(m.naive)} | {compared(m.pytorch)} |"


def main(
    device: Literal["cpu", "cuda"] = "cpu",
    gaussians: tuple[int, ...] | None = None,
    repeats: int | None = None,
) -> None:
    """Measure the rasterizer.

    Args:
        device: where to run, and with what to compare: see above.
        gaussians: scene sizes; 0.1 and 1 million by default, on a GPU 3 million too.
        repeats: runs of each measurement: 5 by default, of which the fastest counts; on a GPU 100 and their median.
    """
    if device == "cuda":
        import raster_cuda

        raster_cuda.report(gaussians or (100_000, 1_000_000, 3_000_000), repeats or 100)
        return
    gaussians, repeats = gaussians or (100_000, 1_000_000), repeats or 5
    print(f"{CHANNELS} channels, float32, cpu, {torch.get_num_threads()} CPU threads, best of {repeats} runs")
    print("(PyTorch: one run). Projection and sorting have a line of their own and are in no other.\n")
    print("| Gaussians | image | operation | ms | Mpix/s | per-pixel loop, ms | ratio | PyTorch, ms | ratio |")
    print("| ---: | --- | --- | ---: | ---: | ---: | ---: | ---: | ---: |")
    with tempfile.TemporaryDirectory() as folder:
        library = Naive.compiled(Path(folder))
        for count in gaussians:
            for size in IMAGES:
                for measurement in measure(library, count, size, repeats):
                    print(line(measurement), flush=True)


if __name__ == "__main__":
    tyro.cli(main)
