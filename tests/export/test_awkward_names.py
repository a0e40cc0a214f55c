"""Whatever views are called, what is written of them stays in its folder, and there is one file for each."""

from __future__ import annotations

import json
import warnings
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from saga.errors import SagaError
from saga.export import render_views, write_segmentation
from saga.export.grid import write_grids
from saga.export.segmentation import write_objects
from saga.query.segmentation import Segmentation
from saga.raster import DeviceScene
from saga.scene import Scene, load_scene
from saga.scene.nerfstudio import read_nerfstudio

NAMES = [
    "/",
    "..",
    "../../x.png",
    "/tmp/saga-was-here.png",
    "a\\b.png",
    "a\0b.png",
    "\udcff.png",
    "CON",
    "A.png",
    "a.png",
]
NAMES += ["é" * 300 + ".png", "x" * 400, "", " "]


@pytest.fixture
def placed(wall) -> DeviceScene:
    scene: Scene = wall()
    return DeviceScene(replace(scene, cameras=[replace(scene.cameras[0], name=name) for name in NAMES]), "cpu")


def _selected(placed: DeviceScene, view: str) -> Segmentation:
    count = len(placed.scene.gaussians)
    mask, scores = torch.zeros(count, dtype=torch.bool), torch.zeros(count)
    mask[: count // 2] = True
    return Segmentation(mask, scores, {"view": view, "infinite": float("inf"), "timings_ms": {}})


def test_every_view_has_its_files(placed: DeviceScene, tmp_path: Path) -> None:
    out = tmp_path / "deep" / "er"
    for view in ("/", "\udcff.png"):
        write_segmentation(_selected(placed, view), placed, out / "object")
    write_grids(placed, out / "grids", progress=False)
    render_views(placed, out / "views")
    for folder, pattern in (("object", "masks/*.png"), ("grids", "*.png"), ("views", "images/*.png")):
        assert len(list((out / folder).glob(pattern))) == len(NAMES)
    assert [path.name for path in tmp_path.iterdir()] == ["deep"]
    assert sorted(path.name for path in out.iterdir()) == ["grids", "object", "views"]
    assert not Path("/tmp/saga-was-here.png").exists()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        assert len(read_nerfstudio(out / "views" / "transforms.json")) == len(NAMES)


def test_reports_hold_no_infinite_numbers(placed: DeviceScene, tmp_path: Path) -> None:
    write_segmentation(_selected(placed, "\udcff.png"), placed, tmp_path / "object")

    def refuse(constant: str) -> float:
        raise AssertionError(constant)

    report = json.loads((tmp_path / "object" / "report.json").read_text(encoding="utf-8"), parse_constant=refuse)
    assert report["infinite"] is None and report["view"] == "\udcff.png"


@pytest.mark.parametrize("names", [["CON"], ["a/b"], [".."], ["a."], ["x" * 300], ["Cup", "cup"], ["\udcff"]])
def test_objects_are_called_as_files_can_be(placed: DeviceScene, tmp_path: Path, names: list[str]) -> None:
    with pytest.raises(SagaError, match="expected a name that can name a file|every disk tells apart"):
        write_objects({name: _selected(placed, "/") for name in names}, placed, tmp_path / "out")
    assert not list(tmp_path.iterdir())


def test_a_camera_of_the_inria_trainer_may_be_called_slash(wall, tmp_path: Path) -> None:
    scene: Scene = wall()
    scene.gaussians.write(tmp_path / "scene.ply")
    pose = {"position": [0, 0, 0], "rotation": np.eye(3).tolist()}
    cameras = [{"id": 0, "img_name": "/", "width": 64, "height": 48, "fx": 40, "fy": 40, **pose}]
    (tmp_path / "cameras.json").write_text(json.dumps(cameras))
    loaded = DeviceScene(load_scene(tmp_path / "scene.ply"), "cpu")
    write_segmentation(_selected(loaded, loaded.scene.cameras[0].name), loaded, tmp_path / "out")
    assert [path.suffix for path in (tmp_path / "out" / "masks").iterdir()] == [".png"]
