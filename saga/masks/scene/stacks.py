"""Things that stand on a flat top of another: an orange in a bowl, dice on a book."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy import ndimage
from skimage.morphology import convex_hull_image

from saga.masks.scene.clusters import density_clusters
from saga.masks.scene.config import SceneMaskConfig
from saga.masks.scene.heights import Ground
from saga.masks.scene.labels import Kind, Labels
from saga.masks.scene.outlines import seam_strengths
from saga.masks.scene.planes import fitted_plane
from saga.masks.scene.surface import Surface

_FEWEST = 100
"""Voxels of an object worth looking at."""
_FEWEST_UPPER = 60
"""Voxels of a thing on top."""
_FEWEST_FLAT = 40
_FLAT = 0.85
"""Cosine between a voxel's normal and the support's from which it belongs to a flat top."""
_PARALLEL = 0.98
"""Cosine between the normals of a flat top and the support, from which they count as parallel."""
_LEVELS = 4
"""Fullest levels of an object that may be tops."""
_FULL_LEVEL = 0.06
"""Least share of an object's voxels on a level."""
_LEAST_FOOT = 0.3
"""Least share of a carrier's plan that a thing told by a ledge covers: the back of a chair covers less."""
_LEAST_LEDGE = 0.1
"""Least share of a carrier's plan that a thing leaves free."""
_CARRIED = 0.75
"""Least share of a thing's plan that lies over what carries it: leaves reach far over their pot."""
_BORNE = 0.5
"""Least share of the plan of what reaches down to a top under a cluster over it, from which it bears that."""
_PLAN_VOXELS = 1.5
"""Side of the cells of an object's plan."""
_LINK_NEIGHBORS = 6
_MARGIN = 6


def split_stacks(surface: Surface, grounds: Sequence[Ground], labels: Labels, config: SceneMaskConfig) -> None:
    """Makes an object of everything that stands on a flat top of another, where photographs show an edge between.

    The top is parallel to the support and lies around at least `config.ring` of the foot of what stands on it.
    """
    pairs: list[tuple[int, int]] = []
    queue = labels.of(Kind.OBJECT)
    while queue:
        label = queue.pop(0)
        members = np.flatnonzero(labels.of_voxel == label)
        upper = _thing_on_top(_carrier(surface, grounds[labels.supports[label]], members, config), config)
        if upper is not None:
            new = labels.add(Kind.OBJECT, labels.supports[label])
            labels.of_voxel[upper] = new
            pairs.append((new, label))
            queue += [label, new]
    if not pairs:
        return
    strengths = seam_strengths(surface, labels, pairs)
    for (upper_label, lower), strength in zip(reversed(pairs), reversed(strengths), strict=True):
        if strength < config.seam:
            labels.of_voxel[labels.of_voxel == upper_label] = lower


@dataclass(frozen=True)
class _Carrier:
    """An object that may carry others, seen along its support's normal."""

    members: np.ndarray  # [m]
    """Voxels of the object."""
    points: np.ndarray  # [m, 3]
    heights: np.ndarray  # [m]
    """Height over the support, world units."""
    up: np.ndarray  # [3]
    """The support's normal."""
    flat: np.ndarray  # [m]
    """Whether a voxel faces as the support does."""
    cells: np.ndarray  # [m, 2]
    """Cell of the object's plan."""
    margin: np.ndarray  # [m]
    """Height that noise may reach, world units."""
    distance: float
    """Inlier distance of the support, world units."""
    clearance: float
    """Height over a top from which voxels are surely not the top, world units."""
    link: float
    """Distance at which voxels belong together, world units."""

    def over(self, top: float) -> np.ndarray:  # [m]
        """Height over the plane of the flat top at about one height, plus that: ground slopes under what is level."""
        plane = fitted_plane(self.points[self.flat & (np.abs(self.heights - top) < self.distance)])
        rise = float(plane.normal @ self.up)
        parallel = abs(rise) > _PARALLEL
        return np.asarray(np.sign(rise) * plane.heights(self.points) + top) if parallel else self.heights

    def plan(
        self,
        chosen: np.ndarray,  # [m] bool, or indices
    ) -> np.ndarray:  # [rows, columns]
        """The cells of some of the voxels, bool."""
        plan = np.zeros(self.cells.max(0) + _MARGIN, bool)
        plan[tuple(self.cells[chosen].T)] = True
        return plan


def _carrier(
    surface: Surface,
    each: Ground,
    members: np.ndarray,  # [m]
    config: SceneMaskConfig,
) -> _Carrier:
    points, plane, distance = surface.points[members], each.support.plane, each.support.distance
    places = (points - plane.center) @ plane.axes.T
    cells = np.floor((places - places.min(0)) / (_PLAN_VOXELS * surface.side)).astype(int) + _MARGIN
    flat = surface.normals[members] @ plane.normal > _FLAT
    clearance, link = max(distance, 1.2 * surface.side), config.link_voxels * surface.side
    # A flat top is flat on uneven ground, too: one height of the ground counts under all of a thing.
    upright, margin = plane.heights(points), each.threshold[members]
    heights = upright - np.median(upright - each.heights[members])
    return _Carrier(members, points, heights, plane.normal, flat, cells, margin, distance, clearance, link)


