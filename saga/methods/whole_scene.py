"""The objects of a whole scene: what a method finds without a prompt, and what the scene says of itself.

A scene's own structure (`saga.masks.scene`) knows which things there are, and where they end on the surface that views
see. What a method finds reaches what no view sees well, and things that no support carries.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
import torch
from scipy.spatial import cKDTree
from torch import Tensor

from saga.masks.scene.labels import Kind
from saga.masks.scene.structure import SceneStructure
from saga.raster.device_scene import DeviceScene
from saga.regions.reach import cells_held
from saga.regions.scene_regions import SceneRegions
from saga.regions.worth import overlaps

Found: TypeAlias = tuple[Tensor, Tensor]
"""Members bool [N] and scores float32 [N] of something that a method found."""

_SAME = 0.5
"""IoU, by opacity, from which something found and an object of the structure are the same."""
_CONFIRMED = 0.75
"""IoU from which a region confirms something found."""
_PART = 0.5
"""Share of something found that lies in objects of the structure, from which it is a part of them."""
_WELL_SEEN = 0.2
"""Blended weight in all views, relative to the median's, from which a Gaussian is on the surface that views see."""
_REACH_VOXELS = 10.0
"""A Gaussian farther from all voxels than this is none of the structure's."""


@dataclass(frozen=True, eq=False)
class SceneObject:
    """An object or a support of a scene."""

    members: Tensor  # [N]
    """Which Gaussians belong to it, bool [N]; none belongs to two."""
    scores: Tensor  # [N]
    """How well each Gaussian fits, float32 [N]."""
    kind: Kind
    """Whether things stand on it."""


def objects_of_scene(
    found: Sequence[Found],
    scene: DeviceScene,
    structure: SceneStructure | None = None,
    regions: SceneRegions | None = None,
) -> list[SceneObject]:
    """Joins what a method found with what the scene says of itself; largest first.

    Supports and objects of the structure are objects; what no support carries is one where the method or a region has
    it too. Where views see a Gaussian well, its nearest voxel decides which
    it belongs to; elsewhere the method does, if it found the same object. What it found beside them is an object when a
    region confirms it. Without a structure or regions all that was found is.

    Args:
        found: what a method found, which overlaps nowhere.
        scene: the scene.
        structure: supports and objects; None, or one without any, leaves them out.
        regions: the scene's regions, which confirm.
    """
    if structure is not None and structure.found:
        return _largest_first(_joined(found, scene, structure, regions))
    confirmed = [_confirmed(members, regions) for members, _ in found]
    # Where regions confirm nothing at all, they know less than the method.
    kept = [each for each, is_sure in zip(found, confirmed, strict=True) if is_sure or not any(confirmed)]
    return _largest_first([SceneObject(members, scores, Kind.OBJECT) for members, scores in kept])


def _joined(
    found: Sequence[Found], scene: DeviceScene, structure: SceneStructure, regions: SceneRegions | None
) -> list[SceneObject]:
    opacities = scene.scene.gaussians.opacities
    labels = _nearest_labels(scene, structure)
    count = len(structure.labels)
    supports, scores = structure.labels.are(Kind.SUPPORT), torch.zeros(len(labels), device=scene.device)
    owner, unseen = labels.copy(), ~_well_seen(scene)
    beside: list[SceneObject] = []
    matched: set[int] = set()
    areas = np.bincount(labels[labels >= 0], opacities[labels >= 0], count)
    for members, fit in found:
        rows = members.cpu().numpy()
        inside = rows & (labels >= 0)
        shared = np.bincount(labels[inside], opacities[inside], count)
        whole = float(opacities[rows].sum())
        iou = shared / np.maximum(areas + whole - shared, 1e-9)
        best = int(iou.argmax())
        if iou[best] >= _SAME:
            matched.add(best)
            owner[rows & unseen] = best
            scores = torch.where(members, fit.float(), scores)
        elif shared[~supports].sum() < _PART * whole and regions is not None and _confirmed(members, regions):
            beside.append(SceneObject(members, fit.float(), Kind.OBJECT))
    taken = torch.zeros_like(scores, dtype=torch.bool)
    for each in beside:
        taken |= each.members
    owned = torch.from_numpy(owner).to(scene.device)
    objects: list[SceneObject] = []
    for label, kind in enumerate(structure.labels.kinds):
        members = (owned == label) & ~taken
        known = kind is not Kind.OTHER or label in matched or (regions is not None and _confirmed(members, regions))
        if known and bool(members.any()):
            as_object = Kind.SUPPORT if kind is Kind.SUPPORT else Kind.OBJECT
            objects.append(SceneObject(members, torch.where(members, scores, 0.0), as_object))
    return objects + beside


def _nearest_labels(scene: DeviceScene, structure: SceneStructure) -> np.ndarray:  # [N]
    """The structure's label of the voxel nearest to each Gaussian, int64 [N]; -1 for none, and far from all."""
    means = scene.scene.gaussians.means
    labels, finite = np.full(len(means), -1), np.isfinite(means).all(1)
    distance, voxel = cKDTree(structure.points).query(means[finite])
    near = distance < _REACH_VOXELS * structure.lattice.side
    labels[finite] = np.where(near, structure.labels.of_voxel[voxel], -1)
    return labels


def _well_seen(scene: DeviceScene) -> np.ndarray:  # [N]
    """Gaussians that show in the pictures, bool [N]."""
    weight = torch.zeros(len(scene.scene.gaussians), device=scene.device)
    for camera in scene.scene.cameras:
        ones = torch.ones(camera.height, camera.width, 1, device=scene.device)
        weight += scene.operator(camera.name).lift(ones)[:, 0]
    seen = weight[weight > 0]
    if len(seen) == 0:
        return np.zeros(len(weight), bool)
    well: np.ndarray = (weight > _WELL_SEEN * seen.median()).cpu().numpy()
    return well


def _confirmed(
    members: Tensor,  # [N] bool
    regions: SceneRegions | None,
) -> bool:
    """Whether a region holds the same cells; without regions nothing contradicts."""
    if regions is None:
        return True
    cells = cells_held(regions, members.cpu().numpy())
    return bool(overlaps(regions, regions.members, cells).max(initial=0.0) >= _CONFIRMED)


def _largest_first(objects: list[SceneObject]) -> list[SceneObject]:
    return sorted(objects, key=lambda each: -int(each.members.sum()))
