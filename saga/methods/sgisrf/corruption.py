"""Masks as a generator gives them: wholes missing, parts, neighbors merged, ragged borders."""

from __future__ import annotations

import numpy as np
from scipy.ndimage import distance_transform_edt, gaussian_filter

_LEAST_PIXELS = 12
_HIERARCHIES = 0.4
"""Share of the views whose masks form a hierarchy, from groups of objects to small pieces, as regions that are merged
step by step do."""


def corrupted_masks(
    labels: np.ndarray,  # [H, W] int, -1 for nothing
    parts: np.ndarray,  # [H, W] int, -1 for nothing
    rng: np.random.Generator,
) -> np.ndarray:  # [M, H, W] bool
    """Returns masks of one view, without correspondence to any other view."""
    present = [int(k) for k in np.unique(labels) if k >= 0 and np.count_nonzero(labels == k) >= _LEAST_PIXELS]
    found: list[np.ndarray] = []
    missing, splitting, merging = rng.uniform(0, 0.4), rng.uniform(0, 0.6), rng.uniform(0, 0.25)
    roughness = rng.uniform(0, 1.5)
    for label in present:
        whole = labels == label
        if rng.random() > missing:
            found.append(whole)
        if rng.random() < merging:
            found.append(whole | (labels == present[rng.integers(len(present))]))
        if rng.random() < splitting:
            found += [(parts == part) & whole for part in np.unique(parts[whole]) if rng.random() < 0.7]
        if rng.random() < 0.3 * splitting:
            found.append(whole & _half_plane(whole, rng))
    if rng.random() < _HIERARCHIES:
        found = [piece for mask in found for piece in _nested(mask, int(rng.integers(1, 4)), rng)]
        found += [np.isin(labels, rng.choice(present, min(len(present), 3))) for _ in range(rng.integers(3))]
    ragged = [_ragged(mask, roughness, rng) for mask in found if np.count_nonzero(mask) >= _LEAST_PIXELS]
    kept = [mask for mask in ragged if np.count_nonzero(mask) >= _LEAST_PIXELS]
    return np.stack(kept) if kept else np.zeros((0, *labels.shape), bool)


def _nested(
    mask: np.ndarray,  # [H, W] bool
    levels: int,
    rng: np.random.Generator,
) -> list[np.ndarray]:
    """Returns a mask, most of its halves, most of theirs, and so on."""
    if levels == 0 or np.count_nonzero(mask) < 2 * _LEAST_PIXELS:
        return [mask]
    side = _half_plane(mask, rng)
    halves = [half for half in (mask & side, mask & ~side) if rng.random() < 0.85]
    return [mask, *(piece for half in halves for piece in _nested(half, levels - 1, rng))]


def _half_plane(mask: np.ndarray, rng: np.random.Generator) -> np.ndarray:  # [H, W] bool
    """Returns one side of a line through the middle of a mask."""
    ys, xs = np.nonzero(mask)
    angle = rng.uniform(0, 2 * np.pi)
    rows, columns = np.indices(mask.shape)
    return np.asarray((columns - xs.mean()) * np.cos(angle) + (rows - ys.mean()) * np.sin(angle) > 0)


def _ragged(mask: np.ndarray, roughness: float, rng: np.random.Generator) -> np.ndarray:  # [H, W] bool
    """Moves the border in and out by about `roughness` pixels."""
    if roughness < 0.2:
        return mask
    noise = gaussian_filter(rng.normal(0, 1, mask.shape), 2.0)
    signed = distance_transform_edt(mask) - distance_transform_edt(~mask)
    return np.asarray(signed + noise / max(float(noise.std()), 1e-6) * roughness > 0)
