"""Result folders: whole or not at all, and a person's files stay."""

from __future__ import annotations

import os
import shutil
import signal
from pathlib import Path
from typing import Any

import pytest

from saga.errors import SagaError
from saga.files import transaction
from saga.files.disk import require_room
from saga.files.leftovers import is_leftover, remove_leftovers, temporary_folder
from saga.files.transaction import atomic_path, staged_folder
from saga.testing import counting, dying, failing, in_child

OWNED = ("result.txt", "parts/*.txt")


def is_result(folder: Path) -> bool:
    return (folder / "result.txt").is_file()


def write(out: Path, text: str, *parts: str) -> None:
    with staged_folder(out, OWNED, is_result) as stage:
        (stage / "result.txt").write_text(text)
        (stage / "parts").mkdir()
        for part in parts:
            (stage / "parts" / f"{part}.txt").write_text(text)


def tree(folder: Path) -> dict[str, str]:
    return {str(p.relative_to(folder)): p.read_text() for p in sorted(folder.rglob("*")) if p.is_file()}


def test_a_new_folder_appears_with_its_parents(tmp_path: Path) -> None:
    write(tmp_path / "a" / "b", "one", "x")
    assert tree(tmp_path) == {"a/b/result.txt": "one", "a/b/parts/x.txt": "one"}


def test_an_empty_folder_is_filled(tmp_path: Path) -> None:
    write(tmp_path, "one")
    assert tree(tmp_path) == {"result.txt": "one"}


def test_an_earlier_result_is_replaced_and_its_stale_files_go(tmp_path: Path) -> None:
    write(tmp_path / "out", "one", "x", "y")
    write(tmp_path / "out", "two", "y", "z")
    assert tree(tmp_path) == {"out/parts/y.txt": "two", "out/parts/z.txt": "two", "out/result.txt": "two"}


def test_other_files_beside_a_result_stay(tmp_path: Path) -> None:
    write(tmp_path, "one", "x")
    (tmp_path / "notes.md").write_text("mine")
    (tmp_path / "parts" / "x.psd").write_text("mine too")
    write(tmp_path, "two")
    assert tree(tmp_path) == {"notes.md": "mine", "parts/x.psd": "mine too", "result.txt": "two"}


@pytest.mark.parametrize("problem", [RuntimeError, KeyboardInterrupt])
def test_an_interrupted_run_leaves_the_earlier_result(tmp_path: Path, problem: type[BaseException]) -> None:
    write(tmp_path / "out", "one", "x")
    with pytest.raises(problem), staged_folder(tmp_path / "out", OWNED, is_result) as stage:  # noqa: PT012
        (stage / "result.txt").write_text("half")
        raise problem
    assert tree(tmp_path) == {"out/parts/x.txt": "one", "out/result.txt": "one"}


def test_an_interrupted_first_run_leaves_nothing(tmp_path: Path) -> None:
    with pytest.raises(RuntimeError), staged_folder(tmp_path / "out", OWNED, is_result):
        raise RuntimeError
    assert list(tmp_path.iterdir()) == []


