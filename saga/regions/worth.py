"""What sets of cells are worth as answers, whatever was asked."""

from __future__ import annotations

from itertools import product

import numpy as np

from saga.regions.scene_regions import SceneRegions

OWN = 0.75
"""How much more a closed border is worth around a support or an object of the scene's own, as a share. Such regions
were confirmed by all views together, where a closed border may be a silhouette of many things; but one with an open
border was cut wrong, as it is where few views leave gaps. What is nearly one gets the square of its IoU of that."""
_EXPLAINED = 0.8
"""What a set of cells loses when regions inside it, worth as much, fill it: it is a group of them."""
_AS_WELL = 0.9
"""Of two sets of cells, how well masks confirm one to how well they confirm the other, from which it is as well."""
_CLOSED = 0.9
"""How closed the borders of regions are that make what they fill a group, where no masks say so. A part of a thing has
an open place in its border somewhere."""
_NEARLY_AS_CLOSED = 0.95
"""The same, as a share of how closed the border is of what they fill."""
_FILLED = 0.8
"""Share of a set that two such regions fill, from which it is a group."""
_BULGED = 1.06
"""Volume of the convex hull around two such regions, relative to the sum of their own hulls', from which they are two
things and not two pieces of one."""
_ENCLOSED = 0.9
"""Share of a region's border that lies against another one, from which it is a part of what the two make: things side
by side have borders of their own, too."""
_WITHIN = 0.95
"""Share of a region that lies in another, from which it is inside."""
_SMALLER = 0.7
"""Largest region that is inside another and not the same, as a share of the other."""
_LARGER = 0.8
"""The same where borders say so: of a large and a small thing side by side the large one is most."""
BESIDE = 0.8
"""Share of a region outside another, from which it lies beside it."""


def worths(
    regions: SceneRegions,
    members: np.ndarray,  # [A, L]
    confirmed: bool,
) -> np.ndarray:  # [A]
    """What sets of cells are worth, in [0, 1].

    Args:
        regions: the scene's.
        members: sets of cells, bool [A, L].
        confirmed: whether masks that were given decide how much, and not the scene's own objects.
    """
    closures = regions.closures(members)
    if confirmed and regions.given is not None:
        by_masks = regions.given.confirmed(members)
        as_well = regions.confirmed >= _AS_WELL * by_masks[:, None]
        explained = _filled(regions, members, as_well & regions_inside(regions, members, _SMALLER))
        worth: np.ndarray = closures * by_masks**2 * (1 - _EXPLAINED * explained)
        return worth
    worth = closures * (1 + OWN * _own(regions, members) ** 2) / (1 + OWN)
    single: np.ndarray = worth * singleness(regions, members, closures)
    return single


def singleness(
    regions: SceneRegions,
    members: np.ndarray,  # [A, L]
    closures: np.ndarray | None = None,  # [A]
) -> np.ndarray:  # [A]
    """How far sets of cells are one thing and not two closed ones side by side, from a fifth to 1."""
    closures = regions.closures(members) if closures is None else closures
    single: np.ndarray = 1 - _EXPLAINED * _parted(regions, members, closures)
    return single


def _own(
    regions: SceneRegions,
    members: np.ndarray,  # [A, L]
) -> np.ndarray:  # [A]
    """IoU of sets of cells with the support or object of the scene's own that is most like each."""
    if not regions.own.any():
        return np.zeros(len(members))
    likest: np.ndarray = np.max([overlaps(regions, members, each) for each in regions.members[regions.own]], axis=0)
    return likest


def regions_inside(
    regions: SceneRegions,
    members: np.ndarray,  # [A, L]
    most: float,
) -> np.ndarray:  # [A, R]
    """Which regions lie inside sets of cells and are at most a share of them, bool."""
    weighted = members * regions.shares
    held = weighted @ regions.members.T.astype(np.float32)
    areas, whole = regions.members @ regions.shares, weighted.sum(1)
    inside: np.ndarray = (held >= _WITHIN * areas) & (areas <= most * whole[:, None])
    return inside


