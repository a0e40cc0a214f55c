"""Pieces that no photograph tells apart."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from saga.masks.scene.config import SceneMaskConfig
from saga.masks.scene.joins import contacts, join_seamless
from saga.masks.scene.labels import Kind, Labels
from saga.masks.scene.outlines import label_images
from saga.masks.scene.structure import find_structure
from saga.masks.scene.surface import Surface

from .conftest import BLUE, FIRST, RED, SECOND, TABLE, Box, make_surface, on_box

LEFT, WIDE = Box((-0.2, 0, 0.1), (0.4, 0.5, 0.2), BLUE), Box((0, 0, 0.1), (0.8, 0.5, 0.2), BLUE)
RIGHT = Box((0.2, 0, 0.1), (0.4, 0.5, 0.2), RED)


def _halves(surface: Surface, loose: bool = False) -> Labels:
    """A table with a box that is labeled as two halves, the second of which may be carried by nothing."""
    labels = Labels(np.zeros(len(surface), np.int64))
    labels.add(Kind.SUPPORT, 0)
    labels.add(Kind.OBJECT, 0)
    labels.add(Kind.OTHER) if loose else labels.add(Kind.OBJECT, 0)
    box = on_box(surface, WIDE)
    labels.of_voxel[box] = np.where(surface.points[box, 0] < 0, 1, 2)
    return labels


@pytest.mark.parametrize("loose", [False, True])
def test_halves_of_one_color_are_joined(loose: bool) -> None:
    surface = make_surface([TABLE, WIDE])
    labels = _halves(surface, loose)
    join_seamless(surface, labels, SceneMaskConfig())
    assert set(labels.of_voxel.tolist()) == {0, 1}


def test_an_edge_between_keeps_them_apart() -> None:
    surface = make_surface([TABLE, LEFT, RIGHT])
    labels = _halves(surface)
    join_seamless(surface, labels, SceneMaskConfig())
    assert set(labels.of_voxel.tolist()) == {0, 1, 2}


def test_what_stands_behind_does_not_touch(table_surface: Surface) -> None:
    structure = find_structure(table_surface, SceneMaskConfig())
    first, second = (
        int(np.bincount(structure.labels.of_voxel[on_box(table_surface, box)]).argmax()) for box in (FIRST, SECOND)
    )
    lengths, _ = contacts(table_surface, structure.labels)
    assert lengths[first, second] == 0
    assert lengths[first, structure.labels.label_of_support(0)] > 100


def test_images_of_labels_follow_the_labels_and_what_is_labeled(table_surface: Surface) -> None:
    """What is remembered of a surface from one set of labels does not show in the next."""
    labels = Labels(np.zeros(len(table_surface), np.int64))
    for _ in range(3):
        labels.add(Kind.SUPPORT, 0)
    half = np.arange(len(table_surface)) % 2 == 0
    for of_voxel in (np.where(half, 0, 1), np.where(half, 2, 1), np.where(half, -1, 1), np.where(half, 0, -1)):
        fresh = replace(table_surface)
        labels.of_voxel[:] = of_voxel
        for (index, image), (_, expected) in zip(
            label_images(table_surface, labels), label_images(fresh, labels), strict=True
        ):
            np.testing.assert_array_equal(image, expected)
            voxels = table_surface.voxels[index]
            direct = (voxels >= 0) & (of_voxel[voxels] >= 0)
            np.testing.assert_array_equal(image[direct], of_voxel[voxels[direct]])
            assert set(np.unique(image)) <= {-1, *of_voxel.tolist()}