def _thing_on_top(carrier: _Carrier, config: SceneMaskConfig) -> np.ndarray | None:  # [u]
    """Voxels of one thing that stands on a flat top of an object, None when there is none."""
    if len(carrier.members) < _FEWEST or carrier.flat.sum() < _FEWEST_FLAT:
        return None
    step = 0.5 * carrier.distance
    levels = np.maximum(np.floor(carrier.heights[carrier.flat] / step), 0).astype(int)
    counts = np.convolve(np.bincount(levels), [1, 1, 1], "same")
    for level in np.argsort(-counts, kind="stable")[:_LEVELS]:
        if counts[level] < max(_FEWEST_FLAT, _FULL_LEVEL * len(carrier.members)):
            return None
        thing = _thing_over(carrier, (level + 0.5) * step, config)
        if thing is not None:
            return np.asarray(carrier.members[thing])
    return None


def _thing_over(carrier: _Carrier, top: float, config: SceneMaskConfig) -> np.ndarray | None:  # [u] of m
    """The first cluster over a top that stands on it, down to the top."""
    heights = carrier.over(top)
    over = np.flatnonzero(heights > top + carrier.clearance)
    if len(over) < _FEWEST_UPPER:
        return None
    level = ndimage.binary_dilation(carrier.plan(carrier.flat & (np.abs(heights - top) < carrier.distance)))
    below = _closed(carrier.plan(heights < top + carrier.distance))
    for thing in _things(carrier, heights - top, over):
        if len(thing) < _FEWEST_UPPER:
            continue
        foot = _closed(carrier.plan(thing[heights[thing] < top + 6 * carrier.distance]))
        carried = below[carrier.plan(thing)].mean() >= _CARRIED
        if carried and (_is_ringed(foot, level, config) or _leaves_a_ledge(foot, level, below, config)):
            # The foot of the thing, too low to be told from the top by height alone: the base of a lamp, too.
            lower = (heights > top + carrier.margin) & (heights <= top + carrier.clearance)
            pieces, _ = ndimage.label(foot | (carrier.plan(lower) & _hull(carrier.plan(thing))), np.ones((3, 3)))
            base = np.isin(pieces, np.unique(pieces[foot]))
            return np.union1d(thing, np.flatnonzero(lower & base[tuple(carrier.cells.T)]))
    return None


def _things(
    carrier: _Carrier,
    heights: np.ndarray,  # [m]
    over: np.ndarray,  # [o]
) -> list[np.ndarray]:  # [u] each
    """What stands on a top: clusters over it that reach down to it, each with those that they bear.

    A pole is too thin for voxels: the shade of a lamp, or a board on legs, is a cluster of its own over its foot.

    Args:
        carrier: the object with the top.
        heights: of its voxels over the top, world units.
        over: indices of the voxels that are surely not the top.
    """
    clusters = density_clusters(carrier.points[over], carrier.link, _LINK_NEIGHBORS)
    standing: list[np.ndarray] = []
    borne: list[np.ndarray] = []
    for cluster in np.unique(clusters[clusters >= 0]):
        members = over[clusters == cluster]
        reaches_down = np.percentile(heights[members], 2) <= 3 * carrier.distance
        (standing if reaches_down else borne).append(members)
    for above in borne:
        plan = _hull(carrier.plan(above))
        feet = [each for each in standing if carrier.plan(each)[plan].sum() >= _BORNE * carrier.plan(each).sum()]
        if feet:
            standing = [each for each in standing if all(each is not foot for foot in feet)]
            standing.append(np.concatenate([above, *feet]))
    return standing


def _hull(
    plan: np.ndarray,  # [rows, columns]
) -> np.ndarray:  # [rows, columns]
    """What lies under a thing of which often only the front is seen: the convex hull of its plan and a little more."""
    hull: np.ndarray = ndimage.binary_dilation(convex_hull_image(plan))
    return hull


def _closed(
    plan: np.ndarray,  # [rows, columns]
) -> np.ndarray:  # [rows, columns]
    closed: np.ndarray = ndimage.binary_fill_holes(ndimage.binary_closing(plan, iterations=2))
    return closed


def _is_ringed(
    foot: np.ndarray,  # [rows, columns]
    level: np.ndarray,  # [rows, columns]
    config: SceneMaskConfig,
) -> bool:
    """Whether a flat top surrounds a foot."""
    ring = ndimage.binary_dilation(foot, iterations=3) & ~ndimage.binary_dilation(foot)
    return bool((level & ring).sum() >= config.ring * max(1, ring.sum()))


def _leaves_a_ledge(
    foot: np.ndarray,  # [rows, columns]
    level: np.ndarray,  # [rows, columns]
    below: np.ndarray,  # [rows, columns]
    config: SceneMaskConfig,
) -> bool:
    """Whether most of what a foot leaves free of its carrier is the flat top, as of the lower of two books."""
    free = below & ~ndimage.binary_dilation(foot)
    ledge = (level & free).sum()
    wide = foot.sum() >= _LEAST_FOOT * below.sum()
    return bool(wide and ledge >= config.ledge * max(1, free.sum()) and ledge >= _LEAST_LEDGE * below.sum())
