"""Cameras as JSON values."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from saga.errors import SagaError
from saga.scene import Camera, LensModel
from saga.scene.camera_json import camera_from_json, camera_to_json, lost_photograph

LENS = LensModel("OPENCV", 80, 60, (70.0, 71.0, 40.0, 30.0, -0.1, 0.02, 0.001, 0.0))


def make(path: Path | None = None, lens: LensModel | None = LENS) -> Camera:
    pose = np.eye(4)
    pose[:3, 3] = 1, 1 / 3, 3
    return Camera("left/0003.jpg", 40, 30, 35.0, 35.5, 20.0, 15.1, pose, path, lens, True)


def through_json(camera: Camera, written: Path, read: Path | None = None) -> Camera:
    entry = json.loads(json.dumps(camera_to_json(camera, written.parent)))
    return camera_from_json(entry, read or written)


@pytest.mark.parametrize("lens", [LENS, None])
def test_a_camera_survives_with_its_lens(tmp_path: Path, lens: LensModel | None) -> None:
    camera = make(lens=lens)
    read = through_json(camera, tmp_path / "field")
    np.testing.assert_array_equal(read.world_to_camera, camera.world_to_camera)
    for name in ("name", "width", "height", "fx", "fy", "cx", "cy", "lens", "image_path", "upright"):
        assert getattr(read, name) == getattr(camera, name)


@pytest.fixture
def project(tmp_path: Path) -> Path:
    photograph = tmp_path / "project" / "images" / "0003.jpg"
    photograph.parent.mkdir(parents=True)
    photograph.write_bytes(b"a photograph")
    return tmp_path / "project"


def test_photographs_are_found_from_another_folder(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(project.parent)
    camera = make(Path("project/images/0003.jpg"))
    entry = camera_to_json(camera, Path("project"))
    monkeypatch.chdir(project)
    path = camera_from_json(entry, Path("scene.saga")).image_path
    assert path is not None and path.samefile(project / "images" / "0003.jpg")


def test_photographs_are_found_when_the_project_or_only_the_file_moved(project: Path) -> None:
    camera = make(project / "images" / "0003.jpg")
    away = through_json(camera, project / "scene.saga", project.parent / "away" / "scene.saga")
    assert away.image_path == project / "images" / "0003.jpg"
    entry = camera_to_json(camera, project)
    moved = project.rename(project.parent / "moved")
    read = camera_from_json(entry, moved / "scene.saga")
    assert read.image_path == moved / "images" / "0003.jpg" and lost_photograph(entry, read) is None


def test_the_photograph_beside_the_file_comes_before_that_at_the_old_place(project: Path) -> None:
    """A copy of a project uses its own photographs."""
    entry = camera_to_json(make(project / "images" / "0003.jpg"), project)
    copy = project.parent / "copy" / "images" / "0003.jpg"
    copy.parent.mkdir(parents=True)
    copy.write_bytes(b"a copy")
    assert camera_from_json(entry, project.parent / "copy" / "scene.saga").image_path == copy


def test_a_photograph_that_is_gone_is_known_by_where_it_was(project: Path) -> None:
    path = project / "images" / "0003.jpg"
    entry = camera_to_json(make(path), project)
    path.unlink()
    read = camera_from_json(entry, project / "scene.saga")
    assert read.image_path is None and lost_photograph(entry, read) == str(path)
    never = camera_to_json(make(None), project)
    assert lost_photograph(never, camera_from_json(never, project / "scene.saga")) is None


@pytest.mark.parametrize(
    "change",
    [
        {"lens": {"model": "OPENCV"}},
        {"intrinsics": [1, 2]},
        {"intrinsics": [0, 1, 2, 3]},
        {"intrinsics": ["1", 1, 2, 3]},
        {"world_to_camera": [[1]]},
        {"world_to_camera": [[1, 2], [3]]},
        {"width": "160"},
        {"height": 0},
        {"name": 5},
        {"image_path": 7},
        {"upright": 1},
    ],
)
def test_other_values_are_refused(project: Path, change: dict[str, object]) -> None:
    entry = camera_to_json(make(), project) | change
    with pytest.raises(SagaError, match="expected cameras as saga writes them"):
        camera_from_json(entry, project / "scene.saga")
    del entry[next(iter(change))]
    with pytest.raises(SagaError, match="expected cameras as saga writes them"):
        camera_from_json(entry, project / "scene.saga")
