"""Running, keeping and resuming evaluations."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from saga.errors import SagaError
from saga.evaluate import DatasetPaths, Prompting, SagaMethod, evaluate, evaluate_dataset, open_case
from saga.evaluate.ablation import ABLATIONS, ablate
from saga.query import QueryConfig
from saga.runtime.memory import PeakMemory
from saga.train import TrainConfig

QUICK = TrainConfig(iterations=40, pixels=256, cached_pixels=8_000)


@pytest.fixture
def paths(two_objects: Path) -> DatasetPaths:
    return DatasetPaths(two_objects, masks="instances")


@pytest.fixture
def case(paths: DatasetPaths):
    return open_case("folder", paths, "scene", Prompting(views=1))


def tree(folder: Path) -> set[str]:
    return {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}


def test_an_answer_of_nothing_scores_nothing_in_every_view(case, oracle) -> None:
    (result,) = evaluate([case], replace(oracle, mode="nothing"), progress=False)
    for record in result.records:
        assert record.iou == record.object_iou == record.solid_iou == record.boundary_iou == 0
        assert set(record.views.values()) == {0.0}
        assert record.gaussians == 0


def test_a_prompt_without_an_answer_is_recorded_and_the_run_goes_on(case, oracle) -> None:
    (result,) = evaluate([case], replace(oracle, mode="error"), progress=False)
    assert [record.error for record in result.records] == ["nothing there"] * 2
    assert all(record.iou == 0 for record in result.records)


def test_time_to_the_first_mask_holds_reading_loading_and_the_query(case, oracle) -> None:
    (result,) = evaluate([replace(case, load_seconds=2.0)], oracle, progress=False)
    run = result.runs[0]
    assert run["first_mask_seconds"] == pytest.approx(2.25 + result.records[0].milliseconds / 1e3, abs=0.01)
    assert run["peak_megabytes"]["query"]["process"] > 0


def test_the_object_alone_may_be_left_out(case, oracle) -> None:
    (result,) = evaluate([case], oracle, alone=False, progress=False)
    assert [record.object_iou for record in result.records] == [None, None]


def test_a_trained_field_is_kept_and_one_with_other_settings_refused(case, tmp_path: Path) -> None:
    method = SagaMethod(QUICK, QueryConfig(), tmp_path, progress=False)
    (result,) = evaluate([case], method, seeds=(0, 1), progress=False)
    assert tree(tmp_path) == {"scene-seed0.saga", "scene-seed1.saga"}
    assert {record.seed for record in result.records} == {0, 1}
    (again,) = evaluate([case], method, progress=False)
    assert [r.iou for r in again.records] == [r.iou for r in result.records if r.seed == 0]
    with pytest.raises(SagaError, match="scene-seed0.saga.*trained with iterations 40"):
        evaluate([case], replace(method, train=replace(QUICK, iterations=50)), progress=False)


def test_results_are_kept_and_a_finished_scene_is_not_evaluated_again(
    paths: DatasetPaths, oracle, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    first = evaluate_dataset("folder", paths, oracle, out, prompting=Prompting(views=1), progress=False)
    assert tree(out) == {"results.json", "table.md", "scenes/scene.json", "worst/scene.png"}
    kept = json.loads((out / "results.json").read_text())
    assert kept["settings"]["method"] == oracle.settings
    assert len(kept["scenes"][0]["records"]) == len(first[0].records)
    assert Image.open(out / "worst/scene.png").width > 900
    said: list[str] = []
    broken = replace(oracle)  # the same settings; it would fail if it were asked
    object.__setattr__(broken, "labels", None)
    second = evaluate_dataset(
        "folder", paths, broken, out, prompting=Prompting(views=1), progress=False, say=said.append
    )
    assert "finished" in said[0]
    assert second[0].as_json() == first[0].as_json()


def test_results_of_other_settings_are_not_mixed(paths: DatasetPaths, oracle, tmp_path: Path) -> None:
    evaluate_dataset("folder", paths, oracle, tmp_path / "out", prompting=Prompting(views=1), progress=False)
    before = tree(tmp_path)
    with pytest.raises(SagaError, match="prompting.views 1.*choose another --out"):
        evaluate_dataset("folder", paths, oracle, tmp_path / "out", progress=False)
    assert tree(tmp_path) == before


def test_a_changed_scene_is_evaluated_again(paths: DatasetPaths, oracle, tmp_path: Path) -> None:
    out = tmp_path / "out"
    evaluate_dataset("folder", paths, oracle, out, prompting=Prompting(views=1), progress=False)
    path = out / "scenes/scene.json"
    kept = json.loads(path.read_text())
    kept["ply"]["modified"] -= 1
    path.write_text(json.dumps(kept))
    said: list[str] = []
    evaluate_dataset("folder", paths, oracle, out, prompting=Prompting(views=1), progress=False, say=said.append)
    assert "prompts" in said[0]


def test_a_folder_of_something_else_is_left_alone(paths: DatasetPaths, oracle, tmp_path: Path) -> None:
    (tmp_path / "letter.txt").write_text("dear")
    with pytest.raises(SagaError, match="letter.txt"):
        evaluate_dataset("folder", paths, oracle, tmp_path, progress=False)
    with pytest.raises(SagaError, match="letter.txt"):
        ablate(paths, SagaMethod(QUICK, progress=False), tmp_path, groups=("clicks",), progress=False)
    assert tree(tmp_path) == {"letter.txt"}


def test_an_ablation_trains_once_for_all_that_train_alike(paths: DatasetPaths, tmp_path: Path) -> None:
    out = tmp_path / "out"
    method = SagaMethod(QUICK, QueryConfig(), progress=False)
    text = ablate(
        paths, method, out, groups=("post-processing",), prompting=Prompting(views=1), alone=False, progress=False
    )
    assert tree(out / "fields") == {"scene-seed0.saga"}
    for each in ABLATIONS:
        assert (f"| {each.name} |" in text) == (each.group == "post-processing")
    assert text == (out / "ablation.md").read_text()
    rows = [line.split(" | ") for line in text.splitlines() if line.startswith("| ")][2:]
    ious = {row[1]: row[6] for row in rows}
    assert ious["default"] != ious["threshold as in the paper"]


def test_a_group_of_ablations_that_is_not_there_is_named(paths: DatasetPaths, tmp_path: Path) -> None:
    with pytest.raises(SagaError, match="--groups loses.*losses"):
        ablate(paths, SagaMethod(QUICK), tmp_path / "out", groups=("loses",))
    assert not (tmp_path / "out").exists()


def test_peak_memory_sees_a_large_array_and_forgets_it() -> None:
    before = PeakMemory()
    array = np.ones(40_000_000, np.float32)
    assert array.sum() > 0
    peak = before.megabytes()["process"]
    del array
    assert PeakMemory().megabytes()["process"] < peak - 100
