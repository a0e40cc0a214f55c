"""What real captures have and a rendered one has not: blur, changing exposure, pose errors and floaters."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from PIL import Image, ImageFilter
from scipy.spatial.transform import Rotation

from saga.demo.names import CaptureName
from saga.scene.camera import Camera


@dataclass(frozen=True)
class Capture:
    """How far the photographs and cameras of a demo scene are from perfect; 0 everywhere is a perfect capture."""

    blur: float = 0.0
    """Standard deviation in pixels of the blur of the worst photograph; others have less, at random."""
    exposure: float = 0.0
    """Standard deviation of the logarithm of each photograph's brightness."""
    noise: float = 0.0
    """Standard deviation of the noise of each pixel, in levels of 255."""
    rotation: float = 0.0
    """Standard deviation of the cameras' rotation errors, in degrees."""
    translation: float = 0.0
    """Standard deviation of the cameras' position errors, in meters."""
    floaters: float = 0.0
    """Floating Gaussians between the cameras and the scene, as a share of all Gaussians."""

    def photograph(
        self,
        image: np.ndarray,  # [H, W, 3] uint8
        rng: np.random.Generator,
    ) -> np.ndarray:  # [H, W, 3] uint8
        """Returns a rendered view as this capture would have photographed it."""
        blur, exposure = self.blur * rng.uniform(), np.exp(self.exposure * rng.standard_normal())
        picture = Image.fromarray(image)
        if blur > 0:
            picture = picture.filter(ImageFilter.GaussianBlur(blur))
        values = np.asarray(picture) * exposure + self.noise * rng.standard_normal(image.shape)
        return np.asarray(np.clip(np.rint(values), 0, 255), np.uint8)

    def camera(self, camera: Camera, rng: np.random.Generator) -> Camera:
        """Returns a camera as structure from motion would have found it: turned and moved a little."""
        turn = Rotation.from_rotvec(np.radians(self.rotation) * rng.standard_normal(3)).as_matrix()
        pose = camera.world_to_camera.copy()
        pose[:3] = turn @ pose[:3]
        pose[:3, 3] += self.translation * rng.standard_normal(3)
        return replace(camera, world_to_camera=pose)


CAPTURES: dict[CaptureName, Capture] = {
    "perfect": Capture(),
    "handheld": Capture(blur=1.2, exposure=0.08, noise=2.5, rotation=0.08, translation=0.002, floaters=0.01),
}
"""Captures by the name that the command line takes."""
