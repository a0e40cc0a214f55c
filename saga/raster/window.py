"""The operator of a picture that shows a small part of a scene: only the Gaussians that can reach it are projected.

A click from a camera that nobody looked through before needs a few pixels, and a view of a city shows a street:
projecting and sorting all of a large scene for them would take most of the time, and of the memory.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property

import torch
from torch import Tensor

from saga.native import bindings, host
from saga.raster.geometry import Geometry
from saga.raster.operator import BlendOperator, Surface
from saga.raster.reference import NEAR
from saga.raster.sparse import SparseRows
from saga.runtime.sets import rows_of
from saga.scene.camera import Camera

LARGEST = 128 * 128
"""Pixels of a picture that it is worth it for."""
_LARGE_SCENE = 1 << 19
"""Gaussians from which a view is worth looking for those that reach it."""
_FEW = 0.5
"""Share of the Gaussians that reach a view below which the others are left out."""
_DEVIATIONS = 3.34
"""Standard deviations at which the most opaque Gaussian falls below an alpha of 1/255, rounded up."""
_SLACK = 3.0
"""Pixels that the rasterizer's dilation and rounding add to that, rounded up."""


_CACHED = 1 << 15
"""Gaussians whose products with the sides of a picture stay in a core's cache."""


class Bounds:
    """What tells which Gaussians of a scene can reach a picture, without projecting them."""

    def __init__(self, geometry: Geometry) -> None:
        """Keeps the geometry; nothing is computed yet."""
        self._geometry = geometry

    @cached_property
    def _spheres(self) -> Tensor:  # [4, N], which products with few rows read at the speed of memory
        """Centers and greatest standard deviations, in world units."""
        spheres = torch.cat([self._geometry.means, self._geometry.scales.amax(1, keepdim=True)], dim=1)
        return spheres.T.contiguous()

    def reaching(self, camera: Camera) -> Tensor:  # [n] int64
        """Returns the rows that the rasterizer may show in a camera's picture; it shows no others.

        A splat of standard deviation s at depth z is at most fx s (1 + t) / z wide per deviation, t the largest slope
        of a ray that the rasterizer linearizes at; so each side of the picture is a half space of (x, y, z, s).
        """
        pose = torch.from_numpy(camera.world_to_camera).to(self._geometry.means)
        sides = torch.zeros(5, 4, dtype=pose.dtype, device=pose.device)  # of camera x, y, z and s
        x0, x1, y0, y1 = camera.slopes
        parts = (
            (0, camera.width, camera.fx, camera.cx, max(-x0, x1)),
            (1, camera.height, camera.fy, camera.cy, max(-y0, y1)),
        )
        for axis, size, focal, middle, slope in parts:
            reach = _DEVIATIONS * focal * (1 + slope)
            sides[2 * axis, axis], sides[2 * axis, 2], sides[2 * axis, 3] = focal, middle + _SLACK, reach
            sides[2 * axis + 1, axis], sides[2 * axis + 1, 3] = -focal, reach
            sides[2 * axis + 1, 2] = size - middle + _SLACK
        sides[4, 2] = 1.0
        least = torch.zeros(5, 1, dtype=pose.dtype, device=pose.device)
        least[4] = 0.5 * NEAR / self._geometry.unit
        world = torch.cat([sides[:, :3] @ pose[:3, :3], sides[:, 3:]], dim=1)
        least -= sides[:, :3] @ pose[:3, 3:]
        native = host.function("saga_reaching") if pose.device.type == "cpu" and pose.dtype == torch.float32 else None
        return rows_of(self._inside(world, least) if native is None else self._looked_at(native, world, least))

    def _inside(
        self,
        sides: Tensor,  # [5, 4]
        least: Tensor,  # [5, 1]
    ) -> Tensor:  # [N] bool
        """Whether each Gaussian is within five half spaces of (x, y, z, s)."""
        step = _CACHED if self._spheres.device.type == "cpu" else max(self._spheres.shape[1], 1)
        return torch.cat([(sides @ part - least).amin(0) >= 0 for part in self._spheres.split(step, dim=1)])

    def _looked_at(
        self,
        native: Callable[..., int],
        sides: Tensor,  # [5, 4]
        least: Tensor,  # [5, 1]
    ) -> Tensor:  # [N] bool
        """The same, by the CPU library, without a copy of the spheres."""
        inside, geometry = torch.empty(len(self._geometry), dtype=torch.bool), self._geometry
        arrays = (geometry.means, geometry.scales, sides.contiguous(), least.contiguous())
        native(len(geometry), *map(bindings.pointer, arrays), bindings.pointer(inside, torch.bool))
        return inside


