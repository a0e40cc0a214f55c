"""saga-views: pictures to read coordinates off, and views for a scene without cameras."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
from PIL import Image

from saga.scene import load_scene


def test_a_scene_without_cameras_gets_views_once(saga_views, tiny_folder: Path, tmp_path: Path) -> None:
    ply = tmp_path / "scene.ply"
    shutil.copy(tiny_folder / "scene.ply", ply)
    done = saga_views(ply, "--count", 4, "--device", "cpu")
    assert done.code == 0, done.err
    assert "comes without cameras; made 4 views" in done.out and "saga-segment" in done.out
    grids = sorted(path.name for path in (tmp_path / "scene_grid").glob("*.png"))
    assert grids == [f"view_{k:03d}.png" for k in range(4)]
    assert len(load_scene(ply, tmp_path / "scene_views" / "images").cameras) == 4
    made = (tmp_path / "scene_views" / "images" / "view_000.png").stat().st_mtime_ns
    assert "using the 4 views" in saga_views(ply, "--count", 4, "--device", "cpu").out
    assert (tmp_path / "scene_views" / "images" / "view_000.png").stat().st_mtime_ns == made


def test_views_of_another_scene_are_made_anew(saga_views, tiny_folder: Path, tmp_path: Path) -> None:
    ply = tmp_path / "scene.ply"
    shutil.copy(tiny_folder / "scene.ply", ply)
    assert saga_views(ply, "--count", 2, "--device", "cpu").code == 0
    gaussians = load_scene(ply, tmp_path / "scene_views" / "images").gaussians
    half = np.arange(len(gaussians)) % 2 == 0
    gaussians.write(ply, half)
    assert "made 2 views" in saga_views(ply, "--count", 2, "--device", "cpu").out


def test_photographs_are_shown_where_there_are_some(saga_views, tiny_folder: Path, tmp_path: Path) -> None:
    done = saga_views(tiny_folder / "scene.ply", "--out", tmp_path / "grid", "--device", "cpu")
    assert done.code == 0, done.err
    drawn = np.asarray(Image.open(tmp_path / "grid" / "000.png")).astype(int)
    photograph = np.asarray(Image.open(tiny_folder / "images" / "000.png")).astype(int)
    assert drawn.shape == photograph.shape
    assert 0.5 < np.mean(np.abs(drawn - photograph).max(axis=2) == 0) < 0.98
    assert not (tiny_folder / "scene_views").exists()


def test_photographs_without_cameras_are_no_reason_to_invent_views(
    saga_views, tiny_folder: Path, tmp_path: Path
) -> None:
    ply = tmp_path / "scene" / "scene.ply"
    ply.parent.mkdir()
    shutil.copy(tiny_folder / "scene.ply", ply)
    photographs = tmp_path / "photographs" / "images"
    shutil.copytree(tiny_folder / "images", photographs)
    saga_views(ply, photographs).assert_mistake("no cameras found")


def test_a_folder_of_something_else_stays(saga_views, tiny_folder: Path, tmp_path: Path) -> None:
    (tmp_path / "grid").mkdir()
    (tmp_path / "grid" / "000.png").write_text("a person's")
    done = saga_views(tiny_folder / "scene.ply", "--out", tmp_path / "grid", "--device", "cpu")
    done.assert_mistake("grid")
    assert (tmp_path / "grid" / "000.png").read_text() == "a person's"
    saga_views(tiny_folder / "scene.ply", "--count", 0).assert_mistake("--count", "1 or more")


def test_cameras_that_are_given_are_never_replaced_by_planned_ones(
    saga_views, saga_check, tiny_folder: Path, tmp_path: Path
) -> None:
    shutil.copy(tiny_folder / "scene.ply", tmp_path)
    (tmp_path / "cameras").mkdir()
    (tmp_path / "cameras" / "metadata.json").write_text('{"poses": [1')
    for command in (saga_views, saga_check):
        done = command(tmp_path / "scene.ply", "--cameras", tmp_path / "cameras", "--device", "cpu")
        done.assert_mistake("no cameras found", f"in {tmp_path}/cameras")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["cameras", "scene.ply"]
