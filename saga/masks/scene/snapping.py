"""Labels of a view drawn to its image edges."""

from __future__ import annotations

import numpy as np
from scipy import ndimage
from skimage.measure import label as connected
from skimage.segmentation import watershed

from saga.masks.scene.grid import ViewGrid
from saga.masks.scene.labels import Kind, Labels

_FEWEST_PIXELS = 20
_SPECK_SHARE = 4e-4
"""Connected pixels of a label below this share of the image are not certain."""
_FAR_SHARE = 0.015
"""Distance from objects, as a share of the longer side, from which a support is certain."""
_REACH_PIXELS = 12
"""Pixels that a label reaches at most beyond what the surface says."""


def snapped(
    grid: ViewGrid,
    image_labels: np.ndarray,  # [h, w]
    labels: Labels,
    gradient: np.ndarray,  # [H, W]
    doubtful: np.ndarray | None = None,  # [h, w]
) -> np.ndarray:  # [H, W]
    """Draws a view's labels to the edges of its photograph, by a watershed of the color gradient.

    The height of an object over its support is certain, the support close to an object is not: it is left to the
    watershed, and so is every pixel at a border of labels.

    Args:
        grid: the view's samples.
        image_labels: label of each sample, -1 where nothing is known.
        labels: what the labels are.
        gradient: of the photograph's color, at the size of the result (`color_edges`).
        doubtful: samples whose label is not certain, as the lowest part of an object, which may be a bump of its
            support; None when there are none.

    Returns:
        Label of each pixel, int64, -1 where nothing is known.
    """
    height, width = gradient.shape
    down, across = grid.nearest_sample(height, width)
    shown = grid.seen[down, across]
    coarse = np.where(shown, image_labels[down, across], -2)
    flat = ndimage.minimum_filter(coarse, 3) == ndimage.maximum_filter(coarse, 3)
    patches = connected(coarse + 3, connectivity=1, background=0)
    large = np.bincount(patches.ravel())[patches] >= max(_FEWEST_PIXELS, _SPECK_SHARE * height * width)
    kinds = [labels.are(kind) for kind in (Kind.OBJECT, Kind.SUPPORT)]
    is_object, is_support = (np.append(own, [False, False])[coarse] for own in kinds)
    far = ndimage.distance_transform_edt(~(is_object & large)) > _FAR_SHARE * max(height, width)
    seeds = flat & large & (coarse != -1) & (~is_support | far)
    if doubtful is not None:
        seeds &= ~doubtful[down, across]
    if not seeds.any():
        return np.maximum(coarse, -1)
    result = watershed(gradient, np.where(seeds, coarse + 3, 0)) - 3
    near = ndimage.distance_transform_edt(~((coarse >= 0) & large)) <= _REACH_PIXELS
    return np.where(shown & near, np.maximum(result, -1), -1)
