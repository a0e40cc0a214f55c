"""From a surface to its objects."""

from __future__ import annotations

from pathlib import Path
from unittest.mock import patch

import numpy as np
import pytest

from saga.masks.scene import confirmation
from saga.masks.scene.config import SceneMaskConfig
from saga.masks.scene.labels import Kind, Labels
from saga.masks.scene.outlines import Outlines
from saga.masks.scene.structure import SceneStructure, find_structure
from saga.masks.scene.surface import Surface

from .conftest import BLUE, FIRST, GREY, RED, SECOND, TABLE, THICKNESS, Box, make_surface, on_box


def _labels(surface: Surface, structure: SceneStructure, box: Box) -> tuple[int, float]:
    """The label that most voxels of a box have, and their share."""
    labels, counts = np.unique(structure.labels.of_voxel[on_box(surface, box)], return_counts=True)
    return int(labels[counts.argmax()]), counts.max() / counts.sum()


def test_each_box_on_a_table_is_an_object(table_surface: Surface) -> None:
    structure = find_structure(table_surface, SceneMaskConfig())
    assert structure.description == "2 objects on 1 support"
    (first, share), (second, other) = (_labels(table_surface, structure, box) for box in (FIRST, SECOND))
    assert first != second
    assert min(share, other) > 0.95
    assert structure.labels.kinds[first] is structure.labels.kinds[second] is Kind.OBJECT
    table = structure.labels.of_voxel[np.abs(table_surface.points[:, 2]) < THICKNESS]
    assert (table == structure.labels.label_of_support(0)).mean() > 0.97


def test_every_view_shows_the_labels(table_surface: Surface) -> None:
    structure = find_structure(table_surface, SceneMaskConfig())
    grid = table_surface.grids[0]
    image = structure.labels_of(grid)
    points = grid.points
    on_first = grid.seen & (np.abs(points - np.array(FIRST.center)) < np.array(FIRST.sides) / 2 - 0.02)[..., :2].all(-1)
    on_first &= points[..., 2] > 0.1
    assert (image[on_first] == _labels(table_surface, structure, FIRST)[0]).mean() > 0.97
    assert (image[~grid.seen] == -1).all()


def test_a_bump_that_no_photograph_shows_is_the_table() -> None:
    bump = Box((0.45, 0.1, 0.1), (0.4, 0.3, 0.2), GREY)
    surface = make_surface([TABLE, FIRST, bump])
    structure = find_structure(surface, SceneMaskConfig())
    assert structure.description == "1 object on 1 support"
    assert _labels(surface, structure, bump)[0] == structure.labels.label_of_support(0)


@pytest.mark.parametrize(("height", "found"), [(0.5, 2), (0.05, 1)])
def test_what_hides_the_table_behind_it_is_a_thing_though_edges_around_it_are_weak(height: float, found: int) -> None:
    """As a black ball on black cloth is; of a low bump, weaker edges still say nothing."""
    thing = Box((0.45, 0.1, height / 2), (0.4, 0.3, height), (0.55, 0.55, 0.55))
    structure = find_structure(make_surface([TABLE, FIRST, thing], elevation=35.0), SceneMaskConfig())
    assert len(structure.labels.of(Kind.OBJECT)) == found


def test_a_thing_on_a_thing_is_an_object_of_its_own() -> None:
    low, high = Box((0, 0, 0.1), (0.7, 0.7, 0.2), BLUE), Box((0, 0, 0.3), (0.25, 0.25, 0.2), RED)
    surface = make_surface([TABLE, low, high])
    structure = find_structure(surface, SceneMaskConfig())
    assert structure.description == "2 objects on 1 support"
    assert _labels(surface, structure, low)[0] != _labels(surface, structure, high)[0]
    assert _labels(surface, structure, high)[1] > 0.9


def test_a_step_of_one_color_is_one_object() -> None:
    low, high = Box((0, 0, 0.1), (0.7, 0.7, 0.2), BLUE), Box((0, 0, 0.3), (0.25, 0.25, 0.2), BLUE)
    surface = make_surface([TABLE, low, high])
    structure = find_structure(surface, SceneMaskConfig())
    assert structure.description == "1 object on 1 support"
    assert _labels(surface, structure, low)[0] == _labels(surface, structure, high)[0]


def test_a_support_with_nothing_on_it_has_no_structure() -> None:
    """A bump is given back to the table, and then there is no thing to tell from it."""
    bump = Box((0.45, 0.1, 0.1), (0.4, 0.3, 0.2), GREY)
    assert not find_structure(make_surface([TABLE, bump]), SceneMaskConfig()).found


def test_edges_may_be_weaker_the_more_a_thing_hides() -> None:
    """Edges of 0.25 do not confirm what hides nothing, and do where it hides what is behind along half its outline."""
    surface, strength = make_surface([TABLE, FIRST]), np.array([0.0, 0.25])
    config = SceneMaskConfig()
    kept = []
    for hides in (0.0, 0.3, 0.45, 0.6):
        labels = Labels(np.where(on_box(surface, FIRST), 1, 0), [Kind.SUPPORT, Kind.OBJECT], [0, 0])
        with patch.object(confirmation, "outlines", return_value=Outlines(strength, np.array([0.0, hides]))):
            confirmation.drop_unconfirmed(surface, labels, config)
        kept.append(bool((labels.of_voxel == 1).any()))
    assert kept == [False, False, True, True]


def test_an_empty_table_has_no_structure() -> None:
    structure = find_structure(make_surface([TABLE]), SceneMaskConfig())
    assert not structure.found
    assert structure.description == ""


def test_a_structure_comes_back_from_its_file(table_surface: Surface, tmp_path: Path) -> None:
    structure = find_structure(table_surface, SceneMaskConfig())
    structure.save(tmp_path / "structure.npz")
    back = SceneStructure.load(tmp_path / "structure.npz")
    np.testing.assert_array_equal(back.labels_of(table_surface.grids[1]), structure.labels_of(table_surface.grids[1]))
    assert back.labels.kinds == structure.labels.kinds
    assert back.description == structure.description
    SceneStructure.nothing().save(tmp_path / "nothing.npz")
    assert not SceneStructure.load(tmp_path / "nothing.npz").found


def test_a_shade_belongs_to_the_foot_that_bears_it_and_not_to_the_cabinet() -> None:
    """A pole is too thin for voxels: the shade is a cluster that touches nothing."""
    cabinet = Box((0.0, 0.0, 0.15), (0.7, 0.5, 0.3), BLUE)
    foot, shade = Box((0.1, 0.0, 0.38), (0.08, 0.08, 0.16)), Box((0.1, 0.0, 0.62), (0.3, 0.3, 0.12))
    surface = make_surface([TABLE, cabinet, foot, shade])
    structure = find_structure(surface, SceneMaskConfig())
    lower, upper, top = (_labels(surface, structure, box)[0] for box in (cabinet, shade, foot))
    assert upper == top != lower
    assert structure.description == "2 objects on 1 support"
