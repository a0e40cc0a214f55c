"""How far what a scene shows lies beside what its photographs show: finer than whether both agree at all."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from PIL import Image
from scipy.fft import irfft2, rfft2
from scipy.ndimage import gaussian_filter, sobel

from saga.export.rendering import render_color
from saga.raster import DeviceScene
from saga.scene import Camera

LONG_SIDE = 256
"""Pixels of the longer side of the compared pictures: displacements are whole ones of these."""
_LUMA = np.array([0.299, 0.587, 0.114], np.float32)


def median_displacement(placed: DeviceScene, cameras: Sequence[Camera]) -> float:
    """Returns by how much pictures and renderings are displaced, as a share of the longer side: the median of views.

    In each view that shift is taken at which the gradients of photograph and rendering correlate best. A scene
    that fits has 0; one moved by a hundredth of what a camera sees has about 0.01.

    Args:
        placed: the scene on a device.
        cameras: views with photographs; at least one.
    """
    shares = []
    for camera in cameras:
        scale = min(1.0, LONG_SIDE / max(camera.width, camera.height))
        small = camera.resized(max(1, round(scale * camera.width)), max(1, round(scale * camera.height)))
        photograph = Image.fromarray(placed.scene.photograph(camera)).resize((small.width, small.height))
        window = np.outer(np.hanning(small.height), np.hanning(small.width))
        edges = [_edges(np.asarray(each), window) for each in (photograph.convert("RGB"), render_color(placed, small))]
        shares.append(_shift(*edges) / max(small.width, small.height))
    return float(np.median(shares))


def _shift(
    one: np.ndarray,  # [H, W]
    other: np.ndarray,  # [H, W]
) -> float:
    """Returns the length in pixels of the shift between two pictures at which they correlate best."""
    correlation = irfft2(rfft2(one) * np.conj(rfft2(other)), s=one.shape)
    peak = np.array(np.unravel_index(correlation.argmax(), one.shape))
    return float(np.hypot(*np.minimum(peak, np.array(one.shape) - peak)))


def _edges(
    picture: np.ndarray,  # [H, W, 3] uint8
    window: np.ndarray,  # [H, W]
) -> np.ndarray:  # [H, W]
    brightness = gaussian_filter(picture.astype(np.float32) @ _LUMA, 1.0)
    gradient = np.hypot(sobel(brightness, 0), sobel(brightness, 1))
    return np.asarray((gradient - gradient.mean()) * window)
