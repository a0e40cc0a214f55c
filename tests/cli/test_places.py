"""A place that belongs to something else is refused before any work, by every command that writes."""

from __future__ import annotations

import importlib
import inspect
import shutil
import sys
from pathlib import Path

import pytest

from saga.cli import entry
from saga.export.folders import is_cleaning, is_grids, is_objects, is_segmentation

FOLDERS = {
    "segment": ("--view", "000.png", "--points", "48,24"),
    "discover": ("--method", "saga"),
    "clean": (),
    "views": (),
}
"""Commands whose result is a folder, and what else they are given."""
FILES = {"train": (), "check": ()}
"""Commands whose result is a file."""
ELSEWHERE = {"demo", "evaluate", "batch", "view", "serve"}
"""Commands without a scene, whose own tests say what becomes of their --out; the last two write when asked to."""


def _ends(command: str, *arguments: object) -> object:
    """Runs a command; returns its exit code."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "argv", [f"saga-{command}", *map(str, arguments)])
        with pytest.raises(SystemExit) as end:
            importlib.import_module(f"saga.cli.{command}").main()
    return end.value.code


def test_every_command_is_known_here() -> None:
    commands = {name for name, each in inspect.getmembers(entry, inspect.isfunction) if not name.startswith("_")}
    assert commands == set(FOLDERS) | set(FILES) | ELSEWHERE


@pytest.mark.parametrize("command", FOLDERS)
@pytest.mark.parametrize("found", ["something else", "a file", "no folder above"])
def test_a_folder_of_something_else_is_refused_before_the_scene_is_read(
    command: str, found: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out"
    if found == "something else":
        out.mkdir()
        (out / "thesis.txt").write_text("mine")
    else:
        out.write_text("mine")
    place = out / "in" / "it" if found == "no folder above" else out
    assert _ends(command, tmp_path / "gone.ply", *FOLDERS[command], "--out", place, "--device", "cpu") == 2
    _assert_refused(capsys.readouterr().err, place)


@pytest.mark.parametrize("command", FILES)
def test_a_file_of_something_else_is_refused_before_the_scene_is_read(
    command: str, tiny_folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for mine in ("scene.ply", "images/000.png", "transforms.json"):
        kept = Path(shutil.copy(tiny_folder / mine, tmp_path))
        assert _ends(command, tmp_path / "gone.ply", "--out", kept, "--device", "cpu") == 2
        _assert_refused(capsys.readouterr().err, kept)
        assert kept.read_bytes() == (tiny_folder / mine).read_bytes()


def test_all_levels_go_where_no_level_is_something_else(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "out" / "group").mkdir(parents=True)
    (tmp_path / "out" / "group" / "photo.jpg").write_text("mine")
    given = (*FOLDERS["segment"], "--all-levels", "--out", tmp_path / "out", "--device", "cpu")
    assert _ends("segment", tmp_path / "gone.ply", *given) == 2
    _assert_refused(capsys.readouterr().err, tmp_path / "out" / "group")


def test_a_report_of_another_result_is_no_cleaning(tmp_path: Path) -> None:
    for name in ("segmentation.npz", "report.json"):
        (tmp_path / name).write_text("{}")
    known = [each(tmp_path) for each in (is_segmentation, is_objects, is_cleaning, is_grids)]
    assert known == [True, False, False, False]


def _assert_refused(said: str, place: Path) -> None:
    """One line about the place, and nothing yet about the scene, which is not there."""
    (line,) = said.splitlines()
    assert line.startswith(f"error: {place}")
    assert "gone.ply" not in line
    assert "choose another" in line
