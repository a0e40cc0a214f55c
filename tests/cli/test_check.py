"""saga-check: what it says of scenes that are well, of doubtful ones, and of files that are no scenes."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from plyfile import PlyData, PlyElement

from saga.scene import Gaussians, Scene


def facts(out: str) -> dict[str, str]:
    """Topic -> text, of the lines of the command."""
    lines = [line.strip() for line in out.splitlines()]
    return {line[:12].strip(): line[13:] for line in lines if len(line) > 13}


def rewrite(path: Path, change) -> None:
    """Changes the rows of a PLY in place."""
    rows = np.array(PlyData.read(str(path))["vertex"].data)
    change(rows)
    PlyData([PlyElement.describe(rows, "vertex")], byte_order="<").write(str(path))


def test_a_scene_that_is_well(saga_check, tiny_folder: Path, tiny_scene: Scene, tmp_path: Path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    done = saga_check(tiny_folder / "scene.ply", "--masks", tiny_folder / "instances", "--device", "cpu")
    assert done.code == 0, done.err
    told = facts(done.out)
    assert told["scene"].startswith(f"ply, {len(tiny_scene.gaussians):,} Gaussians, SH degree ")
    assert told["finite"] == "all"
    low, high = np.quantile(tiny_scene.gaussians.means, (0.01, 0.99), axis=0)
    assert told["extent"].startswith(" x ".join(f"{side:.3g}" for side in high - low))
    assert told["cameras"] == f"6 from {tiny_folder / 'transforms.json'} (a nerfstudio transforms.json); pinhole"
    assert told["photographs"] == f"6 for 6 cameras, in {tiny_folder / 'images'}; 160 x 120"
    assert "cameras as they are; agreement of 6 photographs" in told["frame"] and "by 0.0% " in told["frame"]
    assert "instances" in told["masks"]
    assert "no doubts" in done.out and "doubt 1" not in done.out
    picture = np.asarray(Image.open(tmp_path / "check-1.png"))
    panels = [picture[18:498, 18 + k * 658 : 658 + k * 658].astype(int) for k in range(4)]
    assert all(panel.std() > 20 for panel in panels)
    photograph, rendering, turns, masked = panels
    assert np.array_equal(np.minimum(np.abs(turns - photograph), np.abs(turns - rendering)), np.zeros_like(turns))
    assert (turns != photograph).any() and (turns != rendering).any() and (masked != photograph).mean() > 0.1
    assert saga_check(tiny_folder / "scene.ply", "--device", "cpu").code == 0
    assert (tmp_path / "check-2.png").is_file()


@pytest.mark.parametrize(
    ("shift", "said"), [(0.05, "lies beside what the photographs show"), (3.0, "show something else")]
)
def test_a_scene_that_was_moved_against_its_cameras(saga_check, folder: Path, shift: float, said: str) -> None:
    def move(rows: np.ndarray) -> None:
        for axis in "xz":
            rows[axis] += shift

    rewrite(folder / "scene.ply", move)
    done = saga_check(folder / "scene.ply", "--device", "cpu", "--out", folder / "check.png")
    assert done.code == 0, done.err
    doubts = [line for line in done.out.splitlines() if "doubt " in line]
    assert said in doubts[-1] and "--align" in doubts[-1] and len(doubts) == 1 + (shift > 1)
    assert (folder / "check.png").is_file()


def test_every_doubt_says_what_to_do(saga_check, folder: Path) -> None:
    def spoil(rows: np.ndarray) -> None:
        rows["x"][:3] = np.nan

    rewrite(folder / "scene.ply", spoil)
    (folder / "images" / "003.png").unlink()
    done = saga_check(folder / "scene.ply", "--device", "cpu", "--out", folder / "check.png")
    told = facts(done.out)
    assert done.code == 0 and told["finite"] == "all but 3, which are left out"
    doubts = [line for line in done.out.splitlines() if "doubt " in line]
    assert any("3 of" in line and "not finite" in line for line in doubts)
    assert any("1 of 6 cameras have no photograph (e.g. 003.png); give" in line for line in doubts)
    assert all(";" in line for line in doubts if "dropped" not in line)


def test_a_scene_alone_and_in_another_format(saga_check, tiny_scene: Scene, tmp_path: Path) -> None:
    pytest.importorskip("gaussforge")
    tiny_scene.gaussians.write(tmp_path / "scene.sog")
    done = saga_check(tmp_path / "scene.sog", "--device", "cpu", "--out", tmp_path / "check.png")
    assert done.code == 0, done.err
    assert facts(done.out)["scene"].startswith("sog, ") and "there are no cameras; give them" in done.out
    assert np.asarray(Image.open(tmp_path / "check.png")).std() > 10


def test_cameras_that_look_elsewhere_and_photographs_that_are_not_there(saga_check, folder: Path) -> None:
    shutil.rmtree(folder / "images")
    transforms = json.loads((folder / "transforms.json").read_text())
    for frame in transforms["frames"]:
        pose = np.array(frame["transform_matrix"])
        pose[:3, :3] = pose[:3, :3] @ np.diag([-1.0, 1.0, -1.0])  # turned around
        frame["transform_matrix"] = pose.tolist()
    (folder / "transforms.json").write_text(json.dumps(transforms))
    done = saga_check(folder / "scene.ply", "--device", "cpu", "--out", folder / "check.png")
    assert done.code == 0, done.err
    assert "6 of 6 cameras do not look at the scene (e.g. 000.png); they are" in done.out
    assert "no photographs are found, so the frame cannot be checked; give their folder" in done.out


def test_values_that_were_stored_without_their_logarithm(saga_check, folder: Path) -> None:
    scales = Gaussians.read(folder / "scene.ply").scales
    opacities = np.linspace(0.1, 1, len(scales))

    def plain(rows: np.ndarray) -> None:
        rows["opacity"] = opacities
        for k in range(3):
            rows[f"scale_{k}"] = scales[:, k]

    rewrite(folder / "scene.ply", plain)
    (folder / "transforms.json").unlink()
    done = saga_check(folder / "scene.ply", "--device", "cpu", "--out", folder / "check.png")
    assert "stored without their logarithm, export" in done.out
    assert "stored without their logit, export" in done.out


def test_what_is_no_scene_is_one_line(saga_check, tmp_path: Path, tiny_folder: Path) -> None:
    (tmp_path / "scene.ply").write_bytes(b"ply\nnothing of the kind")
    saga_check(tmp_path / "scene.ply", "--out", tmp_path / "check.png").assert_mistake("scene.ply")
    saga_check(tmp_path / "none.ply", "--out", tmp_path / "check.png").assert_mistake("none.ply", "no such file")
    missing = ("--cameras", tmp_path / "sparse")
    saga_check(tiny_folder / "scene.ply", *missing, "--out", tmp_path / "check.png").assert_mistake("sparse")
    saga_check(tiny_folder / "scene.ply", "--out", tmp_path).assert_mistake("expected a file to write")
    assert [path.name for path in tmp_path.iterdir()] == ["scene.ply"]
