"""The one place where pixels of a photograph and of the ideal pinhole that stands for it are turned into each other.

A person clicks on, and gets masks for, the photograph as it is on disk. Everything inside works on the ideal pinhole
that a `Camera` is. Both have the camera's size; without a lens they are the same. Pixel coordinates are continuous,
(x, y), with the top left corner at (0, 0) and the center of the top left pixel at (0.5, 0.5).
"""

from __future__ import annotations

from dataclasses import replace
from functools import lru_cache
from typing import Any

import numpy as np

from saga.scene.camera import Camera, LensModel
from saga.scene.resizing import resize

_COARSE_SIDE_SAMPLES = 400
"""Points along the longer side at which the lens is inverted; between them its map is interpolated. A lens map is
smooth: at 4000 pixels the interpolation is off by about a hundredth of one."""
_AGREEMENT_PIXELS = 0.1
"""How far the projection of an inverted pixel may lie from that pixel."""
_MOST_GROWTH = 1.0
"""How far the pinhole around a photograph may reach past the frame on each side, as a share of the frame. A wide
lens sees directions that no pinhole of a sensible size can show."""


def points_to_pinhole(
    camera: Camera,
    points: np.ndarray,  # [K, 2]
) -> np.ndarray:  # [K, 2]
    """Return where the ideal pinhole sees what the photograph shows at `points`, float64 pixels.

    NaN where the lens model does not say. The result may lie outside the pinhole's image: a lens that sees more
    than the pinhole shows that at the photograph's rim.
    """
    points = np.asarray(points, np.float64).reshape(-1, 2)
    if camera.lens is None:
        return points
    rays = _rays(camera.lens, points * _scale(camera))
    return rays * (camera.fx, camera.fy) + (camera.cx, camera.cy)


def points_to_photograph(
    camera: Camera,
    points: np.ndarray,  # [K, 2]
) -> np.ndarray:  # [K, 2]
    """Return where the photograph shows what the ideal pinhole sees at `points`, float64 pixels.

    NaN where the lens model folds back on itself.
    """
    points = np.asarray(points, np.float64).reshape(-1, 2)
    if camera.lens is None:
        return points
    rays = (points - (camera.cx, camera.cy)) / (camera.fx, camera.fy)
    lens = _lens(camera.lens)
    pixels = lens.img_from_cam(_homogeneous(rays))
    pixels[_folded(lens, rays, pixels)] = np.nan
    return np.asarray(pixels / _scale(camera))


def image_to_pinhole(
    camera: Camera,
    array: np.ndarray,  # [H', W'] or [H', W', C]
    order: int = 1,
) -> np.ndarray:  # [H, W] or [H, W, C]
    """Return what the ideal pinhole `camera` sees of `array`, an image in the photograph's own pixels.

    `array` may have any size with the photograph's aspect ratio; the result has the camera's size and
    `array`'s dtype. `order` 1 interpolates linearly (photographs), 0 takes the nearest pixel (masks, labels).
    Pixels that the lens did not see are 0. Without a lens this only resizes.
    """
    if camera.lens is None:
        return resize(array, camera.width, camera.height, order)
    if order and array.shape[1] > camera.width:  # average before sampling, or fine detail turns to noise
        array = resize(array, camera.width, camera.height, order)
    height, width = array.shape[:2]
    x, y = _pinhole_map(*_key(camera))
    return _sample(array, x * (width / camera.lens.width), y * (height / camera.lens.height), order)


def image_to_photograph(
    camera: Camera,
    pinhole: Camera,
    array: np.ndarray,  # [h, w] or [h, w, C]
    order: int = 1,
) -> np.ndarray:  # [H, W] or [H, W, C]
    """Return `array`, an image that `pinhole` sees, in the pixels of the camera's photograph.

    `pinhole` is that of `pinhole_around`, whose size `array` has. The result has the camera's size and `array`'s
    dtype; pixels that no pinhole pixel belongs to are 0. Without a lens the array is returned as it is.
    """
    if camera.lens is None:
        return array
    x, y = _photograph_map(*_key(camera))
    return _sample(array, x + (pinhole.cx - camera.cx), y + (pinhole.cy - camera.cy), order)


