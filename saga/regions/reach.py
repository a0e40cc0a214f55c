"""Selections and cells: which cells a selection holds, and how far it may be completed.

It may not across borders that the views confirm.
"""

from __future__ import annotations

import numpy as np

from saga.regions.scene_regions import SceneRegions

_CONFIRMED = 0.5
"""Mean closedness of the border between a cell and what is selected, from which views confirm it."""

_MOST = 0.5


def reachable(
    regions: SceneRegions,
    cells: np.ndarray,  # [L]
) -> np.ndarray:  # [N]
    """Which Gaussians may join a selection that holds these cells, bool [N].

    Those of the cells themselves, of cells that border on them openly or not at all, and those of no cell.
    """
    one, other = regions.borders
    across = cells[one] != cells[other]
    outer = np.where(cells[one], other, one)[across]
    lengths = np.bincount(outer, regions.lengths[across], regions.count)
    closed = np.bincount(outer, (regions.closed * regions.lengths)[across], regions.count)
    barred = (lengths > 0) & (closed > _CONFIRMED * lengths)
    return regions.looked_up(~barred, True)


def cells_held(
    regions: SceneRegions,
    selected: np.ndarray,  # [N] bool
) -> np.ndarray:  # [L]
    """Cells of which most Gaussians are selected, bool [L]."""
    cells: np.ndarray = regions.held(selected) > _MOST * np.maximum(regions.sizes, 1)
    return cells