def view_operator(geometry: Geometry, camera: Camera, bounds: Bounds) -> BlendOperator:
    """Returns the operator of a view, which projects what can reach it where that is a small part of a large scene.

    Args:
        geometry: the scene.
        camera: the view.
        bounds: those of the scene.
    """
    return BlendOperator(geometry, camera) if len(geometry) < _LARGE_SCENE else _LaterOperator(geometry, camera, bounds)


class WindowOperator(BlendOperator):
    """A BlendOperator that has projected some of the Gaussians; rows and products are those of all of them."""

    def __init__(self, geometry: Geometry, camera: Camera, rows: Tensor) -> None:  # [n] int64
        """Projects the Gaussians of some rows, all that reach the picture."""
        super().__init__(geometry.of_rows(rows), camera)
        self._rows, self._count = rows, len(geometry)

    @property
    def shape(self) -> tuple[int, int]:
        """Pixels and Gaussians of the whole scene."""
        return self.camera.width * self.camera.height, self._count

    def render(
        self,
        x: Tensor,  # [N, C]
    ) -> Tensor:  # [H, W, C]
        """As BlendOperator."""
        if x.ndim != 2 or x.shape[0] != self._count:
            raise ValueError(f"render: expected x of shape [{self._count}, C], found {list(x.shape)}")
        return self._inside_operator.render(x[self._rows])

    def lift(
        self,
        y: Tensor,  # [H, W, C]
    ) -> Tensor:  # [N, C]
        """As BlendOperator."""
        gathered = self._inside_operator.lift(y)
        return gathered.new_zeros(self._count, gathered.shape[1]).index_copy(0, self._rows, gathered)

    def depth(self) -> Tensor:  # [H, W]
        """As BlendOperator."""
        return self._inside_operator.depth()

    def rows(
        self,
        pixels: Tensor,  # [P, 2]
    ) -> SparseRows:
        """As BlendOperator."""
        found = self._inside_operator.rows(pixels)
        indices = self._rows[found.indices.long()].to(torch.int32)
        return SparseRows(found.indptr, indices, found.weights, columns=self._count)

    @property
    def _inside_operator(self) -> BlendOperator:
        """The operator of the projected Gaussians alone."""
        plain = object.__new__(BlendOperator)
        plain.__dict__.update(self.__dict__)
        return plain


class _LaterOperator(BlendOperator):
    """A view of a large scene, which is projected when more of it is asked for than pixels near each other.

    A click asks for one pixel; the view of a city takes a second and hundreds of megabytes.
    """

    def __init__(self, geometry: Geometry, camera: Camera, bounds: Bounds) -> None:
        """Keeps what it is of."""
        self.geometry, self.camera, self._bounds = geometry, camera, bounds
        self._near: tuple[tuple[int, ...], WindowOperator] | None = None

    @cached_property
    def _whole(self) -> BlendOperator:
        """The view as a whole."""
        self._near = None
        rows = self._bounds.reaching(self.camera)
        if len(rows) < _FEW * len(self.geometry):
            return WindowOperator(self.geometry, self.camera, rows)
        return BlendOperator(self.geometry, self.camera)

    @property
    def shape(self) -> tuple[int, int]:
        """Pixels and Gaussians of the whole scene."""
        return self.camera.width * self.camera.height, len(self.geometry)

    def render(
        self,
        x: Tensor,  # [N, C]
    ) -> Tensor:  # [H, W, C]
        """As BlendOperator."""
        return self._whole.render(x)

    def lift(
        self,
        y: Tensor,  # [H, W, C]
    ) -> Tensor:  # [N, C]
        """As BlendOperator."""
        return self._whole.lift(y)

    def depth(self) -> Tensor:  # [H, W]
        """As BlendOperator."""
        return self._whole.depth()

    def surface(
        self,
        pixels: Tensor | None = None,  # [..., 2]
    ) -> Surface:
        """As BlendOperator."""
        return self._whole.surface(pixels)

    def rows(
        self,
        pixels: Tensor,  # [P, 2]
    ) -> SparseRows:
        """As BlendOperator."""
        pixels = self._inside("rows", pixels)
        if len(pixels) == 0:
            none = pixels.new_zeros(1)
            return SparseRows(none, none[:0].int(), torch.zeros(0, device=none.device), len(self.geometry))
        if "_whole" in self.__dict__:
            return self._whole.rows(pixels)
        first, end = pixels.amin(0), pixels.amax(0) + 1
        if int((end - first).prod()) > LARGEST:
            return self._whole.rows(pixels)
        window = (*first.tolist(), *end.tolist())
        if self._near is None or self._near[0] != window:
            part = self.camera.cropped(*window)
            self._near = window, WindowOperator(self.geometry, part, self._bounds.reaching(part))
        return self._near[1].rows(pixels - first)
