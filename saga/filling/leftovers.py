"""What is left of an object in the rest: pieces of it that no view shows as long as it is there."""

from __future__ import annotations

import numpy as np
from scipy.spatial import cKDTree

from saga.scene import Gaussians

_NEIGHBORS = 16
"""Gaussians, of the object and of what the views show beside it, that a doubtful one is compared with."""
_CLOSER = 2.0
"""Distance to the object's, at most, in distances to the others."""
ALIKE = 0.9
"""Difference in color from the most alike of the object's, at most, in differences from that of the others."""
_MARGIN = 0.1
"""How far outside the box of the object they are looked for, in diagonals of the box."""
_STRAYS = 0.02
"""Share of the object on each side that may lie outside its box."""


def leftovers_of(
    gaussians: Gaussians,
    member: np.ndarray,  # [N] bool
    chance: np.ndarray,  # [N] bool
    seen: np.ndarray,  # [N] bool
) -> np.ndarray:  # [N]
    """Tells which Gaussians of the rest belong to an object's body: they would come to light without it, bool.

    A selection goes by what the views show, so what lies inside and behind the object's outside is often not in it.
    Such a Gaussian is near the object, not near what the views show of other things, and has the object's colors there
    and not theirs: the hidden part of a table that the object stands on, and the back of a thing beside it, stay.

    Args:
        gaussians: the scene's.
        member: the object.
        chance: those of the rest that the views hardly show, or only where they show the object.
        seen: the others of the rest.
    """
    means = gaussians.means
    low, high = np.quantile(means[member], (_STRAYS, 1 - _STRAYS), axis=0)
    margin = _MARGIN * float(np.linalg.norm(high - low))
    boxed = ((means >= low - margin) & (means <= high + margin)).all(axis=1)
    rows, own, others = (np.flatnonzero(each & boxed) for each in (chance, member, seen))
    colors = gaussians.base_colors()
    near, like = unlikeness(means, colors, rows, own)
    far, unlike = unlikeness(means, colors, rows, others)
    leftovers = np.zeros(len(means), bool)
    leftovers[rows] = (near <= _CLOSER * far) & (like < ALIKE * unlike)
    return leftovers


def unlikeness(
    means: np.ndarray,  # [N, 3]
    colors: np.ndarray,  # [N, 3]
    rows: np.ndarray,  # [n]
    among: np.ndarray,  # [m]
) -> tuple[np.ndarray, np.ndarray]:
    """Returns the mean distance of the nearest of others, and how unlike the most alike of them is; inf without any."""
    if len(rows) == 0 or len(among) == 0:
        return np.full(len(rows), np.inf), np.full(len(rows), np.inf)
    count = min(_NEIGHBORS, len(among))
    distances, nearest = cKDTree(means[among]).query(means[rows], k=np.arange(1, count + 1))
    differences = np.linalg.norm(colors[among[nearest]] - colors[rows][:, None], axis=-1)
    return distances.mean(axis=1), differences.min(axis=1)
