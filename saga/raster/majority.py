"""Which pixels of a view show mostly some of the Gaussians: their mask."""

from __future__ import annotations

from ctypes import byref
from functools import cached_property

import numpy as np
import torch
from torch import Tensor

from saga.native import bindings, host
from saga.raster.device_scene import DeviceScene
from saga.raster.geometry import Geometry
from saga.raster.operator import BlendOperator, in_units
from saga.scene.camera import Camera

MIN_ALPHA = 0.5
"""A pixel belongs to whatever the Gaussians show there only where they cover at least half of it."""
_MOST = 0.5
"""Share of what a pixel shows that is most of it."""


class Majority:
    """Finds, view by view, the pixels of which members make up more than half, and all Gaussians cover more than half.

    On the CPU no picture is rendered: most pixels are decided by the first surface that they show.
    """

    def __init__(
        self,
        scene: DeviceScene,
        member: Tensor,  # [N] bool
    ) -> None:
        """Takes the members of a scene, on its device."""
        self._scene, self._geometry, self._member = scene, scene.geometry, member.contiguous()

    def mask(self, camera: Camera) -> Tensor:  # [H, W] bool
        """Returns the members' mask in an ideal pinhole's pixels, on the geometry's device."""
        native = host.function("saga_majority") if self._geometry.device.type == "cpu" else None
        if native is None or self._geometry.dtype != torch.float32:
            return self.rendered(camera)
        scene, eye = self._in_units, in_units(camera, self._geometry.unit)
        mask = np.empty((camera.height, camera.width), np.uint8)
        attributes = (scene.means, scene.quaternions, scene.scales, scene.opacities)
        native(byref(bindings.camera_struct(eye)), len(scene), *map(bindings.pointer, attributes),
               bindings.pointer(self._member, torch.bool), host.address(mask, np.uint8))  # fmt: skip
        return torch.from_numpy(mask.view(bool))

    def rendered(self, camera: Camera) -> Tensor:  # [H, W] bool
        """Returns the same from rendered pictures: render(1[member]) > render(1) / 2, where render(1) > 1/2."""
        around = self._scene.bounds.reaching(camera)
        own = self._member[around].to(torch.float32)
        both = torch.stack([own, torch.ones_like(own)], dim=1)
        inside, alpha = BlendOperator(self._geometry.of_rows(around), camera).render(both).unbind(-1)
        return (inside > _MOST * alpha) & (alpha > MIN_ALPHA)

    @cached_property
    def _in_units(self) -> Geometry:
        return self._geometry.in_units()
