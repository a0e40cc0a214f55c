"""Result folders: whole or not at all, and a person's files stay."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from saga.errors import SagaError
from saga.export.folder import staged_folder

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
    with pytest.raises(problem), staged_folder(tmp_path / "out", OWNED, is_result) as stage:
        (stage / "result.txt").write_text("half")
        raise problem
    assert tree(tmp_path) == {"out/parts/x.txt": "one", "out/result.txt": "one"}


def test_an_interrupted_first_run_leaves_nothing(tmp_path: Path) -> None:
    with pytest.raises(RuntimeError), staged_folder(tmp_path / "out", OWNED, is_result):
        raise RuntimeError
    assert list(tmp_path.iterdir()) == []


def test_a_move_that_fails_is_undone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(tmp_path / "out", "one", "x")
    move = os.replace

    def refuse_new_parts(source: Path, target: Path) -> None:
        if target == (tmp_path / "out" / "parts" / "y.txt").resolve():
            raise OSError(28, "No space left on device")
        move(source, target)

    monkeypatch.setattr(os, "replace", refuse_new_parts)
    with pytest.raises(SagaError, match="No space left on device"):
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
