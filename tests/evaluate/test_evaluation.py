"""Asking a method with every prompt, and recording its answers."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from saga.evaluate import DatasetPaths, PromptConfig, evaluate, open_case
from saga.train import TrainConfig

QUICK = TrainConfig(iterations=40, pixels=256, cached_pixels=8_000)


@pytest.fixture
def paths(two_objects: Path) -> DatasetPaths:
    return DatasetPaths(two_objects, masks="instances")


@pytest.fixture
def case(paths: DatasetPaths):
    return open_case("folder", paths, "scene", PromptConfig(views=1))


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
