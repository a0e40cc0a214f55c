"""Pictures of objects: where they are seen, whole, and without what stands before them."""

from __future__ import annotations

import numpy as np
import torch

from saga.raster import DeviceScene
from saga.scene import Scene
from saga.words.crops import VIEWS, crops_of, find_sights


def test_each_object_has_views_from_different_sides(placed: DeviceScene, things) -> None:
    sights = find_sights(placed, [each.tensor.mask for each in things.values()], progress=False)
    ball = sights[list(things).index("ball")]
    assert len(ball) == VIEWS and len({sight.camera.name for sight in ball}) == VIEWS
    directions = np.stack([sight.camera.world_to_camera[2, :3] for sight in ball])
    assert (directions @ directions.T)[~np.eye(VIEWS, dtype=bool)].max() < 0.95
    assert all(0.5 < sight.share <= 1 for sight in ball)


def test_the_box_is_where_the_object_is(placed: DeviceScene, things, tiny_demo, tiny_folder) -> None:
    from PIL import Image

    sight = find_sights(placed, [things["ball"].tensor.mask], progress=False)[0][0]
    shown = np.asarray(Image.open(tiny_folder / "instances" / sight.camera.name)) == tiny_demo.names["ball"]
    rows, columns = np.flatnonzero(shown.any(1)), np.flatnonzero(shown.any(0))
    truth = np.array([columns[0], rows[0], columns[-1] + 1, rows[-1] + 1])
    assert np.abs(np.array(sight.box) - truth).max() < 8


def test_pictures_show_the_object_alone_and_then_in_the_photograph(placed: DeviceScene, things) -> None:
    member = things["duck"].tensor.mask
    sights = find_sights(placed, [member], progress=False)[0]
    white, gray, photograph = crops_of(placed, member, sights[:1], 64)
    assert all(each.shape == (64, 64, 3) and each.dtype == np.uint8 for each in (white, gray, photograph))
    assert (white[0, 0] == 255).all() and (gray[0, 0] == 128).all()
    assert (photograph[0, 0] < 250).any()
    middle = white[20:44, 20:44].reshape(-1, 3).mean(0)
    assert middle[0] > 150 > middle[2]  # yellow, not white and not the table


def test_a_stray_gaussian_does_not_make_the_object_small(placed: DeviceScene, things) -> None:
    member = things["ball"].tensor.mask.clone()
    alone = find_sights(placed, [member], progress=False)[0]
    stray = torch.nonzero(things["lamp"].tensor.mask)[0, 0]
    member[stray] = True
    strayed = find_sights(placed, [member], progress=False)[0]
    for sight in strayed:
        same = next((each for each in alone if each.camera.name == sight.camera.name), None)
        if same is not None:
            assert np.abs(np.array(same.box) - np.array(sight.box)).max() < 3


def test_what_no_view_shows_has_no_pictures(placed: DeviceScene, tiny_scene: Scene) -> None:
    nothing = torch.zeros(len(tiny_scene.gaussians), dtype=torch.bool)
    assert find_sights(placed, [nothing], progress=False) == [[]]
    assert crops_of(placed, nothing, [], 32) == []