def pinhole_around(camera: Camera) -> Camera:
    """Return the ideal pinhole that sees all that the camera's photograph shows: what to render for its sake.

    It has the camera's focal length and pose, no lens, and an image that reaches past the camera's where the lens
    sees more (by as much again at most on each side). Without a lens it is the camera.
    """
    if camera.lens is None:
        return camera
    mapped = _photograph_map(*_key(camera))
    size = np.array([camera.width, camera.height])
    seen = mapped[:, np.isfinite(mapped).all(axis=0)]
    if seen.size == 0:
        return replace(camera, lens=None)
    low = np.maximum(np.floor(seen.min(axis=1)), -_MOST_GROWTH * size).astype(int)
    high = np.minimum(np.ceil(seen.max(axis=1)), (1 + _MOST_GROWTH) * size).astype(int)
    width, height = (int(side) for side in np.maximum(high - low, 1))
    return replace(camera, width=width, height=height, cx=camera.cx - low[0], cy=camera.cy - low[1], lens=None)


def _key(camera: Camera) -> tuple[Any, ...]:
    return (camera.lens, camera.width, camera.height, camera.fx, camera.fy, camera.cx, camera.cy)


def _scale(camera: Camera) -> np.ndarray:  # [2]
    """Returns the lens's pixels per pixel of the photograph: a lens may be calibrated at another resolution."""
    assert camera.lens is not None
    return np.array([camera.lens.width / camera.width, camera.lens.height / camera.height])


@lru_cache(maxsize=8)
def _lens(model: LensModel) -> Any:
    import pycolmap  # takes 0.3 s to import, and scenes of ideal pinholes do without it

    return pycolmap.Camera(model=model.model, width=model.width, height=model.height, params=list(model.params))


def _homogeneous(rays: np.ndarray) -> np.ndarray:  # [K, 3]
    return np.concatenate([rays, np.ones((len(rays), 1))], axis=1)


def _rays(
    model: LensModel,
    pixels: np.ndarray,  # [K, 2]
) -> np.ndarray:  # [K, 2]
    """Return the rays (x / z, y / z) of pixels of the lens; NaN where no ray in front of the camera has that pixel."""
    lens = _lens(model)
    rays = lens.cam_from_img(pixels)
    back = lens.img_from_cam(_homogeneous(rays))
    wrong = ~(np.abs(back - pixels).max(axis=1) < _AGREEMENT_PIXELS)
    # The solver may find the second ray of a pixel, beyond the radius at which the lens folds back.
    center = lens.img_from_cam(np.array([[0.0, 0.0, 1.0]]))[0]
    outward = lens.img_from_cam(_homogeneous(rays * 1.001)) - back
    wrong |= ((outward * (back - center)).sum(axis=1) < 0) & (np.abs(back - center).max(axis=1) > _AGREEMENT_PIXELS)
    rays[wrong] = np.nan
    return np.asarray(rays)


def _folded(
    lens: Any,
    rays: np.ndarray,  # [K, 2]
    pixels: np.ndarray,  # [K, 2]
) -> np.ndarray:  # [K] bool
    """Tells where the distortion folds back.

    A polynomial lens model is only meaningful up to the radius where it stops growing, and beyond it shows the picture
    a second time.
    """
    off = np.linalg.norm(lens.cam_from_img(pixels) - rays, axis=1)
    return np.asarray(~(off < 0.01 * (1 + np.linalg.norm(rays, axis=1))))


