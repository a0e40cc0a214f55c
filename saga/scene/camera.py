"""The camera model of the toolkit: a pinhole in OpenCV axes."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any

import numpy as np

from saga.scene.names import flat_stem

_FOCAL_LENGTHS = (1e-3, 1e6)
"""The shortest and the longest that are taken for a lens, in longer sides of the image: others are damage, and overflow
float32 in a rasterizer."""

_BEYOND = 0.15
"""Of the image's size, beside it: how far out a rasterizer's affine approximation goes."""


@dataclass(frozen=True)
class LensModel:
    """The camera that took the photograph file, when it was not an ideal pinhole.

    Parameters follow COLMAP: `model` is a COLMAP model name ("OPENCV", "SIMPLE_RADIAL", ...) and
    `params` its parameter vector, in pixels of an image of `width` x `height`.
    """

    model: str
    width: int
    height: int
    params: tuple[float, ...]


@dataclass(frozen=True, eq=False)
class Camera:
    """An ideal pinhole camera with a name and, when there is one, its photograph.

    OpenCV axes: x right, y down, z forward. The center of the top left pixel is at (0.5, 0.5).

    The photograph has the camera's size. When `lens` is set its pixels are not the pinhole's: `saga.scene.lens`
    turns one into the other.
    """

    name: str
    """File name of the view's photograph, e.g. "0003.jpg": what `--view` takes. Photographs in several
    folders keep the part of their path that tells them apart, e.g. "left/0003.jpg"."""
    width: int
    """Image width in pixels."""
    height: int
    """Image height in pixels."""
    fx: float
    """Focal length along x in pixels."""
    fy: float
    """Focal length along y in pixels."""
    cx: float
    """Principal point, x, in pixels from the left edge."""
    cy: float
    """Principal point, y, in pixels from the top edge."""
    world_to_camera: np.ndarray  # [4, 4]
    """World-to-camera rigid transform, float64 [4, 4]."""
    image_path: Path | None = None
    """The photograph on disk, or None."""
    lens: LensModel | None = None
    """The real lens of the photograph when it is not the ideal pinhole, else None."""
    upright: bool = False
    """Whether the camera belongs to the photograph turned by its EXIF orientation, and not to the stored pixels."""

    @property
    def stem(self) -> str:
        """The view's name without its suffix, folders joined by "_"; `Scene.stems` has one for each view's files."""
        return flat_stem(self.name)

    @property
    def plausible(self) -> bool:
        """Whether a lens can have the intrinsics.

        They are finite and the image has pixels; focal lengths are 1/1000 to a million of its longer side, and the
        principal point is no further than such a million from its corner.
        """
        longer = max(self.width, self.height)
        shortest, longest = (share * longer for share in _FOCAL_LENGTHS)
        return (
            min(self.width, self.height) > 0
            and all(shortest <= value <= longest for value in (self.fx, self.fy))
            and all(abs(value) <= longest for value in (self.cx, self.cy))
        )

    @property
    def slopes(self) -> tuple[float, float, float, float]:
        """Least and greatest x / z, then y / z, at which a rasterizer linearizes rays, which is beyond the image."""
        beside_x, beside_y = _BEYOND * self.width / self.fx, _BEYOND * self.height / self.fy
        x0, x1 = -self.cx / self.fx - beside_x, (self.width - self.cx) / self.fx + beside_x
        y0, y1 = -self.cy / self.fy - beside_y, (self.height - self.cy) / self.fy + beside_y
        return x0, x1, y0, y1

    @property
    def position(self) -> np.ndarray:  # [3]
        """Camera center in world coordinates, float64 [3]."""
        position: np.ndarray = -self.world_to_camera[:3, :3].T @ self.world_to_camera[:3, 3]
        return position

    def project(
        self,
        points: np.ndarray,  # [N, 3]
    ) -> tuple[np.ndarray, np.ndarray]:  # [N, 2], [N]
        """Returns pixel coordinates (x, y) and depths of world points, float64.

        Depth is along the optical axis; where it is not positive the point is behind the camera and its
        pixel is meaningless.
        """
        local = points @ self.world_to_camera[:3, :3].T + self.world_to_camera[:3, 3]
        depths = local[:, 2]
        safe = np.where(depths == 0, np.finfo(float).tiny, depths)[:, None]
        with np.errstate(over="ignore"):
            pixels = local[:, :2] / safe * (self.fx, self.fy) + (self.cx, self.cy)
        return pixels, depths

    def free(self) -> Camera:
        """Returns the ideal pinhole alone, without photograph and lens, under a name that tells where it looks from.

        Two free cameras with the same pixels and pose have the same name, and others another.
        """
        numbers = json.dumps([self.describe()[key] for key in sorted(self.describe())])
        name = f"camera-{hashlib.sha256(numbers.encode()).hexdigest()[:12]}"
        return replace(self, name=name, image_path=None, lens=None, upright=False)

    def describe(self) -> dict[str, Any]:
        """Returns the pinhole as JSON values: width, height, fx, fy, cx, cy and world_to_camera, four rows of four."""
        numbers = {key: float(getattr(self, key)) for key in ("fx", "fy", "cx", "cy")}
        pose = np.asarray(self.world_to_camera, np.float64).tolist()
        return {"width": self.width, "height": self.height, **numbers, "world_to_camera": pose}

    @staticmethod
    def described(values: Mapping[str, Any]) -> Camera:
        """Returns the free camera of which `describe` gave the values.

        Raises ValueError, KeyError or TypeError for values that are none of a camera's.
        """
        width, height = int(values["width"]), int(values["height"])
        fx, fy, cx, cy = (float(values[key]) for key in ("fx", "fy", "cx", "cy"))
        pose = np.array(values["world_to_camera"], np.float64)
        if pose.shape != (4, 4) or not np.isfinite([*pose.flat, fx, fy, cx, cy]).all():
            raise ValueError(f"a camera of {list(pose.shape)}, or of numbers that are not finite")
        turn = pose[:3, :3]
        camera = Camera("", width, height, fx, fy, cx, cy, pose)
        if not camera.plausible:
            raise ValueError("a camera without pixels, or whose intrinsics no lens has")
        if not np.allclose(turn @ turn.T, np.eye(3), atol=1e-3):
            raise ValueError("a camera whose axes are not at right angles and of length 1")
        return camera.free()

    def cropped(self, x0: int, y0: int, x1: int, y1: int) -> Camera:
        """Returns the ideal pinhole of a part of the image, the last column and row excluded: pixels stay the same."""
        own = {each.name: getattr(self, each.name) for each in fields(Camera)}
        size = {"width": x1 - x0, "height": y1 - y0, "cx": self.cx - x0, "cy": self.cy - y0}
        return _Crop(**(own | size | {"image_path": None, "lens": None}), of_whole=self.slopes)

    def resized(self, width: int, height: int) -> Camera:
        """Returns the same camera with an image of `width` x `height` pixels."""
        sx, sy = width / self.width, height / self.height
        return replace(
            self,
            width=width,
            height=height,
            fx=self.fx * sx,
            fy=self.fy * sy,
            cx=self.cx * sx,
            cy=self.cy * sy,
        )


@dataclass(frozen=True, eq=False)
class _Crop(Camera):
    """A part of a camera's image; what lies beside it is projected as the whole image has it."""

    of_whole: tuple[float, float, float, float] = (0.0, 0.0, 0.0, 0.0)

    @property
    def slopes(self) -> tuple[float, float, float, float]:
        """Those of the whole image."""
        return self.of_whole


def spread(cameras: Sequence[Camera], most: int) -> list[Camera]:
    """Returns at most `most` cameras, evenly spaced in the list's order."""
    if len(cameras) <= most:
        return list(cameras)
    return [cameras[i] for i in np.linspace(0, len(cameras) - 1, most).round().astype(int)]
