"""Sets of cells that an answer may become where a point says that it is wrong."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from saga.regions.clicks import Click
from saga.regions.evidence import holds
from saga.regions.scene_regions import SceneRegions

if TYPE_CHECKING:
    from scipy.sparse import csr_array

_STEP = 0.05
"""Length of a step from a cell to the next one across an open border; closed borders are one longer."""
_REACHES = (0.3, 0.5, 0.8, 1.2, 1.8, 2.5)
"""Lengths of the paths from a point within which cells are offered: one closed border, or several half closed."""


def proposals(
    regions: SceneRegions,
    pool: np.ndarray,  # [P, L]
    cells: np.ndarray,  # [L]
    click: Click,
) -> np.ndarray:  # [R, L]
    """What an answer may become: other regions, and itself with a region added or taken away, or with a piece of one.

    Args:
        regions: the scene's.
        pool: regions to choose from, bool [P, L].
        cells: the answer, bool [L].
        click: the point that it has on the wrong side.

    Returns:
        Sets of cells, bool [R, L], each once; not all of them have the point on its right side.
    """
    from scipy.sparse.csgraph import dijkstra  # loaded when needed, as below: no click that corrects nothing needs it

    at, steps = click.pointed, _steps(regions)
    away = dijkstra(steps, directed=False, indices=np.flatnonzero(at), min_only=True)
    around = holds(pool, click.shown)
    offered = [*pool[around], at, *(away < reach for reach in _REACHES)]
    found = [*pool]
    if click.positive:
        for each in offered:
            found += [cells | each, cells | _piece(steps, each & ~cells, at)]
    else:
        for each in offered:
            found += [cells & ~each, cells & ~_piece(steps, each & cells, at)]
        found += [*(pool[~around] & cells)]
    sets = np.stack(found)
    _, first = np.unique(np.packbits(sets, axis=1), axis=0, return_index=True)
    distinct: np.ndarray = sets[np.sort(first)]
    return distinct[distinct.any(1)]


def _steps(regions: SceneRegions) -> csr_array:  # [L, L]
    """Lengths of the steps between cells that border on each other."""
    from scipy.sparse import csr_array

    lengths = _STEP + regions.closed.astype(np.float64)
    return csr_array((lengths, tuple(regions.borders)), shape=(regions.count, regions.count))


def _piece(
    steps: csr_array,  # [L, L]
    cells: np.ndarray,  # [L]
    at: np.ndarray,  # [L]
) -> np.ndarray:  # [L]
    """The pieces of a set of cells that hang together with what a point shows."""
    from scipy.sparse.csgraph import connected_components

    inside = np.flatnonzero(cells)
    _, pieces = connected_components(steps[inside][:, inside], directed=False)
    piece = np.zeros_like(cells)
    piece[inside[np.isin(pieces, pieces[at[inside]])]] = True
    return piece
