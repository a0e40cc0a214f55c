"""Photographs: reading them, and bringing them to what a Camera says."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps

from saga.errors import SagaError
from saga.files.reading import reading, require_memory
from saga.scene.camera import Camera
from saga.scene.lens import image_to_pinhole
from saga.scene.resizing import resize

_ASPECT_TOLERANCE = 0.01
_ORIENTATION_TAG = 0x0112
_SIDEWAYS = (5, 6, 7, 8)
"""EXIF orientations that exchange width and height."""
_EXPECTED = ("a photograph", "give a whole JPEG or PNG")
# Asking a PNG for its tags decodes all of it.
_TAGGED_FORMATS = ("JPEG", "MPO", "TIFF", "WEBP")


def image_size(path: Path) -> tuple[int, int]:
    """Return width and height in stored pixels of an image file; only its header is read. Raises SagaError."""
    with reading(path, *_EXPECTED), Image.open(path) as image:
        return image.size


def exif_orientation(path: Path) -> int:
    """Return the EXIF orientation of an image file, 1 (as stored) to 8; 1 where there is none. Raises SagaError."""
    with reading(path, *_EXPECTED), Image.open(path) as image:
        if image.format not in _TAGGED_FORMATS:
            return 1
        orientation = image.getexif().get(_ORIENTATION_TAG, 1)
    return orientation if orientation in range(1, 9) else 1


def read_image(path: Path, upright: bool = False) -> np.ndarray:  # [H, W, 3]
    """Return an image file as uint8 RGB [H, W, 3]; transparency is put over black.

    Args:
        path: the file.
        upright: whether to turn the image by its EXIF orientation. Structure from motion mostly does not, and its
            cameras belong to the stored pixels.

    Raises:
        SagaError: the file cannot be read.
    """
    with reading(path, *_EXPECTED), Image.open(path) as image:
        require_memory(path, f"a picture of {image.width}x{image.height}", 4 * image.width * image.height)
        return _as_rgb(ImageOps.exif_transpose(image) if upright else image)


def _as_rgb(image: Image.Image) -> np.ndarray:  # [H, W, 3]
    if image.mode.startswith("I;16"):
        return np.repeat((np.asarray(image) >> 8).astype(np.uint8)[:, :, None], 3, axis=2)
    if "A" in image.mode or "transparency" in image.info:
        rgba = image.convert("RGBA")
        black = Image.new("RGBA", rgba.size, (0, 0, 0, 255))
        return np.asarray(Image.alpha_composite(black, rgba).convert("RGB"))
    return np.asarray(image.convert("RGB"))


def load_photograph(camera: Camera) -> np.ndarray:  # [H, W, 3]
    """Return the camera's photograph as it is on disk, at the camera's size, uint8 RGB [H, W, 3].

    Raises:
        SagaError: the camera has no photograph, or it cannot be read.
    """
    return resize(_stored(camera), camera.width, camera.height)


def check_picture(camera: Camera) -> None:
    """Raises SagaError when the photograph of a camera is not whole, as the checksums in the file tell; PNG only.

    Nothing is decoded, which takes a tenth of the time.
    """
    path = _path(camera)
    with reading(path, *_EXPECTED), Image.open(path) as image:
        image.verify()


def load_pinhole_image(camera: Camera) -> np.ndarray:  # [H, W, 3]
    """Return what the ideal pinhole sees of the camera's photograph, uint8 RGB [H, W, 3].

    Raises:
        SagaError: the camera has no photograph, or it cannot be read.
    """
    return image_to_pinhole(camera, _stored(camera))


def _stored(camera: Camera) -> np.ndarray:  # [H', W', 3]
    return read_image(_path(camera), camera.upright)


def _path(camera: Camera) -> Path:
    if camera.image_path is None:
        raise SagaError(
            f"{camera.name}: expected a photograph of the view, found none; give the folder of the photographs."
        )
    return camera.image_path


def fit_to_photograph(camera: Camera) -> Camera:
    """Return the camera at the size of its photograph, so that pixels are the photograph's.

    Where only the photograph turned by its EXIF orientation has the camera's aspect ratio, the camera belongs to that
    (`Camera.upright`). A camera without a photograph stays as it is.

    Raises:
        SagaError: the photograph has another aspect ratio than the camera, either way (by more than 1 %, and by more
            than the rounding of a smaller copy).
    """
    if camera.image_path is None:
        return camera
    stored = image_size(camera.image_path)
    if _fits(camera, stored):
        return camera if stored == (camera.width, camera.height) else camera.resized(*stored)
    turned = exif_orientation(camera.image_path) in _SIDEWAYS
    if turned and _fits(camera, stored[::-1]):
        return replace(camera.resized(*stored[::-1]), upright=True)
    raise SagaError(
        f"{camera.image_path}: the photograph is {stored[0]}x{stored[1]} "
        + ("and its EXIF orientation turns it sideways, " if turned else "")
        + f"where its camera is {camera.width}x{camera.height}, another aspect ratio; "
        "give the photographs of these cameras"
    )


def orientation_doubts(cameras: Sequence[Camera]) -> str | None:
    """Say that photographs with an EXIF orientation are taken as they are stored; None when none has one."""
    tagged = [
        camera
        for camera in cameras
        if camera.image_path is not None and not camera.upright and exif_orientation(camera.image_path) != 1
    ]
    if not tagged:
        return None
    unclear = [
        camera
        for camera in tagged
        if camera.image_path is None
        or exif_orientation(camera.image_path) not in _SIDEWAYS
        or _fits(camera, (camera.height, camera.width))
    ]
    told = (
        f"and the sizes of {len(unclear)} do not tell whether their cameras do so too; if objects lie sideways, store "
        "the photographs upright"
        if unclear
        else "and their cameras have the stored sizes"
    )
    return (
        f"{tagged[0].image_path}: {len(tagged)} photographs carry an EXIF orientation, which is not applied: clicks "
        f"and masks are in stored pixels, {told}"
    )


def turned_upright(cameras: Sequence[Camera]) -> list[Camera] | None:
    """Return the cameras as those of photographs turned by their EXIF orientation, where the sizes allow it too.

    None when that changes no camera.
    """
    turned = [_turned(camera) for camera in cameras]
    return turned if any(one is not other for one, other in zip(cameras, turned, strict=True)) else None


def _turned(camera: Camera) -> Camera:
    if camera.image_path is None or camera.upright:
        return camera
    orientation, stored = exif_orientation(camera.image_path), image_size(camera.image_path)
    size = stored[::-1] if orientation in _SIDEWAYS else stored
    return replace(camera.resized(*size), upright=True) if orientation != 1 and _fits(camera, size) else camera


def _fits(camera: Camera, size: tuple[int, int]) -> bool:
    """Whether an image has the camera's aspect ratio."""
    width, height = size
    off = abs(width * camera.height / (height * camera.width) - 1)
    # A copy scaled down to whole pixels may be off by one of them.
    rounding = max(1 / width, 1 / height) if width < camera.width and height < camera.height else 0.0
    return off <= max(_ASPECT_TOLERANCE, rounding)
