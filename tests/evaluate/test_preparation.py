"""Making a method ready for a scene."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from saga.errors import SagaError
from saga.evaluate import DatasetPaths, Preparation, PromptConfig, evaluate, open_case
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
    method = Preparation(train=QUICK, fields=tmp_path, progress=False)
    (result,) = evaluate([case], method, seeds=(0, 1), progress=False)
    assert tree(tmp_path) == {"scene-seed0.saga", "scene-seed1.saga"}
    assert {record.seed for record in result.records} == {0, 1}
    (again,) = evaluate([case], method, progress=False)
    assert [r.iou for r in again.records] == [r.iou for r in result.records if r.seed == 0]
    with pytest.raises(SagaError, match="scene-seed0.saga.*trained with iterations 40"):
        evaluate([case], replace(method, train=replace(QUICK, iterations=50)), progress=False)
