"""Files elsewhere: told apart without reading them, staged once, uploaded when they are whole."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import fsspec
import pytest

from saga.batch import Task, run
from saga.batch.storage import Staging, identity, read_bytes
from saga.errors import SagaError


@pytest.fixture
def memory() -> Iterator[fsspec.AbstractFileSystem]:
    """An empty storage in memory: memory://."""
    system = fsspec.filesystem("memory")
    system.store.clear()
    yield system
    system.store.clear()


def test_identities_of_local_files(tmp_path: Path) -> None:
    folder, file = tmp_path / "folder", tmp_path / "folder" / "a"
    folder.mkdir()
    file.write_text("1")
    first, whole = identity(str(file)), identity(str(folder))

    assert identity(str(tmp_path / "nothing")) is None
    assert (identity(str(file)), identity(str(folder))) == (first, whole)
    os.utime(file, ns=(1, 1))
    assert identity(str(file)) != first and identity(str(folder)) != whole
    before = identity(str(folder))
    (folder / ".saga-partial-x").mkdir()
    (folder / ".saga-partial-x" / "b").write_text("half")
    assert identity(str(folder)) == before
    (folder / "b").symlink_to("nowhere")
    assert identity(str(folder)) != before


def test_identities_in_a_storage(memory: fsspec.AbstractFileSystem) -> None:
    memory.pipe("/s/a", b"1")
    first, whole = identity("memory://s/a"), identity("memory://s")

    assert identity("memory://s/b") is None
    assert identity("memory://s/a") == first
    memory.pipe("/s/a", b"2")  # of the same size
    assert identity("memory://s/a") != first and identity("memory://s") != whole


def test_inputs_of_one_folder_lie_beside_each_other_and_are_downloaded_once(
    memory: fsspec.AbstractFileSystem, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    memory.pipe({"/s/scene.ply": b"p", "/s/scene.saga": b"f", "/s/images/deep/1.png": b"i", "/t/x": b"x"})
    inputs = {"scene": "memory://s/scene.ply", "field": "memory://s/scene.saga", "images": "memory://s/images"}
    inputs["other"] = "memory://t/x"
    downloads = []
    system = type(memory)
    get = system.get_file
    monkeypatch.setattr(system, "get_file", lambda self, name, *rest: (downloads.append(name), get(self, name, *rest)))
    for _ in range(2):
        with Staging(tmp_path / "staged").places(inputs, {}, {}) as places:
            assert places["scene"].parent == places["field"].parent == places["images"].parent
            assert places["scene"].read_bytes() == b"p" and (places["images"] / "deep" / "1.png").read_bytes() == b"i"
            assert places["other"].parent != places["scene"].parent
    assert sorted(downloads) == ["/s/images/deep/1.png", "/s/scene.ply", "/s/scene.saga", "/t/x"]
    memory.pipe("/s/scene.ply", b"n")
    with Staging(tmp_path / "staged").places(inputs, {}, {}) as places:
        assert places["scene"].read_bytes() == b"n"
    assert len(downloads) == 5


def test_outputs_are_uploaded_when_the_task_has_ended_well(memory: fsspec.AbstractFileSystem, tmp_path: Path) -> None:
    outputs = {"out": "memory://r/object", "file": "memory://r/scene.saga"}
    memory.pipe({"/r/object/old": b"old", "/r/object/kept/a": b"old"})
    staging = Staging(tmp_path / "staged")

    def fail() -> None:
        with staging.places({}, outputs, {}) as places:
            places["file"].write_text("half")
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()
    assert not memory.exists("/r/scene.saga")
    with staging.places({}, outputs, {}) as places:
        (places["out"] / "kept").mkdir(parents=True)
        (places["out"] / "kept" / "a").write_text("new")
        places["file"].write_text("whole")
    assert {name: memory.cat(name) for name in memory.find("/r")} == {
        "/r/object/kept/a": b"new",
        "/r/scene.saga": b"whole",
    }
    assert [path.name for path in (tmp_path / "staged").iterdir()] == []


def test_a_cache_is_shared_by_those_who_fill_it(memory: fsspec.AbstractFileSystem, tmp_path: Path) -> None:
    cache = {"cache": "memory://r/masks"}
    for machine, name in (("one", "sam/1.npz"), ("two", "sam/2.npz")):
        with Staging(tmp_path / machine).places({}, {}, cache) as places:
            (places["cache"] / name).parent.mkdir(exist_ok=True)
            (places["cache"] / name).write_text(machine)
    with Staging(tmp_path / "one").places({}, {}, cache) as places:
        assert sorted(path.name for path in places["cache"].rglob("*.npz")) == ["1.npz", "2.npz"]
    assert len(memory.find("/r/masks")) == 2


def test_a_batch_whose_files_are_all_elsewhere(memory: fsspec.AbstractFileSystem, work, tmp_path: Path) -> None:
    memory.pipe("/given/a", b"1")
    tasks = [
        Task("a", work.write, {"text": "2"}, {"in": "memory://given/a"}, {"out": "memory://made/a"}),
        Task("b", work.write, {"text": "3"}, {"in": "memory://made/a"}, {"out": "memory://made/b"}),
    ]
    options = {"engine": "here", "folder": tmp_path / "batch", "staging": tmp_path / "staged"}

    assert run(tasks, **options).is_well
    assert read_bytes("memory://made/b") == b"321"
    assert run(tasks, **options).counts() == {"kept": 2}
    memory.pipe("/given/a", b"9")
    assert run(tasks, **options).counts() == {"done": 2}
    assert read_bytes("memory://made/b") == b"329"


def test_what_other_processes_wrote_meanwhile_is_seen(
    memory: fsspec.AbstractFileSystem, monkeypatch: pytest.MonkeyPatch
) -> None:
    known: dict[str, bool] = {}  # listings are remembered, as object storage does it
    exists = type(memory).exists
    monkeypatch.setattr(type(memory), "exists", lambda self, path: known.setdefault(path, exists(self, path)))
    monkeypatch.setattr(type(memory), "invalidate_cache", lambda self, path=None: known.clear())

    assert identity("memory://s/a") is None
    memory.pipe("/s/a", b"by another process")
    assert identity("memory://s/a") is not None


def test_what_no_storage_has_is_one_line(memory: fsspec.AbstractFileSystem, work, tmp_path: Path) -> None:
    with pytest.raises(SagaError, match="a storage that fsspec knows"):
        identity("nonsense://a/b")
    task = Task("a", work.write, {}, {"in": "memory://given/nothing"}, {"out": "memory://made/a"})
    report = run([task], engine="here", folder=tmp_path / "batch", staging=tmp_path / "staged")
    assert "memory://given/nothing: expected the in of a, found nothing" in report.tasks[0].message
