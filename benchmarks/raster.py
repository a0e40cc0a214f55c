"""Throughput of render, lift and rows, against a per-pixel loop and against plain PyTorch.

    python benchmarks/raster.py [--device cpu|cuda] [--gaussians 100000 1000000]

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

import numpy as np
import torch
import tyro
from torch import Tensor

from saga.raster import BlendOperator, Geometry, SparseRows, native, reference
from saga.scene.camera import Camera

CHANNELS = 32
IMAGES = ((640, 480), (1920, 1080))
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


def surfels(count: int, device: str) -> Geometry:
    """Flat Gaussians on five spheres and a floor, as densely as they are many."""
    rng = np.random.default_rng(0)
    centres = np.array([[0, 0, 0], [1.3, 0.1, 0.4], [-1.2, 0, 0.7], [0.3, 0.2, -1.4], [-0.7, -0.9, -0.5]])
    floor = rng.random(count) < 0.5
    normals = rng.normal(size=(count, 3))
    normals /= np.linalg.norm(normals, axis=1, keepdims=True)
    means = centres[rng.integers(0, 5, count)] + 0.6 * normals
    means[floor] = rng.uniform(-3, 3, (int(floor.sum()), 3)) * [1, 0, 1] + [0, 0.7, 0]
    normals[floor] = [0, 1, 0]
    # The rotation that takes z to the normal: halfway between them.
    quaternions = np.stack([1 + normals[:, 2], -normals[:, 1], normals[:, 0], np.zeros(count)], 1)
    spacing = np.sqrt((36 + 5 * 4 * np.pi * 0.36) / count)
    scales = spacing * rng.uniform(0.5, 1.5, (count, 3)) * [1, 1, 0.02]
    arrays = (means, scales, quaternions, rng.uniform(0.1, 1, count))
    return Geometry(*(torch.tensor(array, dtype=torch.float32, device=device) for array in arrays))


def view(width: int, height: int) -> Camera:
    """Looks down at the spheres from 4.5 units away."""
    tilt = np.radians(20)
    world_to_camera = np.eye(4)
    world_to_camera[1:3, 1:3] = [[np.cos(tilt), -np.sin(tilt)], [np.sin(tilt), np.cos(tilt)]]
    world_to_camera[2, 3] = 4.5
    focal = 0.9 * width
    return Camera("benchmark", width, height, focal, focal, width / 2, height / 2, world_to_camera)


def seconds(device: str, work: Callable[[], object], repeats: int) -> float:
    """The fastest of some runs."""
    best = float("inf")
    for _ in range(repeats):
        start = time.perf_counter()
        work()
        if device == "cuda":
            torch.cuda.synchronize()
        best = min(best, time.perf_counter() - start)
    return best


class Naive:
    """The per-pixel loop over the tile lists of a view."""

    def __init__(self, library: ctypes.CDLL, tiled: native.TiledView) -> None:
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


def pytorch(geometry: Geometry, camera: Camera, device: str, x: Tensor, y: Tensor, pixels: Tensor) -> list[float]:
    """Seconds of render, lift and rows in plain PyTorch."""
    works: list[Callable[[], object]] = [
        lambda: reference.render(geometry, camera, x),
        lambda: reference.lift(geometry, camera, y),
        lambda: reference.rows(geometry, camera, pixels),
    ]
    project = seconds(device, lambda: reference.project(geometry, camera), 2)
    return [seconds(device, work, 1) - project for work in works]


def measure(
    library: ctypes.CDLL | None, device: str, count: int, size: tuple[int, int], repeats: int
) -> Iterator[Measurement]:
    """The lines of one scene in one image size."""
    geometry, camera = surfels(count, device), view(*size)
    generator = torch.Generator().manual_seed(0)
    x = torch.rand(count, CHANNELS, generator=generator).to(device)
    y = torch.rand(size[1], size[0], CHANNELS, generator=generator).to(device)
    pixels = torch.stack([torch.randint(s, (SAMPLES,), generator=generator) for s in size], 1).to(device)
    image, area = f"{size[0]} x {size[1]}", size[0] * size[1]

    operator = BlendOperator(geometry, camera)
    works: list[tuple[str, int, Callable[[], object]]] = [
        ("render", area, lambda: operator.render(x)),
        ("lift", area, lambda: operator.lift(y)),
        (f"rows, {SAMPLES} pixels", SAMPLES, lambda: operator.rows(pixels)),
    ]
    loops: list[float | None] = [None] * 3
    if library is not None:
        naive = Naive(library, native.TiledView.build(geometry, camera))
        check(naive, operator, x, y, pixels)
        loops = [
            seconds(device, lambda: naive.render(x), repeats),
            seconds(device, lambda: naive.lift(y), repeats),
            seconds(device, lambda: naive.rows(pixels), repeats),
        ]
    slow = pytorch(geometry, camera, device, x, y, pixels)
    build = seconds(device, lambda: BlendOperator(geometry, camera), repeats)
    yield Measurement(count, image, "project + sort", area, build, None, None)
    for (name, number, work), loop, torch_time in zip(works, loops, slow, strict=True):
        work()
        yield Measurement(count, image, name, number, seconds(device, work, repeats), loop, torch_time)


def line(m: Measurement) -> str:
    def compared(other: float | None) -> str:
        return "- | -" if other is None else f"{1e3 * other:.1f} | {other / m.ours:.1f} x"

    speed = f"{1e3 * m.ours:.2f} | {m.pixels / m.ours / 1e6:.2f}"
    return f"| {m.gaussians} | {m.image} | {m.operation} | {speed} | {compared(m.naive)} | {compared(m.pytorch)} |"


def main(
    device: Literal["cpu", "cuda"] = "cpu",
    gaussians: tuple[int, ...] = (100_000, 1_000_000),
    repeats: int = 5,
) -> None:
    """Measure the rasterizer.

    Args:
        device: where to run; the per-pixel loop is measured on the CPU only.
        gaussians: scene sizes.
        repeats: runs of each measurement; the fastest counts.
    """
    print(f"{CHANNELS} channels, float32, {device}, {torch.get_num_threads()} CPU threads, best of {repeats} runs")
    print("(PyTorch: one run). Projection and sorting have a line of their own and are in no other.\n")
    print("| Gaussians | image | operation | ms | Mpix/s | per-pixel loop, ms | ratio | PyTorch, ms | ratio |")
    print("| ---: | --- | --- | ---: | ---: | ---: | ---: | ---: | ---: |")
    with tempfile.TemporaryDirectory() as folder:
        library = Naive.compiled(Path(folder)) if device == "cpu" else None
        for count in gaussians:
            for size in IMAGES:
                for measurement in measure(library, device, count, size, repeats):
                    print(line(measurement), flush=True)


if __name__ == "__main__":
    tyro.cli(main)
