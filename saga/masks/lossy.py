"""Label maps that went through lossy compression: their levels and colors are no longer exact."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from scipy.ndimage import distance_transform_edt, maximum_filter, minimum_filter

_SUFFIXES = (".jpg", ".jpeg", ".webp")
_HEADER_BYTES = 4096
_NOISE = 20
"""Levels by which neighbors within an area of one color differ at most."""
_RADIUS = 40.0
"""Distance up to which colors are one; compression keeps areas much closer to their color than that."""
_CORE = 14.0
"""Distance of nearly all pixels of an area from its color."""
_LEAST_SHARE = 5e-4
"""Share of a picture that flat areas of one color cover at least, to be a label."""
_MOST_COLORS = 64
_LEAST_FLAT_SHARE = 0.5
"""Share of pixels in flat areas; a photograph has fewer."""
FAINTEST = 32
"""Levels below this cannot be told from what compression leaves in black."""


def is_lossy(path: Path) -> bool:
    """Whether a picture was compressed so that its levels changed: a JPEG, or a WebP that is not of the exact kind."""
    if path.suffix.lower() not in _SUFFIXES:
        return False
    with path.open("rb") as stream:
        return not (stream.read(12)[8:] == b"WEBP" and b"VP8L" in stream.read(_HEADER_BYTES))


def flat_labels(
    pixels: np.ndarray,  # [h, w] or [h, w, 3] uint8
) -> np.ndarray | None:  # [h, w]
    """Return a label for each color that areas of a lossy picture have, 0 for black; None for a photograph.

    Pixels between areas, where colors blend, take the label of the nearest area.
    """
    colors = pixels.reshape(*pixels.shape[:2], -1)
    window = (3, 3, 1)
    spread = maximum_filter(colors, window).astype(int) - minimum_filter(colors, window)
    flat = spread.max(axis=2) <= _NOISE
    if flat.mean() < _LEAST_FLAT_SHARE:
        return None
    # A picture has millions of pixels and thousands of colors: all that follows is done once for each color.
    codes = (colors[flat].astype(np.int64) * (1 << 8 * np.arange(colors.shape[2]))).sum(axis=1)
    unique, inverse, counts = np.unique(codes, return_inverse=True, return_counts=True)
    exact = (unique[:, None] >> 8 * np.arange(colors.shape[2]) & 255).astype(np.float64)  # [E, C]
    palette = _palette(exact, counts, round(_LEAST_SHARE * flat.size))
    if palette is None:
        return None
    distances = np.linalg.norm(exact[:, None] - palette, axis=2)
    labels = np.full(flat.shape, -1)
    labels[flat] = np.where(distances.min(axis=1) <= _RADIUS, distances.argmin(axis=1), -1)[inverse]
    nearest = distance_transform_edt(labels < 0, return_distances=False, return_indices=True)
    return np.asarray(labels[tuple(nearest)])


def _palette(
    exact: np.ndarray,  # [E, C]
    counts: np.ndarray,  # [E]
    least: int,
) -> np.ndarray | None:  # [P, C]
    """Returns the colors of areas, black first, the others by their pixels; None when there are too many.

    Args:
        exact: the colors of pixels in flat areas.
        counts: how many pixels have each.
        least: pixels of the smallest area.
    """
    palette = np.zeros((1, exact.shape[1]))
    left = np.linalg.norm(exact, axis=1) > _RADIUS
    while left.any():
        center = exact[left][counts[left].argmax()]
        distances = np.linalg.norm(exact - center, axis=1)
        near, core = distances <= _RADIUS, distances <= _CORE
        area = counts[left & near].sum()
        left &= ~near
        # Along a slope, as a soft edge has, all colors are as frequent; an area has nearly its own alone.
        if area >= max(least, 1) and 2 * counts[core].sum() >= counts[near].sum():
            palette = np.vstack([palette, center])
        if len(palette) > _MOST_COLORS:
            return None
    return palette