def test_a_move_that_fails_is_undone_where_folders_cannot_change_places(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(tmp_path / "out", "one", "x")
    monkeypatch.setattr(transaction, "_may_swap", lambda out: False)
    move = os.replace

    def refuse_new_parts(source: Path, target: Path) -> None:
        if target == (tmp_path / "out" / "parts" / "y.txt").resolve():
            raise OSError(28, "No space left on device")
        move(source, target)

    monkeypatch.setattr(os, "replace", refuse_new_parts)
    with pytest.raises(SagaError, match="disk full"):
        write(tmp_path / "out", "two", "y")
    assert tree(tmp_path) == {"out/parts/x.txt": "one", "out/result.txt": "one"}


def test_a_folder_of_something_else_is_refused(tmp_path: Path) -> None:
    (tmp_path / "thesis.tex").write_text("years of work")
    with pytest.raises(SagaError, match=r"found thesis\.tex; choose another folder"):
        write(tmp_path, "one")
    assert tree(tmp_path) == {"thesis.tex": "years of work"}


def test_a_file_in_the_way_is_named(tmp_path: Path) -> None:
    (tmp_path / "out").write_text("a file")
    with pytest.raises(SagaError, match="out: expected a folder for the results, found a file"):
        write(tmp_path / "out", "one")
    with pytest.raises(SagaError, match="cannot be written"):
        write(tmp_path / "out" / "deeper", "one")


OLD = {"notes.md": "mine", "parts/x.txt": "one", "parts/mine.psd": "mine too", "result.txt": "one"}
NEW = {
    "notes.md": "mine",
    "parts/y.txt": "two",
    "parts/z.txt": "two",
    "parts/mine.psd": "mine too",
    "result.txt": "two",
}


def earlier(folder: Path) -> Path:
    """A folder with an earlier result and files of a person's own."""
    write(folder / "out", "one", "x")
    (folder / "out" / "notes.md").write_text("mine")
    (folder / "out" / "parts" / "mine.psd").write_text("mine too")
    return folder / "out"


@pytest.mark.parametrize("step", range(1, 30))
def test_killed_at_any_change_the_folder_is_the_old_result_or_the_new_one(tmp_path: Path, step: int) -> None:
    out = earlier(tmp_path)

    def work() -> None:
        with dying(step):
            write(out, "two", "y", "z")

    ended = in_child(work)
    assert ended in (-9, 0)
    assert tree(out) in (OLD, NEW)
    write(out, "two", "y", "z")
    assert tree(out) == NEW
    assert [path.name for path in tmp_path.iterdir()] == ["out"]


@pytest.mark.parametrize("step", range(1, 30))
def test_a_full_disk_at_any_change_leaves_the_old_result_and_nothing_else(tmp_path: Path, step: int) -> None:
    out = earlier(tmp_path)
    try:
        with failing(step):
            write(out, "two", "y", "z")
    except SagaError as error:
        assert "disk full" in str(error) and "out" in str(error)  # noqa: PT017 (some steps have nothing to fail at)
        assert tree(out) == OLD
    else:
        assert tree(out) == NEW
    assert [path.name for path in tmp_path.iterdir()] == ["out"]


def test_the_steps_above_reach_beyond_the_last_change(tmp_path: Path) -> None:
    with counting() as changes:
        write(earlier(tmp_path), "two", "y", "z")
    assert "swap" in changes and changes.count("open") >= 4
    out = earlier(tmp_path / "b")
    with counting() as changes:
        write(out, "two", "y", "z")
    assert len(changes) < 29


def test_an_interruption_while_a_temporary_folder_is_removed_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    remove = shutil.rmtree

    def interrupted(*arguments: Any, **options: Any) -> None:
        os.kill(os.getpid(), signal.SIGINT)
        remove(*arguments, **options)

    monkeypatch.setattr("shutil.rmtree", interrupted)
    with pytest.raises(KeyboardInterrupt), temporary_folder(tmp_path / "out", tmp_path) as folder:  # noqa: PT012
        (folder / "new").mkdir()
        (folder / "new/a").touch()
    assert not list(tmp_path.iterdir())


def test_an_interruption_while_a_temporary_folder_is_made_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    make = Path.mkdir

    def interrupted(path: Path, *arguments: Any, **options: Any) -> None:
        make(path, *arguments, **options)
        os.kill(os.getpid(), signal.SIGINT)

    monkeypatch.setattr(Path, "mkdir", interrupted)
    with pytest.raises(KeyboardInterrupt), temporary_folder(tmp_path / "out", tmp_path):
        raise AssertionError("not interrupted")
    assert not list(tmp_path.iterdir())


def test_a_living_run_keeps_its_temporary_files(tmp_path: Path) -> None:
    with staged_folder(tmp_path / "out", OWNED, is_result) as stage:
        (stage / "result.txt").write_text("first")
        write(tmp_path / "out", "second")
        assert (stage / "result.txt").read_text() == "first"
    assert tree(tmp_path) == {"out/result.txt": "first"}


def test_what_a_library_leaves_beside_the_file_it_writes_is_removed_by_the_next_run(tmp_path: Path) -> None:
    def work() -> None:
        with dying(4), atomic_path(tmp_path / "field.saga") as temporary:
            temporary.with_name(".tmp123").write_text("half")
            os.replace(temporary.with_name(".tmp123"), temporary)

    assert in_child(work) == -9
    (left,) = tmp_path.iterdir()
    assert is_leftover(left.name) and (left / ".tmp123").exists()
    with atomic_path(tmp_path / "field.saga") as temporary:
        temporary.write_text("whole")
    assert [path.name for path in tmp_path.iterdir()] == ["field.saga"]


def test_a_file_may_be_read_by_whom_other_files_may_be_read(tmp_path: Path) -> None:
    (tmp_path / "plain").touch()
    with atomic_path(tmp_path / "field.saga") as temporary:
        temporary.touch(0o600)
    assert (tmp_path / "field.saga").stat().st_mode == (tmp_path / "plain").stat().st_mode


def test_a_run_that_is_removed_before_it_has_its_lock_begins_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made, opened = [], os.open

    def other_run(path: Path, *arguments: object) -> int:
        """Another run comes in between: before the lock is made, and before it is taken."""
        if Path(path).name != "lock" or path in made:
            return opened(path, *arguments)
        made.append(path)
        if len(made) == 1:
            remove_leftovers(tmp_path / "out")
        handle = opened(path, *arguments)
        if len(made) == 2:
            remove_leftovers(tmp_path / "out")
        return handle

    monkeypatch.setattr(os, "open", other_run)
    write(tmp_path / "out", "one")
    assert len(made) == 3
    assert tree(tmp_path) == {"out/result.txt": "one"}


def test_what_a_dead_run_began_to_remove_is_removed(tmp_path: Path) -> None:
    (tmp_path / ".saga-partial-out-1" / "new").mkdir(parents=True)
    (tmp_path / ".saga-partial-out-1" / "lock").touch()
    (tmp_path / ".saga-partial-out-2").mkdir()
    (tmp_path / ".saga-partial-out-3").touch()
    (tmp_path / ".saga-partial-other-1").mkdir()
    write(tmp_path / "out", "one")
    assert sorted(path.name for path in tmp_path.iterdir()) == [".saga-partial-other-1", "out"]


def test_links_inside_a_result_are_never_followed(tmp_path: Path) -> None:
    out = earlier(tmp_path)
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / "x.txt").write_text("not ours")
    (out / "parts" / "x.txt").unlink()
    (out / "parts" / "mine.psd").unlink()
    (out / "parts").rmdir()
    (out / "parts").symlink_to(elsewhere)
    (out / "album").symlink_to(elsewhere)
    write(out, "two")
    assert (elsewhere / "x.txt").read_text() == "not ours"
    assert (out / "album").is_symlink() and (out / "result.txt").read_text() == "two"


