"""From a scene to its cells and regions."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from scipy.sparse import coo_array
from scipy.spatial import cKDTree

from saga.errors import SagaError
from saga.masks.scene.config import SceneMaskConfig
from saga.masks.scene.grid import view_grid
from saga.masks.scene.labels import Kind
from saga.masks.scene.structure import SceneStructure
from saga.masks.scene.surface import Surface, fuse
from saga.masks.source import MaskSource
from saga.raster.device_scene import DeviceScene
from saga.regions.borders import Borders, cell_borders
from saga.regions.cells import STRONGEST_EDGE, cell_boxes, gaussian_cells, surface_cells
from saga.regions.config import RegionConfig
from saga.regions.fitting import fitted
from saga.regions.given import given_masks
from saga.regions.graph import SurfaceGraph, image_gradient, surface_graph
from saga.regions.hierarchy import Descriptors, build_hierarchy, cell_descriptors
from saga.regions.membership import pictured_shares
from saga.regions.pool import distinct, pool
from saga.regions.rows import parted
from saga.regions.scene_regions import SceneRegions
from saga.runtime.progress import tracked
from saga.scene import Scene
from saga.scene.camera import Camera, spread

_LABEL_VOXELS = 2.0
"""A voxel takes the label of the scene's structure within this distance, in voxels."""
_MAJORITY = 0.5
_RIM = 0.02
"""Width of the rim of a picture, as a share of its longer side."""
_RIM_VIEWS = 12
"""The most views whose rims are looked at."""
_COARSER = 2
"""Hierarchies start from the cells, and from so many times fewer: fine ones lose large things that color divides."""


def build_regions(
    scene: Scene | DeviceScene,
    config: RegionConfig | None = None,
    structure: SceneStructure | None = None,
    device: str = "auto",
    progress: bool = True,
    surface: Surface | None = None,
    masks: MaskSource | None = None,
) -> SceneRegions:
    """Finds the cells and regions of a scene from its views.

    Args:
        scene: Gaussians and cameras; of views without a photograph, the colors of the Gaussians are looked at.
        config: settings; None takes the defaults.
        structure: supports and what stands on them, which become regions too.
        device: where views are rendered; without effect when the scene is on a device already.
        progress: whether to show a bar on standard error.
        surface: what the views see, where that is known already.
        masks: masks that were given for the views: they say which regions are things.

    Raises:
        SagaError: no cameras, an unreadable photograph, or nothing that two views see.
    """
    config = config or RegionConfig()
    on_device = DeviceScene.of(scene, device)
    if surface is None:
        surface = _look(on_device, config, progress)
    views = tracked([grid.camera for grid in surface.grids], progress, "image edges", "views")
    gradients = [image_gradient(on_device.picture(camera.name), config.long_side) for camera in views]
    return regions_of_surface(on_device, surface, gradients, config, structure, masks)


def _look(placed: DeviceScene, config: RegionConfig, progress: bool) -> Surface:
    """What the views of a scene see, fused. Raises SagaError when that is nothing."""
    cameras, how = spread(placed.scene.cameras, config.views), SceneMaskConfig()
    views = tracked(cameras, progress, "surface of the scene", "views")
    grids = [view_grid(placed.operator(c.name), placed.picture(c.name), how.grid_side) for c in views]
    surface = fuse(grids, how) if grids else None
    if surface is None:
        raise SagaError(
            f"{placed.scene.path}: expected a surface that at least two of {len(cameras)} views see, found none; "
            "check that the cameras belong to the scene."
        )
    return surface


