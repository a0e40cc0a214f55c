"""The masks of one view."""

from __future__ import annotations

import numpy as np

from saga.masks.config import ClassicalConfig
from saga.masks.scene.config import SceneMaskConfig
from saga.masks.scene.labels import Kind
from saga.masks.scene.parts import masks_of_view
from saga.masks.scene.structure import find_structure
from saga.masks.scene.surface import Surface


def test_wholes_weigh_more_than_the_parts_inside_them(table_surface: Surface) -> None:
    config = SceneMaskConfig()
    structure, grid = find_structure(table_surface, config), table_surface.grids[0]
    image = grid.color.copy()
    drawn = structure.labels_of(grid)
    (first, second) = structure.labels.of(Kind.OBJECT)
    rows, columns = np.nonzero(drawn == first)
    half = (drawn == first) & (np.arange(160) > np.median(columns))
    image[half] = (250, 240, 20)  # a part of the first object, by color
    masks, weights = masks_of_view(structure, grid, image, config, ClassicalConfig())
    wholes, parts = masks[weights > 1], masks[weights == 1]
    assert masks.shape[1:] == (120, 160)
    assert len(wholes) == 3
    assert (wholes.sum(0) <= 1).all()
    assert len(parts) >= 1
    objects = [whole for whole in wholes if not whole[5, 80]]
    for part in parts:
        shares = [(part & whole).sum() / part.sum() for whole in wholes]
        assert max(shares) >= 0.9
    assert max((part & half).sum() / (part | half).sum() for part in parts) > 0.7
    assert len(rows) > 0 and len(objects) >= 2
