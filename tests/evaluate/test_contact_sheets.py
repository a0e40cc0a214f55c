"""The sheet of the worst answers."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from saga.evaluate import DatasetPaths, PromptConfig, open_case
from saga.evaluate.contact_sheets import EXTRA, HIT, MISSED, WorstAnswers
from saga.evaluate.evaluation import evaluate_case
from saga.raster.device_scene import DeviceScene


def shows(sheet: np.ndarray, color: np.ndarray) -> int:
    """Pixels in the answers' column whose color leans as the given one does, over a gray picture."""
    pixels = sheet[40:, 940:].reshape(-1, 3).astype(int)
    lean = pixels - pixels.mean(1, keepdims=True)
    wanted = color - color.mean()
    cosine = lean @ wanted / np.maximum(np.linalg.norm(lean, axis=1) * np.linalg.norm(wanted), 1e-9)
    return int(np.count_nonzero((cosine > 0.97) & (np.linalg.norm(lean, axis=1) > 60)))


@pytest.mark.parametrize("mode", ["right", "nothing", "all"])
def test_colors_say_what_was_found_missed_and_too_much(two_objects: Path, oracle, mode: str) -> None:
    case = open_case("folder", DatasetPaths(two_objects), "scene", PromptConfig(views=1))
    labels = np.full_like(oracle.labels, 3) if mode == "all" else oracle.labels
    method = replace(oracle, labels=labels, mode="nothing" if mode == "nothing" else "right")
    worst = WorstAnswers()
    evaluate_case(case, method, progress=False, worst=worst)
    sheet = worst.draw(DeviceScene(case.scene))
    assert sheet.shape[1] == 4 * 300 + 5 * 8
    hit, missed, extra = (shows(sheet, color) for color in (HIT, MISSED, EXTRA))
    if mode == "right":
        assert hit > 20 * max(missed, extra)
    elif mode == "nothing":
        assert hit == extra == 0 < missed
    else:
        assert missed < 50 < min(hit, extra)


def test_every_object_has_one_row_and_displaced_clicks_none(two_objects: Path, oracle) -> None:
    case = open_case("folder", DatasetPaths(two_objects), "scene", PromptConfig(clicks=(1, 2), views=1, jitter=1))
    worst = WorstAnswers()
    evaluate_case(case, oracle, progress=False, worst=worst)
    scene = DeviceScene(case.scene)
    one, two = worst.draw(scene, count=1), worst.draw(scene)
    assert two.shape[0] - one.shape[0] == pytest.approx(one.shape[0] - (22 + 2 * 8), abs=4)
