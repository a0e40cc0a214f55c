"""Means, the least, and the spread."""

from __future__ import annotations

import numpy as np
import pytest

from saga.evaluate import Record, SceneResult
from saga.evaluate.tables import by_object, by_scene, report


def record(
    thing: str, iou: float, seed: int = 0, repeat: int = 0, solid: float | None = None, clicks: int = 1
) -> Record:
    views = {"a": iou - 0.1, "b": iou + 0.1}
    return Record(
        "desk", thing, seed, "a", "points", clicks, repeat, {}, iou, 1.0, iou, None, solid, views, 5, 10.0 * (seed + 1)
    )  # fmt: skip


def test_a_scene_is_the_mean_over_its_objects_however_often_each_was_asked_for() -> None:
    records = [record("cup", 0.8), record("cup", 0.6), record("pen", 0.4)]
    (row,) = by_scene([SceneResult("desk", records)])
    assert row.objects == 2
    assert row.iou == pytest.approx((0.7 + 0.4) / 2)
    assert (row.least, row.least_where) == (pytest.approx(0.3), "pen in a")
    assert [each.iou for each in by_object(SceneResult("desk", records))] == pytest.approx([0.7, 0.4])


def test_spread_over_seeds_and_over_displaced_clicks() -> None:
    records = [record("cup", 0.8, 0), record("cup", 0.6, 1), record("cup", 0.7, 2)]
    records += [record("cup", value, 0, repeat) for repeat, value in enumerate((0.5, 0.9), 1)]
    (row,) = by_scene([SceneResult("desk", records)])
    assert row.iou == pytest.approx(0.7)  # displaced clicks do not count
    assert row.seed_deviation == pytest.approx(np.std([0.8, 0.6, 0.7], ddof=1))
    assert row.click_deviation == pytest.approx(np.std([0.5, 0.9], ddof=1))
    (single,) = by_scene([SceneResult("desk", records[:1])])
    assert single.seed_deviation is None
    assert single.click_deviation is None


def test_numbers_of_clicks_are_rows_of_their_own_and_scenes_have_a_mean() -> None:
    one = SceneResult("desk", [record("cup", 0.8, solid=0.5), record("cup", 0.9, clicks=3)])
    two = SceneResult("yard", [record("car", 0.4), record("car", 0.5, clicks=3)])
    rows = by_scene([one, two])
    assert [(row.name, row.prompt) for row in rows] == [
        ("desk", "1 click"), ("desk", "3 clicks"), ("yard", "1 click"), ("yard", "3 clicks"),
        ("all", "1 click"), ("all", "3 clicks"),
    ]  # fmt: skip
    assert rows[4].iou == pytest.approx(0.6)
    assert rows[4].solid_iou == pytest.approx(0.5)


def test_the_table_says_what_was_set() -> None:
    text = report([SceneResult("desk", [record("cup", 0.8)])], "folder: data", {"method": {"query": {"clusters": 5}}})
    assert "| desk | 1 click | 1 | 80.0 |" in text
    assert "method.query.clusters = 5" in text
