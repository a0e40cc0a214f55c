"""The demo scene: what it holds and what it writes."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from saga.demo import DemoScene, instances_as_masks, make_scene, write_scene
from saga.demo.surfaces import area, ellipsoid, lathe, rounded_box, sample, torus
from saga.errors import SagaError
from saga.scene import Scene, load_scene


def test_every_object_has_its_own_gaussians(tiny_demo: DemoScene) -> None:
    counts = np.bincount(tiny_demo.labels, minlength=len(tiny_demo.names))
    assert tiny_demo.labels.dtype == np.uint8
    assert tiny_demo.labels.shape == tiny_demo.gaussians.means.shape[:1]
    assert tiny_demo.names["table"] == 0
    assert len(tiny_demo.names) >= 11
    assert len(counts) == len(tiny_demo.names)
    assert counts.min() >= 20


@pytest.mark.parametrize("wanted", [3000, 20000])
def test_the_number_of_gaussians_is_about_what_was_asked(wanted: int) -> None:
    assert len(make_scene(gaussians=wanted, views=1).labels) == pytest.approx(wanted, rel=0.15)


def test_the_same_seed_gives_the_same_scene_and_another_one_another(tiny_demo: DemoScene) -> None:
    again = make_scene(gaussians=4000, views=6, size=(160, 120))
    other = make_scene(gaussians=4000, seed=1, views=6, size=(160, 120))
    assert again.gaussians.digest() == tiny_demo.gaussians.digest()
    assert other.gaussians.digest() != tiny_demo.gaussians.digest()


def test_a_thing_that_is_left_out_leaves_the_others_where_they_are_and_takes_its_shadow_along(
    tiny_demo: DemoScene,
) -> None:
    without = make_scene(gaussians=4000, views=6, size=(160, 120), without="mug")
    others = tiny_demo.labels != tiny_demo.names["mug"]
    assert np.array_equal(without.labels, tiny_demo.labels[others])
    assert np.array_equal(without.gaussians.means, tiny_demo.gaussians.means[others])
    lighter = without.gaussians.base_colors() - tiny_demo.gaussians.base_colors()[others]
    near = np.linalg.norm(without.gaussians.means - [0.27, -0.3, 0.0], axis=1) < 0.06
    assert lighter[near].mean() > 0.2
    assert abs(np.median(lighter)) < 0.01


def test_things_stand_on_the_table_and_not_in_it(tiny_demo: DemoScene) -> None:
    lowest = tiny_demo.gaussians.means[tiny_demo.labels > 0, 2].min()
    highest = tiny_demo.gaussians.means[tiny_demo.labels == 0, 2].max()
    assert lowest > -1e-4
    assert highest < 1e-4


def test_surfels_lie_flat_in_their_surface() -> None:
    rng = np.random.default_rng(0)
    samples = sample(ellipsoid((1, 2, 3), (0.5, 0.5, 0.5)), 0.05, rng)
    outwards = (samples.points - [1, 2, 3]) / 0.5
    assert np.allclose(samples.normals, outwards, atol=0.02)
    assert np.abs((samples.tangents * samples.normals).sum(1)).max() < 1e-6


@pytest.mark.parametrize(
    ("surface", "expected"),
    [
        (ellipsoid((0, 0, 0), (2, 2, 2)), 16 * np.pi),
        (torus(3.0, 1.0, 1.0), 12 * np.pi**2),
        (lathe([(1, 0), (1, 5)], smooth=False), 10 * np.pi),
        (rounded_box((2, 3, 4), 1e-6)[5], 6.0),
    ],
)
def test_surfels_are_as_many_as_the_area_asks_for(surface, expected: float) -> None:
    assert area(surface) == pytest.approx(expected, rel=0.01)
    spacing = np.sqrt(expected / 3000)
    assert len(sample(surface, spacing, np.random.default_rng(0)).u) == pytest.approx(3000, rel=0.03)


def test_objects_have_parts_of_different_color(tiny_demo: DemoScene) -> None:
    color = tiny_demo.gaussians.colors(np.array([0.0, -2.0, 1.0]))
    for name in ("mug", "bottle", "apple", "ball", "plant", "duck"):
        own = color[tiny_demo.labels == tiny_demo.names[name]]
        assert np.ptp(own, axis=0).max() > 0.4, name


def test_objects_hide_each_other(tiny_demo: DemoScene, tiny_folder: Path) -> None:
    label = tiny_demo.names["atlas"]
    sizes = [np.sum(_png(path) == label) for path in sorted((tiny_folder / "instances").iterdir())]
    assert min(sizes) < 0.5 * max(sizes)


def test_the_folder_loads_as_a_scene_with_its_truth(tiny_demo: DemoScene, tiny_folder: Path, tiny_scene: Scene) -> None:
    assert np.allclose(tiny_scene.gaussians.means, tiny_demo.gaussians.means)
    assert np.array_equal(np.load(tiny_folder / "labels.npy"), tiny_demo.labels)
    assert json.loads((tiny_folder / "objects.json").read_text()) == tiny_demo.names
    assert len(tiny_scene.cameras) == 6
    for loaded, made in zip(tiny_scene.cameras, tiny_demo.cameras, strict=True):
        assert np.allclose(loaded.world_to_camera, made.world_to_camera)
        assert tiny_scene.image(loaded).shape == (120, 160, 3)
        assert _png(tiny_folder / "instances" / f"{loaded.stem}.png").shape == (120, 160)


def test_instances_follow_the_labels_where_the_means_project(tiny_demo: DemoScene, tiny_folder: Path) -> None:
    camera = tiny_demo.cameras[4]  # from above, where the lamp's shade is hidden by nothing
    label = tiny_demo.names["lamp"]
    top = tiny_demo.gaussians.means[tiny_demo.labels == label]
    top = top[top[:, 2] > 0.4]
    local = top @ camera.world_to_camera[:3, :3].T + camera.world_to_camera[:3, 3]
    x = (camera.fx * local[:, 0] / local[:, 2] + camera.cx).astype(int)
    y = (camera.fy * local[:, 1] / local[:, 2] + camera.cy).astype(int)
    assert np.mean(_png(tiny_folder / "instances" / f"{camera.stem}.png")[y, x] == label) > 0.9


def test_instances_as_masks_leaves_out_what_is_no_object() -> None:
    instances = np.array([[0, 0, 3], [7, 3, 3]], np.uint8)
    masks = instances_as_masks(instances)
    assert masks.dtype == bool
    assert np.array_equal(masks, [instances == 3, instances == 7])
    assert instances_as_masks(np.zeros((2, 3), np.uint8)).shape == (0, 2, 3)


def test_writing_again_replaces_the_demo_and_keeps_what_a_person_added(tmp_path: Path) -> None:
    out = tmp_path / "demo"
    write_scene(make_scene(gaussians=2000, views=3, size=(40, 30)), out)
    (out / "scene.saga").write_text("trained")
    write_scene(make_scene(gaussians=2000, views=2, size=(40, 30)), out)
    assert sorted(path.name for path in (out / "images").iterdir()) == ["000.png", "001.png"]
    assert (out / "scene.saga").read_text() == "trained"
    assert len(load_scene(out / "scene.ply").cameras) == 2


def test_another_scene_is_never_overwritten(tmp_path: Path) -> None:
    (tmp_path / "objects.json").write_text('{"vase": 1}')
    (tmp_path / "scene.ply").write_text("a person's")
    with pytest.raises(SagaError, match="found objects.json, scene.ply"):
        write_scene(make_scene(gaussians=2000, views=1, size=(40, 30)), tmp_path)
    assert (tmp_path / "scene.ply").read_text() == "a person's"


def _png(path: Path) -> np.ndarray:
    return np.asarray(Image.open(path))
