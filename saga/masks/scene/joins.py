"""Pieces that touch and that no photograph tells apart are one thing."""

from __future__ import annotations

import numpy as np

from saga.masks.scene.config import SceneMaskConfig
from saga.masks.scene.labels import Kind, Labels
from saga.masks.scene.outlines import edge_strengths, label_images
from saga.masks.scene.surface import Surface

_CONTACT_VOXELS = 4.0
"""Change of depth across a border, up to which the two sides touch; beyond, one is in front of the other."""
_FEWEST_SAMPLES = 40
"""Samples of a common border, over all views that are asked."""
_MAIN_SHARE = 0.5
"""Least share of the outline of what no support carries along which it touches the one object that it belongs to."""
_OUTLINE_SHARE = 0.1
"""Least share of the smaller piece's outline that a common border is."""


def join_seamless(surface: Surface, labels: Labels, config: SceneMaskConfig) -> None:
    """Joins pieces that touch along a border without an image edge: objects of one support, and what none carries.

    Of the latter, what touches nothing but one object is that object's up to a stronger edge: the back of a sofa that
    leans over ground which nobody sees.
    """
    lengths, totals = contacts(surface, labels)
    outlines = lengths.sum(0)
    strengths = totals / np.maximum(lengths, 1)
    is_object = labels.are(Kind.OBJECT)
    supports = np.array(labels.supports)
    one, other = np.nonzero(np.triu(lengths >= _FEWEST_SAMPLES, 1))
    shared = lengths[one, other] >= _OUTLINE_SHARE * np.minimum(outlines[one], outlines[other])
    same = is_object[one] & is_object[other] & (supports[one] == supports[other])
    loose = labels.are(Kind.OTHER)
    mixed = (is_object[one] & loose[other]) | (loose[one] & is_object[other])
    mainly = lengths[one, other] >= _MAIN_SHARE * np.where(loose[one], outlines[one], outlines[other])
    weak = strengths[one, other] < config.outline
    joined = shared & ((same | mixed) & weak | mixed & mainly & (strengths[one, other] < config.seam))
    owner = np.arange(len(labels))
    for index in np.flatnonzero(joined):
        first, second = sorted((owner[one[index]], owner[other[index]]))
        owner[owner == second] = first
    known = labels.of_voxel >= 0
    labels.of_voxel[known] = owner[labels.of_voxel[known]]


def contacts(surface: Surface, labels: Labels) -> tuple[np.ndarray, np.ndarray]:  # [L, L], [L, L]
    """Length of the border where two labels touch, in samples over some views, and the sum of edge strengths there."""
    count = len(labels)
    lengths, totals = np.zeros(count * count), np.zeros(count * count)
    near = _CONTACT_VOXELS * surface.side
    for index, image in label_images(surface, labels):
        grid = surface.grids[index]
        strengths = edge_strengths(grid)
        for here, there in ((np.s_[:, 1:], np.s_[:, :-1]), (np.s_[1:], np.s_[:-1])):
            one, other = image[here], image[there]
            touch = (one != other) & (one >= 0) & (other >= 0) & (np.abs(grid.depth[here] - grid.depth[there]) < near)
            for pairs in (one[touch] * count + other[touch], other[touch] * count + one[touch]):
                lengths += np.bincount(pairs, minlength=count * count)
                totals += np.bincount(pairs, strengths[here][touch], count * count)
    return lengths.reshape(count, count), totals.reshape(count, count)
