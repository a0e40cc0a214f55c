"""Corrections: the least change of a set of cells that puts every point on its right side."""

from __future__ import annotations

import numpy as np

from saga.regions.evidence import Evidence, holds
from saga.regions.scene_regions import SceneRegions

_MOST_ADDED = 0.1
"""The most that a point adds, as a share of what is corrected."""
_OF_A_POINT = 0.05
"""Share of what a point shows, from which a cell is what it points at."""


def corrected(
    regions: SceneRegions,
    pool: np.ndarray,  # [R, L]
    cells: np.ndarray,  # [L]
    evidence: Evidence,
) -> np.ndarray:  # [L]
    """A set of cells with what points demand added and taken away.

    A positive point outside adds a region that holds it, a negative point inside takes one away: of those that no other
    point forbids, the one whose new border is most closed, because a thing ends there. If none does, it is the cells
    at the point alone.

    Args:
        regions: the scene's.
        pool: regions to add or to take away, bool [R, L].
        cells: what is corrected, bool [L].
        evidence: the points.

    Returns:
        The set, bool [L].
    """
    for shown in evidence.inside:
        if not holds(cells[None], shown)[0]:
            offered = _offered(pool, shown)
            added = offered & ~cells
            fits = added @ regions.shares <= _MOST_ADDED * (regions.shares @ cells)
            fits[-1] = True
            for other in evidence.outside:
                fits &= ~holds(offered, other)
            added = added[fits]
            if len(added) > 0:
                cells = cells | added[int(_seams(regions, added, ~(added | cells)).argmax())]
    for shown in evidence.outside:
        if holds(cells[None], shown)[0]:
            taken = _offered(pool, shown) & cells
            for other in evidence.inside:
                taken = taken[holds(cells & ~taken, other)]
            if len(taken) > 0:
                cells = cells & ~taken[int(_seams(regions, taken, cells & ~taken).argmax())]
    return cells


def _offered(
    pool: np.ndarray,  # [R, L]
    shown: np.ndarray,  # [L]
) -> np.ndarray:  # [O, L]
    """Regions that hold what a point shows, and its cells alone as the last one."""
    return np.concatenate([pool[holds(pool, shown)], (shown > _OF_A_POINT * shown.sum())[None]])


def _seams(
    regions: SceneRegions,
    one: np.ndarray,  # [R, L]
    other: np.ndarray,  # [R, L]
) -> np.ndarray:  # [R]
    """How closed the borders between two sets of cells are, judged as the border around one; 1 where they have none."""
    a, b = regions.borders
    between = (one[:, a] & other[:, b]) | (one[:, b] & other[:, a])
    return np.where(between.any(1), regions.closedness(between), 1.0)
