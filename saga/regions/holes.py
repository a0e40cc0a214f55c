"""Holes of regions: what a point in one of them shows belongs to the region as well as the rest of it."""

from __future__ import annotations

import numpy as np

from saga.regions.clicks import Click
from saga.regions.scene_regions import SceneRegions
from saga.regions.worth import overlaps

_SMALL = 0.15
"""Largest hole, as a share of what a picture shows of a region: through a larger one shows something else."""
_MOSTLY = 0.5
"""Share of what a picture shows of a cell that lies in a hole, from which it is what the hole shows."""
_WITHIN = 0.9
"""Share of what a picture shows of a region that lies in a hole, from which it is in it."""
_AS_CLOSED = 0.8
"""How closed the border of a region in a hole is, as a share of how closed that of the region around it is, from which
it is a thing of its own."""
_ALIKE = 0.75
"""IoU of a region, hole closed, and what is alike from which the two are one whatever is in the hole."""
_ENCLOSED = 0.7
"""Share of a cell's border, but for that against cells that are left as well, that lies against a region, from which
the region nearly encloses it."""
_ROUNDS = 3
"""How often cells are looked at: those behind others come later."""


def with_holes_closed(
    regions: SceneRegions,
    click: Click,
    alike: np.ndarray | None = None,  # [F, L]
) -> np.ndarray:  # [K, L]
    """Regions in a hole of whose picture a point lies, each together with what the hole shows, bool [K, L].

    Cells are cut out of a region where its color or its shape changes in a small place: a person who points at the
    place means the thing around it no less. Where something of its own is in the hole, as on a table, it stays open,
    unless what is alike says that the two are one: the heart of a blossom has a closed border, too.

    Args:
        regions: the scene's.
        click: the point, with its picture.
        alike: what is alike by other judgments, bool [F, L].
    """
    found, members = [], regions.members
    out = click.wrong(members)
    boxes, (row, column) = _boxes(members[out], click.picture), click.place
    inside = (boxes[:, 0] < row) & (row < boxes[:, 1]) & (boxes[:, 2] < column) & (column < boxes[:, 3])
    sizes = _pixels(click.picture, regions.count)
    pointed = members[~out]
    shown, closures = pointed @ sizes, regions.region_closures
    for index, (top, bottom, left, right) in zip(np.flatnonzero(out)[inside], boxes[inside], strict=True):
        picture = click.picture[top : bottom + 1, left : right + 1]
        own = np.append(members[index], False)[picture]
        hole = _piece(~own, row - top, column - left)
        if not 0 < np.count_nonzero(hole) <= _SMALL * np.count_nonzero(own):
            continue
        held = _pixels(picture[hole], regions.count)
        within = pointed @ held >= _WITHIN * shown
        closed = members[index] | click.pointed | (held > _MOSTLY * sizes)
        own_thing = bool((closures[~out][within] >= _AS_CLOSED * closures[index]).any())
        if not own_thing or (alike is not None and overlaps(regions, alike, closed).max(initial=0.0) >= _ALIKE):
            found.append(closed)
    return np.array(found, bool).reshape(-1, regions.count)


def with_gaps_filled(
    regions: SceneRegions,
    alike: np.ndarray,  # [F, L]
) -> np.ndarray:  # [K, L]
    """Regions together with what they nearly enclose of what is alike and like them, bool [K, L].

    The hearts of the blossoms belong to a bunch of flowers, wherever in it a person points.
    """
    found = []
    one, other = regions.borders
    for each in alike:
        for region in regions.members[overlaps(regions, regions.members, each) >= _ALIKE]:
            filled = region.copy()
            for _ in range(_ROUNDS):
                left = each & ~filled
                against, free = np.zeros((2, regions.count))
                for here, there in ((one, other), (other, one)):
                    against += np.bincount(here, regions.lengths * (left[here] & filled[there]), regions.count)
                    free += np.bincount(here, regions.lengths * (left[here] & ~left[there]), regions.count)
                filled |= left & (against > 0) & (against >= _ENCLOSED * free)
            if (filled != region).any():
                found.append(filled)
    return np.array(found, bool).reshape(-1, regions.count)


def _piece(
    mask: np.ndarray,  # [h, w]
    row: int,
    column: int,
) -> np.ndarray:  # [h, w]
    """The connected piece of a mask around a pixel, bool; nothing where it reaches the border.

    SciPy labels all pieces, and takes longer to load than a click has for them.
    """
    inner = np.pad(mask[1:-1, 1:-1], 1)
    piece, width = np.zeros(mask.size, bool), mask.shape[1]
    place = row * width + column
    edge = np.array([place])[inner.ravel()[[place]]]
    while len(edge) > 0:
        piece[edge] = True
        around = np.unique(edge[:, None] + np.array([-1, 1, -width, width]))
        around = around[mask.ravel()[around] & ~piece[around]]
        if not inner.ravel()[around].all():
            return np.zeros_like(mask)
        edge = around
    return piece.reshape(mask.shape)


def _pixels(
    picture: np.ndarray,  # int, -1 for none
    count: int,
) -> np.ndarray:  # [L] float32
    """How many pixels show each of `count` cells."""
    pixels: np.ndarray = np.bincount(picture.ravel() + 1, minlength=count + 1)[1:].astype(np.float32)
    return pixels


def _boxes(
    members: np.ndarray,  # [R, L]
    picture: np.ndarray,  # [h, w]
) -> np.ndarray:  # [R, 4]
    """First and last row, first and last column of what a picture shows of each set of cells, int; empty for none."""
    shown_cell, (height, width) = picture.ravel(), picture.shape
    pixels = np.argsort(shown_cell, kind="stable")  # cell by cell, those that show none first
    seen = np.unique(shown_cell)
    seen = seen[seen >= 0]
    starts, (rows, columns) = np.searchsorted(shown_cell[pixels], seen), np.divmod(pixels, width)
    sides = [edge.reduceat(at, starts) for at in (rows, columns) for edge in (np.minimum, np.maximum)]
    limits, shown = np.stack(sides, axis=1), members[:, seen]
    first = [np.where(shown, limits[:, side], size).min(1, initial=size) for side, size in ((0, height), (2, width))]
    last = [np.where(shown, limits[:, side], -1).max(1, initial=-1) for side in (1, 3)]
    return np.stack([first[0], last[0], first[1], last[1]], axis=1)
