"""The demo's layouts and captures: what stands where, how it is photographed, and that the truth stays exact."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import get_args

import numpy as np
import pytest
from PIL import Image

from saga.demo import make_scene, write_scene
from saga.demo.capture import CAPTURES, Capture
from saga.demo.layouts import LAYOUTS
from saga.demo.names import CaptureName, LayoutName
from saga.demo.outdoors import ground_height
from saga.scene import load_scene


@pytest.mark.parametrize("layout", list(LAYOUTS))
def test_every_object_is_there_and_seen(layout: str, tmp_path: Path) -> None:
    made = make_scene(gaussians=6000, views=4, size=(120, 90), layout=layout)
    write_scene(made, tmp_path / "scene")
    counts = np.bincount(made.labels, minlength=len(made.names))
    assert len(made.labels) == pytest.approx(6000, rel=0.15)
    assert list(made.names.values()) == list(range(len(made.names))) and counts.min() > 0
    everywhere = {int(label) for path in _pngs(tmp_path) for label in np.unique(_png(path))}
    # A bar of soap may hide behind a carton in a handful of small views, but hardly more than that.
    assert len(everywhere) >= len(made.names) - 1


def test_things_stand_on_boards_and_on_uneven_ground() -> None:
    shelf = make_scene(gaussians=8000, views=1, layout="shelf")
    lowest = {name: shelf.gaussians.means[shelf.labels == label, 2].min() for name, label in shelf.names.items()}
    assert lowest["vase"] == pytest.approx(lowest["duck"], abs=0.02) and lowest["vase"] > lowest["ball"] + 0.3
    garden = make_scene(gaussians=8000, views=1, layout="garden")
    ball = garden.gaussians.means[garden.labels == garden.names["ball"]]
    below = ground_height(ball[:, :1].mean(0), ball[:, 1:2].mean(0))[0]
    assert ball[:, 2].min() == pytest.approx(below, abs=0.03)
    ground = garden.gaussians.means[garden.labels == 0, 2]
    assert np.ptp(ground) > 0.2


def test_the_sky_hides_no_light() -> None:
    patio = make_scene(gaussians=4000, views=1, layout="patio")
    color, means = patio.gaussians.colors(np.array([0.0, 0.0, 1.0])), patio.gaussians.means
    table = means[patio.labels == patio.names["coffee_table"]]
    top = color[patio.labels == patio.names["coffee_table"]][table[:, 2] > table[:, 2].max() - 0.02]
    sky = color[np.linalg.norm(means, axis=1) > 12]
    assert len(sky) > 20 and sky.mean() > 0.6
    assert top.mean() > 0.25  # under a roof nothing but 0.06 of the linear color is left: 0.1


def test_a_capture_of_one_side_looks_from_there_alone() -> None:
    for layout in ("table", "room"):
        around, front = (
            CAPTURES[each].cameras(LAYOUTS[layout], 20, (80, 60), seed=0) for each in ("handheld", "forward")
        )
        axes = [np.stack([camera.world_to_camera[2, :3] for camera in each]) for each in (around, front)]
        least = [float((axis @ axis.T).min()) for axis in axes]
        assert len(front) == 20 and least[1] > np.cos(np.radians(36)) > least[0]
    table = CAPTURES["forward"].cameras(LAYOUTS["table"], 20, (80, 60), seed=0)
    middle = np.mean([camera.position for camera in table], axis=0)
    assert abs(middle[0]) < 0.1 and middle[1] < -1  # what is seen from all around is seen from -y


@pytest.mark.parametrize(("asked", "taken"), [(24, 9), (4, 4)])
def test_a_sparse_capture_has_few_views(asked: int, taken: int) -> None:
    assert len(CAPTURES["sparse"].cameras(LAYOUTS["room"], asked, (80, 60), seed=0)) == taken


def test_the_borders_of_close_pictures_cut_things_off(tmp_path: Path) -> None:
    cut = {}
    for capture in ("handheld", "close"):
        folder = tmp_path / capture
        write_scene(make_scene(4000, views=6, size=(80, 60), layout="clutter", capture=capture), folder / "scene")
        border = [np.concatenate([i[0], i[-1], i[:, 0], i[:, -1]]) for i in map(_png, _pngs(folder))]
        cut[capture] = sum(len(np.unique(each[each > 0])) for each in border)
    assert cut["close"] > 2 * cut["handheld"] and cut["close"] >= 8


def test_a_scaled_object_keeps_its_shape_and_its_number_of_surfels() -> None:
    room = make_scene(gaussians=20000, views=1, layout="room")
    ball = room.gaussians.means[room.labels == room.names["ball"]]
    assert np.ptp(ball, axis=0) == pytest.approx(2 * 0.125 * 1.5, rel=0.05)


def test_a_handheld_capture_errs_in_photographs_cameras_and_gaussians_but_not_in_the_truth(tmp_path: Path) -> None:
    arguments = {"gaussians": 5000, "views": 3, "size": (160, 120), "layout": "clutter"}
    perfect, handheld = make_scene(**arguments), make_scene(**arguments, capture="handheld")
    write_scene(perfect, tmp_path / "perfect")
    write_scene(handheld, tmp_path / "handheld")
    added = len(handheld.labels) - len(perfect.labels)
    assert added == round(CAPTURES["handheld"].floaters * len(perfect.labels))
    assert handheld.floating is not None and handheld.floating.sum() == added
    assert not handheld.labels[handheld.floating].any()
    for name in ("000.png", "001.png", "002.png"):
        clean, real = (_png(tmp_path / each / "images" / name).astype(float) for each in ("perfect", "handheld"))
        assert 1 < np.abs(clean - real).mean() < 40
        truth = [_png(tmp_path / each / "instances" / name) for each in ("perfect", "handheld")]
        assert np.array_equal(*truth)
    loaded = load_scene(tmp_path / "handheld" / "scene.ply")
    for found, true in zip(loaded.cameras, handheld.cameras, strict=True):
        difference = np.abs(found.world_to_camera - true.world_to_camera).max()
        assert 1e-5 < difference < 0.03


def test_the_same_seed_takes_the_same_photographs() -> None:
    image = np.full((20, 30, 3), 128, np.uint8)
    handheld = CAPTURES["handheld"]
    first, again, other = (handheld.photograph(image, np.random.default_rng(seed)) for seed in (1, 1, 2))
    assert np.array_equal(first, again) and not np.array_equal(first, other)
    assert np.array_equal(Capture().photograph(image, np.random.default_rng(0)), image)
    camera = make_scene(gaussians=2000, views=1).cameras[0]
    assert np.allclose(Capture().camera(camera, np.random.default_rng(0)).world_to_camera, camera.world_to_camera)
    turned = replace(Capture(), rotation=1.0).camera(camera, np.random.default_rng(0)).world_to_camera
    assert np.allclose(turned[:3, :3] @ turned[:3, :3].T, np.eye(3)) and not np.allclose(turned, camera.world_to_camera)


def _pngs(folder: Path) -> list[Path]:
    return sorted((folder / "scene" / "instances").glob("*.png"))


def _png(path: Path) -> np.ndarray:
    return np.asarray(Image.open(path))


def test_the_names_are_those_of_what_there_is() -> None:
    assert list(LAYOUTS) == list(get_args(LayoutName)) and list(CAPTURES) == list(get_args(CaptureName))
