"""Arrays of pixels at another size."""

from __future__ import annotations

import numpy as np
from PIL import Image


def resize(
    array: np.ndarray,  # [H', W'] or [H', W', C]
    width: int,
    height: int,
    order: int = 1,
) -> np.ndarray:  # [H, W] or [H, W, C]
    """Return `array` at another size, with its dtype.

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
