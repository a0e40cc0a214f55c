"""Rays kept for every object of a scene: rows of A on a grid of pixels of each view, and rendered colors."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import torch
from torch import Tensor

from saga.raster import SparseRows
from saga.raster.device_scene import DeviceScene

_REMEMBERED = 512


@dataclass(frozen=True)
class ViewRays:
    """The rays of one view, row by row of the grid; the pixel of a ray is the middle of its cell."""

    pixels: Tensor  # [P, 2] int64
    rows: SparseRows
    shape: tuple[int, int]
    """Cells along y and x."""

    def sampled(
        self,
        image: Tensor,  # [H, W] or [K, H, W]
    ) -> Tensor:  # [P] or [K, P]
        """Returns the values of an image at the rays' pixels."""
        return image[..., self.pixels[:, 1], self.pixels[:, 0]]

    def cells(
        self,
        pixels: Tensor,  # [K, 2]
        grid: int,
    ) -> Tensor:  # [K]
        """Returns the rays nearest to some pixels (x, y)."""
        return pixels[:, 1] // grid * self.shape[1] + pixels[:, 0] // grid

    def image(
        self,
        values: Tensor,  # [P]
        grid: int,
        size: tuple[int, int],
    ) -> Tensor:  # [H, W]
        """Returns values of the rays as an image of `size`, each cell filled with its ray's."""
        cells = values.reshape(self.shape)
        return cells.repeat_interleave(grid, 0).repeat_interleave(grid, 1)[: size[0], : size[1]]


class RayCache:
    """Rays and colors of the views of a scene, made when first asked for."""

    def __init__(self, device_scene: DeviceScene, grid: int, most: int) -> None:
        """Puts a ray at every `grid` pixels along each axis, or fewer: all views together keep at most `most`."""
        self.device_scene = device_scene
        sizes = [(camera.width, camera.height) for camera in device_scene.scene.cameras]
        self.grid = grid
        while sum(-(-w // self.grid) * -(-h // self.grid) for w, h in sizes) > max(most, len(sizes)):
            self.grid += 1
        self.rays = lru_cache(_REMEMBERED)(self._rays)
        self.colors = lru_cache(_REMEMBERED)(self._colors)
        self.weights = lru_cache(_REMEMBERED)(self._weights)

    def _rays(self, name: str) -> ViewRays:
        """Returns the rays of a view, by the camera's name."""
        camera = self.device_scene.scene.camera(name)
        half = self.grid // 2
        ys, xs = (
            torch.arange(half, side + self.grid - 1, self.grid)[: -(-side // self.grid)].clamp(max=side - 1)
            for side in (camera.height, camera.width)
        )
        grid = torch.stack(torch.meshgrid(xs, ys, indexing="xy"), dim=-1).reshape(-1, 2).to(self.device_scene.device)
        return ViewRays(grid, self.device_scene.operator(name).rows(grid), (len(ys), len(xs)))

    def _weights(self, name: str) -> Tensor:  # [N]
        """Returns the blended weight of each Gaussian, summed over a view's rays: lift(1)."""
        rows = self.rays(name).rows
        return rows.lift(torch.ones(len(rows), 1, device=self.device_scene.device))[:, 0]

    def _colors(self, name: str) -> Tensor:  # [H, W, 3] uint8
        """Returns what a view looks like, rendered, over black."""
        camera = self.device_scene.scene.camera(name)
        colors = torch.from_numpy(self.device_scene.scene.gaussians.colors(camera.position)).to(
            self.device_scene.device
        )
        return (self.device_scene.operator(name).render(colors).clamp(0, 1) * 255).round().to(torch.uint8)