def regions_of_surface(
    placed: DeviceScene,
    surface: Surface,
    gradients: Sequence[np.ndarray],  # K x [h, w]
    config: RegionConfig,
    structure: SceneStructure | None = None,
    masks: MaskSource | None = None,
) -> SceneRegions:
    """Finds the cells and regions of a fused surface; `gradients` are its views' (see `image_gradient`)."""
    graph = surface_graph(surface, gradients, config)
    fine = _proposed(graph, config.cells, config)
    cells, borders, descriptors = fine.cells, fine.borders, fine.descriptors
    proposed = [fine.members]
    for division in range(config.divisions):
        coarse = _proposed(graph, max(1, config.cells // _COARSER), config, division)
        proposed.append(_carried_over(graph, coarse, cells))
    members = _best_of_each(proposed, descriptors.leaves.areas.astype(np.float32), config)
    found, objects, boards = np.zeros((0, members.shape[1]), bool), np.zeros(0, bool), np.zeros(0, np.int64)
    if structure is not None and structure.found:
        found, objects, boards = _labeled(graph, cells, structure)
    gaussians = placed.scene.gaussians
    regions = SceneRegions(
        scene_digest=gaussians.digest(),
        config=config,
        cells=gaussian_cells(gaussians.means, graph, cells),
        shares=(descriptors.leaves.areas / descriptors.samples).astype(np.float32),
        boxes=cell_boxes(graph, cells),
        members=np.concatenate([found, members]),
        own=np.arange(len(found) + len(members)) < len(found),
        borders=np.stack([borders.one, borders.other]).astype(np.int32),
        lengths=borders.lengths.astype(np.float32),
        closed=_closed(borders, config),
        given=None if masks is None else given_masks(masks, surface.grids, graph.views, cells),
    )
    if not found.any():  # where features and borders are all that is known of the scene
        rims = _rims(placed, [grid.camera for grid in surface.grids], regions.cells, regions.count)
        return replace(regions, rims=rims)
    if not objects.any():
        return regions
    pictured = pictured_shares(placed, [grid.camera.name for grid in surface.grids], regions.cells, regions.count)
    return parted(fitted(regions, np.append(objects, np.zeros(len(members), bool)), pictured), boards)


@dataclass(frozen=True, eq=False)
class _Proposed:
    """Regions of hierarchies that start from so many cells."""

    cells: np.ndarray  # [V]
    borders: Borders
    descriptors: Descriptors
    members: np.ndarray  # [R, L]


def _proposed(graph: SurfaceGraph, count: int, config: RegionConfig, division: int = 0) -> _Proposed:
    """Divides a surface into about `count` cells and pools the regions that hierarchies of them find."""
    cells = surface_cells(graph, count, division)
    borders, descriptors = cell_borders(graph, cells), cell_descriptors(graph, cells)
    hierarchies = [build_hierarchy(descriptors, borders, cues) for cues in config.hierarchies]
    return _Proposed(cells, borders, descriptors, pool(hierarchies, graph.samples, config))


def _best_of_each(
    proposed: Sequence[np.ndarray],  # [R, L] each
    weights: np.ndarray,  # [L]
    config: RegionConfig,
) -> np.ndarray:  # [R, L]
    """The regions that several divisions of a surface propose, the best of each first, each once; bool [R, L]."""
    ranks = np.concatenate([np.arange(len(each)) for each in proposed])
    members = np.concatenate(proposed)
    order = np.argsort(ranks, kind="stable")
    best: np.ndarray = members[distinct(members, order, weights, config.duplicate, config.regions)]
    return best


def _carried_over(
    graph: SurfaceGraph,
    proposed: _Proposed,
    cells: np.ndarray,  # [V]
) -> np.ndarray:  # [R, L]
    """Regions of some cells as sets of others, bool [R, L]: of each cell that lies in a region by most of its area."""
    weights = np.maximum(graph.areas, 1e-6)
    shape = (int(cells.max()) + 1, proposed.members.shape[1])
    shared = coo_array((weights, (cells, proposed.cells)), shape).tocsr()
    held = (shared @ proposed.members.T.astype(np.float64)).T
    carried: np.ndarray = held > _MAJORITY * shared.sum(1)
    return carried[carried.any(1)]


def _closed(borders: Borders, config: RegionConfig) -> np.ndarray:  # [B]
    """How closed each border is, the mean over what the hierarchies go by."""
    strengths = np.stack([borders.strengths(cues) for cues in config.hierarchies])
    closed: np.ndarray = np.minimum(strengths / STRONGEST_EDGE, 1.0).mean(0).astype(np.float32)
    return closed


def _rims(
    placed: DeviceScene,
    cameras: Sequence[Camera],
    cells: np.ndarray,  # [N]
    count: int,
) -> np.ndarray:  # [L]
    """Share of the rim of a picture that each cell's Gaussians fill, the mean over some of the views, float32 [L].

    Not of what the surface shows: few views look at what lies about the rims, so that much of it is no part of that.
    """
    views = spread(cameras, _RIM_VIEWS)
    rims = np.zeros(count + 1)
    for camera in views:
        wide = max(1, round(_RIM * max(camera.height, camera.width)))
        rim = torch.ones(camera.height, camera.width, 1, device=placed.device)
        rim[wide:-wide, wide:-wide] = 0
        lifted = placed.operator(camera.name).lift(rim / rim.sum())[:, 0].cpu().numpy()
        rims += np.bincount(cells + 1, lifted, count + 1)
    mean: np.ndarray = (rims[1:] / len(views)).astype(np.float32)
    return mean


def _labeled(
    graph: SurfaceGraph,
    cells: np.ndarray,  # [V]
    structure: SceneStructure,
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:  # [K, L], [K], [K]
    """The cells of each support and object of a structure: those with most of their voxels in it.

    Also which of them are objects, and the number of the board of a shelf that each stands on, -1 where on none.
    """
    reach = _LABEL_VOXELS * graph.side
    distance, nearest = cKDTree(structure.points).query(graph.points, distance_upper_bound=reach, workers=-1)
    labels = np.append(structure.labels.of_voxel, -1)[nearest]
    labels[~np.isfinite(distance)] = -1
    count, kinds = int(cells.max()) + 1, len(structure.labels)
    held = np.zeros((kinds, count))
    np.add.at(held, (labels[labels >= 0], cells[labels >= 0]), 1)
    members = held > _MAJORITY * np.bincount(cells, minlength=count)
    shown = members.any(1)
    numbers, objects = np.where(shown, np.cumsum(shown) - 1, -1), structure.labels.are(Kind.OBJECT)
    boards = {structure.labels.supports[board]: numbers[board] for board in structure.labels.boards}
    under = [boards.get(support, -1) if objects[i] else -1 for i, support in enumerate(structure.labels.supports)]
    return members[shown], objects[shown], np.array(under, np.int64)[shown]
