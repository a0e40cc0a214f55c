"""Colors of Gaussians that show something else than the scene's own: features, objects, scores."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from saga.session import NamedObject

_SAMPLE = 20_000
_GRAY, _DIM = 0.62, 0.45
_STOPS = np.array([[0.17, 0.19, 0.38], [0.23, 0.45, 0.67], [0.35, 0.68, 0.62], [0.93, 0.82, 0.36], [0.94, 0.35, 0.16]])
"""Colors of the heat map at equal distances, from the least score to the greatest."""


def feature_colors(
    features: np.ndarray,  # [N, C]
) -> np.ndarray:  # [N, 3]
    """Returns the first three principal components of the features' directions as colors.

    They depend on the scene alone: no camera changes them.
    """
    lengths = np.linalg.norm(features, axis=1, keepdims=True)
    directions = features / np.maximum(lengths, 1e-12)
    known = np.flatnonzero(lengths[:, 0] > 0)
    if len(known) == 0:
        return np.full((len(features), 3), _GRAY, np.float32)
    sample = directions[known[:: max(1, len(known) // _SAMPLE)]].astype(np.float64)
    middle = sample.mean(0)
    axes = np.linalg.svd(sample - middle, full_matrices=False)[2][:3].T
    axes = axes * np.sign(axes[np.abs(axes).argmax(0), range(axes.shape[1])])
    low, high = np.quantile((sample - middle) @ axes, (0.02, 0.98), axis=0)
    values = ((directions - middle) @ axes - low) / np.maximum(high - low, 1e-9)
    colors = np.full((len(features), 3), _GRAY, np.float32)
    colors[:, : values.shape[1]] = np.clip(values, 0.05, 0.95)
    colors[lengths[:, 0] == 0] = _GRAY
    return colors


def object_colors(
    colors: np.ndarray,  # [N, 3]
    objects: Sequence[NamedObject],
) -> np.ndarray:  # [N, 3]
    """Returns objects in their own colors, shaded as the scene is, and all else in pale gray."""
    light = colors.mean(1, keepdims=True)
    shown = _GRAY + 0.3 * (light - 0.5) * np.ones((1, 3), np.float32)
    for each in objects:
        member = each.bits.mask()
        shown[member] = np.array(each.color) / 255 * (_DIM + (1 - _DIM) * (0.35 + light[member]))
    return np.asarray(np.clip(shown, 0, 1), np.float32)


def heat_colors(
    scores: np.ndarray,  # [N]
) -> np.ndarray:  # [N, 3]
    """Returns scores as a heat map: blue for the least, red for the greatest."""
    low, high = score_range(scores)
    place = np.clip((scores - low) / max(high - low, 1e-9), 0, 1) * (len(_STOPS) - 1)
    index = np.minimum(place.astype(int), len(_STOPS) - 2)
    between = (place - index)[:, None]
    return np.asarray(_STOPS[index] * (1 - between) + _STOPS[index + 1] * between, np.float32)


def score_range(
    scores: np.ndarray,  # [N]
) -> tuple[float, float]:
    """Returns the range of scores that is shown: from the least, or 0 where there are enough, to the greatest."""
    finite = scores[np.isfinite(scores)]
    if len(finite) == 0:
        return 0.0, 1.0
    low, high = float(np.quantile(finite, 0.01)), float(finite.max())
    return (low, high) if high > low else (low, low + 1.0)
