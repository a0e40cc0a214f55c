"""Nothing outside the folders that are served is read or written, however it is asked for."""

from __future__ import annotations

import json
import os
import shutil
import threading
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from saga.errors import SagaError
from saga.files.transaction import atomic_path
from saga.server import Folders
from saga.server.jobs import Jobs
from saga.server.problems import MissingError, OutsideError

from .conftest import VIEW, Served


@pytest.fixture
def outside(folder: Path) -> Path:
    """A folder beside the one that is served, with a scene in it."""
    other = folder.parent / "outside"
    shutil.copytree(folder, other)
    return other


def contents(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_paths_that_lead_out_are_refused(served: Served, outside: Path) -> None:
    links = {"linked": outside, "linked.ply": outside / "scene.ply", "loop": served.folder / "loop"}
    for name, target in links.items():
        (served.folder / name).symlink_to(target)
    before = contents(outside)
    paths = [
        "../outside/scene.ply", str(outside / "scene.ply"), "/etc/passwd", "linked/scene.ply", "linked.ply", "loop",
        "images/../../outside/scene.ply", f"{served.folder}/../outside/scene.ply", "\x00", "~/scene.ply\x00", " ",
        f"{served.folder}-other/scene.ply", "a" * 4000, "loop/scene.ply",
    ]  # fmt: skip
    for path in paths:
        served.refused(403, "POST", "/scenes", json={"path": path})
    scene = served.open()
    for path in [*paths, "linked/new", "../new"]:
        served.refused(403, "POST", f"{scene}/export", json={"folder": path})
    for key in ("images", "cameras"):
        served.refused(403, "POST", "/scenes", json={"path": "scene.ply", key: "../outside/images"})
    assert contents(outside) == before and not (outside / "new").exists() and not (outside.parent / "new").exists()


def test_a_path_inside_may_be_written_as_one_likes(served: Served) -> None:
    folders = Folders([served.folder])
    expected = served.folder.resolve() / "scene.ply"
    for text in ("scene.ply", str(expected), "images/../scene.ply", "./scene.ply"):
        assert folders.file(text) == expected
    (served.folder / "again.ply").symlink_to(expected)
    assert folders.file("again.ply") == expected
    with pytest.raises(MissingError):
        folders.file("images")
    with pytest.raises(OutsideError):
        folders.file("..")


@pytest.mark.parametrize("name", ["scene.saga", "transforms.json"])
def test_a_file_beside_the_scene_that_is_a_link_out_is_not_read(served: Served, outside: Path, name: str) -> None:
    (served.folder / name).unlink()
    (served.folder / name).symlink_to(outside / name)
    assert "outside the folders" in served.refused(422, "POST", "/scenes", json={"path": "scene.ply"})


def test_regions_beside_the_scene_that_are_a_link_out_are_left_out(served: Served, outside: Path) -> None:
    (served.folder / "scene.regions").unlink()
    (served.folder / "scene.regions").symlink_to(outside / "scene.regions")
    opened = served.post("/scenes", path="scene.ply")
    assert opened["regions"] is False and "outside the folders" in opened["notes"][0]


def test_photographs_that_lie_elsewhere_are_not_read(served: Served, outside: Path) -> None:
    path = served.folder / "transforms.json"
    frames = json.loads(path.read_text())
    frames["frames"][0]["file_path"] = f"../outside/images/{VIEW}"
    path.write_text(json.dumps(frames))
    assert "outside" in served.refused(422, "POST", "/scenes", json={"path": "scene.ply"})
    frames["frames"][0]["file_path"] = f"images/{VIEW}"
    path.write_text(json.dumps(frames))
    (served.folder / "images" / VIEW).unlink()
    (served.folder / "images" / VIEW).symlink_to(outside / "images" / VIEW)
    assert "outside" in served.refused(422, "POST", "/scenes", json={"path": "scene.ply"})


def test_cameras_above_the_folders_are_not_read(served: Served) -> None:
    (served.folder / "transforms.json").rename(served.folder.parent / "transforms.json")
    line = served.refused(422, "POST", "/scenes", json={"path": "scene.ply"})
    assert "transforms.json" in line and "outside the folders" in line


def test_a_session_that_is_a_link_out_is_neither_read_nor_written(served: Served, outside: Path) -> None:
    secret = outside / "scene.session"
    secret.write_bytes(b"secret")
    (served.folder / "scene.session").symlink_to(secret)
    (served.folder / ".scene.session.lock").symlink_to(outside / "lock")
    served.refused(409, "POST", "/scenes", json={"path": "scene.ply"})
    (served.folder / ".scene.session.lock").unlink()
    scene = served.open()
    served.post(f"{scene}/find")
    served.client.delete(scene)
    assert secret.read_bytes() == b"secret" and not (outside / "lock").exists()


def _guarded(folder: Path, act: Callable[[], object]) -> object:
    jobs = Jobs(Folders([folder]), 1)
    try:
        return jobs.submit(act).result(20)
    finally:
        jobs.close()


@pytest.mark.parametrize(
    "act",
    [
        lambda place: (place / "scene.ply").read_bytes(),
        lambda place: os.open(place / "scene.ply", os.O_RDONLY),
        lambda place: os.open(place / "new", os.O_WRONLY | os.O_CREAT),
        lambda place: (place / "new").write_text("x"),
        lambda place: os.listdir(place),
        lambda place: next(os.scandir(place)),
        lambda place: os.mkdir(place / "new"),
        lambda place: os.remove(place / "scene.ply"),
        lambda place: shutil.rmtree(place),
        lambda place: os.rename(place / "scene.ply", place.parent / "served" / "taken"),
        lambda place: os.rename(place.parent / "served" / "scene.ply", place / "given"),
        lambda place: os.link(place / "scene.ply", place.parent / "served" / "taken"),
        lambda place: np.load(place / "scene.npy"),
    ],
)
def test_a_working_thread_does_nothing_outside(folder: Path, outside: Path, act: Callable[[Path], object]) -> None:
    before, inside = contents(outside), contents(folder)
    with pytest.raises(PermissionError):
        _guarded(folder, lambda: act(outside))
    assert contents(outside) == before and contents(folder) == inside


def test_a_working_thread_does_its_work_inside_and_others_are_free(folder: Path, outside: Path) -> None:
    def work() -> bytes:
        import json.tool  # noqa: F401 (Python's own modules may be loaded)

        (folder / "new").mkdir()
        (folder / "new" / "file").write_bytes(b"x")
        os.replace(folder / "new" / "file", folder / "moved")
        shutil.rmtree(folder / "new")
        return (folder / "moved").read_bytes()

    assert _guarded(folder, work) == b"x"
    assert (outside / "scene.ply").read_bytes()


@pytest.mark.parametrize("how", [lambda path: path.write_text("x"), lambda path: os.open(path, os.O_CREAT | os.O_RDWR)])
def test_pythons_own_modules_are_read_and_not_written(folder: Path, how: Callable[[Path], object]) -> None:
    modules = Path(os.__file__).parent
    assert _guarded(folder, lambda: (modules / "os.py").read_text())
    with pytest.raises(PermissionError):
        _guarded(folder, lambda: how(modules / "a_module_that_is_none_of_pythons.py"))
    assert not (modules / "a_module_that_is_none_of_pythons.py").exists()


def test_what_libraries_in_other_languages_read_and_write_is_held_too(folder: Path, outside: Path) -> None:
    from saga.regions import SceneRegions

    with pytest.raises(SagaError, match="outside the folders"):
        _guarded(folder, lambda: SceneRegions.load(outside / "scene.regions"))

    def write() -> None:
        with atomic_path(outside / "new" / "file"):
            pass

    with pytest.raises(SagaError, match="outside the folders"):
        _guarded(folder, write)
    assert not (outside / "new").exists()


def test_folders_that_are_not_there_are_refused(tmp_path: Path) -> None:
    with pytest.raises(SagaError, match="at least one folder"):
        Folders([])
    with pytest.raises(SagaError, match="expected a folder to serve"):
        Folders([tmp_path / "nothing"])


def test_the_guard_is_the_threads_own(folder: Path, outside: Path) -> None:
    """A thread that a guarded one starts is for what that one has checked."""
    read: list[bytes] = []

    def work() -> None:
        thread = threading.Thread(target=lambda: read.append((folder / "scene.ply").read_bytes()))
        thread.start()
        thread.join()

    _guarded(folder, work)
    assert len(read) == 1
