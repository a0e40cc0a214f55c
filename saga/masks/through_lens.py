"""Masks that were drawn on a photograph, in the pixels of the view's ideal pinhole."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import numpy as np

from saga.scene.camera import Camera
from saga.scene.lens import image_to_pinhole


def masks_to_pinhole(
    masks: np.ndarray,  # [M, h, w] bool
    camera: Camera,
) -> np.ndarray:  # [M, H, W] bool
    """Return masks of a photograph, at its size or a scaled copy's, as the ideal pinhole sees them.

    Every pixel takes the nearest one; those that the lens did not see are in no mask.
    """
    if len(masks) == 0:
        return np.zeros((0, camera.height, camera.width), bool)
    height, width = masks.shape[1:]
    if camera.lens is None and (height, width) == (camera.height, camera.width):
        return masks
    source = _source_pixels(height, width, _View(camera))
    taken: np.ndarray = masks.reshape(len(masks), -1)[:, np.maximum(source - 1, 0)]
    return taken & (source > 0)


class _View:
    """A camera that equals those with the same pixels: the views of one capture share their lens."""

    def __init__(self, camera: Camera) -> None:
        self.camera = camera
        self._key: tuple[Any, ...] = (camera.width, camera.height, camera.lens)
        if camera.lens is not None:
            self._key += (camera.fx, camera.fy, camera.cx, camera.cy)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _View) and self._key == other._key

    def __hash__(self) -> int:
        return hash(self._key)


@lru_cache(maxsize=1)
def _source_pixels(height: int, width: int, view: _View) -> np.ndarray:  # [H, W]
    """Returns the mask pixel that each pixel of the view shows, counted from 1, or 0 for none: int64 [H, W]."""
    pixels = np.arange(1, height * width + 1).reshape(height, width)
    return image_to_pinhole(view.camera, pixels, order=0)
