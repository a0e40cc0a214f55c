"""What was kept from earlier runs and is damaged is made again, or the message says how."""

from __future__ import annotations

import shutil
from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from saga.export.views import prepare_views
from saga.masks.scene.structure import SceneStructure
from saga.raster import DeviceScene
from saga.regions import RegionConfig, SceneRegions
from saga.scene import Scene, load_scene


def _one_region(scene: Scene | DeviceScene, **_: object) -> SceneRegions:
    """The whole scene as one cell and one region."""
    gaussians = (scene.scene if isinstance(scene, DeviceScene) else scene).gaussians
    none, count = np.zeros(0, np.float32), len(gaussians)
    return SceneRegions(
        gaussians.digest(),
        RegionConfig(),
        cells=np.zeros(count, np.int32),
        shares=np.ones(1, np.float32),
        members=np.ones((1, 1), bool),
        own=np.zeros(1, bool),
        borders=np.zeros((2, 0), np.int32),
        lengths=none,
        closed=none,
        boxes=np.tile(np.float32([[[0, 0, 0], [1, 1, 1]]]), (1, 1, 1)),
    )


def _damage(path: Path) -> None:
    data = path.read_bytes()
    path.write_bytes(data[: len(data) // 2])


def test_damaged_regions_are_made_again_and_a_damaged_field_says_how(
    saga_segment, saga_discover, field: Path, tiny_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    field = Path(shutil.copy(field, tmp_path / "tiny.saga"))
    monkeypatch.setattr("saga.regions.build_regions", _one_region)
    made = _one_region(load_scene(tiny_folder / "scene.ply"))
    made.save(field.with_suffix(".regions"))
    scene = (tiny_folder / "scene.ply", "--device", "cpu")
    click = (*scene, "--field", field, "--view", "000.png", "--points", "80,70")
    _damage(field.with_suffix(".regions"))
    done = saga_segment(*click, "--out", tmp_path / "out")
    assert "tiny.regions: expected regions of saga-train, found one that is truncated" in done.err
    assert "made again now" in done.err and "Traceback" not in done.err
    again = SceneRegions.load(field.with_suffix(".regions"))
    assert again.scene_digest == made.scene_digest and np.array_equal(again.cells, made.cells)
    replace(made, scene_digest="another").save(field.with_suffix(".regions"))
    done = saga_discover(*scene, "--method", "saga", "--field", field, "--out", tmp_path / "found")
    assert done.code == 0 and "found those of another scene; they are made again now" in done.err
    assert SceneRegions.load(field.with_suffix(".regions")).scene_digest == made.scene_digest
    _damage(field)
    done = saga_segment(*click, "--out", tmp_path / "other")
    done.assert_mistake("tiny.saga: expected a feature field of saga-train", "train again with saga-train")
    assert not (tmp_path / "other").exists()


@pytest.fixture
def placed(wall, monkeypatch: pytest.MonkeyPatch) -> DeviceScene:
    """A scene without cameras, for which two are planned in no time."""
    scene: Scene = wall()
    planned = [replace(camera, name=f"{camera.name}.png") for camera in scene.cameras]
    monkeypatch.setattr("saga.views.planning.plan_views", lambda *arguments: planned)
    return DeviceScene(replace(scene, cameras=[]), "cpu")


def test_planned_views_that_cannot_be_read_are_made_again(placed: DeviceScene, tmp_path: Path) -> None:
    options = {"count": 2, "size": (64, 48), "progress": False}
    folder = tmp_path / "scene_views"
    assert prepare_views(placed, folder, **options) and not prepare_views(placed, folder, **options)
    whole = {path.name: path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    for name in whole:
        flipped = bytearray(whole[name])
        flipped[len(flipped) // 2] ^= 255
        pictures = (whole[name][:-30], bytes(flipped)) if name.endswith(".png") else ()
        for contents in (b"", None, *pictures):
            path = next(folder.rglob(name))
            path.unlink()
            if contents is not None:
                path.write_bytes(contents)
            if name == "views.json" and contents is None:
                path.write_bytes(whole[name][:20])
            with pytest.warns(UserWarning, match="made again") if name != "views.json" else nullcontext():
                assert prepare_views(placed, folder, **options)
            assert {path.name: path.read_bytes() for path in folder.rglob("*") if path.is_file()} == whole


def test_pictures_that_a_person_changed_stay(placed: DeviceScene, tmp_path: Path) -> None:
    options = {"count": 2, "size": (64, 48), "progress": False}
    prepare_views(placed, tmp_path / "views", **options)
    picture = next((tmp_path / "views" / "images").iterdir())
    Image.new("RGB", (64, 48), (1, 2, 3)).save(picture)
    assert not prepare_views(placed, tmp_path / "views", **options)
    assert np.asarray(Image.open(picture)).max() == 3


def test_a_damaged_structure_is_found_again(tiny_scene: Scene, tmp_path: Path) -> None:
    from saga.masks.scene.generator import SceneGenerator

    made = SceneGenerator(tiny_scene, [tmp_path], "cpu")
    found = made.structure(progress=False)
    _damage(made.paths[0])
    again = SceneGenerator(tiny_scene, [tmp_path], "cpu")
    with pytest.warns(UserWarning, match=r"structure: expected the structure of a scene, .*; it is found again"):
        assert np.array_equal(again.structure(progress=False).labels.of_voxel, found.labels.of_voxel)
    assert np.array_equal(SceneStructure.load(made.paths[0]).labels.of_voxel, found.labels.of_voxel)


def test_commands_look_for_room_before_they_work(
    saga_train, saga_segment, saga_discover, folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    full = type(shutil.disk_usage(tmp_path))(10**9, 10**9, 1000)
    monkeypatch.setattr(shutil, "disk_usage", lambda path: full)
    before = sorted(folder.rglob("*"))
    scene = (folder / "scene.ply", "--device", "cpu", "--masks", folder / "instances", "--out", folder / "out")
    click = ("--method", "sa3d", "--view", "000.png", "--points", "80,70")
    for done in (saga_train(*scene), saga_segment(*scene, *click), saga_discover(*scene)):
        done.assert_mistake(f"{folder}/out: expected", "MB of room to write it, found 0 MB free in", "make room")
    assert sorted(folder.rglob("*")) == before
