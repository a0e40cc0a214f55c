"""--asset on the command line: what is written for engines, and what is said where it cannot be."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import numpy as np
import pytest

from saga.scene import Gaussians

from .conftest import Command

trimesh = pytest.importorskip("trimesh", reason="trimesh (extra mesh) is not installed")
pytest.importorskip("fast_simplification", reason="fast-simplification (extra mesh) is not installed")

PROMPT = ("--view", "000.png", "--points", "80,60", "--device", "cpu")


def test_an_object_is_written_for_engines(saga_segment: Command, folder: Path, field: Path, tmp_path: Path) -> None:
    given = (folder / "scene.ply", "--field", field, *PROMPT, "--out", tmp_path / "out")
    done = saga_segment(*given, "--asset", "--up=z", "--origin", "center", "--scale", 2)
    assert done.code == 0, done.err
    asset = tmp_path / "out" / "asset"
    facts = json.loads((asset / "asset.json").read_text())
    assert (facts["up"], facts["origin"], facts["scene_units_per_meter"]) == (
        {"source": "given", "in_scene": [0, 0, 1]}, "center", 2,
    )  # fmt: skip
    read, plain = (Gaussians.read(each / "object.ply") for each in (asset, tmp_path / "out"))
    matrix = np.array(facts["scene_to_object"])
    assert np.allclose(read.means, plain.means @ matrix[:3, :3].T + matrix[:3, 3], atol=1e-5)
    mesh = trimesh.load_mesh(asset / "collision.glb")
    assert mesh.is_watertight and np.allclose(mesh.bounds.mean(axis=0), 0, atol=0.02 * np.ptp(mesh.bounds))
    assert saga_segment(*given).code == 0  # of an object without it, nothing is left that belonged to the one before
    assert not list((tmp_path / "out" / "asset").glob("*"))


def test_all_objects_have_a_folder_each(saga_discover: Command, folder: Path, field: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    done = saga_discover(
        folder / "scene.ply",
        "--method",
        "saga",
        "--field",
        field,
        "--set",
        "smallest=400",
        "--asset",
        "--out",
        out,
        "--device",
        "cpu",
    )
    assert done.code == 0, done.err
    names = set(json.loads((out / "objects.json").read_text()))
    assert {each.name for each in (out / "assets").iterdir()} == names
    for name in names:
        files = json.loads((out / "assets" / name / "asset.json").read_text())["files"].values()
        assert all((out / "assets" / name / file).is_file() for file in files)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (("--scale", "2"), "--scale: expected --asset"),
        (("--convex-parts",), "--convex-parts: expected --asset"),
        (("--asset", "--scale", "0"), "scale: expected units per meter"),
        (("--asset", "--up", "sideways"), "up: expected auto, an axis"),
    ],
)
def test_mistakes_are_one_line(saga_segment: Command, tmp_path: Path, options: tuple[str, ...], words: str) -> None:
    saga_segment(tmp_path / "gone.ply", *PROMPT, *options).assert_mistake(words)


@pytest.mark.parametrize("package", ["trimesh", "coacd"])
def test_a_missing_package_is_said_before_the_scene_is_read(
    saga_segment: Command, tmp_path: Path, package: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, package, None)
    extra = {"trimesh": "mesh", "coacd": "convex"}[package]
    done = saga_segment(tmp_path / "gone.ply", *PROMPT, "--asset", "--convex-parts")
    done.assert_mistake(f"saga-splat[{extra}]")