@lru_cache(maxsize=2)  # the views of a capture share their lens; a map of 12 megapixels is 96 MB
def _pinhole_map(
    model: LensModel, width: int, height: int, fx: float, fy: float, cx: float, cy: float
) -> np.ndarray:  # [2, H, W]
    """For each pixel of the pinhole, where the lens shows it, in the lens's pixels, float32; NaN where it folds."""
    from scipy.ndimage import binary_dilation  # loaded when needed: a twentieth of a click

    lens = _lens(model)
    x, y = np.meshgrid((np.arange(width) + 0.5 - cx) / fx, (np.arange(height) + 0.5 - cy) / fy)
    rays = np.stack([x, y], axis=-1)
    pixels = lens.img_from_cam(_homogeneous(rays.reshape(-1, 2))).reshape(height, width, 2)
    # Inverting the lens is slow, so only every fourth pixel is tried, and the rim of the fold goes with it.
    sampled = np.ascontiguousarray(pixels[::4, ::4])
    folded = _folded(lens, rays[::4, ::4].reshape(-1, 2), sampled.reshape(-1, 2)).reshape(sampled.shape[:2])
    folded = binary_dilation(folded, np.ones((3, 3)))
    pixels[folded.repeat(4, axis=0).repeat(4, axis=1)[:height, :width]] = np.nan
    return np.ascontiguousarray(pixels.transpose(2, 0, 1), np.float32)


@lru_cache(maxsize=2)
def _photograph_map(
    model: LensModel, width: int, height: int, fx: float, fy: float, cx: float, cy: float
) -> np.ndarray:  # [2, H, W]
    """For each pixel of the photograph, where the pinhole sees it, in the pinhole's pixels, float32; NaN as `_rays`."""
    step = max(1.0, max(width, height) / _COARSE_SIDE_SAMPLES)
    columns, rows = (np.linspace(0.5, side - 0.5, max(2, round(side / step))) for side in (width, height))
    scale = np.array([model.width / width, model.height / height])
    grid = np.stack(np.meshgrid(columns, rows), axis=-1)
    rays = _rays(model, grid.reshape(-1, 2) * scale).reshape(grid.shape)
    coarse = rays * (fx, fy) + (cx, cy)
    at_y = np.linspace(0, len(rows) - 1, height)
    at_x = np.linspace(0, len(columns) - 1, width)
    return np.stack([_interpolate(coarse[..., k], at_y, at_x) for k in range(2)])


def _interpolate(
    grid: np.ndarray,  # [h, w]
    rows: np.ndarray,  # [H]
    columns: np.ndarray,  # [W]
) -> np.ndarray:  # [H, W]
    """Returns a bilinear interpolation of a grid at real rows and columns, float32; NaN spreads to its neighbors."""
    top, left = (np.minimum(at.astype(int), size - 2) for at, size in zip((rows, columns), grid.shape, strict=True))
    down, right = (rows - top)[:, None], (columns - left)[None]
    # A weight of 0 must not let a NaN through, which a product would: whole rows and columns take one side.
    across = np.where(right == 0, grid[:, left], grid[:, left] * (1 - right) + grid[:, left + 1] * right)
    blended = across[top] * (1 - down) + across[top + 1] * down
    out: np.ndarray = np.where(down == 0, across[top], blended).astype(np.float32)
    return out


def _sample(
    array: np.ndarray,  # [h, w] or [h, w, C]
    x: np.ndarray,  # [H, W]
    y: np.ndarray,  # [H, W]
    order: int,
) -> np.ndarray:  # [H, W] or [H, W, C]
    """Returns `array` at continuous pixel coordinates, in its dtype; 0 outside and at NaN."""
    height, width = array.shape[:2]
    inside = (x >= 0) & (x <= width) & (y >= 0) & (y <= height)
    x, y = np.where(inside, x, 0), np.where(inside, y, 0)
    if order == 0:
        nearest = array[np.minimum(y.astype(int), height - 1), np.minimum(x.astype(int), width - 1)]
        nearest[~inside] = 0
        return np.asarray(nearest)
    from scipy.ndimage import map_coordinates

    channels = array.reshape(height, width, -1)
    out = np.empty((*x.shape, channels.shape[2]), array.dtype)
    exact = np.float32 if array.dtype.itemsize == 1 else np.float64
    for k in range(channels.shape[2]):
        sampled = map_coordinates(channels[..., k].astype(exact), np.stack([y - 0.5, x - 0.5]), order=1, mode="nearest")
        rounded = sampled if array.dtype.kind == "f" else np.rint(sampled)
        out[..., k] = np.where(inside, rounded, 0).astype(array.dtype)
    return out.reshape(*x.shape, *array.shape[2:])
