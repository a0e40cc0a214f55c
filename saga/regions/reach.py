"""How far a selection may be completed: not across borders that the views confirm."""

from __future__ import annotations

import numpy as np

from saga.regions.scene_regions import SceneRegions

_CONFIRMED = 0.5
"""Mean closedness of the border between a cell and what is selected, from which views confirm it."""


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
    # The last entry is what cell -1 looks up.
    free: np.ndarray = np.append(~barred, True)[regions.cells]
    return free
