"""Label maps that went through lossy compression: their levels and colors are no longer exact."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from saga.files.special import first_bytes

_SUFFIXES = (".jpg", ".jpeg", ".webp")
_HEADER_BYTES = 4096
_NOISE = 10
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
    start = first_bytes(path, 12 + _HEADER_BYTES)
    return not (start[8:12] == b"WEBP" and b"VP8L" in start[12:])


def flat_labels(
    pixels: np.ndarray,  # [h, w] or [h, w, 3] uint8
) -> np.ndarray | None:  # [h, w]
    """Return a label for each color that areas of a lossy picture have, 0 for black; None for a photograph.

    Pixels between areas, where colors blend, take the label of the nearest area.
    """
    colors = pixels.reshape(*pixels.shape[:2], -1)
    flat = _flat(colors)
    if flat.mean() < _LEAST_FLAT_SHARE:
        return None
    # A picture has millions of pixels and thousands of colors: what is slow is done once for each color.
    codes = np.zeros(flat.shape, np.int32)
    for channel in range(colors.shape[2]):
        codes |= colors[..., channel].astype(np.int32) << 8 * channel
    counts = np.bincount(codes[flat])
    unique = np.flatnonzero(counts)
    exact = (unique[:, None] >> 8 * np.arange(colors.shape[2]) & 255).astype(np.float64)  # [E, C]
    palette = _palette(exact, counts[unique], round(_LEAST_SHARE * flat.size))
    if palette is None:
        return None
    distances = np.linalg.norm(exact[:, None] - palette, axis=2)
    of_code = np.full(len(counts), -1)
    of_code[unique] = np.where(distances.min(axis=1) <= _RADIUS, distances.argmin(axis=1), -1)
    labels = np.full(flat.shape, -1)
    labels[flat] = of_code[codes[flat]]
    return _grown(labels)


def _flat(
    colors: np.ndarray,  # [h, w, C] uint8
) -> np.ndarray:  # [h, w] bool
    """Tells which pixels are nearly like those beside, above and below them."""
    flat = np.ones(colors.shape[:2], bool)
    for one, other in (((slice(1, None),), (slice(-1),)), ((slice(None), slice(1, None)), (slice(None), slice(-1)))):
        differing = (np.maximum(colors[one], colors[other]) - np.minimum(colors[one], colors[other]) > _NOISE).any(
            axis=2
        )
        flat[one] &= ~differing
        flat[other] &= ~differing
    return flat


def _grown(
    labels: np.ndarray,  # [h, w]
) -> np.ndarray:  # [h, w]
    """Returns labels with that of the nearest labeled pixel, in steps along rows and columns, where they are -1."""
    padded = np.pad(labels, 1, constant_values=-1)
    values, width = padded.reshape(-1), padded.shape[1]
    inside = np.zeros(padded.shape, bool)
    inside[1:-1, 1:-1] = labels < 0
    unknown = np.flatnonzero(inside)
    while len(unknown):
        near = np.stack([values[unknown + step] for step in (-1, 1, -width, width)]).max(axis=0)
        if (near < 0).all():
            break
        values[unknown[near >= 0]] = near[near >= 0]
        unknown = unknown[near < 0]
    return np.asarray(np.maximum(padded[1:-1, 1:-1], 0))


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
