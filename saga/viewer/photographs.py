"""Pictures of the views for the page: photographs, and the same with the selection in them."""

from __future__ import annotations

import io
from functools import lru_cache

import numpy as np
from PIL import Image

from saga.errors import SagaError
from saga.export.preview import highlight
from saga.export.rendering import render_color, render_masks
from saga.raster import DeviceScene
from saga.scene import Camera
from saga.viewer.front import File

_ACCENT = np.array([255, 106, 0])
_TALLEST = 1080


class Photographs:
    """The views of a scene as pictures of any height."""

    def __init__(self, placed: DeviceScene) -> None:
        """Takes the scene; pictures are read when they are asked for, and the last ones remembered."""
        self._placed = placed
        self._small = lru_cache(512)(self._resized)
        self._large = lru_cache(8)(self._resized)

    def photograph(self, index: int, height: int) -> File:
        """Returns a view's photograph, or its rendering where there is none, as JPEG of at most a height in pixels.

        Raises:
            SagaError: there is no such view, or its photograph cannot be read.
        """
        return File("image/jpeg", _jpeg(self._picture(index, height)), lasting=True)

    def masked(
        self,
        index: int,
        height: int,
        member: np.ndarray,  # [N] bool
    ) -> File:
        """Returns a view with a selection tinted and outlined. Raises SagaError as `photograph` does."""
        picture = self._picture(index, height)
        camera = self._camera(index)
        small = camera.resized(picture.shape[1], picture.shape[0])
        mask = next(iter(render_masks(self._placed, [small], member)))
        return File("image/jpeg", _jpeg(highlight(picture, mask, _ACCENT, 0.5)))

    def _camera(self, index: int) -> Camera:
        cameras = self._placed.scene.cameras
        if not 0 <= index < len(cameras):
            raise SagaError(f"view: expected 0 to {len(cameras) - 1}, found {index}; give one of the scene's views.")
        return cameras[index]

    def _picture(self, index: int, height: int) -> np.ndarray:  # [h, w, 3]
        self._camera(index)
        height = min(max(height, 16), _TALLEST)
        return (self._small if height <= 128 else self._large)(index, height)

    def _resized(self, index: int, height: int) -> np.ndarray:  # [h, w, 3]
        camera = self._camera(index)
        height = min(height, camera.height)
        width = max(1, round(camera.width * height / camera.height))
        if camera.image_path is None:
            return render_color(self._placed, camera.resized(width, height))
        return np.asarray(Image.fromarray(self._placed.scene.photograph(camera)).resize((width, height)))


def _jpeg(picture: np.ndarray) -> bytes:  # [h, w, 3]
    box = io.BytesIO()
    Image.fromarray(picture).save(box, "JPEG", quality=88)
    return box.getvalue()
