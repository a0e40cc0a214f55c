"""Which mask a click means, by the masks of all views."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from saga.masks import ArrayMasks
from saga.methods.prompter import MaskPrompter
from saga.raster.device_scene import DeviceScene

VIEW = "000.png"
ON = np.ones(1, int)


@pytest.fixture
def mug(tiny_instances, tiny_demo) -> np.ndarray:
    return tiny_instances[VIEW] == tiny_demo.names["mug"]


@pytest.fixture
def middle(mug: np.ndarray) -> np.ndarray:
    ys, xs = np.nonzero(mug)
    return np.array([[xs[len(xs) // 2], ys[len(ys) // 2]]])


@pytest.fixture
def answer(tiny_views: DeviceScene, tiny_masks, middle: np.ndarray) -> Callable[..., np.ndarray | None]:
    """The mask of a click on the mug in the first view, whose own masks are given; other views have exact ones."""

    def ask(own: np.ndarray, points: np.ndarray = middle, labels: np.ndarray = ON) -> np.ndarray | None:
        source = ArrayMasks(tiny_masks | {VIEW: own}, tiny_views.scene.cameras)
        return MaskPrompter(tiny_views, source).mask(tiny_views.scene.camera(VIEW), points, labels)

    return ask


def iou(one: np.ndarray, other: np.ndarray) -> float:
    return float((one & other).sum() / (one | other).sum())


def test_the_mask_of_the_object_is_preferred_to_parts_and_mergers(answer, mug: np.ndarray) -> None:
    part = mug & (np.arange(mug.shape[0])[:, None] <= np.median(np.nonzero(mug)[0]) + 2)
    for own in ([part, mug, np.ones_like(mug)], [np.ones_like(mug), part, mug]):
        assert np.array_equal(answer(np.stack(own)), mug)


def test_where_the_view_has_no_mask_like_it_the_other_views_say_what_the_object_is(answer, mug: np.ndarray) -> None:
    for own in (np.ones((1, *mug.shape), bool), np.zeros((0, *mug.shape), bool)):
        assert iou(answer(own), mug) > 0.8


def test_a_mask_that_is_nearly_what_the_views_agree_on_is_taken_as_it_is(answer, mug: np.ndarray) -> None:
    ragged = mug & (np.add.outer(np.arange(mug.shape[0]), np.arange(mug.shape[1])) % 5 > 0)
    found = answer(
        np.stack([np.ones_like(mug), ragged]), np.argwhere(ragged)[len(np.argwhere(ragged)) // 2][None, ::-1]
    )
    assert np.array_equal(found, ragged)


def test_negative_points_count_in_all_views(answer, mug: np.ndarray, middle: np.ndarray, tiny_instances) -> None:
    """A point of the background says nothing against the mug; one on the mug leaves no mask."""
    ys, xs = np.nonzero(tiny_instances[VIEW] != 1)
    points, labels = np.concatenate([middle, [[xs[0], ys[0]]]]), np.array([1, 0])
    assert np.array_equal(answer(mug[None], points, labels), mug)
    assert answer(mug[None], np.concatenate([middle, middle]), labels) is None


def test_without_any_other_view_the_smallest_mask_is_taken(
    tiny_views: DeviceScene, mug: np.ndarray, middle: np.ndarray
) -> None:
    prompter = MaskPrompter(tiny_views, ArrayMasks({VIEW: np.stack([np.ones_like(mug), mug])}))
    assert np.array_equal(prompter.mask(tiny_views.scene.camera(VIEW), middle, ON), mug)


def test_a_click_is_answered_in_a_view_without_masks_from_those_that_see_the_same_point(
    tiny_views: DeviceScene, tiny_masks, tiny_instances, tiny_demo
) -> None:
    masks = ArrayMasks({name: each for name, each in tiny_masks.items() if name != VIEW})
    camera, overlaps = tiny_views.scene.camera(VIEW), []
    for name, number in tiny_demo.names.items():
        shown = tiny_instances[VIEW] == number
        if shown.sum() < 200 or name in ("table", "floor"):
            continue
        ys, xs = np.nonzero(shown)
        inside = int(np.square(np.stack([xs - xs.mean(), ys - ys.mean()])).sum(0).argmin())
        found = MaskPrompter(tiny_views, masks).mask(camera, np.array([[xs[inside], ys[inside]]]), ON)
        assert found is not None, name
        overlaps.append(iou(found, shown))
    assert len(overlaps) > 5 and min(overlaps) > 0.55 and np.mean(overlaps) > 0.8
