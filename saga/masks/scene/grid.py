"""What one view sees of the surface, on a regular grid of its pixels."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from scipy import ndimage

from saga.masks.color_edges import ColorEdges, color_edges
from saga.raster import BlendOperator
from saga.scene.camera import Camera

_SMOOTHING = 0.7
"""Standard deviation, in samples, of what colors are smoothed with before their gradient is taken."""


@dataclass(frozen=True, eq=False)
class ViewGrid:
    """The surface that a view shows, at every `step`-th pixel."""

    camera: Camera
    step: int
    """Pixels between two samples."""
    depth: np.ndarray  # [h, w]
    """Camera z of the surface, float32 [h, w]; 0 where there is none."""
    color: np.ndarray  # [h, w, 3]
    """The photograph there, uint8 RGB [h, w, 3]."""

    @property
    def columns(self) -> np.ndarray:  # [w]
        """Pixel column of each sample."""
        return np.arange(self.step // 2, self.camera.width, self.step)

    @property
    def rows(self) -> np.ndarray:  # [h]
        """Pixel row of each sample."""
        return np.arange(self.step // 2, self.camera.height, self.step)

    @cached_property
    def seen(self) -> np.ndarray:  # [h, w]
        """Where there is a surface, bool [h, w]."""
        return self.depth > 0

    @cached_property
    def points(self) -> np.ndarray:  # [h, w, 3]
        """The surface in world coordinates, float32 [h, w, 3]; the camera's center where there is none."""
        camera = self.camera
        x = (self.columns + 0.5 - camera.cx) / camera.fx
        y = (self.rows + 0.5 - camera.cy) / camera.fy
        rays = np.stack([*np.meshgrid(x, y), np.ones(self.depth.shape)], -1) @ camera.world_to_camera[:3, :3]
        points: np.ndarray = (camera.position + rays * self.depth[..., None]).astype(np.float32)
        return points

    @cached_property
    def edges(self) -> ColorEdges:
        """The photograph there in CIELAB, [h, w, 3], and its edges from sample to sample, [h, w]."""
        return color_edges(self.color, _SMOOTHING)

    @property
    def lab(self) -> np.ndarray:  # [h, w, 3]
        """The photograph there in CIELAB, float32 [h, w, 3]."""
        return self.edges.lab

    def steady(self, jump: float) -> np.ndarray:  # [h, w]
        """Where the surface does not jump by more than a share of its depth to a neighbor, bool [h, w]."""
        highest = ndimage.maximum_filter(self.depth, 3)
        lowest = ndimage.minimum_filter(np.where(self.seen, self.depth, np.inf), 3)
        steady: np.ndarray = self.seen & (highest - lowest <= jump * self.depth)
        return steady

    def nearest_sample(
        self,
        height: int,
        width: int,
    ) -> tuple[np.ndarray, np.ndarray]:  # [height, 1], [1, width]
        """Index of the sample nearest to every pixel of the view's image at another size."""
        down = _nearest(height, self.camera.height, self.step, self.depth.shape[0])
        across = _nearest(width, self.camera.width, self.step, self.depth.shape[1])
        return down[:, None], across[None]


def _nearest(size: int, full: int, step: int, samples: int) -> np.ndarray:  # [size]
    pixels = (np.arange(size) + 0.5) * full / size
    return np.clip((pixels - step // 2 + step / 2) / step, 0, samples - 1).astype(int)


def _step(length: int, side: int) -> int:
    """The step between samples along a length of pixels for which the number of samples is nearest to `side`."""
    fine = max(1, length // side)
    # By ratio: 2 and 3 are as far from the middle of an interval of lengths, but not in what is seen and what it costs.
    return fine if length * length <= side * side * fine * (fine + 1) else fine + 1


def view_grid(
    operator: BlendOperator,
    photograph: np.ndarray | None,  # [H, W, 3]
    side: int,
) -> ViewGrid:
    """Looks at the surface of one view with about `side` samples along its longer side.

    Args:
        operator: the view's blending operator.
        photograph: uint8 RGB at the camera's size; None where colors do not matter.
        side: samples along the longer side.
    """
    camera = operator.camera
    step = _step(max(camera.width, camera.height), side)
    depth = operator.surface(operator.pixels(step)).depth.cpu().numpy()
    grid = ViewGrid(camera, step, np.where(np.isfinite(depth), depth, 0), np.zeros((0, 0, 3)))
    return grid if photograph is None else replace(grid, color=photograph[grid.rows[:, None], grid.columns[None]])
