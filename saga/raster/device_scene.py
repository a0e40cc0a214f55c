"""A scene on a device: its geometry, and the operators, coverage and depth of its views, remembered."""

from __future__ import annotations

from functools import cached_property, lru_cache

import numpy as np
import torch
from torch import Tensor

from saga.raster.geometry import Geometry
from saga.raster.operator import BlendOperator, Surface
from saga.raster.window import LARGEST, Bounds, WindowOperator, view_operator
from saga.runtime.device import choose_device
from saga.scene import Camera, Scene

_REMEMBERED_BYTES, _FEWEST_REMEMBERED = 2 * 10**9, 2
_BYTES_PER_GAUSSIAN, _BYTES_PER_PIXEL = 84, 40
"""What a projected view takes, about: splats, sorted tiles and weight; alpha, depth and tile offsets."""
_PICTURE_BYTES = 256 << 20
"""For photographs that are remembered."""
_SEEN = 0.5
"""Accumulated opacity from which a pixel has a depth."""


class DeviceScene:
    """A scene whose geometry lies on a device, with what its last views needed: shared by all that work on it."""

    def __init__(self, scene: Scene, device: str = "auto", remembered: int | None = None) -> None:
        """Chooses a device; Gaussians are put there when they are asked for, and views projected when they are.

        None remembers as many views as take about 2 GB.
        """
        self.scene, self.device = scene, torch.device(choose_device(device))
        remembered = _affordable(scene) if remembered is None else remembered
        self._operator = lru_cache(remembered)(self._projected)
        self._coverage = lru_cache(remembered)(self._alpha_and_depth)
        self._surface = lru_cache(remembered)(self._surface_of)
        self._weight = lru_cache(remembered)(self._lifted_ones)
        self._picture = lru_cache(_affordable_pictures(scene))(self._picture_of)

    @cached_property
    def geometry(self) -> Geometry:
        """The Gaussians on the device."""
        return Geometry.from_gaussians(self.scene.gaussians, device=self.device)

    @cached_property
    def valid(self) -> Tensor:  # [N] bool
        """Whether every attribute of a Gaussian is finite."""
        return torch.from_numpy(self.scene.gaussians.valid).to(self.device)

    @cached_property
    def bounds(self) -> Bounds:
        """What tells which Gaussians reach a picture."""
        return Bounds(self.geometry)

    def forget(self) -> None:
        """Forgets what was remembered of views, which is made again when it is asked for."""
        for each in (self._operator, self._coverage, self._surface, self._weight, self._picture):
            each.cache_clear()

    def let_go(self) -> None:
        """Lets go of the Gaussians too, here and in the scene: `Gaussians.let_go` says when, and what is lost then.

        It is for work that takes long and needs none of them; the next to ask for them has them read again.
        """
        self.forget()
        for name in ("geometry", "valid", "bounds"):
            self.__dict__.pop(name, None)
        self.scene.gaussians.let_go()

    @staticmethod
    def of(scene: Scene | DeviceScene, device: str | torch.device = "auto") -> DeviceScene:
        """Returns a scene on a device; one that is on a device already stays there, whatever `device` says."""
        return scene if isinstance(scene, DeviceScene) else DeviceScene(scene, str(device))

    def operator(self, view: str | Camera) -> BlendOperator:
        """Returns the blending operator of a view by its name, or of any camera. Raises SagaError for unknown names."""
        return self._operator(self.scene.camera(view).name)

    def alpha(self, view: str | Camera) -> Tensor:  # [H, W]
        """Returns the accumulated opacity of a view, in [0, 1]."""
        return self._coverage(self.scene.camera(view).name)[0]

    def depth(self, view: str | Camera) -> Tensor:  # [H, W]
        """Returns camera z of what a view shows, in world units: blended depth over alpha, inf where alpha < 0.5."""
        return self._coverage(self.scene.camera(view).name)[1]

    def surface(self, view: str | Camera, step: int = 1) -> Surface:  # [H', W'] each
        """Returns camera z of the surface of a view, inf where alpha < 0.5, and alpha, at `operator.pixels(step)`.

        It keeps to the surface where `depth`, a blend, lies between it and what is behind; see BlendOperator.surface.
        """
        return self._surface(self.scene.camera(view).name, step)

    def weight(self, view: str | Camera) -> Tensor:  # [N]
        """Returns how much of each Gaussian a view shows: its blended weight summed over the pixels, A^T 1."""
        return self._weight(self.scene.camera(view).name)

    def picture(self, view: str | Camera) -> np.ndarray:  # [H, W, 3]
        """Returns the photograph of a view, or, without one, the colors of the Gaussians there; uint8 RGB.

        It is remembered, so that no step decodes it again, and cannot be changed.

        Raises:
            SagaError: there is no such view, or its photograph cannot be read.
        """
        return self._picture(self.scene.camera(view).name)

    def _picture_of(self, name: str) -> np.ndarray:  # [H, W, 3]
        camera = self.scene.camera(name)
        if camera.image_path is not None:
            shown = self.scene.image(camera)
            shown.flags.writeable = False
            return shown
        colors = torch.from_numpy(self.scene.gaussians.base_colors()).to(self.device, torch.float32)
        shown = (self.operator(camera).render(colors).clamp(0, 1) * 255).round().byte().cpu().numpy()
        shown.flags.writeable = False
        return shown

    def _projected(self, name: str) -> BlendOperator:
        camera = self.scene.camera(name)
        if self.scene.is_view(camera) or camera.width * camera.height > LARGEST:
            return view_operator(self.geometry, camera, self.bounds)
        return WindowOperator(self.geometry, camera, self.bounds.reaching(camera))

    def _surface_of(self, name: str, step: int) -> Surface:
        operator = self._operator(name)
        return operator.surface(operator.pixels(step))

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


def _affordable_pictures(scene: Scene) -> int:
    """Returns views whose photographs fit the memory set aside for them."""
    pixels = max((camera.width * camera.height for camera in scene.cameras), default=0)
    return max(1, _PICTURE_BYTES // max(1, 3 * pixels))


def _affordable(scene: Scene) -> int:
    """Returns views whose operators fit the memory set aside for them."""
    pixels = max((camera.width * camera.height for camera in scene.cameras), default=0)
    each = _BYTES_PER_GAUSSIAN * len(scene.gaussians) + _BYTES_PER_PIXEL * pixels
    return max(_FEWEST_REMEMBERED, _REMEMBERED_BYTES // max(1, each))
