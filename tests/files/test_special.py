"""Pipes and devices where files belong: refused at once, never waited for."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest

from saga.errors import SagaError
from saga.files.arrays import read_npy
from saga.files.pointers import refuse_pointer
from saga.files.special import first_bytes
from saga.files.transaction import staged_folder
from saga.masks import FolderMasks
from saga.masks.formats import read_masks
from saga.masks.lossy import is_lossy
from saga.scene import Camera, Gaussians
from saga.scene.camera_files import find_cameras
from saga.scene.colmap import read_colmap
from saga.scene.images import image_size
from saga.scene.json_file import read_json

pytestmark = pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="this system has no pipes with names")


@pytest.fixture(autouse=True)
def _not_waiting() -> Iterator[None]:
    """What waits for a pipe fails instead."""

    def fail(number: int, frame: object) -> None:
        raise AssertionError("waited for a pipe")

    before = signal.signal(signal.SIGALRM, fail)
    signal.alarm(10)
    yield
    signal.alarm(0)
    signal.signal(signal.SIGALRM, before)


CAMERA = Camera("a.png", 4, 3, 4, 4, 2, 1.5, np.eye(4))
READERS: dict[str, tuple[str, Callable[[Path], object]]] = {
    "scene": ("a.ply", Gaussians.read),
    "compressed scene": ("a.spz", Gaussians.read),
    "array": ("a.npy", read_npy),
    "photograph": ("a.png", image_size),
    "JSON": ("a.json", read_json),
    "picture of masks": ("a.png", read_masks),
    "masks in an archive": ("a.npz", read_masks),
}


@pytest.mark.parametrize("make", [os.mkfifo, lambda path: path.symlink_to("/dev/zero")], ids=["pipe", "device"])
@pytest.mark.parametrize("reader", READERS)
def test_what_is_no_file_is_said(tmp_path: Path, reader: str, make: Callable[[Path], None]) -> None:
    name, read = READERS[reader]
    make(tmp_path / name)
    with pytest.raises(SagaError, match=rf"{name}: expected .*, found a pipe or a device; give a file\.$"):
        read(tmp_path / name)


def test_a_part_of_a_model_may_be_none(tmp_path: Path) -> None:
    (tmp_path / "cameras.txt").write_text("1 PINHOLE 8 6 8 8 4 3\n")
    (tmp_path / "images.txt").write_text("1 1 0 0 0 0 0 4 1 a.png\n\n")
    os.mkfifo(tmp_path / "points3D.txt")
    with pytest.raises(SagaError, match=r"points3D.txt: expected a COLMAP model .*, found a pipe"):
        read_colmap(tmp_path)


@pytest.mark.parametrize("name", ["cameras.xml", "cameras.csv"])
def test_what_a_file_may_be_is_not_asked_of_a_pipe(tmp_path: Path, name: str) -> None:
    os.mkfifo(tmp_path / name)
    with pytest.raises(SagaError, match="no cameras found"):
        find_cameras(tmp_path / "scene.ply", None, None)
    assert first_bytes(tmp_path / name, 4) == b""
    refuse_pointer(tmp_path / name)
    os.mkfifo(tmp_path / "a.webp")
    assert is_lossy(tmp_path / "a.webp")


def test_the_first_bytes_of_a_file_are_those(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"12345")
    assert first_bytes(tmp_path / "a", 3) == b"123"
    assert first_bytes(tmp_path / "nowhere", 3) == first_bytes(tmp_path, 3) == first_bytes(Path("a\0b"), 3) == b""


def test_a_link_to_itself_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "masks").mkdir()
    for path in (tmp_path / "masks" / "a.png", tmp_path / "out"):
        path.symlink_to(path.name)
    with pytest.raises(SagaError, match="no mask file|none of the|cannot be read"):
        FolderMasks(tmp_path / "masks", [CAMERA]).masks(CAMERA)
    with pytest.raises(SagaError, match="cannot be written"), staged_folder(tmp_path / "out", (), lambda path: True):
        pass
    assert (tmp_path / "out").is_symlink()
