"""Labels drawn to image edges."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from saga.masks.color_edges import color_edges
from saga.masks.scene.grid import ViewGrid
from saga.masks.scene.labels import Kind, Labels
from saga.masks.scene.snapping import snapped
from saga.masks.scene.surface import Surface

from .conftest import BLUE, GREY


def _labels() -> Labels:
    labels = Labels(np.zeros(0, np.int64))
    labels.add(Kind.SUPPORT, 0)
    labels.add(Kind.OBJECT, 0)
    return labels


def _filled(grid: ViewGrid) -> ViewGrid:
    return replace(grid, depth=np.ones_like(grid.depth))


def test_a_border_moves_to_the_edge_of_the_photograph(table_surface: Surface) -> None:
    grid = _filled(table_surface.grids[0])
    coarse = np.zeros(grid.depth.shape, int)
    coarse[40:80, 62:102] = 1  # the object's edge in the photograph is two pixels farther left and right
    image = np.empty((*grid.depth.shape, 3), np.uint8)
    image[:] = np.array(GREY) * 255
    image[40:80, 60:104] = np.array(BLUE) * 255
    drawn = snapped(grid, coarse, _labels(), color_edges(image).gradient)
    expected = np.zeros_like(drawn)
    expected[40:80, 60:104] = 1
    assert (drawn != expected).sum() <= 100
    assert (drawn != coarse).sum() > 100


def test_specks_are_not_certain(table_surface: Surface) -> None:
    grid = _filled(table_surface.grids[0])
    coarse = np.zeros(grid.depth.shape, int)
    coarse[50:53, 70:73] = 1
    image = np.full((*grid.depth.shape, 3), 128, np.uint8)
    assert (snapped(grid, coarse, _labels(), color_edges(image).gradient) != 1).all()


def test_a_doubtful_bump_goes_to_what_it_looks_like(table_surface: Surface) -> None:
    grid = _filled(table_surface.grids[0])
    coarse = np.zeros(grid.depth.shape, int)
    coarse[40:80, 40:102] = 1  # the left half of it is a bump of the support, as the photograph shows
    image = np.empty((*grid.depth.shape, 3), np.uint8)
    image[:] = np.array(GREY) * 255
    image[40:80, 70:102] = np.array(BLUE) * 255
    doubtful = np.zeros(grid.depth.shape, bool)
    doubtful[40:80, 40:74] = True
    drawn = snapped(grid, coarse, _labels(), color_edges(image).gradient, doubtful)
    assert (drawn[42:78, 44:68] == 0).all()
    assert (drawn[42:78, 72:100] == 1).all()
    assert (snapped(grid, coarse, _labels(), color_edges(image).gradient)[42:78, 44:68] == 1).all()
