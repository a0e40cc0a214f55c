"""The masks of one view: its labels, and classical masks inside them as parts of objects."""

from __future__ import annotations

import numpy as np

from saga.masks.classical import choose_regions
from saga.masks.color_edges import ColorEdges, color_edges
from saga.masks.config import ClassicalConfig
from saga.masks.regions import RegionTree, region_tree
from saga.masks.scene.config import SceneMaskConfig
from saga.masks.scene.grid import ViewGrid
from saga.masks.scene.labels import Kind
from saga.masks.scene.structure import SceneStructure
from saga.scene.resizing import resize

_OBJECT_SHARE = 0.5
"""Least share of a part that lies on objects: the pieces of a support tell nothing apart."""


def masks_of_view(
    structure: SceneStructure,
    grid: ViewGrid,
    image: np.ndarray,  # [H, W, 3]
    config: SceneMaskConfig,
    classical: ClassicalConfig,
) -> tuple[np.ndarray, np.ndarray]:  # [M, H, W], [M]
    """Makes the masks of one view and their weights.

    Args:
        structure: the scene's supports and objects.
        grid: the view's samples of the surface.
        image: the view's photograph, uint8 RGB.
        config: sizes, shares and weights.
        classical: settings of the classical masks.

    Returns:
        Masks bool [M, H, W], first one for each label that the view shows, then parts, and weights float32 [M].
    """
    edges, drawn, kept = _drawn(structure, grid, image, config)
    wholes = drawn == kept[:, None, None]
    tree = region_tree(edges, config.superpixels)
    chosen = _inside_objects(tree, choose_regions(tree, classical), drawn, structure.labels.are(Kind.OBJECT), config)
    masks = np.concatenate([wholes, tree.members[chosen][:, tree.superpixels]])
    weights = np.ones(len(masks), np.float32)
    is_support = structure.labels.are(Kind.SUPPORT)[kept]
    weights[: len(wholes)] = np.where(is_support, config.support_weight, config.object_weight)
    return _enlarged(masks, *image.shape[:2]), weights


def wholes_of_view(
    structure: SceneStructure,
    grid: ViewGrid,
    image: np.ndarray,  # [H, W, 3]
    config: SceneMaskConfig,
    labels: np.ndarray,  # [L]
) -> np.ndarray:  # [M, H, W]
    """Makes the masks of some labels in one view, bool; of those that the view shows. Arguments as `masks_of_view`."""
    _, drawn, kept = _drawn(structure, grid, image, config)
    return _enlarged(drawn == kept[np.isin(kept, labels)][:, None, None], *image.shape[:2])


def _drawn(
    structure: SceneStructure,
    grid: ViewGrid,
    image: np.ndarray,  # [H, W, 3]
    config: SceneMaskConfig,
) -> tuple[ColorEdges, np.ndarray, np.ndarray]:  # [h, w], [K]
    """The edges of a scaled copy of the photograph, the labels drawn to them, and which labels are large enough."""
    height, width = image.shape[:2]
    scale = min(1.0, config.long_side / max(height, width))
    edges = color_edges(resize(image, max(1, round(width * scale)), max(1, round(height * scale))))
    drawn = structure.drawn(grid, edges.gradient)
    counts = np.bincount(drawn[drawn >= 0], minlength=len(structure.labels))
    return edges, drawn, np.flatnonzero(counts >= config.smallest_mask * drawn.size)


def _enlarged(
    masks: np.ndarray,  # [M, h, w]
    height: int,
    width: int,
) -> np.ndarray:  # [M, height, width]
    rows = ((np.arange(height) + 0.5) * masks.shape[1] / height).astype(int)
    columns = ((np.arange(width) + 0.5) * masks.shape[2] / width).astype(int)
    return masks[:, rows[:, None], columns[None]]


def _inside_objects(
    tree: RegionTree,
    chosen: np.ndarray,  # [C]
    drawn: np.ndarray,  # [h, w]
    objects: np.ndarray,  # [L]
    config: SceneMaskConfig,
) -> np.ndarray:  # [P]
    """The chosen regions that lie inside one label, mostly on an object: a mask across a border would join two."""
    regions, columns = tree.members.shape[1], len(objects) + 1
    places = tree.superpixels.ravel().astype(np.int64) * columns + drawn.ravel() + 1
    pixels = np.bincount(places, minlength=regions * columns).reshape(regions, columns)
    shares = tree.members[chosen].astype(np.float64) @ pixels
    shares /= shares.sum(1, keepdims=True)
    inside = shares.max(1, initial=0) >= config.part_inside
    on_objects = shares[:, 1:][:, objects].sum(1) >= _OBJECT_SHARE
    parts: np.ndarray = chosen[inside & on_objects][: config.parts]
    return parts
