"""Neighbors on one support that touch: told apart where their plan is narrow and photographs show an edge."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from scipy import ndimage
from skimage.feature import peak_local_max
from skimage.segmentation import watershed

from saga.masks.scene.config import SceneMaskConfig
from saga.masks.scene.heights import Ground
from saga.masks.scene.labels import Kind, Labels
from saga.masks.scene.outlines import seam_strengths
from saga.masks.scene.surface import Surface

_FEWEST = 100
"""Voxels of a part."""
_FOOT_SHARE = 0.5
"""Least share of a part's plan that reaches down to the support: a handle hangs over it, a neighbor stands on it."""
_FOOT_RISE = 4.0
"""Multiples of the height that counts as above the support up to which a column reaches down to it."""
_LEAST_WIDTH = 3.0
"""Half-width, in voxels, of what may have a neck: a bicycle is narrow all over, and its saddle no thing of its own."""
_MARGIN = 2


def split_necks(surface: Surface, grounds: Sequence[Ground], labels: Labels, config: SceneMaskConfig) -> None:
    """Parts objects whose plan falls into wide parts with a narrow neck between, where an image edge runs along it."""
    pairs: list[tuple[int, int]] = []
    for label in labels.of(Kind.OBJECT):
        members = np.flatnonzero(labels.of_voxel == label)
        each = grounds[labels.supports[label]]
        parts = _parts(surface, each, members, config)
        for part in range(1, parts.max(initial=0) + 1):
            new = labels.add(Kind.OBJECT, labels.supports[label])
            labels.of_voxel[members[parts == part]] = new
            pairs.append((new, label))
    if not pairs:
        return
    for (new, label), strength in zip(pairs, seam_strengths(surface, labels, pairs), strict=True):
        if strength < config.seam:
            labels.of_voxel[labels.of_voxel == new] = label


def _parts(
    surface: Surface,
    each: Ground,
    members: np.ndarray,  # [m]
    config: SceneMaskConfig,
) -> np.ndarray:  # [m]
    """The wide part of the plan that each voxel of an object lies over, from 0 on."""
    whole = np.zeros(len(members), np.int64)
    if len(members) < 2 * _FEWEST:
        return whole
    places = (surface.points[members] - each.support.plane.center) @ each.support.plane.axes.T
    cells = np.floor((places - places.min(0)) / surface.side).astype(int) + _MARGIN
    plan = np.zeros(cells.max(0) + 1 + _MARGIN, bool)
    plan[tuple(cells.T)] = True
    plan = ndimage.binary_fill_holes(ndimage.binary_closing(plan))
    basins = wide_parts(plan, config.neck)
    if basins.max() < 2:
        return whole
    of_member = basins[tuple(cells.T)]
    low = each.heights[members] < _FOOT_RISE * each.threshold[members]
    standing = []
    for basin in range(1, basins.max() + 1):
        own = of_member == basin
        columns = np.unique(cells[own], axis=0)
        feet = np.unique(cells[own & low], axis=0)
        if own.sum() >= _FEWEST and len(feet) >= _FOOT_SHARE * len(columns) ** 0.5:
            standing.append(basin)
    if len(standing) < 2:
        return whole
    # What hangs over the support belongs to the nearest part that stands on it.
    stand = np.isin(basins, standing)
    nearest = ndimage.distance_transform_edt(~stand, return_distances=False, return_indices=True)
    shared = basins[tuple(nearest)]
    order = sorted(standing, key=lambda basin: -int((of_member == basin).sum()))
    number = np.zeros(basins.max() + 1, np.int64)
    number[order] = np.arange(len(order))
    parts: np.ndarray = number[shared[tuple(cells.T)]]
    return parts


def wide_parts(
    plan: np.ndarray,  # [rows, columns] bool
    neck: float,
) -> np.ndarray:  # [rows, columns]
    """Parts of a plan that necks join, from 1 on, 0 outside.

    The half-width of the plan at a place is its distance to the outside. Two parts stay apart where the widest path
    between them is narrower, at its narrowest, than `neck` times the width of the narrower part, and both are wide
    enough to tell.
    """
    width = ndimage.distance_transform_edt(np.pad(plan, 1))[1:-1, 1:-1]
    peaks = peak_local_max(width, min_distance=1, labels=plan.astype(int), exclude_border=False)
    markers = np.zeros(plan.shape, int)
    markers[tuple(peaks.T)] = np.arange(1, len(peaks) + 1)
    basins = watershed(-width, markers, mask=plan)
    top = np.zeros(len(peaks) + 1)
    np.maximum.at(top, basins.ravel(), width.ravel())
    owner = np.arange(len(peaks) + 1)
    for saddle, one, other in sorted(_saddles(basins, width), reverse=True):
        a, b = _root(owner, one), _root(owner, other)
        narrower = min(top[a], top[b])
        if a != b and (saddle >= neck * narrower or narrower < _LEAST_WIDTH):
            owner[b] = a
            top[a] = max(top[a], top[b])
    roots = np.array([_root(owner, index) for index in range(len(owner))])
    merged: np.ndarray = np.unique(roots[basins], return_inverse=True)[1].reshape(plan.shape)
    return merged if not plan.all() else merged + 1


def _saddles(
    basins: np.ndarray,  # [rows, columns]
    width: np.ndarray,  # [rows, columns]
) -> list[tuple[float, int, int]]:
    """The widest place on the border of each two basins that touch."""
    found: dict[tuple[int, int], float] = {}
    for first, second in (
        (np.s_[:, 1:], np.s_[:, :-1]),
        (np.s_[1:], np.s_[:-1]),
        (np.s_[1:, 1:], np.s_[:-1, :-1]),
        (np.s_[1:, :-1], np.s_[:-1, 1:]),
    ):
        one, other = basins[first], basins[second]
        touch = (one != other) & (one > 0) & (other > 0)
        for a, b, saddle in zip(
            one[touch].tolist(),
            other[touch].tolist(),
            np.minimum(width[first], width[second])[touch].tolist(),
            strict=True,
        ):
            key = (min(a, b), max(a, b))
            found[key] = max(found.get(key, 0.0), saddle)
    return [(saddle, a, b) for (a, b), saddle in found.items()]


def _root(
    owner: np.ndarray,  # [B]
    index: int,
) -> int:
    while owner[index] != index:
        index = int(owner[index])
    return index
