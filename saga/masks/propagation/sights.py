"""What each view sees of a scene, at a size at which all views can be looked at."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property, lru_cache

import numpy as np
import torch
from torch import Tensor

from saga.raster import BlendOperator, DeviceScene
from saga.scene import Camera

_LEAST_SHARE = 0.25
"""A view sees a Gaussian when it shows this share of the area that the view which shows it best does. What it sees less
of lies behind something or is turned away, and pixels beside it decide which mask it would lie in."""
_LEAST_WEIGHT = 1e-4
"""Blended weight, in pixels of the small picture, below which nothing is seen."""
_LEAST_ALPHA = 1e-4
_REMEMBERED_BYTES, _BYTES_PER_GAUSSIAN = 2 * 10**9, 84


class Sights:
    """The views of a scene as small pictures, and which Gaussians each of them sees.

    The bits of what is seen stay in memory, N / 8 bytes a view; operators are remembered as far as they fit.
    """

    def __init__(self, scene: DeviceScene, cameras: Sequence[Camera], pixels: int) -> None:
        """Looks at nothing yet.

        Args:
            scene: the scene on a device.
            cameras: its views.
            pixels: about how many pixels the small pictures have; none is larger than its view.
        """
        self.scene, self.cameras = scene, list(cameras)
        self._small = [_shrunk(camera, pixels) for camera in cameras]
        most = _REMEMBERED_BYTES // max(1, _BYTES_PER_GAUSSIAN * len(scene.scene.gaussians))
        self.operator = lru_cache(max(4, most))(self._operator)
        self._weights = lru_cache(4)(self._lifted_ones)
        self._seen: dict[int, np.ndarray] = {}

    @property
    def count(self) -> int:
        """Number of Gaussians."""
        return len(self.scene.scene.gaussians)

    def weight(self, view: int) -> Tensor:  # [N]
        """Returns how much of each Gaussian a view shows, in pixels of its small picture: A^T 1."""
        return self._weights(view)

    def depth(self, view: int) -> float:
        """Returns the median depth of what a view shows, in world units; 1 where it shows nothing."""
        operator = self.operator(view)
        alpha = operator.alpha()
        shown = alpha > 0.5
        return float((operator.depth()[shown] / alpha[shown]).median()) if bool(shown.any()) else 1.0

    def seen(self, view: int) -> np.ndarray:  # [N]
        """Returns which Gaussians a view sees, bool [N]."""
        if view not in self._seen:
            weight = self.weight(view)
            seen = (self._area(view) >= _LEAST_SHARE * self._largest_area) & (weight > _LEAST_WEIGHT)
            self._seen[view] = np.packbits(seen.cpu().numpy())
        return np.unpackbits(self._seen[view], count=self.count).view(bool)

    def shrink(
        self,
        view: int,
        masks: np.ndarray,  # [M, H, W] bool
    ) -> np.ndarray:  # [M, h, w] bool
        """Returns masks of a view, at any size, in the pixels of its small picture: the nearest one counts."""
        small = self._small[view]
        ys = ((np.arange(small.height) + 0.5) * masks.shape[1] / small.height).astype(int)
        xs = ((np.arange(small.width) + 0.5) * masks.shape[2] / small.width).astype(int)
        return np.asarray(masks[:, ys[:, None], xs])

    def lift(
        self,
        view: int,
        masks: np.ndarray,  # [M, h, w] bool
    ) -> np.ndarray:  # [N, M]
        """Returns which Gaussians lie in masks, bool [N, M]: the view sees them, and more than half of that inside."""
        layers = torch.from_numpy(np.ascontiguousarray(masks)).permute(1, 2, 0).to(self.scene.device, torch.float32)
        inside, whole = self.operator(view).lift(layers), self.weight(view)
        return np.asarray((inside > 0.5 * whole[:, None]).cpu().numpy() & self.seen(view)[:, None])

    def render(
        self,
        view: int,
        members: np.ndarray,  # [N, M] bool
        known: np.ndarray,  # [N] bool
    ) -> tuple[np.ndarray, np.ndarray]:  # [M, h, w], [h, w]
        """Returns what a view shows of sets of Gaussians, bool [M, h, w], and where it shows known ones, bool [h, w].

        A pixel belongs to a set that more than half of what it shows is of.
        """
        values = np.concatenate([members, known[:, None], np.ones_like(known)[:, None]], axis=1)
        blended = self.operator(view).render(torch.from_numpy(values).to(self.scene.device, torch.float32))
        shown = (blended[..., :-1] > 0.5 * blended[..., -1:].clamp(min=_LEAST_ALPHA)).cpu().numpy()
        return np.ascontiguousarray(shown[..., :-1].transpose(2, 0, 1)), shown[..., -1]

    @cached_property
    def _largest_area(self) -> Tensor:  # [N]
        """How much of each Gaussian the view that shows it best does."""
        largest = torch.zeros(self.count, device=self.scene.device)
        for view in range(len(self.cameras)):
            largest = torch.maximum(largest, self._area(view))
        return largest

    def _area(self, view: int) -> Tensor:  # [N]
        """Returns how much of each Gaussian a view shows, whatever its distance: pixels times squared depth."""
        small = self._small[view]
        pose = torch.from_numpy(small.world_to_camera[2]).to(self.scene.geometry.means)
        depths = self.scene.geometry.means @ pose[:3] + pose[3]
        return self.weight(view) * depths**2 / (small.fx * small.fy)

    def _operator(self, view: int) -> BlendOperator:
        return BlendOperator(self.scene.geometry, self._small[view])

    def _lifted_ones(self, view: int) -> Tensor:  # [N]
        small = self._small[view]
        return self.operator(view).lift(torch.ones(small.height, small.width, 1, device=self.scene.device))[:, 0]


def _shrunk(camera: Camera, pixels: int) -> Camera:
    scale = min(1.0, (pixels / (camera.width * camera.height)) ** 0.5)
    return camera.resized(max(1, round(scale * camera.width)), max(1, round(scale * camera.height)))
