"""saga-segment --method and saga-discover: their files and the mistakes they name."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from saga.scene import Gaussians, Scene

METHODS = ("sa3d", "sanerf-hq", "sgisrf")


@pytest.fixture(scope="session")
def click(tiny_folder: Path) -> tuple[str, str, np.ndarray]:
    """A view, a pixel on the ball in it, and which Gaussians are the ball's."""
    label = json.loads((tiny_folder / "objects.json").read_text())["ball"]
    sizes = {p: np.sum(np.asarray(Image.open(p)) == label) for p in sorted((tiny_folder / "instances").iterdir())}
    path = max(sizes, key=lambda p: sizes[p])
    rows, columns = np.nonzero(np.asarray(Image.open(path)) == label)
    return path.name, f"{int(np.median(columns))},{int(np.median(rows))}", np.load(tiny_folder / "labels.npy") == label


@pytest.mark.parametrize("method", METHODS)
def test_every_method_segments_without_training(saga_segment, tiny_folder, click, tmp_path, method: str) -> None:
    view, point, truth = click
    done = saga_segment(
        tiny_folder / "scene.ply", "--method", method, "--masks", tiny_folder / "instances", "--view", view,
        "--points", point, "--device", "cpu", "--out", tmp_path / "ball",
    )  # fmt: skip
    assert done.code == 0, done.err
    selected = np.load(tmp_path / "ball" / "segmentation.npz")["mask"]
    assert (selected & truth).sum() / (selected | truth).sum() > (0.2 if method == "sgisrf" else 0.6)
    report = json.loads((tmp_path / "ball" / "report.json").read_text())
    assert report["view"] == view and report["timings_ms"]


def test_settings_are_set_by_name(saga_segment, tiny_folder, click, tmp_path) -> None:
    given = ("--method", "sa3d", "--masks", tiny_folder / "instances", "--view", click[0], "--points", click[1])
    scene, out = tiny_folder / "scene.ply", tmp_path / "ball"
    done = saga_segment(scene, *given, "--set", "propagate=false", "--device", "cpu", "--out", out)
    assert done.code == 0, done.err
    saga_segment(scene, *given, "--set", "propagated=false", "--out", out).assert_mistake("propagated", "propagate")
    saga_segment(scene, *given, "--set", "points=0", "--out", out).assert_mistake("points", "1 or more")
    saga_segment(scene, *given, "--sa3d.points", "0", "--out", out).assert_mistake("--sa3d.points", "1 or more")


@pytest.mark.parametrize(
    ("arguments", "parts"),
    [
        (("--method", "sa3d", "--field", "x.saga"), ["--field", "sa3d", "leave it out"]),
        (("--method", "sanerf-hq", "--threshold", "0.5"), ["--threshold", "saga-segment --method sanerf-hq --help"]),
        (("--method", "sgisrf", "--no-filter"), ["an option of saga-segment --method sgisrf"]),
        (("--method", "sa3"), ["--method: expected saga, sa3d,", "found 'sa3'"]),
        (("--masks", "instances"), ["--masks", "--method saga"]),
        (("--method", "sa3d", "--masks", "nowhere"), ["nowhere"]),
        (("--method", "sa3d", "--masks", "nowhere", "--sam", "vit_b"), ["--masks and --sam"]),
    ],
)
def test_mistakes_are_one_line(saga_segment, tiny_folder, click, field, tmp_path, arguments, parts) -> None:
    out = tmp_path / "out"
    own = () if "--method" in arguments else ("--field", field)
    where = ("--view", click[0], "--points", click[1], "--device", "cpu", "--out", out)
    saga_segment(tiny_folder / "scene.ply", *arguments, *own, *where).assert_mistake(*parts)
    assert not out.exists()


@pytest.mark.parametrize("method", ["disconerf", "saga"])
def test_a_scene_is_cut_into_objects(saga_discover, tiny_folder, tiny_scene: Scene, field, tmp_path, method) -> None:
    out = tmp_path / "objects"
    own = ("--field", field) if method == "saga" else ("--masks", tiny_folder / "instances", "--set", "iterations=150")
    done = saga_discover(
        tiny_folder / "scene.ply", "--method", method, *own, "--device", "cpu", "--out", out, "--labels-in-ply"
    )
    assert done.code == 0, done.err
    facts = json.loads((out / "objects.json").read_text())
    names = {name: each["id"] for name, each in facts.items()}
    labels = np.load(out / "labels.npy")
    assert labels.shape == (len(tiny_scene.gaussians),) and labels.max() <= len(names)
    assert len(names) > 5
    assert {path.stem for path in (out / "objects").iterdir()} == set(names)
    assert np.array_equal(Gaussians.read(out / "labeled.ply").vertices["object_id"], labels)
    name, label = next(iter(names.items()))
    written = Gaussians.read(out / "objects" / f"{name}.ply").vertices
    assert np.array_equal(written, tiny_scene.gaussians.vertices[labels == label])
    for camera in tiny_scene.cameras:
        shown = np.asarray(Image.open(out / "label_maps" / f"{camera.stem}.png"))
        assert shown.shape == (camera.height, camera.width) and set(np.unique(shown)) <= {0, *names.values()}
    report = json.loads((out / "report.json").read_text())
    assert report["method"] == method and set(report["gaussians"]) == set(names)
    assert (out / "overview.png").is_file()


def test_a_scene_of_no_objects_has_a_code_of_its_own(saga_discover, tiny_folder, field, tmp_path) -> None:
    own = ("--method", "saga", "--field", field, "--device", "cpu", "--out", tmp_path / "out")
    done = saga_discover(tiny_folder / "scene.ply", *own, "--set", "smallest=1000000")
    assert done.code == 3 and len(done.errors) == 1 and "expected objects" in done.errors[0]
    assert not (tmp_path / "out").exists()


def test_mistakes_of_discovery_are_one_line(saga_discover, tiny_folder, tmp_path) -> None:
    scene, out = tiny_folder / "scene.ply", ("--out", tmp_path / "out")
    saga_discover(scene, "--method", "saga", "--masks", "m", *out).assert_mistake("--masks", "leave it out")
    saga_discover(scene, "--field", "f", *out).assert_mistake("--field", "leave it out")
    saga_discover(scene, "--set", "slot=1", *out).assert_mistake("slot", "slots")
    saga_discover(scene, "--slots", "-1", *out).assert_mistake("--slots: expected a whole number, 0 or more")
    saga_discover(scene, "--method", "sa3d", *out).assert_mistake("--method: expected saga or disconerf, found 'sa3d'")
    saga_discover(scene, "--method", "saga", *out).assert_mistake("scene.saga")
    assert not (tmp_path / "out").exists()
