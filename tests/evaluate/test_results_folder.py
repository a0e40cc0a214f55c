"""Keeping and resuming evaluations."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
from PIL import Image

from saga.errors import SagaError
from saga.evaluate import DatasetPaths, Preparation, PromptConfig, evaluate_dataset
from saga.evaluate.ablation import ablate
from saga.train import TrainConfig

QUICK = TrainConfig(iterations=40, pixels=256, cached_pixels=8_000)


def tree(folder: Path) -> set[str]:
    return {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}


@pytest.fixture
def paths(two_objects: Path) -> DatasetPaths:
    return DatasetPaths(two_objects, masks="instances")


def test_results_are_kept_and_a_finished_scene_is_not_evaluated_again(
    paths: DatasetPaths, oracle, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    first = evaluate_dataset("folder", paths, oracle, out, prompting=PromptConfig(views=1), progress=False)
    assert tree(out) == {"results.json", "table.md", "scenes/scene.json", "worst/scene.png"}
    kept = json.loads((out / "results.json").read_text())
    assert kept["settings"]["method"] == oracle.settings
    assert len(kept["scenes"][0]["records"]) == len(first[0].records)
    assert Image.open(out / "worst/scene.png").width > 900
    said: list[str] = []
    broken = replace(oracle)  # the same settings; it would fail if it were asked
    object.__setattr__(broken, "labels", None)
    second = evaluate_dataset(
        "folder", paths, broken, out, prompting=PromptConfig(views=1), progress=False, say=said.append
    )
    assert "finished" in said[0]
    assert second[0].as_json() == first[0].as_json()


def test_results_of_other_settings_are_not_mixed(paths: DatasetPaths, oracle, tmp_path: Path) -> None:
    evaluate_dataset("folder", paths, oracle, tmp_path / "out", prompting=PromptConfig(views=1), progress=False)
    before = tree(tmp_path)
    with pytest.raises(SagaError, match="prompting.views 1.*choose another --out"):
        evaluate_dataset("folder", paths, oracle, tmp_path / "out", progress=False)
    assert tree(tmp_path) == before


def test_a_changed_scene_is_evaluated_again(paths: DatasetPaths, oracle, tmp_path: Path) -> None:
    out = tmp_path / "out"
    evaluate_dataset("folder", paths, oracle, out, prompting=PromptConfig(views=1), progress=False)
    path = out / "scenes/scene.json"
    kept = json.loads(path.read_text())
    kept["ply"]["modified"] -= 1
    path.write_text(json.dumps(kept))
    said: list[str] = []
    evaluate_dataset("folder", paths, oracle, out, prompting=PromptConfig(views=1), progress=False, say=said.append)
    assert "prompts" in said[0]


def test_a_folder_of_something_else_is_left_alone(paths: DatasetPaths, oracle, tmp_path: Path) -> None:
    (tmp_path / "letter.txt").write_text("dear")
    with pytest.raises(SagaError, match="letter.txt"):
        evaluate_dataset("folder", paths, oracle, tmp_path, progress=False)
    with pytest.raises(SagaError, match="letter.txt"):
        ablate(paths, Preparation(train=QUICK, progress=False), tmp_path, groups=("clicks",), progress=False)
    assert tree(tmp_path) == {"letter.txt"}


def test_a_damaged_result_of_a_scene_is_made_again(paths: DatasetPaths, oracle, tmp_path: Path) -> None:
    out, said = tmp_path / "out", []
    once = {"prompting": PromptConfig(views=1), "progress": False, "say": said.append}
    first = evaluate_dataset("folder", paths, oracle, out, **once)
    path = out / "scenes/scene.json"
    whole = path.read_text()
    kept = json.loads(whole)
    kept["result"]["records"][0]["iou"] = "much"
    for damaged in (whole[:100], json.dumps(kept), "[" * 100_000, "{}", "[]"):
        path.write_text(damaged)
        said.clear()
        with pytest.warns(UserWarning, match=r"scene\.json: expected .*; the scene is evaluated again"):
            again = evaluate_dataset("folder", paths, oracle, out, **once)
        assert "prompts" in said[0]
        assert [record.iou for record in again[0].records] == [record.iou for record in first[0].records]
        evaluate_dataset("folder", paths, oracle, out, **once)
        assert "finished" in said[-1]


@pytest.mark.parametrize("damaged", ["", "[]", "{}", '{"kind": "saga-eval"', "[" * 100_000, '{"kind": 3}'])
def test_what_is_no_evaluation_any_more_stays(paths: DatasetPaths, oracle, tmp_path: Path, damaged: str) -> None:
    (tmp_path / "results.json").write_text(damaged)
    with pytest.raises(SagaError, match="expected a new folder or an earlier result of the same kind"):
        evaluate_dataset("folder", paths, oracle, tmp_path, progress=False)
    assert (tmp_path / "results.json").read_text() == damaged


def test_results_without_their_settings_are_not_mixed(paths: DatasetPaths, oracle, tmp_path: Path) -> None:
    (tmp_path / "results.json").write_text('{"kind": "saga-eval", "version": 2}')
    with pytest.raises(SagaError, match="holds results of other settings"):
        evaluate_dataset("folder", paths, oracle, tmp_path, progress=False)
