"""What real captures have and a rendered one has not: views of one side, few or near ones, and faults of all kinds."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from PIL import Image, ImageFilter
from scipy.spatial.transform import Rotation

from saga.demo.layouts import Layout
from saga.demo.names import CaptureName
from saga.scene.camera import Camera
from saga.scene.orbit import look_at


@dataclass(frozen=True)
class Capture:
    """From where a demo scene is photographed, and how far its photographs and cameras are from perfect.

    The defaults are a perfect capture.
    """

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
    most_views: int | None = None
    """The most views that are taken; None takes as many as are asked for."""
    span: float | None = None
    """Width in degrees of the grid of views in front, for a capture of one side; None goes around on the rings."""
    nearness: float = 1.0
    """Distance of the cameras, of the layout's own."""
    aim: float = 0.0
    """Standard deviation of the point that a camera looks at, of its distance."""

    def cameras(self, layout: Layout, views: int, size: tuple[int, int], seed: int) -> list[Camera]:
        """Returns the true cameras "000.png" and so on of `size` (width, height) in pixels."""
        count = views if self.most_views is None else min(views, self.most_views)
        places = layout.around(count) if self.span is None else layout.in_front(count, self.span)
        places[:, 0] *= self.nearness
        rng, focal = np.random.default_rng([seed, count]), layout.focal * size[0]
        cameras: list[Camera] = []
        for distance, elevation, azimuth in places:
            across = np.cos(elevation) * np.array([np.cos(azimuth), np.sin(azimuth)])
            eye = np.asarray(layout.target) + distance * np.append(across, np.sin(elevation))
            aimed = np.asarray(layout.target) + self.aim * distance * rng.standard_normal(3)
            pose, name = look_at(eye, aimed, np.array([0.0, 0.0, 1.0])), f"{len(cameras):03d}.png"
            cameras.append(Camera(name, *size, focal, focal, size[0] / 2, size[1] / 2, pose))
        return cameras

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


_HANDHELD = Capture(blur=1.2, exposure=0.08, noise=2.5, rotation=0.08, translation=0.002, floaters=0.01)

CAPTURES: dict[CaptureName, Capture] = {
    "perfect": Capture(),
    "handheld": _HANDHELD,
    "forward": replace(_HANDHELD, span=30.0),
    "sparse": replace(_HANDHELD, most_views=9),
    "close": replace(_HANDHELD, nearness=0.6, aim=0.12),
}
"""Captures by the name that the command line takes."""
