"""Masks in memory."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from saga.errors import SagaError
from saga.masks import ArrayMasks
from saga.scene.camera import Camera, LensModel
from saga.scene.lens import image_to_pinhole

MakeCamera = Callable[..., Camera]


@pytest.fixture
def masks() -> np.ndarray:  # [3, 14, 20] bool
    return np.random.default_rng(0).random((3, 14, 20)) < 0.4


def test_a_view_gets_its_own_masks_and_another_none(camera: MakeCamera, masks: np.ndarray) -> None:
    views = [camera("a.jpg"), camera("b.jpg")]
    source = ArrayMasks({"a.jpg": masks}, views)
    np.testing.assert_array_equal(source.masks(views[0]), masks)
    assert source.masks(views[1]).shape == (0, 14, 20) and source.masks(views[1]).dtype == bool
    assert source.features(views[0]) is None and not source.has_features(views[0])


def test_features_belong_to_their_view(camera: MakeCamera, masks: np.ndarray) -> None:
    features = np.zeros((256, 64, 64), np.float16)
    source = ArrayMasks({"a.jpg": masks}, features={"a.jpg": features})
    assert source.features(camera("a.jpg")) is features and source.has_features(camera("a.jpg"))
    assert source.features(camera("b.jpg")) is None and not source.has_features(camera("b.jpg"))


def test_masks_are_of_the_photograph_as_its_lens_made_it(camera: MakeCamera, masks: np.ndarray) -> None:
    view = camera("a.jpg", lens=LensModel("SIMPLE_RADIAL", 20, 14, (20.0, 10.0, 7.0, -0.8)))
    seen = ArrayMasks({"a.jpg": masks}).masks(view)
    assert (seen != masks).any()
    for mask, expected in zip(seen, masks, strict=True):
        np.testing.assert_array_equal(mask, image_to_pinhole(view, expected, order=0))


@pytest.mark.parametrize(
    ("array", "found"),
    [
        (np.zeros((1, 14, 20), np.uint8), r"uint8 \[1, 14, 20\]"),
        (np.zeros((14, 20), bool), r"bool \[14, 20\]"),
        ([[True]], "list"),
    ],
)
def test_other_arrays_are_refused(array: np.ndarray, found: str) -> None:
    with pytest.raises(SagaError, match=rf"masks of a.jpg: expected bool \[M, H, W\], found {found}"):
        ArrayMasks({"a.jpg": array})


def test_another_size_than_the_photograph_is_refused(camera: MakeCamera) -> None:
    turned = np.zeros((1, 20, 14), bool)
    with pytest.raises(SagaError, match=r"expected \[M, 14, 20\], the size of its photograph, found \[1, 20, 14\]"):
        ArrayMasks({"a.jpg": turned}, [camera("a.jpg")])
    with pytest.raises(SagaError, match=r"found \[1, 20, 14\]"):
        ArrayMasks({"a.jpg": turned}).masks(camera("a.jpg"))


def test_a_name_of_no_view_is_refused_with_the_nearest(camera: MakeCamera, masks: np.ndarray) -> None:
    with pytest.raises(SagaError, match="masks of 0001.png: .* the nearest are 0001.jpg"):
        ArrayMasks({"0001.png": masks}, [camera("0001.jpg"), camera("other.jpg")])


def test_features_of_another_shape_are_refused(masks: np.ndarray) -> None:
    with pytest.raises(SagaError, match=r"features of a.jpg: expected \[256, 64, 64\]"):
        ArrayMasks({"a.jpg": masks}, features={"a.jpg": np.zeros((1, 2))})
