"""Photographs: reading them, and bringing them to what a Camera says."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image

from saga.errors import SagaError
from saga.scene.camera import Camera
from saga.scene.lens import image_to_pinhole
from saga.scene.resizing import resize

_ASPECT_TOLERANCE = 0.01


def image_size(path: Path) -> tuple[int, int]:
    """Width and height in pixels of an image file; only its header is read. Raises SagaError."""
    with _open(path) as image:
        return image.size


def read_image(path: Path) -> np.ndarray:  # [H, W, 3]
    """An image file as uint8 RGB [H, W, 3]; transparency is put over black.

    Pixels come in the order of the file: the EXIF orientation is not applied, because structure from motion
    ignores it too and the cameras belong to the stored pixels. Raises SagaError when it cannot be read.
    """
    with _open(path) as image:
        try:
            image.load()
        except (OSError, ValueError, SyntaxError) as error:
            raise SagaError(f"{path}: truncated or damaged image ({error}); copy it again") from error
        if image.mode.startswith("I;16"):
            return np.repeat((np.asarray(image) >> 8).astype(np.uint8)[:, :, None], 3, axis=2)
        if "A" in image.mode or "transparency" in image.info:
            rgba = image.convert("RGBA")
            black = Image.new("RGBA", rgba.size, (0, 0, 0, 255))
            return np.asarray(Image.alpha_composite(black, rgba).convert("RGB"))
        return np.asarray(image.convert("RGB"))


def _open(path: Path) -> Image.Image:
    try:
        return Image.open(path)
    except (OSError, ValueError, Image.DecompressionBombError) as error:
        raise SagaError(f"{path}: no readable image ({error}); give a JPEG or PNG photograph") from error


def load_photograph(camera: Camera) -> np.ndarray:  # [H, W, 3]
    """Return the camera's photograph as it is on disk, at the camera's size, uint8 RGB [H, W, 3].

    Raises:
        SagaError: the camera has no photograph, or it cannot be read.
    """
    return resize(_stored(camera), camera.width, camera.height)


def load_pinhole_image(camera: Camera) -> np.ndarray:  # [H, W, 3]
    """Return what the ideal pinhole sees of the camera's photograph, uint8 RGB [H, W, 3].

    Raises:
        SagaError: the camera has no photograph, or it cannot be read.
    """
    return image_to_pinhole(camera, _stored(camera))


def _stored(camera: Camera) -> np.ndarray:  # [H', W', 3]
    if camera.image_path is None:
        raise SagaError(f"{camera.name}: the view has no photograph; give the folder of the photographs")
    return read_image(camera.image_path)


def fit_to_photograph(camera: Camera) -> Camera:
    """The camera at the size of its photograph, so that pixels are the photograph's.

    A camera without a photograph stays as it is. Raises SagaError when the photograph has another aspect
    ratio than the camera (by more than 1 %, and by more than the rounding of a smaller copy).
    """
    if camera.image_path is None:
        return camera
    width, height = image_size(camera.image_path)
    if (width, height) == (camera.width, camera.height):
        return camera
    off = abs(width * camera.height / (height * camera.width) - 1)
    # A copy scaled down to whole pixels may be off by one of them.
    rounding = max(1 / width, 1 / height) if width < camera.width and height < camera.height else 0.0
    if off > max(_ASPECT_TOLERANCE, rounding):
        raise SagaError(
            f"{camera.image_path}: the photograph is {width}x{height} where its camera is "
            f"{camera.width}x{camera.height}, another aspect ratio; give the photographs of these cameras"
        )
    return camera.resized(width, height)
