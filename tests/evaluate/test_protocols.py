"""Every dataset is read in its published layout and judged by its own rules, end to end."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from saga.errors import SagaError
from saga.evaluate import Case, DatasetPaths, PromptConfig, evaluate, open_case, protocol_names, protocols, scene_names
from saga.evaluate.paths import LazyMasks
from saga.evaluate.protocols import register
from saga.evaluate.protocols.replica import OBJECTS
from saga.masks import ArrayMasks
from saga.masks.source import WeightedMasks
from saga.scene import Camera


def test_folder_with_labels_judges_all_but_the_table(tiny_folder: Path, oracle) -> None:
    case = open_case("folder", DatasetPaths(tiny_folder.parent), "scene", PromptConfig(clicks=(1, 3), views=1))
    names = set(json.loads((tiny_folder / "objects.json").read_text()))
    assert {task.object for task in case.tasks} <= names - {"table"}
    assert len(case.tasks) >= 8
    (result,) = evaluate([replace(case, tasks=case.tasks[:3])], oracle, progress=False)
    assert [record.clicks for record in result.records] == [1, 3] * 3
    assert np.mean([record.iou for record in result.records]) > 0.95
    assert min(record.solid_iou for record in result.records) > 0.99


def test_folder_with_annotations_has_no_3d_truth(tiny_folder: Path, instances, large, oracle, tmp_path: Path) -> None:
    shutil.copytree(tiny_folder, tmp_path / "data/photos", ignore=shutil.ignore_patterns("objects.json", "labels.npy"))
    name, label = large[0]
    for stem, seen in instances.items():
        path = tmp_path / "data/photos/annotations" / name / f"{stem}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(np.uint8(255) * (seen == label)).save(path)
    case = open_case("folder", DatasetPaths(tmp_path / "data"), "photos", PromptConfig())
    (result,) = evaluate([case], oracle, progress=False)
    assert {record.object for record in result.records} == {name}
    assert all(record.solid_iou is None and record.iou > 0.95 for record in result.records)


@pytest.mark.parametrize("kind", ["points", "scribble"])
def test_nvos_asks_in_the_reference_view_and_judges_the_target_view(nvos: Path, oracle, kind: str) -> None:
    assert scene_names("nvos", DatasetPaths(nvos)) == ["horns"]
    case = open_case("nvos", DatasetPaths(nvos), "horns", PromptConfig(kind, jitter=2 if kind == "points" else 0))
    assert [task.object for task in case.tasks] == ["horns_center", "horns_left"]
    for task in case.tasks:
        assert list(task.truth) == ["001.png"]
        assert {asked.prompt.view for asked in task.prompts} == {"000.png"}
        assert len(task.prompts[0].prompt.negative) > 0
    (result,) = evaluate([case], oracle, progress=False)
    assert min(record.iou for record in result.records) > 0.9


def test_spin_nerf_carries_the_first_mask_to_all_views(spin: Path, oracle) -> None:
    assert scene_names("spin-nerf", DatasetPaths(spin)) == ["fern"]
    case = open_case("spin-nerf", DatasetPaths(spin), "fern", PromptConfig())
    (task,) = case.tasks
    assert len(task.truth) == 6
    assert [(v.prompt.view, v.kind) for v in task.prompts] == [(next(iter(task.truth)), "mask")]
    (result,) = evaluate([case], oracle, progress=False)
    assert result.records[0].iou > 0.95
    assert set(result.records[0].views) == set(task.truth)


def test_lerf_mask_counts_its_novel_views_among_those_not_trained_on(lerf: Path, large, oracle) -> None:
    case = open_case("lerf-mask", DatasetPaths(lerf), "figurines", PromptConfig())
    assert {task.object for task in case.tasks} == {name for name, _ in large}
    assert all(set(task.truth) == {"001.png", "003.png"} for task in case.tasks)
    assert all(asked.prompt.view == "001.png" for task in case.tasks for asked in task.prompts)
    (result,) = evaluate([case], oracle, progress=False)
    assert min(record.iou for record in result.records) > 0.9


def test_replica_reads_the_trajectory_and_judges_the_listed_objects(replica: Path, oracle) -> None:
    paths = DatasetPaths(replica, scenes=replica.parent / "trained")
    case = open_case("replica", paths, "office_0", PromptConfig())
    assert len(case.scene.cameras) == 6
    listed = set(OBJECTS["office0"].split(","))
    assert {task.object for task in case.tasks} <= listed
    assert len(case.tasks) >= 4
    (result,) = evaluate([replace(case, tasks=case.tasks[:2])], oracle, progress=False)
    assert min(record.iou for record in result.records) > 0.9


def test_mipnerf360_judges_what_is_found_without_a_prompt(tiny_folder: Path, oracle) -> None:
    case = open_case("mipnerf360", DatasetPaths(tiny_folder.parent), "scene", PromptConfig(views=1))
    assert len(case.tasks) >= 8
    (result,) = evaluate([replace(case, tasks=case.tasks[:1])], oracle, progress=False)
    assert len(result.decomposition) == 6
    for record in result.decomposition:
        assert record.area_weighted_iou > 0.95
        assert 0.9 < record.symmetric_best_dice <= record.best_dice + 1e-9


@pytest.mark.parametrize("layout", ["nvos", "spin", "lerf", "replica"])
def test_a_missing_trained_scene_is_named_with_all_places_looked_at(layout: str, request, tiny_folder: Path) -> None:
    data = request.getfixturevalue(layout)
    for path in [*data.rglob("*"), *(data.parent / "trained").rglob("*")]:
        if path.is_symlink() and path.name in ("horns", "fern"):
            path.unlink()
            shutil.copytree(tiny_folder, path, ignore=shutil.ignore_patterns("scene.ply"))
        elif path.is_symlink() and path.name == "scene.ply":
            path.unlink()
    protocol = {"nvos": "nvos", "spin": "spin-nerf", "lerf": "lerf-mask", "replica": "replica"}[layout]
    paths = DatasetPaths(data, scenes=data.parent / "trained")
    (name,) = scene_names(protocol, paths)
    with pytest.raises(SagaError) as mistake:
        open_case(protocol, paths, name, PromptConfig())
    for part in ("trained", "scene.ply", "point_cloud/iteration_*/point_cloud.ply", "--scenes"):
        assert part in str(mistake.value)


def test_the_newest_iteration_of_a_trained_model_is_taken(tiny_folder: Path, tmp_path: Path) -> None:
    for iteration in (7000, 30000):
        folder = tmp_path / "trained" / "scene" / "point_cloud" / f"iteration_{iteration}"
        folder.mkdir(parents=True)
        shutil.copy(tiny_folder / "scene.ply", folder / "point_cloud.ply")
    paths = DatasetPaths(tiny_folder.parent, scenes=tmp_path / "trained")
    assert paths.ply(["scene"]).parent.name == "iteration_30000"


def test_photographs_that_are_missing_are_named(spin: Path) -> None:
    (spin / "scenes" / "fern").unlink()
    with pytest.raises(SagaError, match=r"photographs of fern.*nerf_llff_data/fern/images"):
        open_case("spin-nerf", DatasetPaths(spin), "fern", PromptConfig())


def test_prompts_a_protocol_does_not_know_are_refused(spin: Path) -> None:
    with pytest.raises(SagaError, match="--prompt scribble: spin-nerf knows mask"):
        open_case("spin-nerf", DatasetPaths(spin), "fern", PromptConfig("scribble"))


def test_masks_of_another_shape_are_refused(nvos: Path) -> None:
    path = nvos / "llff/masks/horns_left/001_mask.png"
    Image.fromarray(np.zeros((50, 160), np.uint8)).save(path)
    with pytest.raises(SagaError, match="001_mask.png.*aspect ratio"):
        open_case("nvos", DatasetPaths(nvos), "horns", PromptConfig())


@pytest.mark.parametrize(
    ("masks", "description"), [("instances", r"instances \(6 of 6 views\)"), ("classical", "classical")]
)
def test_masks_to_train_with_are_those_asked_for(
    tiny_folder: Path, tmp_path: Path, masks: str, description: str
) -> None:
    paths = DatasetPaths(tiny_folder.parent, masks=masks, cache=tmp_path)
    case = open_case("folder", paths, "scene", PromptConfig())
    assert re.search(description, case.masks.description)
    with pytest.raises(SagaError, match="nowhere: expected a folder of masks"):
        open_case("folder", replace(paths, masks="nowhere"), "scene", PromptConfig())


def test_masks_are_opened_when_they_are_used_and_keep_their_weights() -> None:
    opened: list[ArrayMasks] = []

    class Weighted(ArrayMasks):
        def weights(self, camera: Camera) -> np.ndarray:
            return np.array([1.0, 3.0])

    def opens(kind: type[ArrayMasks]) -> ArrayMasks:
        opened.append(kind({"a": np.ones((2, 3, 4), bool)}))
        return opened[-1]

    camera = Camera("a", 4, 3, 1, 1, 2, 1.5, np.eye(4))
    lazy = LazyMasks(lambda: opens(Weighted))
    assert opened == []
    assert isinstance(lazy, WeightedMasks)
    assert lazy.masks(camera).shape == (2, 3, 4)
    assert lazy.weights(camera).tolist() == [1.0, 3.0]
    assert len(opened) == 1
    assert LazyMasks(lambda: opens(ArrayMasks)).weights(camera) is None


class OneBall:
    """A protocol in one place: the ball of a scene folder, asked for by one click."""

    KINDS = ("points",)

    def scene_names(self, data: Path) -> list[str]:
        return ["scene"]

    def open_case(self, paths: DatasetPaths, name: str, prompting: PromptConfig) -> Case:
        case = open_case("folder", paths, name, prompting)
        return replace(case, tasks=[task for task in case.tasks if task.object == "ball"])


@pytest.fixture
def one_ball(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(protocols, "_registered", {})
    register("one-ball", OneBall())


@pytest.mark.usefixtures("one_ball")
def test_a_protocol_from_outside_is_used_like_the_others(tiny_folder: Path, oracle) -> None:
    paths = DatasetPaths(tiny_folder.parent)
    assert protocol_names()[-1] == "one-ball"
    assert scene_names("one-ball", paths) == ["scene"]
    (result,) = evaluate([open_case("one-ball", paths, "scene", PromptConfig(views=1))], oracle, progress=False)
    assert [record.object for record in result.records] == ["ball"]
    assert result.records[0].iou > 0.95
    with pytest.raises(SagaError, match="one-ball knows points"):
        open_case("one-ball", paths, "scene", PromptConfig("mask"))


@pytest.mark.usefixtures("one_ball")
@pytest.mark.parametrize("name", ["folder", "one-ball"])
def test_a_name_is_given_to_one_protocol_only(name: str) -> None:
    with pytest.raises(SagaError, match=f"protocol {name}: expected a name that is free"):
        register(name, OneBall())


def test_a_protocol_that_is_not_there_is_named(tiny_folder: Path) -> None:
    with pytest.raises(SagaError, match="nvoss: no such protocol; expected one of folder, nvos"):
        scene_names("nvoss", DatasetPaths(tiny_folder.parent))


def test_names_of_protocols_need_no_torch() -> None:
    code = "import sys; from saga.evaluate import protocol_names; protocol_names(); print('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True).stdout.strip() == "False"


@pytest.mark.parametrize("numbers", ['{"mug": [1, 2]}', '{"mug": "1"}', '{"mug": -1}', '{"mug": true}', "[1]", "{"])
def test_objects_without_a_number_are_refused(tiny_folder: Path, tmp_path: Path, numbers: str) -> None:
    shutil.copytree(tiny_folder, tmp_path / "data/scene", ignore=shutil.ignore_patterns("scene.*"))
    shutil.copy(tiny_folder / "scene.ply", tmp_path / "data/scene")
    (tmp_path / "data/scene/objects.json").write_text(numbers)
    with pytest.raises(SagaError, match=r"objects\.json: expected (a whole number, 0 or more, for each|a JSON file)"):
        open_case("folder", DatasetPaths(tmp_path / "data"), "scene", PromptConfig())
