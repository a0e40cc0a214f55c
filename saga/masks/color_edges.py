"""How strongly the colors of a picture change from pixel to pixel: what all that divides pictures goes by."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from saga.native import host

_TRUNCATED = 4.0
"""Standard deviations at which the smoothing ends."""


class ColorEdges(NamedTuple):
    """A picture in CIELAB, and how strongly it changes."""

    lab: np.ndarray  # [H, W, 3]
    """Float32, not smoothed."""
    gradient: np.ndarray  # [H, W]
    """Length of the gradient of the smoothed colors, float32, in Lab units a pixel."""


def color_edges(
    image: np.ndarray,  # [H, W, 3]
    smoothing: float = 1.0,
) -> ColorEdges:
    """Returns a picture in CIELAB and the length of its color's gradient (Sobel's operator).

    Args:
        image: uint8 RGB.
        smoothing: standard deviation of the Gaussian that the colors are smoothed with before, in pixels.
    """
    native = host.function("saga_color_edges")
    if native is None:
        return reference(image, smoothing)
    image = np.ascontiguousarray(image)
    height, width = image.shape[:2]
    radius = int(_TRUNCATED * smoothing + 0.5)
    kernel = np.exp(-0.5 * (np.arange(-radius, radius + 1) / smoothing) ** 2)
    weights = (kernel / kernel.sum()).astype(np.float32)
    lab, gradient = np.empty((height, width, 3), np.float32), np.empty((height, width), np.float32)
    native(
        height, width, host.address(image, np.uint8), radius, host.address(weights, np.float32),
        host.address(lab, np.float32), host.address(gradient, np.float32),
    )  # fmt: skip
    return ColorEdges(lab, gradient)


def reference(
    image: np.ndarray,  # [H, W, 3]
    smoothing: float,
) -> ColorEdges:
    """The twin of the native function in scikit-image and SciPy, to compare with and where no library was built."""
    from scipy import ndimage
    from skimage.color import rgb2lab

    lab = rgb2lab(image).astype(np.float32)
    smoothed = ndimage.gaussian_filter(lab, (smoothing, smoothing, 0.0), truncate=_TRUNCATED)
    squares = np.zeros(lab.shape[:2], np.float32)
    for channel in np.moveaxis(smoothed, 2, 0):
        for axis in (0, 1):
            squares += np.square(ndimage.sobel(channel, axis) / 8)
    return ColorEdges(lab, np.sqrt(squares))
