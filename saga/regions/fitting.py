"""Objects of the scene's own masks, fitted to the borders that the views show.

Heights over a support say where a thing is, but not to the voxel where it ends: a side that is as deep as the wall
behind is lost, the shadow beside it comes along. Hierarchies know borders, but only by chance do they merge all
pieces of a thing of many colors and nothing else. So an object takes in regions and gives regions away as long as its
border becomes more closed by it.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from saga.regions.scene_regions import SceneRegions
from saga.regions.worth import overlaps

_LEAST_LIKE = 0.8
"""IoU with what it was that an object keeps, on the surface and in pictures: fitting moves a border, it finds no other
object. A cell that hardly any view sees on the surface may hold Gaussians that fill much of a picture."""
_LEAST_PIECE, _MOST_PIECE = 0.004, 0.35
"""Smallest and largest piece that comes or goes at a time, as a share of the object."""
_LEAST_GAIN = 0.02
"""Gain of closedness that a piece must bring."""
_MOST_PIECES = 6
SAME = 0.5
"""What being the same as before is worth, relative to a closed border."""


def fitted(
    regions: SceneRegions,
    chosen: np.ndarray,  # [R]
    pictured: np.ndarray,  # [L]
) -> SceneRegions:
    """Fits some of the regions to the borders of the others that are no supports or objects of the scene's own.

    Args:
        regions: regions of a scene.
        chosen: which of them are objects to fit, bool [R].
        pictured: share of a picture that each cell's Gaussians show, float32 [L] (`pictured_shares`).
    """
    members, pieces = regions.members.copy(), regions.members[~regions.own]
    for index in np.flatnonzero(chosen):
        members[index] = _fitted(regions, members[index], pieces, pictured)
    return replace(regions, members=members)


def _fitted(
    regions: SceneRegions,
    cells: np.ndarray,  # [L]
    pieces: np.ndarray,  # [P, L]
    pictured: np.ndarray,  # [L]
) -> np.ndarray:  # [L]
    """An object with the pieces added and taken away, the best one first, that close its border."""
    found, score = cells, float(_scores(regions, cells[None], cells)[0])
    in_pictures = replace(regions, shares=pictured)
    for _ in range(_MOST_PIECES):
        offered = _changed(regions, found, pieces)
        like = np.minimum(overlaps(regions, offered, cells), overlaps(in_pictures, offered, cells))
        offered = offered[like >= _LEAST_LIKE]
        if len(offered) == 0:
            break
        scores = _scores(regions, offered, cells)
        best = int(scores.argmax())
        if scores[best] < score + _LEAST_GAIN:
            break
        found, score = offered[best], float(scores[best])
    return found


def _scores(
    regions: SceneRegions,
    members: np.ndarray,  # [K, L]
    cells: np.ndarray,  # [L]
) -> np.ndarray:  # [K]
    """How closed sets of cells are, and how like they are to an object, weighed against each other."""
    one, other = regions.borders
    within = np.asarray(members.any(0))
    near = within[one] | within[other]  # no other border is one of these sets'
    local = replace(
        regions, borders=regions.borders[:, near], lengths=regions.lengths[near], closed=regions.closed[near]
    )
    scores: np.ndarray = local.closures(members) + SAME * overlaps(regions, members, cells) ** 2
    return scores


def _changed(
    regions: SceneRegions,
    cells: np.ndarray,  # [L]
    pieces: np.ndarray,  # [P, L]
) -> np.ndarray:  # [K, L]
    """What becomes of an object where a piece that touches it is added, or what it has of a piece is taken away."""
    one, other = regions.borders
    beside = np.zeros_like(cells)
    beside[one[cells[other]]] = True
    beside[other[cells[one]]] = True
    size, sizes = regions.shares @ cells, pieces @ regions.shares
    inside = pieces @ (regions.shares * cells)
    limits = _LEAST_PIECE * size, _MOST_PIECE * size
    added = _between(sizes - inside, *limits) & (pieces @ (regions.shares * (beside & ~cells)) > 0)
    taken = _between(inside, *limits)
    return np.concatenate([cells | pieces[added], cells & ~pieces[taken]])


def _between(
    values: np.ndarray,  # [P]
    least: float,
    most: float,
) -> np.ndarray:  # [P]
    inside: np.ndarray = (values >= least) & (values <= most)
    return inside
