"""Making a method ready for a scene."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from saga.errors import SagaError
from saga.evaluate import DatasetPaths, Preparation, PromptConfig, evaluate, open_case
from saga.masks import ArrayMasks
from saga.methods import method_names
from saga.raster import DeviceScene
from saga.regions import RegionConfig, SceneRegions, build_regions
from saga.train import TrainConfig

QUICK = TrainConfig(iterations=40, pixels=256, cached_pixels=8_000)


def tree(folder: Path) -> set[str]:
    return {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}


@pytest.fixture
def paths(two_objects: Path) -> DatasetPaths:
    return DatasetPaths(two_objects, masks="instances")


@pytest.fixture
def case(paths: DatasetPaths):
    return open_case("folder", paths, "scene", PromptConfig(views=1))


def test_a_trained_field_is_kept_and_one_with_other_settings_refused(case, tmp_path: Path) -> None:
    method = Preparation(train=QUICK, fields=tmp_path, progress=False, regions=False)
    (result,) = evaluate([case], method, seeds=(0, 1), progress=False)
    assert tree(tmp_path) == {"scene-seed0.saga", "scene-seed1.saga"}
    assert {record.seed for record in result.records} == {0, 1}
    (again,) = evaluate([case], method, progress=False)
    assert [r.iou for r in again.records] == [r.iou for r in result.records if r.seed == 0]
    with pytest.raises(SagaError, match="scene-seed0.saga.*trained with iterations 40"):
        evaluate([case], replace(method, train=replace(QUICK, iterations=50)), progress=False)


def test_regions_are_made_once_and_serve_prompts_unless_they_are_left_out(case, tmp_path: Path, monkeypatch) -> None:
    made = []

    def few(scene: DeviceScene, **options: Any) -> SceneRegions:
        made.append(options["structure"])
        return build_regions(scene, RegionConfig(cells=100), progress=False)

    monkeypatch.setattr("saga.evaluate.preparation.build_regions", few)
    method = Preparation(train=QUICK, fields=tmp_path, progress=False)
    (with_regions,) = evaluate([case], method, seeds=(0, 1), progress=False)
    assert made == [None]  # masks that are given say what the structure would
    assert tree(tmp_path) == {"scene-seed0.saga", "scene-seed1.saga", "scene.regions"}
    assert all("after_regions" in record.details["counts"] for record in with_regions.records)
    (without,) = evaluate([case], replace(method, regions=False), progress=False)
    assert not any("after_regions" in record.details["counts"] for record in without.records)
    assert method.settings != replace(method, regions=False).settings
    (tmp_path / "scene.regions").write_bytes(b"damaged")
    with pytest.warns(UserWarning, match="scene.regions: expected .*; they are made again now"):
        (again,) = evaluate([case], method, progress=False)
    assert made == [None, None] and again.records[0].iou == with_regions.records[0].iou
    SceneRegions.load(tmp_path / "scene.regions")


def test_a_method_says_itself_whether_it_needs_a_field(tiny_scene, tiny_masks, tmp_path: Path) -> None:
    needing = [name for name in method_names() if Preparation(name).needs_field]
    assert needing == ["saga"]
    assert "train" not in Preparation("sa3d").settings
    scene, masks = DeviceScene(tiny_scene, "cpu"), ArrayMasks(tiny_masks)
    Preparation("sa3d", fields=tmp_path, progress=False).prepare("scene", scene, masks, 0)
    assert not list(tmp_path.iterdir())
