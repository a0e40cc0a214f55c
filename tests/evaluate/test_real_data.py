"""Datasets of photographs and scans, where they are at hand."""

from __future__ import annotations

from pathlib import Path

import pytest

from saga.evaluate import DatasetPaths, PromptConfig, open_case

DATA = Path(__file__).parents[3] / "shared" / "data"


@pytest.mark.parametrize(("name", "objects", "views"), [("tabletop", 13, 40), ("flower", 1, 25)])
def test_scenes_are_read_with_their_truth(name: str, objects: int, views: int) -> None:
    if not (DATA / name / "scene.ply").is_file():
        pytest.skip(f"{DATA / name} is not there")
    case = open_case("folder", DatasetPaths(DATA), name, PromptConfig(clicks=(1, 3)))
    assert len(case.tasks) == objects
    assert max(len(task.truth) for task in case.tasks) == views
    for task in case.tasks:
        assert (task.members is not None) == (name == "tabletop")
        for asked in task.prompts:
            mask = task.truth[asked.prompt.view]
            assert 1 <= len(asked.prompt.points) <= asked.clicks
            assert all(mask[int(y), int(x)] for x, y in asked.prompt.points)
