"""A hierarchy of image regions from color, texture and edges, with no learnt weights.

Superpixels (watershed of the color gradient) are merged two at a time, most alike first, until one region
is left. Every region ever formed is a node of a binary tree, so a part and the whole it belongs to are both
there. The measure of likeness follows selective search (Uijlings et al., "Selective Search for Object
Recognition", IJCV 2013: histogram intersection of color and texture, and fill) with two additions: the
strength of the edge between the regions, and a factor that lets small regions join first.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import ndimage
from skimage.segmentation import watershed

from saga.masks.color_edges import ColorEdges
from saga.masks.merging import Costs, LeafBorders, Leaves, merge

_COLOR_BINS = 12
_TEXTURE_BINS = 8
_LAB_RANGES = ((0.0, 100.0), (-60.0, 80.0), (-60.0, 80.0))
_STRONGEST_GRADIENT = 30.0
"""Color gradient, in Lab units a pixel, of the last texture bin."""
_EDGE_UNIT = 10.0
"""Gradient along a shared border that weighs as much as disjoint color histograms."""
_EDGE_SATURATION = 15.0
"""Gradient above which a border counts as fully closed."""
_GAP_WEIGHT = 3.0
"""How much the part of a pair's bounding box that the pair leaves empty, a share of the image, counts. A
factor, not a term: plain surfaces of any shape join at no cost."""
_SIZE_UNIT, _SIZE_EXPONENT = 1e-3, 0.2
_SMALLEST_CELL = 6
"""Side in pixels of the grid cell of a superpixel: smaller ones hold too few pixels for a histogram."""


@dataclass(frozen=True)
class RegionTree:
    """L superpixels and the T = 2 L - 1 regions that merging them two at a time forms."""

    superpixels: np.ndarray  # [H, W]
    """Superpixel of each pixel, int32 [H, W] in [0, L)."""
    members: np.ndarray  # [T, L]
    """Whether a region holds a superpixel, bool [T, L]. The first L regions are the superpixels."""
    areas: np.ndarray  # [T]
    """Pixels of each region, float64 [T]."""
    heights: np.ndarray  # [T]
    """Unlikeness at which each region was formed, float64 [T], 0 for superpixels."""
    parent_heights: np.ndarray  # [T]
    """Unlikeness at which each region was merged into a larger one, float64 [T]."""
    contrasts: np.ndarray  # [T]
    """Mean strength of the edge around each region, float64 [T] between 0 (none) and 1 (closed)."""
    seams: np.ndarray  # [T]
    """Strength of the edge between each region and the next that is not tiny beside it to be merged with it,
    float64 [T] as `contrasts`."""


def region_tree(edges: ColorEdges, superpixels: int = 1500) -> RegionTree:
    """Returns the region hierarchy of a picture, by its `color_edges`, from about so many superpixels."""
    lab, gradient = edges
    labels = watershed(gradient, _markers(gradient, superpixels)) - 1
    costs = Costs(_EDGE_UNIT, _GAP_WEIGHT, labels.size, _SIZE_UNIT, _SIZE_EXPONENT)
    tree = merge(_leaves(labels, lab, gradient), _borders(labels, gradient), costs)
    return RegionTree(
        superpixels=labels,
        members=tree.members(),
        areas=tree.areas,
        heights=tree.heights,
        parent_heights=tree.parent_heights(),
        contrasts=tree.contrasts(),
        seams=tree.outer_seams(_EDGE_SATURATION),
    )


def _markers(
    gradient: np.ndarray,  # [H, W]
    count: int,
) -> np.ndarray:  # [H, W]
    """Returns one watershed seed per cell of a regular grid, int32 [H, W]: the flattest pixel amid the cell."""
    height, width = gradient.shape
    side = max(_SMALLEST_CELL, round((height * width / count) ** 0.5))
    markers = np.zeros(gradient.shape, np.int32)
    reach = side // 3
    label = 0
    for y in range(min(side, height) // 2, height, side):
        for x in range(min(side, width) // 2, width, side):
            top, left = max(0, y - reach), max(0, x - reach)
            window = gradient[top : y + reach + 1, left : x + reach + 1]
            dy, dx = divmod(int(np.argmin(window)), window.shape[1])
            label += 1
            markers[top + dy, left + dx] = label
    return markers


def _borders(
    labels: np.ndarray,  # [H, W]
    gradient: np.ndarray,  # [H, W]
) -> LeafBorders:
    """Which superpixels touch, and the gradient along their borders."""
    count = int(labels.max()) + 1
    pairs, values = [], []
    for first, second in (
        (np.s_[:, 1:], np.s_[:, :-1]),
        (np.s_[1:], np.s_[:-1]),
    ):
        one, other = labels[first], labels[second]
        differ = one != other
        low, high = np.minimum(one, other)[differ], np.maximum(one, other)[differ]
        pairs.append(low.astype(np.int64) * count + high)
        values.append(np.maximum(gradient[first], gradient[second])[differ])
    keys, index = np.unique(np.concatenate(pairs), return_inverse=True)
    edge = np.concatenate(values).astype(np.float64)
    bins = len(keys)
    measures = (
        np.bincount(index, minlength=bins),
        np.bincount(index, edge, bins),
        np.bincount(index, np.minimum(edge / _EDGE_SATURATION, 1.0), bins),
    )
    return LeafBorders(np.stack([keys // count, keys % count], axis=1), np.stack(measures, axis=1))


def _histogram(
    labels: np.ndarray,  # [P]
    values: np.ndarray,  # [P]
    limits: tuple[float, float],
    bins: int,
) -> np.ndarray:  # [L, bins]
    """Returns the normalized histogram of each superpixel, values shared linearly between neighboring bins."""
    count = labels.max() + 1
    low, high = limits
    position = np.clip((values - low) / (high - low), 0, 1) * (bins - 1)
    lower = np.minimum(position.astype(np.int64), bins - 2)
    share = position - lower
    flat = labels.astype(np.int64) * bins + lower
    total = np.bincount(flat, 1 - share, count * bins) + np.bincount(flat + 1, share, count * bins)
    histogram: np.ndarray = total.reshape(count, bins)
    return np.asarray(histogram / histogram.sum(1, keepdims=True))


def _leaves(
    labels: np.ndarray,  # [H, W]
    lab: np.ndarray,  # [H, W, 3]
    gradient: np.ndarray,  # [H, W]
) -> Leaves:
    """Superpixels by color and texture, and the box of each in the image."""
    flat = labels.ravel()
    areas = np.bincount(flat).astype(np.float64)
    colors = [
        _histogram(flat, channel.ravel(), limits, _COLOR_BINS) / 3
        for channel, limits in zip(np.moveaxis(lab, 2, 0), _LAB_RANGES, strict=True)
    ]
    texture = _histogram(flat, np.log1p(gradient).ravel(), (0.0, float(np.log1p(_STRONGEST_GRADIENT))), _TEXTURE_BINS)
    boxes = [(-y.start, -x.start, y.stop, x.stop) for y, x in ndimage.find_objects(labels + 1)]
    return Leaves(
        areas=areas,
        textures=np.zeros(len(areas)),
        colors=np.zeros((len(areas), 3)),
        # Color and texture each sum to 1 over a row, so one intersection measures both.
        histograms=np.concatenate([*colors, texture], axis=1),
        boxes=np.array(boxes, np.float64)[:, :, None],
        shown=areas[:, None],
    )
