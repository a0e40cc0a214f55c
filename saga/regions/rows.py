"""Rows of things on a board, as books on a shelf: one object to the scene's own masks, because they touch."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from saga.regions.scene_regions import SceneRegions
from saga.regions.worth import BESIDE, regions_inside

_AS_CLOSED = 0.9
"""How closed the borders of the things of a row are, as a share of how closed that around the row is. A piece of one
thing has an open place in its border, where it goes on."""
_MOST = 0.7
"""Largest share of a row that one of its things is."""
_LEAST = 0.1
"""The smallest."""
_FILLED = 0.7
"""Least share of a row that its things fill."""
_STANDS = 0.02
"""Share of a thing's border that lies against the board, from which it stands there: the leaves of a plant do not, nor
does the inside of a bowl."""


def parted(
    regions: SceneRegions,
    boards: np.ndarray,  # [K]
) -> SceneRegions:
    """Takes the things that a row on a board consists of for objects of the scene's own, in place of the row.

    Args:
        regions: regions of a scene, the supports and objects of its own first.
        boards: the region that is the board under each of the first K regions, int64; -1 where that is none.
    """
    own = regions.own.copy()
    for row in np.flatnonzero(boards >= 0):
        things = _things(regions, regions.members[row], regions.members[boards[row]])
        if things:
            own[row] = False
            own[things] = True
    return replace(regions, own=own)


def _things(
    regions: SceneRegions,
    row: np.ndarray,  # [L]
    board: np.ndarray,  # [L]
) -> list[int]:
    """The regions that fill a row, each beside the others and on the board; none where that is a single thing."""
    areas, whole = regions.members @ regions.shares, float(row @ regions.shares)
    closed = regions.region_closures >= _AS_CLOSED * regions.closures(row[None])[0]
    within = regions_inside(regions, row[None], _MOST)[0] & (areas >= _LEAST * whole)
    offered = np.flatnonzero(within & closed & ~regions.own)
    taken = np.zeros_like(row)
    things: list[int] = []
    for index in offered[np.argsort(-regions.region_closures[offered], kind="stable")]:
        member = regions.members[index]
        beside = member @ (regions.shares * ~taken) >= BESIDE * areas[index]
        if beside and _on(regions, member, board) >= _STANDS:
            taken = taken | member
            things.append(int(index))
    return things if len(things) > 1 and (row & taken) @ regions.shares >= _FILLED * whole else []


def _on(
    regions: SceneRegions,
    member: np.ndarray,  # [L]
    board: np.ndarray,  # [L]
) -> float:
    """Share of the border of a set of cells that lies against a board."""
    one, other = regions.borders
    border = member[one] != member[other]
    against = border & (board[one] | board[other])
    return float(regions.lengths[against].sum() / max(regions.lengths[border].sum(), 1e-9))
