"""The things that stand on supports, and clusters of what no support carries."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from scipy import ndimage
from scipy.spatial import cKDTree

from saga.masks.scene.clusters import density_clusters, nearest_label, summits
from saga.masks.scene.config import SceneMaskConfig
from saga.masks.scene.heights import Ground
from saga.masks.scene.labels import Kind, Labels
from saga.masks.scene.surface import Surface

_HIGH = 2.0
"""Multiples of the threshold from which voxels are clustered; lower ones join what is found."""
_JOIN_VOXELS = 4.0
"""Distance within which voxels join a cluster."""
_RISEN = 3.0
"""Multiples of the threshold that a thing rises at least; lower ones are the support."""
_FEWEST = 20
"""Voxels that a cluster needs to float over a support or stand on it."""
_FLOATING_GAP_DEPTHS = 0.10
"""Gap to the nearest standing cluster that a floating one bridges at most, in median depths."""
_FLOATING_GAP_EXTENT = 0.7
"""The same in extents of the floating cluster."""


def find_pieces(surface: Surface, grounds: Sequence[Ground], config: SceneMaskConfig) -> Labels:
    """Labels every voxel: supports, the things on them, and clusters of anything else.

    Without supports everything is clustered by density alone.
    """
    labels = Labels(np.full(len(surface), -1))
    taken = np.zeros(len(surface), bool)
    above = np.zeros(len(surface), bool)
    for number, each in enumerate(grounds):
        label = labels.add(Kind.SUPPORT, number)
        above |= each.above & ~taken
        labels.of_voxel[each.lying & ~taken] = label
        taken |= each.lying
    seen = surface.views >= min(3, len(surface.grids) // 3 + 1)
    standing = np.flatnonzero(above & ~taken & seen)
    if len(standing) > 0:
        _add_objects(surface, grounds, labels, standing, config)
    rest = np.flatnonzero(~taken & ~above & seen)
    clusters = density_clusters(surface.points[rest], config.link_voxels * surface.side, config.link_neighbors)
    for cluster in _large(surface, rest, clusters, config.smallest):
        labels.of_voxel[rest[clusters == cluster]] = labels.add(Kind.OTHER)
    _fill_bottoms(surface, grounds, labels)
    _share_out(surface, grounds, labels)
    return labels


def _add_objects(
    surface: Surface,
    grounds: Sequence[Ground],
    labels: Labels,
    standing: np.ndarray,  # [S] voxels
    config: SceneMaskConfig,
) -> None:
    """Clusters what stands on the supports and labels every cluster that is large and high enough."""
    points = surface.points[standing]
    rise = np.full(len(standing), np.inf)
    for each in grounds:
        own = each.above[standing]
        rise[own] = np.minimum(rise[own], (each.heights / each.threshold)[standing[own]])
    high = rise > _HIGH
    clusters = np.full(len(standing), -1)
    reach = config.link_voxels * surface.side
    clusters[high] = summits(points[high], rise[high], reach, config.link_neighbors, config.persistence)
    found = clusters >= 0
    clusters[~found] = nearest_label(points[found], clusters[found], points[~found], _JOIN_VOXELS * surface.side)
    clusters = _grounded(surface, grounds, standing, clusters)
    for cluster in _large(surface, standing, clusters, config.smallest):
        members = standing[clusters == cluster]
        support = int(np.argmax([each.above[members].sum() for each in grounds]))
        each = grounds[support]
        members_above = members[each.above[members]]
        top = np.percentile(each.heights[members_above] / each.threshold[members_above], 90)
        is_thing = top >= _RISEN
        labels.of_voxel[members] = labels.add(Kind.OBJECT, support) if is_thing else labels.label_of_support(support)


def _large(
    surface: Surface,
    voxels: np.ndarray,  # [S]
    clusters: np.ndarray,  # [S]
    smallest: float,
) -> list[int]:
    """Clusters that fill at least a share of one view, largest first."""
    names, index = np.unique(clusters, return_inverse=True)
    of_voxel = np.full(len(surface), -1)
    of_voxel[voxels] = np.where(clusters >= 0, index, -1)
    shares = surface.largest_shares(of_voxel, len(names))
    order = np.argsort(-shares, kind="stable")
    return [int(names[i]) for i in order if shares[i] >= smallest and names[i] >= 0]


def _grounded(
    surface: Surface,
    grounds: Sequence[Ground],
    standing: np.ndarray,  # [S]
    clusters: np.ndarray,  # [S]
) -> np.ndarray:  # [S]
    """Clusters that do not reach down to a support joined to the nearest one that does, as a lampshade to its foot."""
    points = surface.points[standing]
    height = np.full(len(standing), np.inf)
    for each in grounds:
        own = each.above[standing]
        clearance = (each.heights - each.threshold)[standing[own]] - 0.5 * surface.side
        height[own] = np.minimum(height[own], clearance)
    names = [name for name in np.unique(clusters[clusters >= 0]) if (clusters == name).sum() >= _FEWEST]
    low = {name: np.percentile(height[clusters == name], 3) for name in names}
    span = {name: np.percentile(height[clusters == name], 97) - low[name] for name in names}
    feet = [name for name in names if low[name] < max(4 * surface.side, 0.8 * span[name])]
    result = clusters.copy()
    if not feet:
        return result
    carrying = points[np.isin(clusters, feet)]
    owner, tree = clusters[np.isin(clusters, feet)], cKDTree(carrying)
    for name in sorted(set(names) - set(feet), key=lambda name: low[name]):
        floating = points[clusters == name]
        gaps, index = tree.query(floating, workers=-1)
        closest = int(gaps.argmin())
        extent = np.linalg.norm(np.ptp(floating, axis=0))
        bridged = min(_FLOATING_GAP_DEPTHS * surface.depth, _FLOATING_GAP_EXTENT * extent)
        if gaps[closest] < bridged:
            result[clusters == name] = owner[index[closest]]
    return result


def _fill_bottoms(surface: Surface, grounds: Sequence[Ground], labels: Labels) -> None:
    """Gives an object the holes of its plan, as the bottom of a plate, which lies too low to rise over the support."""
    for label in labels.of(Kind.OBJECT):
        number = labels.supports[label]
        each = grounds[number]
        cells = each.support.cells
        members = cells[(labels.of_voxel == label) & each.above]
        if len(members) == 0:
            continue
        corner = members.min(0) - 2
        plan = np.zeros(members.max(0) - corner + 3, bool)
        plan[tuple((members - corner).T)] = True
        plan = ndimage.binary_closing(plan)
        holes = ndimage.binary_fill_holes(plan) & ~plan
        local = cells - corner
        inside = ((local >= 0) & (local < np.array(plan.shape))).all(1)
        inside[inside] = holes[tuple(local[inside].T)]
        labels.of_voxel[inside & (labels.of_voxel == labels.label_of_support(number))] = label


def _share_out(surface: Surface, grounds: Sequence[Ground], labels: Labels) -> None:
    """Voxels above a support that are in no object: low ones are the support, high ones the nearest object's."""
    objects = labels.are(Kind.OBJECT)
    known = (labels.of_voxel >= 0) & np.append(objects, False)[labels.of_voxel]
    for number, each in enumerate(grounds):
        left = (labels.of_voxel < 0) & each.above
        low = left & (each.heights < _RISEN * each.threshold)
        labels.of_voxel[low] = labels.label_of_support(number)
        high = np.flatnonzero(left & ~low)
        nearest = nearest_label(
            surface.points[known], labels.of_voxel[known], surface.points[high], _JOIN_VOXELS * surface.side
        )
        labels.of_voxel[high] = nearest
