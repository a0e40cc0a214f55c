"""Scribbles as points, for models that take points (SA3D, appendix C)."""

from __future__ import annotations

import numpy as np
from skimage.morphology import skeletonize

POSITIVE_SHARE = 0.02
"""Share of a positive scribble's skeleton that becomes points."""
NEGATIVE_SHARE = 0.005
"""The same of a negative scribble."""


def skeleton_points(
    scribble: np.ndarray,  # [H, W] bool
    share: float,
    rng: np.random.Generator,
) -> list[tuple[int, int]]:
    """Returns a random `share` of the pixels (x, y) of a scribble's skeleton, at least one; none for an empty one."""
    ys, xs = np.nonzero(skeletonize(scribble))
    if len(xs) == 0:
        return []
    chosen = np.sort(rng.choice(len(xs), max(1, round(share * len(xs))), replace=False))
    return [(int(xs[i]), int(ys[i])) for i in chosen]
