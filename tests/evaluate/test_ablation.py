"""Settings compared in one table."""

from __future__ import annotations

from pathlib import Path

import pytest

from saga.errors import SagaError
from saga.evaluate import DatasetPaths, Preparation, PromptConfig
from saga.evaluate.ablation import ABLATIONS, ablate
from saga.train import TrainConfig

QUICK = TrainConfig(iterations=40, pixels=256, cached_pixels=8_000)


def tree(folder: Path) -> set[str]:
    return {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}


@pytest.fixture
def paths(two_objects: Path) -> DatasetPaths:
    return DatasetPaths(two_objects, masks="instances")


def test_an_ablation_trains_once_for_all_that_train_alike(paths: DatasetPaths, tmp_path: Path) -> None:
    out = tmp_path / "out"
    method = Preparation(train=QUICK, progress=False, regions=False)
    text = ablate(
        paths, method, out, groups=("post-processing",), prompting=PromptConfig(views=1), alone=False, progress=False
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
        ablate(paths, Preparation(train=QUICK), tmp_path / "out", groups=("loses",))
    assert not (tmp_path / "out").exists()
