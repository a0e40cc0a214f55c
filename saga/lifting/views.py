"""The views of a scene as lifting methods use them: operators, coverage and depth, and which views in which order."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import Literal, get_args

import numpy as np
import torch
from torch import Tensor

from saga.errors import SagaError
from saga.raster import BlendOperator, Geometry
from saga.scene import Camera, Scene

ViewOrder = Literal["nearest", "file", "farthest"]

_REMEMBERED_BYTES, _FEWEST_REMEMBERED = 2 * 10**9, 8
_BYTES_PER_GAUSSIAN, _BYTES_PER_PIXEL = 84, 40
"""What a projected view takes, about: splats, sorted tiles and weight; alpha, depth and tile offsets."""
_SEEN = 0.5
"""Accumulated opacity from which a pixel has a depth."""


class Views:
    """A scene's views on a device. Operators, coverage and depth of the last ones are remembered."""

    def __init__(self, scene: Scene, device: str = "cpu", remembered: int | None = None) -> None:
        """Puts the Gaussians on a device; nothing is projected yet. None remembers as many views as take about 2 GB."""
        self.scene, self.device = scene, torch.device(device)
        self.geometry = Geometry.from_gaussians(scene.gaussians, device=device)
        self.valid = torch.from_numpy(scene.gaussians.valid).to(self.device)  # [N]
        remembered = _affordable(scene) if remembered is None else remembered
        self._operator = lru_cache(remembered)(lambda name: BlendOperator(self.geometry, scene.camera(name)))
        self._coverage = lru_cache(remembered)(self._alpha_and_depth)
        self._weight = lru_cache(remembered)(self._lifted_ones)

    def operator(self, name: str) -> BlendOperator:
        """The blending operator of a view, by the camera's name. Raises SagaError for a view that does not exist."""
        return self._operator(self.scene.camera(name).name)

    def alpha(self, name: str) -> Tensor:  # [H, W]
        """Accumulated opacity of a view, in [0, 1]."""
        return self._coverage(self.scene.camera(name).name)[0]

    def depth(self, name: str) -> Tensor:  # [H, W]
        """Camera z of what a view shows, in world units: blended depth over alpha, inf where alpha < 0.5."""
        return self._coverage(self.scene.camera(name).name)[1]

    def weight(self, name: str) -> Tensor:  # [N]
        """How much of each Gaussian a view shows: its blended weight summed over the pixels, A^T 1."""
        return self._weight(self.scene.camera(name).name)

    def _lifted_ones(self, name: str) -> Tensor:  # [N]
        operator = self._operator(name)
        ones = torch.ones(operator.camera.height, operator.camera.width, 1, device=self.device)
        return operator.lift(ones)[:, 0]

    def _alpha_and_depth(self, name: str) -> tuple[Tensor, Tensor]:
        means = self.geometry.means
        pose = torch.from_numpy(self.scene.camera(name).world_to_camera[2]).to(means)
        depths = means @ pose[:3] + pose[3]
        # Both in one pass over the tiles, which takes hardly longer than one of them.
        alpha, depth = self._operator(name).render(torch.stack([torch.ones_like(depths), depths], dim=1)).unbind(-1)
        return alpha, torch.where(alpha >= _SEEN, depth / alpha.clamp(min=_SEEN), torch.inf)


def _affordable(scene: Scene) -> int:
    """Views whose operators fit the memory set aside for them."""
    pixels = max((camera.width * camera.height for camera in scene.cameras), default=0)
    each = _BYTES_PER_GAUSSIAN * len(scene.gaussians) + _BYTES_PER_PIXEL * pixels
    return max(_FEWEST_REMEMBERED, _REMEMBERED_BYTES // max(1, each))


def choose_views(
    cameras: Sequence[Camera], reference: Camera, count: int = 0, order: ViewOrder = "nearest"
) -> list[Camera]:
    """The views that a method goes through after the prompt's own, in turn.

    Args:
        cameras: all views; the reference, found by its name, is left out.
        reference: the view of the prompt.
        count: at most this many, evenly spaced in the files' order as in SA3D's table 4; 0 takes all.
        order: "nearest" goes from the views most like the reference to those least like it, "farthest" the other way,
            "file" keeps the order of the files, beginning after the reference and wrapping round.

    Raises:
        SagaError: an unknown order, or a negative count.
    """
    if order not in get_args(ViewOrder):
        raise SagaError(f"order: expected one of {', '.join(get_args(ViewOrder))}, found {order!r}.")
    if count < 0:
        raise SagaError(f"views: expected 0 (all) or more, found {count}.")
    names = [camera.name for camera in cameras]
    start = names.index(reference.name) + 1 if reference.name in names else 0
    others = [camera for camera in [*cameras[start:], *cameras[:start]] if camera.name != reference.name]
    if 0 < count < len(others):
        others = [others[i] for i in np.linspace(0, len(others) - 1, count).round().astype(int)]
    if order == "file" or not others:
        return others
    apart = _apart(others, reference)
    ranked = np.argsort(apart if order == "nearest" else -apart, kind="stable")
    return [others[i] for i in ranked]


def _apart(cameras: Sequence[Camera], reference: Camera) -> np.ndarray:  # [V]
    """How unlike the reference views are: distance in units of the views' spread, plus 1 - cosine of the directions."""
    positions = np.stack([camera.position for camera in cameras])
    spread = float(np.linalg.norm(positions - positions.mean(0), axis=1).mean()) or 1.0
    forward = np.stack([camera.world_to_camera[2, :3] for camera in cameras])
    turned = 1 - forward @ reference.world_to_camera[2, :3]
    return np.asarray(np.linalg.norm(positions - reference.position, axis=1) / spread + turned)
