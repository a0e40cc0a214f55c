"""saga-demo: everything it promises, on a small copy of its scene."""

from __future__ import annotations

import json
import shlex
import subprocess
import sys
from pathlib import Path

import pytest
from PIL import Image


def mean_overlaps(text: str) -> tuple[float, float]:
    """The means of saga-demo's table, in percent: 3D and 2D IoU."""
    (line,) = (line for line in text.splitlines() if line.startswith("mean "))
    solid, flat = (float(word.removesuffix("%")) for word in line.split()[1:3])
    return solid, flat


@pytest.mark.parametrize("masks", ["exact", "scene"])
def test_every_object_is_clicked_and_every_picture_written(saga_demo, tmp_path: Path, masks: str) -> None:
    out = tmp_path / "out"
    done = saga_demo("--out", out, "--gaussians", 3000, "--masks", masks, "--device", "cpu")
    assert done.code == 0, done.err
    names = [name for name, label in json.loads((out / "objects.json").read_text()).items() if label > 0]
    table = {line.split()[0]: line for line in done.out.splitlines() if line.count("%") == 2}
    assert set(table) == {*names, "mean"}
    assert {path.stem for path in (out / "all" / "objects").iterdir()} == set(names)
    pictures = done.out.split("Pictures to look at: ")[1].splitlines()[0].split(", ")
    assert len(pictures) == 3
    for picture in pictures:
        assert min(Image.open(picture).size) > 100
    if masks == "exact":  # five points below what was measured, with few small views and a short training
        solid, _ = mean_overlaps(done.out)
        assert solid > 62


@pytest.mark.slow
def test_the_scene_as_it_is_reaches_what_the_readme_says(tmp_path: Path) -> None:
    """In a process of its own: the fixture's demo has few small views and trains briefly."""
    command = [sys.executable, "-c", "from saga.cli.demo import main; main()", "--out", str(tmp_path / "out")]
    done = subprocess.run([*command, "--device", "cpu"], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    solid, flat = mean_overlaps(done.stdout)
    assert solid > 84
    assert flat > 92


def test_the_commands_it_prints_do_the_same(saga_demo, saga_train, saga_segment, tmp_path: Path) -> None:
    out = tmp_path / "a b"
    done = saga_demo("--out", out, "--gaussians", 3000, "--device", "cpu")
    assert done.code == 0, done.err
    by_hand = [shlex.split(line) for line in done.out.splitlines() if line.startswith("  saga-")]
    commands = {"saga-train": saga_train, "saga-segment": saga_segment}
    assert [name for name, *_ in by_hand] == ["saga-train", "saga-segment", "saga-segment"]
    for name, *arguments in by_hand:
        brief = ["--iterations", 3, "--no-regions"] if name == "saga-train" else []
        done = commands[name](*arguments, "--device", "cpu", *brief)
        assert done.code == 0, done.err


def test_too_few_gaussians(saga_demo, tmp_path: Path) -> None:
    saga_demo("--out", tmp_path / "out", "--gaussians", 5).assert_mistake("--gaussians", "found 5")
    assert not list(tmp_path.iterdir())


def test_a_persons_own_folder_is_not_touched(saga_demo, tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("mine")
    saga_demo("--out", tmp_path, "--gaussians", 2000).assert_mistake(str(tmp_path), "notes.txt")
    assert [path.name for path in tmp_path.iterdir()] == ["notes.txt"]
