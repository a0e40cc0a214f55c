"""Voxels of what several views see."""

from __future__ import annotations

import numpy as np

from saga.masks.scene.config import SceneMaskConfig
from saga.masks.scene.surface import Surface, fuse

from .conftest import FIRST, SECOND, TABLE, THICKNESS, make_grids, make_scene, on_box


def test_voxels_lie_on_the_surface_with_its_color_and_normal(table_surface: Surface) -> None:
    top = (np.abs(table_surface.points[:, 2]) < THICKNESS) & (np.abs(table_surface.points[:, :2]) < 1.0).all(1)
    assert top.sum() > 1000
    assert (table_surface.normals[top, 2] > 0.9).mean() > 0.9
    assert table_surface.views.min() >= 2
    red, blue = table_surface.lab[on_box(table_surface, FIRST)], table_surface.lab[on_box(table_surface, SECOND)]
    assert np.median(red[:, 1]) > 30  # a* of red
    assert np.median(blue[:, 2]) < -30  # b* of blue


def test_samples_find_their_voxel(table_surface: Surface) -> None:
    grid, voxels = table_surface.grids[0], table_surface.voxels[0]
    known = voxels >= 0
    assert known.sum() > 0.8 * table_surface.lattice.sampled(grid).sum()
    gap = np.abs(table_surface.points[voxels[known]] - grid.points[known]).max()
    assert gap <= table_surface.side * 1.001


def test_what_one_view_alone_sees_is_left_out() -> None:
    grids = make_grids(make_scene([TABLE]))
    grids[0].depth[20:30, 40:50] = 1.5  # a floater before one camera
    surface = fuse(grids, SceneMaskConfig())
    assert surface is not None
    assert surface.points[:, 2].max() < 0.1


def test_few_views_that_never_meet_in_a_voxel_see_a_surface_still() -> None:
    grids, config = make_grids(make_scene([TABLE], views=4)), SceneMaskConfig()
    fused = fuse(grids, config)
    assert fused is not None
    for index, grid in enumerate(grids):
        grid.depth[grid.seen] += 1.5 * fused.side * (index - 1.5)  # depths are as noisy as few photographs leave them
    grids[0].depth[20:30, 40:50] = 1.5  # a floater before one camera
    for grid in grids:
        grid.__dict__.pop("points", None)
    surface = fuse(grids, config)
    assert surface is not None
    held = [(voxels >= 0).sum() for voxels in surface.voxels]
    assert sum(held) > 0.8 * sum(surface.lattice.sampled(grid).sum() for grid in grids)
    assert surface.points[:, 2].max() < 0.5


def test_nothing_seen_is_no_surface() -> None:
    grids = make_grids(make_scene([TABLE], views=2))
    for grid in grids:
        grid.depth[:] = 0
    assert fuse(grids, SceneMaskConfig()) is None


def test_the_largest_share_of_a_label(table_surface: Surface) -> None:
    labels = np.where(on_box(table_surface, FIRST), 1, -1)
    shares = table_surface.largest_shares(labels, 2)
    assert shares[0] == 0
    expected = max((labels[v[v >= 0]] == 1).sum() / v.size for v in table_surface.voxels)
    assert shares[1] == expected > 0.005
