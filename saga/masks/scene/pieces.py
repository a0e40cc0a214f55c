"""The things that stand on supports, and clusters of what no support carries."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

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
_OVER = 0.9
"""Share of the voxels of a thing that are above a support, of the most there are, from which it may stand there."""
_FOOT = 0.03
"""Share of its voxels that are the foot of a thing."""
_REACHES = 0.8
"""Gap between a thing and its support, in heights of the thing, up to which it stands there."""
_FEWEST = 20
"""Voxels that a cluster needs to float over a support or stand on it."""
_LOW_VOXELS = 4.0
"""Gap to the support up to which a cluster stands there whatever its height."""
_GAP_VOXELS = 6.0
"""Gap to a standing cluster that one bridges that does not come as low."""
_NEARER = 0.5
"""The same, in gaps to the support."""
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
        if each.support.in_niche:
            labels.boards.append(label)
        if each.support.carries:
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
        over = (each.heights / each.threshold)[standing[own]]
        # What stands before the side of a shelf does not rise over it: only what is close to that is set apart.
        rise[own] = np.minimum(rise[own], over if each.support.carries else np.where(over > _HIGH, np.inf, over))
    high = rise > _HIGH
    clusters = np.full(len(standing), -1)
    reach = config.link_voxels * surface.side
    clusters[high] = summits(points[high], rise[high], reach, config.link_neighbors, config.persistence)
    found = clusters >= 0
    clusters[~found] = nearest_label(points[found], clusters[found], points[~found], _JOIN_VOXELS * surface.side)
    clusters = _grounded(surface, grounds, standing, clusters)
    for cluster in _large(surface, standing, clusters, config.smallest):
        members = standing[clusters == cluster]
        support = _carrier(grounds, members)
        each = grounds[support]
        members_above = members[each.above[members]]
        top = np.percentile(each.heights[members_above] / each.threshold[members_above], 90)
        if top < _RISEN:
            labels.of_voxel[members] = labels.label_of_support(support)
        elif _is_edge(grounds, standing[clusters == cluster], support):
            labels.of_voxel[members] = labels.add(Kind.OTHER)
        else:
            labels.of_voxel[members] = labels.add(Kind.OBJECT, support)


def _carrier(
    grounds: Sequence[Ground],
    members: np.ndarray,  # [m]
) -> int:
    """The support that a thing stands on: it reaches down to that, where it is above others as well."""
    counts = np.array([each.above[members].sum() for each in grounds])
    over = [index for index, count in enumerate(counts) if count >= _OVER * counts.max()]
    over = [index for index in over if grounds[index].support.carries] or over
    feet = [np.percentile((each.heights / each.threshold)[members], 100 * _FOOT) for each in (grounds[i] for i in over)]
    return over[int(np.argmin(np.maximum(feet, _HIGH)))]


def _is_edge(
    grounds: Sequence[Ground],
    members: np.ndarray,  # [m]
    support: int,
) -> bool:
    """Whether what is before the wall of a niche stands on none of its boards: an edge of one that is not seen."""
    if all(each.support.carries for each in grounds):
        return False
    each = grounds[support]
    low, high = np.percentile(each.heights[members], (100 * _FOOT, 100 * (1 - _FOOT)))
    return not each.support.carries or bool(low > _REACHES * (high - low))


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
    for each in (each for each in grounds if each.support.carries):
        own = each.above[standing]
        clearance = (each.heights - each.threshold)[standing[own]] - 0.5 * surface.side
        height[own] = np.minimum(height[own], clearance)
    names = [name for name in np.unique(clusters[clusters >= 0]) if (clusters == name).sum() >= _FEWEST]
    low = {name: np.percentile(height[clusters == name], 3) for name in names}
    span = {name: np.percentile(height[clusters == name], 97) - low[name] for name in names}
    feet = [name for name in names if low[name] < max(_LOW_VOXELS * surface.side, _REACHES * span[name])]
    if any(not each.support.carries for each in grounds):  # under the next board nothing is high over its support
        feet = [name for name in feet if not _hangs(points, clusters, name, low, surface.side)]
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


def _hangs(
    points: np.ndarray,  # [S, 3]
    clusters: np.ndarray,  # [S]
    name: int,
    low: Mapping[int, float],
    side: float,
) -> bool:
    """Whether a cluster is far nearer to one that stands than to the support, as leaves are to their pot."""
    if low[name] < _LOW_VOXELS * side:
        return False
    standing = np.isin(clusters, [other for other in low if low[other] < _LOW_VOXELS * side])
    reach = min(_GAP_VOXELS * side, _NEARER * low[name])
    gaps = cKDTree(points[standing]).query(points[clusters == name], distance_upper_bound=reach, workers=-1)[0]
    return bool(np.isfinite(gaps).any())


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
