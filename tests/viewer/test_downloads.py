"""Files on their way to a browser: whole, in parts, and not for ever."""

from __future__ import annotations

import zipfile
from pathlib import Path

import pytest

pytest.importorskip("viser")

from saga.errors import SagaError
from saga.runtime.progress import Cancelled, watched
from saga.viewer import downloads
from saga.viewer.downloads import Downloads


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    place = tmp_path / "object-1"
    (place / "masks").mkdir(parents=True)
    (place / "object.ply").write_bytes(bytes(range(256)) * 40)
    (place / "masks" / "a.png").write_bytes(b"mask")
    (place / "empty").write_bytes(b"")
    return place


def fetched(offers: Downloads, offered: dict) -> bytes:
    parts: list[bytes] = []
    while (have := sum(map(len, parts))) < offered["bytes"]:
        parts.append(offers.part(offered["id"], have).content)
    return b"".join(parts)


def test_a_folder_comes_as_an_archive_and_a_file_as_it_is(folder: Path, tmp_path: Path, monkeypatch):
    monkeypatch.setattr(downloads, "_PART", 1000)
    offers = Downloads()
    offered = offers.offer(folder)
    assert offered["name"] == "object-1.zip" and offers.part(offered["id"], 0).content[:2] == b"PK"
    assert len(offers.part(offered["id"], 0).content) == 1000
    (tmp_path / "got.zip").write_bytes(fetched(offers, offered))
    with zipfile.ZipFile(tmp_path / "got.zip") as archive:
        assert archive.testzip() is None
        assert archive.namelist() == ["object-1/empty", "object-1/masks/a.png", "object-1/object.ply"]
        assert archive.read("object-1/object.ply") == (folder / "object.ply").read_bytes()
    alone = offers.offer(folder / "object.ply")
    assert alone["name"] == "object.ply" and fetched(offers, alone) == (folder / "object.ply").read_bytes()
    for wrong in ((alone["id"], alone["bytes"]), (99, 0)):
        assert offers.part(*wrong) is None
    offers.close()
    assert offers.part(alone["id"], 0) is None and (folder / "object.ply").is_file()


def test_only_the_last_ones_are_kept_and_nothing_when_all_is_over(folder: Path):
    offers = Downloads()
    first, *later = [offers.offer(folder) for _ in range(5)]
    assert offers.part(first["id"], 0) is None and offers.part(later[0]["id"], 0) is not None
    place = offers.folder
    assert len(list(place.iterdir())) == 4
    offers.close()
    assert not place.exists() and folder.is_dir()


def test_packing_can_be_cancelled_and_leaves_nothing(folder: Path):
    offers = Downloads()

    def cancel(text: str, done: int, total: int) -> None:
        if done:
            raise Cancelled

    with watched(cancel), pytest.raises(KeyboardInterrupt):
        offers.offer(folder)
    assert list(offers.folder.iterdir()) == []
    with pytest.raises(SagaError, match="gone"):
        offers.offer(folder / "nothing")
    offers.close()
