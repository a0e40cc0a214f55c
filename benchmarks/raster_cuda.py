"""The rasterizer on a GPU, against gsplat and against the time in which the memory could move what must move.

`python benchmarks/raster.py --device cuda` runs it. Times are medians between device events, with cold caches.
The floor counts the bytes of every input that can matter once and of every output once, at the copy bandwidth
measured in the same run: docs/performance.md has the formulas.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import NamedTuple

import gpu
import torch
from scenes import surfels, view
from torch import Tensor

from saga.errors import SagaError
from saga.raster import BlendOperator, Geometry
from saga.raster.gsplat import GsplatView
from saga.scene.camera import Camera

SIZE = (1920, 1080)
CHANNELS, COLORS = 32, 3
AGREEMENT = 1e-2  # largest relative difference of norms between ours and gsplat's


class Line(NamedTuple):
    """One row of the table; times in ms, None where there is nothing to compare with."""

    gaussians: int
    operation: str
    ours: float
    floor: float | None = None
    gsplat: float | None = None


class Subject:
    """One scene in one view, with what is rendered and lifted."""

    def __init__(self, count: int) -> None:
        """Makes a scene of so many Gaussians on the GPU."""
        self.count, self.geometry, self.camera = count, surfels(count, "cuda"), view(*SIZE)
        generator = torch.Generator().manual_seed(0)
        self.x = torch.rand(count, CHANNELS, generator=generator).cuda()
        self.y = torch.rand(SIZE[1], SIZE[0], CHANNELS, generator=generator).cuda()
        self.operator = BlendOperator(self.geometry, self.camera, "native")
        self.exact = BlendOperator(self.geometry, self.camera, "native", exact=True)

    def bytes(self, channels: int) -> tuple[float, float]:
        """What render and lift must move: lists and splats of the seen Gaussians, inputs and outputs, each once."""
        seen = self.operator.lift(torch.ones_like(self.y[..., :1]))[:, 0] > 0
        tiled = self.operator._view
        assert tiled is not None
        assert not isinstance(tiled, GsplatView)
        visible, pairs = int(seen.sum()), int(seen[tiled.ids.long()].sum())
        lists = 4 * pairs + 8 * len(tiled.tile_offsets) + 32 * visible
        image = 4 * channels * SIZE[0] * SIZE[1]
        return lists + 4 * channels * visible + image, lists + image + 4 * channels * self.count


class Peer:
    """gsplat on the same scene, or nothing where it is missing."""

    def __init__(self, geometry: Geometry, camera: Camera) -> None:
        """Projects the scene once, as gsplat does it."""
        self.geometry, self.camera = geometry, camera
        self.view = GsplatView.build(geometry, camera)

    def project(self) -> object:
        """Projects and sorts the scene again."""
        return GsplatView.build(self.geometry, self.camera)

    def forward(self, x: Tensor) -> Tensor:
        """Renders x."""
        return self.view.rasterize(x)

    def both(self, x: Tensor, y: Tensor) -> Tensor:
        """Renders x and takes the gradient for y, which is lift."""
        return torch.autograd.grad(self.view.rasterize(x), x, y)[0]


def check(ours: Tensor, theirs: Tensor, what: str) -> None:
    """The two do the same work."""
    difference = float((ours - theirs).norm() / theirs.norm())
    assert difference < AGREEMENT, f"{what}: ours and gsplat's differ by {difference:.1e}"


def measure(subject: Subject, peer: Peer | None, bandwidth: float, repeats: int) -> Iterator[Line]:
    """The rows of one scene."""
    operator, exact, x, y = subject.operator, subject.exact, subject.x, subject.y
    leaf, colors = x.clone().requires_grad_(), x[:, :COLORS].contiguous()
    if peer is not None:
        check(operator.render(x), peer.forward(x), "render")
        check(operator.lift(y), peer.both(leaf, y), "lift")

    def clock(work: Callable[[], object]) -> float:
        return gpu.milliseconds(work, repeats)

    def theirs(work: Callable[[Peer], object]) -> float | None:
        return None if peer is None else clock(lambda: work(peer))

    def floor(size: float) -> float:
        return 1e3 * size / bandwidth

    def build() -> object:
        return BlendOperator(subject.geometry, subject.camera, "native")

    render, lift = subject.bytes(CHANNELS)
    both = theirs(lambda peer: peer.both(leaf, y))
    yield Line(subject.count, "project + sort", clock(build), None, theirs(lambda peer: peer.project()))
    with torch.no_grad():
        forward, color = theirs(lambda peer: peer.forward(x)), theirs(lambda peer: peer.forward(colors))
    yield Line(subject.count, f"render, {CHANNELS} channels", clock(lambda: operator.render(x)), floor(render), forward)
    yield Line(subject.count, f"lift, {CHANNELS} channels", clock(lambda: operator.lift(y)), floor(lift))
    pair = clock(lambda: (operator.render(x), operator.lift(y)))
    yield Line(subject.count, f"render + lift, {CHANNELS} channels", pair, floor(render + lift), both)
    yield Line(subject.count, "render + lift, against gsplat's colors alone", pair, floor(render + lift), color)
    single = clock(lambda: (exact.render(x), exact.lift(y)))
    yield Line(subject.count, "render + lift in float32 (exact)", single, floor(render + lift), both)
    ours = clock(lambda: operator.render(colors))
    yield Line(subject.count, f"render, {COLORS} channels", ours, floor(subject.bytes(COLORS)[0]), color)


def row(line: Line) -> str:
    """A row of the table."""
    floor = "- | -" if line.floor is None else f"{line.floor:.3f} | {100 * line.floor / line.ours:.0f} %"
    other = "- | -" if line.gsplat is None else f"{line.gsplat:.3f} | {line.gsplat / line.ours:.2f} x"
    return f"| {line.gaussians:,} | {line.operation} | {line.ours:.3f} | {floor} | {other} |"


def report(gaussians: tuple[int, ...], repeats: int) -> None:
    """Prints the table."""
    gpu.require()
    bandwidth = gpu.bandwidth()
    print(f"{gpu.describe(bandwidth)}; {SIZE[0]} x {SIZE[1]}, median of {repeats} runs, cold caches.")
    print("Projection and sorting have a line of their own and are in no other. gsplat's time for a render and a lift")
    print("is that of its forward and backward pass.\n")
    print("| Gaussians | operation | ms | floor, ms | of the floor's speed | gsplat, ms | gsplat / ours |")
    print("| ---: | --- | ---: | ---: | ---: | ---: | ---: |")
    missing = None
    for count in gaussians:
        subject, peer = Subject(count), None
        try:
            peer = Peer(subject.geometry, subject.camera)
        except SagaError as error:
            missing = str(error)
        for line in measure(subject, peer, bandwidth, repeats):
            print(row(line), flush=True)
    if missing is not None:
        print(f"\nNot compared: {missing}")