def _filled(
    regions: SceneRegions,
    members: np.ndarray,  # [A, L]
    inside: np.ndarray,  # [A, R]
) -> np.ndarray:  # [A]
    """Share of each set of cells that lies in its regions."""
    weighted = members * regions.shares
    covered = np.stack([regions.members[each].any(0) for each in inside]) if len(inside) > 0 else members
    filled: np.ndarray = (weighted * covered).sum(1) / np.maximum(weighted.sum(1), 1e-12)
    return filled


def _parted(
    regions: SceneRegions,
    members: np.ndarray,  # [A, L]
    closures: np.ndarray,  # [A]
) -> np.ndarray:  # [A]
    """Share of each set of cells that two regions beside each other fill whose borders are at least as closed.

    It is 0 where they do not fill most of it, where their shapes are those of pieces of one thing (see `_bulge`), or
    where one has all of its border against the other. Two
    things that touch are one object to whatever looks at borders alone.
    """
    least = np.maximum(_NEARLY_AS_CLOSED * closures, _CLOSED)[:, None]
    inside = regions_inside(regions, members, _LARGER) & (regions.region_closures >= least)
    areas = regions.members @ regions.shares
    parted = np.zeros(len(members), regions.shares.dtype)
    for number, row in enumerate(inside):
        largest = np.flatnonzero(row)[np.argsort(-areas[row], kind="stable")]
        if len(largest) < 2:
            continue
        first = regions.members[largest[0]]
        beside = regions.members[largest] @ (regions.shares * ~first) >= BESIDE * areas[largest]
        if beside.any():
            two = np.zeros_like(row[None])
            two[0, [largest[0], largest[beside][0]]] = True
            second = regions.members[largest[beside][0]]
            filled = _filled(regions, members[[number]], two)[0]
            # Hulls come last: they take the longest, and loading what computes them a tenth of a click.
            if (
                filled >= _FILLED
                and _against(regions, first, second) < _ENCLOSED
                and _bulge(regions, first, second) >= _BULGED
            ):
                parted[number] = filled
    return parted


def _against(
    regions: SceneRegions,
    one: np.ndarray,  # [L]
    other: np.ndarray,  # [L]
) -> float:
    """Share of the shorter of the borders of two sets of cells that lies between them."""
    a, b = regions.borders
    between = (one[a] & other[b]) | (one[b] & other[a])
    shortest = min(regions.lengths[each[a] != each[b]].sum() for each in (one, other))
    return float(regions.lengths[between].sum() / max(shortest, 1e-9))


def _bulge(
    regions: SceneRegions,
    one: np.ndarray,  # [L]
    other: np.ndarray,  # [L]
) -> float:
    """Volume of the convex hull of two sets of cells, relative to the sum of the volumes of their own hulls.

    It is 1 for the halves of a ball, and less where one goes around the other as a stripe does; two balls that touch
    have more, because the hull bridges the groove between them.
    """
    both, first, second = (_hull_volume(regions.boxes[each]) for each in (one | other, one, other))
    return both / max(first + second, 1e-12 * both)


def _hull_volume(
    boxes: np.ndarray,  # [K, 2, 3]
) -> float:
    """Volume of the convex hull of boxes, given by their least and greatest corners."""
    from scipy.spatial import ConvexHull  # loaded when needed: most clicks compare no shapes

    sides = np.array(list(product((0, 1), repeat=3)))
    corners = boxes[:, sides, np.arange(3)]
    return float(ConvexHull(corners.reshape(-1, 3)).volume)


def overlaps(
    regions: SceneRegions,
    members: np.ndarray,  # [R, L]
    other: np.ndarray,  # [L]
) -> np.ndarray:  # [R]
    """IoU of sets of cells with another, by what they fill of a picture."""
    shares = regions.shares
    shared = members @ (shares * other)
    iou: np.ndarray = shared / np.maximum(members @ shares + shares @ other - shared, 1e-12)
    return iou
