"""Where a person would click, and how little a result should depend on exactly where."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from scipy.ndimage import distance_transform_edt

Pixel = tuple[int, int]
"""x, y."""

_APART = 1.2
"""The next click is at least this many times the largest distance from the border away from the one before."""
_LEAST_DISTANCE = 2
"""A further click nearer to the border than this is not placed."""


def place_clicks(
    mask: np.ndarray,  # [H, W] bool
    count: int,
) -> list[Pixel]:
    """The pixel farthest from the object's border, then likewise in what is left around the clicks so far.

    Fewer than `count` when the object has no room for them, none for an empty mask; an object of one pixel
    still gets its click.
    """
    distance = distance_transform_edt(np.pad(mask, 1))[1:-1, 1:-1]
    points: list[Pixel] = []
    ys, xs = np.ogrid[: mask.shape[0], : mask.shape[1]]
    while len(points) < count and distance.max() >= (_LEAST_DISTANCE if points else 1):
        y, x = np.unravel_index(int(distance.argmax()), distance.shape)
        points.append((int(x), int(y)))
        distance = distance * ((ys - y) ** 2 + (xs - x) ** 2 > (_APART * distance.max()) ** 2)
    return points


def jitter(
    points: Sequence[Pixel],
    on: np.ndarray,  # [H, W] bool
    radius: int,
    rng: np.random.Generator,
) -> list[Pixel]:
    """Each point moved at random to a pixel of `on` that is at most `radius` px away, itself included."""
    ys, xs = np.mgrid[-radius : radius + 1, -radius : radius + 1]
    offsets = np.stack([xs, ys], axis=-1)[xs**2 + ys**2 <= radius**2]
    moved = []
    for point in points:
        near = offsets + point
        near = near[(near >= 0).all(1) & (near < (on.shape[1], on.shape[0])).all(1)]
        near = near[on[near[:, 1], near[:, 0]]]
        x, y = near[rng.integers(len(near))] if len(near) else point
        moved.append((int(x), int(y)))
    return moved
