"""Photographs: reading, undistorting and resizing them to what a Camera says."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image
from scipy.ndimage import binary_dilation, map_coordinates

from saga.errors import SagaError
from saga.scene.camera import Camera

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
    """The camera's photograph, undistorted and at the camera's size, uint8 RGB [H, W, 3].

    Raises SagaError when the camera has no photograph or it cannot be read.
    """
    if camera.image_path is None:
        raise SagaError(f"{camera.name}: the view has no photograph; give the folder of the photographs")
    return undistort(camera, read_image(camera.image_path))


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


def undistort(
    camera: Camera,
    array: np.ndarray,  # [H', W'] or [H', W', C]
    order: int = 1,
) -> np.ndarray:  # [H, W] or [H, W, C]
    """What the ideal pinhole `camera` sees of `array`, an image in the photograph's own pixels.

    `array` may have any size with the photograph's aspect ratio; the result has the camera's size and
    `array`'s dtype. `order` 1 interpolates linearly (photographs), 0 takes the nearest pixel (masks, labels).
    Pixels that the lens did not see are 0. Without a lens this only resizes.
    """
    if camera.lens is None:
        return resize(array, camera.width, camera.height, order)
    if order and array.shape[1] > camera.width:  # average before sampling, or fine detail turns to noise
        array = resize(array, camera.width, camera.height, order)
    height, width = array.shape[:2]
    lens_map = _lens_map(camera)
    x = lens_map[0] * (width / camera.lens.width) - 0.5
    y = lens_map[1] * (height / camera.lens.height) - 0.5
    inside = (x >= -0.5) & (x <= width - 0.5) & (y >= -0.5) & (y <= height - 0.5)
    at = np.stack([np.where(inside, y, 0), np.where(inside, x, 0)])
    channels = array.reshape(height, width, -1)
    out = np.empty((camera.height, camera.width, channels.shape[2]), array.dtype)
    exact = np.float32 if array.dtype.itemsize == 1 else np.float64  # holds every value of a label image
    for k in range(channels.shape[2]):
        sampled = map_coordinates(channels[..., k].astype(exact), at, order=order, mode="nearest")
        rounded = sampled if array.dtype.kind == "f" else np.rint(sampled)
        out[..., k] = np.where(inside, rounded, 0).astype(array.dtype)
    return out.reshape(camera.height, camera.width, *array.shape[2:])


def resize(
    array: np.ndarray,  # [H', W'] or [H', W', C]
    width: int,
    height: int,
    order: int = 1,
) -> np.ndarray:  # [H, W] or [H, W, C]
    """`array` at another size, same dtype.

    `order` 1 interpolates, averaging when it shrinks (uint8 or float32); 0 takes the nearest pixel.
    """
    if array.shape[:2] == (height, width):
        return array
    if order == 0:
        rows = ((np.arange(height) + 0.5) * (array.shape[0] / height)).astype(int)
        columns = ((np.arange(width) + 0.5) * (array.shape[1] / width)).astype(int)
        nearest: np.ndarray = array[rows[:, None], columns]
        return nearest
    channels = array.reshape(*array.shape[:2], -1)
    out = np.empty((height, width, channels.shape[2]), array.dtype)
    for k in range(channels.shape[2]):
        channel = Image.fromarray(np.ascontiguousarray(channels[..., k]))
        out[..., k] = np.asarray(channel.resize((width, height), Image.Resampling.BILINEAR))
    return out.reshape(height, width, *array.shape[2:])


def _lens_map(camera: Camera) -> np.ndarray:  # [2, H, W]
    lens = camera.lens
    assert lens is not None
    return _cached_lens_map(
        lens.model, lens.params, lens.width, lens.height,
        camera.width, camera.height, camera.fx, camera.fy, camera.cx, camera.cy,
    )  # fmt: skip


@lru_cache(maxsize=2)  # the views of a capture share their lens; a map of 12 megapixels is 96 MB
def _cached_lens_map(
    model: str, params: tuple[float, ...], lens_width: int, lens_height: int,
    width: int, height: int, fx: float, fy: float, cx: float, cy: float,
) -> np.ndarray:  # [2, H, W]  # fmt: skip
    """Where the lens puts what each pixel of the pinhole sees: x and y in pixels of the lens, float32.

    NaN where the distortion folds back: a polynomial lens model is only meaningful up to the radius where
    it stops growing, and beyond it shows the picture a second time.
    """
    import pycolmap  # takes 0.3 s to import, and scenes of ideal pinholes do without it

    lens: Any = pycolmap.Camera(model=model, width=lens_width, height=lens_height, params=list(params))
    x, y = np.meshgrid((np.arange(width) + 0.5 - cx) / fx, (np.arange(height) + 0.5 - cy) / fy)
    rays = np.stack([x, y, np.ones_like(x)], axis=-1)
    pixels = lens.img_from_cam(rays.reshape(-1, 3)).reshape(height, width, 2)
    # Inverting the lens is slow, so only every fourth pixel is tried, and the rim of the fold goes with it.
    sampled = np.ascontiguousarray(pixels[::4, ::4])
    there_and_back = lens.cam_from_img(sampled.reshape(-1, 2)).reshape(sampled.shape)
    rays = rays[::4, ::4, :2]
    off = np.linalg.norm(there_and_back - rays, axis=-1)
    folded = binary_dilation(~(off < 0.01 * (1 + np.linalg.norm(rays, axis=-1))), np.ones((3, 3)))
    pixels[folded.repeat(4, axis=0).repeat(4, axis=1)[:height, :width]] = np.nan
    return np.ascontiguousarray(pixels.transpose(2, 0, 1), np.float32)