def test_a_link_to_a_folder_takes_the_result_where_it_points(tmp_path: Path) -> None:
    (tmp_path / "disk").mkdir()
    (tmp_path / "out").symlink_to(tmp_path / "disk")
    write(tmp_path / "out", "one")
    write(tmp_path / "out", "two")
    assert (tmp_path / "out").is_symlink() and tree(tmp_path / "disk") == {"result.txt": "two"}


def test_the_folder_that_somebody_stands_in_stays_the_same_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = earlier(tmp_path)
    monkeypatch.chdir(out / "parts")
    before = out.stat().st_ino
    write(out, "two", "y", "z")
    assert tree(out) == NEW and out.stat().st_ino == before
    assert not any(is_leftover(path.name) for path in out.iterdir())


def test_what_is_added_meanwhile_is_not_lost(tmp_path: Path) -> None:
    out = earlier(tmp_path)
    with staged_folder(out, OWNED, is_result) as stage:
        (stage / "result.txt").write_text("two")
        (out / "later.txt").write_text("added")
    assert (out / "later.txt").read_text() == "added"


@pytest.mark.parametrize("step", range(1, 8))
def test_a_file_is_whole_at_any_kill(tmp_path: Path, step: int) -> None:
    path = tmp_path / "field.saga"
    path.write_text("old")

    def work() -> None:
        with dying(step), atomic_path(path) as temporary:
            temporary.write_text("new")

    in_child(work)
    assert path.read_text() in ("old", "new")
    with atomic_path(path) as temporary:
        assert temporary.suffix == ".saga"
        temporary.write_text("newest")
    assert [each.name for each in tmp_path.iterdir()] == ["field.saga"] and path.read_text() == "newest"


def test_the_disk_errors_of_libraries_are_known_too(tmp_path: Path) -> None:
    class LibraryError(Exception):
        pass

    with pytest.raises(SagaError, match="disk full"), atomic_path(tmp_path / "x.saga"):
        raise LibraryError("I/O error: No space left on device (os error 28)")
    with pytest.raises(LibraryError), atomic_path(tmp_path / "x.saga"):
        raise LibraryError("something else")
    assert list(tmp_path.iterdir()) == []


def test_what_has_no_room_is_not_begun(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    usage = type(shutil.disk_usage(tmp_path))
    asked = []

    def nearly_full(folder: Path) -> object:
        asked.append(folder)
        return usage(10**9, 10**9 - 5_000_000, 5_000_000)

    monkeypatch.setattr(shutil, "disk_usage", nearly_full)
    require_room(tmp_path / "deep" / "er", 5_000_000)
    with pytest.raises(SagaError) as caught:
        require_room(tmp_path / "deep" / "er", 7_000_000)
    assert str(caught.value) == (
        f"{tmp_path}/deep/er: expected 7 MB of room to write it, found 5 MB free in {tmp_path}; "
        "make room or choose another place."
    )
    assert asked == [tmp_path, tmp_path]
