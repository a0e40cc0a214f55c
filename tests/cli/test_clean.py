"""saga-clean: what it says, and what it writes."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from saga.cleaning import NAMES
from saga.demo.strays import with_strays
from saga.scene import Gaussians, load_scene


@pytest.fixture(scope="module")
def littered(tiny_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The tiny scene with strays, and its photographs."""
    folder = tmp_path_factory.mktemp("littered") / "scene"
    shutil.copytree(tiny_folder, folder)
    gaussians, kinds = with_strays(load_scene(tiny_folder / "scene.ply"), 60, seed=1)
    gaussians.write(folder / "scene.ply")
    np.save(folder / "kinds.npy", kinds)
    return folder


def test_it_proposes_and_leaves_the_scene_alone(saga_clean, littered: Path, tmp_path: Path) -> None:
    before = (littered / "scene.ply").read_bytes()
    out = tmp_path / "out"
    done = saga_clean(littered / "scene.ply", "--out", out, "--device", "cpu")
    assert done.code == 0, done.err
    assert (littered / "scene.ply").read_bytes() == before
    assert sorted(path.name for path in out.iterdir()) == [f"preview-{k}.png" for k in (1, 2, 3)] + ["report.json"]
    report = json.loads((out / "report.json").read_text())
    assert report["removed"] == sum(kind["count"] for kind in report["kinds"].values()) > 40
    assert set(report["kinds"]) == set(NAMES)
    assert report["psnr"]["after"] > report["psnr"]["before"]
    assert report["views"] == {"count": 6, "planned": False, "compared_with": "photographs"}
    for name in NAMES:
        assert name in done.out
    assert "gains" in done.out
    picture = np.asarray(Image.open(out / "preview-1.png"))
    assert picture.shape[1] > 2 * picture.shape[0]


def test_applied_it_writes_the_rows_that_stay_bit_for_bit(saga_clean, littered: Path, tmp_path: Path) -> None:
    done = saga_clean(littered / "scene.ply", "--apply", "--out", tmp_path / "out", "--device", "cpu")
    assert done.code == 0, done.err
    known, kept = Gaussians.read(littered / "scene.ply"), Gaussians.read(tmp_path / "out" / "clean.ply")
    report = json.loads((tmp_path / "out" / "report.json").read_text())
    assert len(kept) == len(known) - report["removed"]
    rows = {row.tobytes() for row in known.vertices}
    assert all(row.tobytes() in rows for row in kept.vertices)
    again = saga_clean(littered / "scene.ply", "--strength", 0, "--out", tmp_path / "out", "--device", "cpu")
    assert again.code == 0, again.err
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["report.json"]  # nothing goes, nothing to show


def test_a_kind_has_a_strength_of_its_own(saga_clean, littered: Path, tmp_path: Path) -> None:
    options = ("--strength", 0, "--floaters", 0.8, "--out", tmp_path / "out", "--device", "cpu")
    assert saga_clean(littered / "scene.ply", *options).code == 0
    kinds = json.loads((tmp_path / "out" / "report.json").read_text())["kinds"]
    assert kinds["floaters"]["count"] > 0
    assert [kind["count"] for name, kind in kinds.items() if name != "floaters"] == [0, 0, 0, 0]


def test_without_cameras_it_says_what_cannot_be_told(saga_clean, littered: Path, tmp_path: Path) -> None:
    shutil.copy(littered / "scene.ply", tmp_path / "scene.ply")
    done = saga_clean(tmp_path / "scene.ply", "--views", 6, "--out", tmp_path / "out", "--device", "cpu")
    assert done.code == 0, done.err
    report = json.loads((tmp_path / "out" / "report.json").read_text())
    assert set(report["not_told"]) == {"haze", "unseen"}
    assert report["views"]["compared_with"] == "renderings before"
    assert report["psnr"]["before"] is None
    assert done.out.count("cannot be told") == 2


def test_the_scene_itself_is_never_replaced(saga_clean, littered: Path, tmp_path: Path) -> None:
    folder = tmp_path / "mine"
    shutil.copytree(littered, folder)
    (folder / "scene.ply").rename(folder / "clean.ply")
    report = {"removed": 0, "kinds": {}, "not_told": {}}  # as if a cleaning had been put into the scene's folder
    (folder / "report.json").write_text(json.dumps(report))
    saga_clean(folder / "clean.ply", "--apply", "--out", folder, "--device", "cpu").assert_mistake("the scene itself")


@pytest.mark.parametrize("options", [("--strength", "2"), ("--haze", "-1"), ("--format", "obj")])
def test_mistakes_are_one_line(saga_clean, littered: Path, options: tuple[str, str]) -> None:
    saga_clean(littered / "scene.ply", *options, "--device", "cpu").assert_mistake(options[0][2:])
