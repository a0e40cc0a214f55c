"""Similarity maps: cosines by hand, and what happens where there is nothing to go by."""

from __future__ import annotations

import numpy as np
import pytest

from saga.errors import SagaError
from saga.masks import ArrayMasks
from saga.methods.sgisrf import ColorSimilarity, FeatureSimilarity, MaskSimilarity, open_similarity
from saga.methods.sgisrf.similarity import color_likeness, feature_cosine, membership_cosine
from saga.raster import DeviceScene
from saga.scene import Camera, Scene

CAMERA = Camera("a.png", 64, 32, 50.0, 50.0, 32.0, 16.0, np.eye(4))


def source(scene: Scene, masks: np.ndarray, features: np.ndarray | None = None) -> ArrayMasks:
    """The same masks, and features, for every view."""
    names = [camera.name for camera in scene.cameras]
    return ArrayMasks(dict.fromkeys(names, masks), features={} if features is None else dict.fromkeys(names, features))


def test_cosine_of_memberships_says_which_masks_two_pixels_share() -> None:
    whole, part = np.zeros((2, 4, 6), bool)
    whole[:, :4], part[:, :2] = True, True
    found = membership_cosine(np.stack([whole, part]), (0, 0))
    assert found[0].tolist() == pytest.approx([1, 1, 0.5**0.5, 0.5**0.5, 0, 0])


def test_memberships_do_not_depend_on_the_order_of_masks() -> None:
    masks = np.random.default_rng(0).random((7, 9, 11)) < 0.4
    assert np.allclose(membership_cosine(masks, (4, 5)), membership_cosine(masks[::-1], (4, 5)))


def test_color_is_alike_near_and_unlike_far_or_different() -> None:
    lab = np.zeros((20, 30, 3), np.float32)
    lab[:, 15:] = (50, 40, 0)
    found = color_likeness(lab, (5, 10))
    assert found[10, 5] == pytest.approx(1) and found[10, 12] > 0.7 and found[10, 20] < 0.01
    assert found[10, 9] > found[0, 9] > 0


def test_features_fill_a_square_from_the_top_left() -> None:
    features = np.zeros((8, 64, 64), np.float32)
    features[0] = 1.0
    features[0, :, 32:], features[1, :, 32:] = 0.0, 1.0
    features[:, 32:] = -1.0  # padding below the image
    found = feature_cosine(features, CAMERA, (8, 8))
    assert found.shape == (32, 64)
    assert found[:28, :30].min() > 0.99 and np.abs(found[:28, 34:]).max() < 0.01


class _Sam:
    """Features that are alike everywhere."""

    model_type = "vit_t"

    def features(self, image: np.ndarray) -> np.ndarray:  # [256, 64, 64]
        return np.ones((256, 64, 64), np.float16)


def test_the_space_is_that_of_sam_else_that_of_the_masks(tiny_scene: Scene) -> None:
    device_scene, masks, camera = DeviceScene(tiny_scene), np.ones((1, 120, 160), bool), tiny_scene.cameras[0]
    assert isinstance(open_similarity(device_scene, source(tiny_scene, masks), None), MaskSimilarity)
    found = open_similarity(device_scene, None, _Sam())  # type: ignore[arg-type]
    assert isinstance(found, FeatureSimilarity) and found.similarity(camera, (20, 60)).min() > 0.99
    halves = np.zeros((256, 64, 64), np.float16)
    halves[0, :, :32], halves[1, :, 32:] = 1, 1
    kept = open_similarity(device_scene, source(tiny_scene, masks, halves), _Sam())  # type: ignore[arg-type]
    assert kept.similarity(camera, (20, 60))[60, 150] < 0.01, "features that were kept come first"
    with pytest.raises(SagaError, match="found neither"):
        open_similarity(device_scene, None, None)


def test_where_no_mask_is_color_decides_among_what_no_mask_covers(tiny_scene: Scene) -> None:
    masks = np.zeros((1, 120, 160), bool)
    masks[0, :, 80:] = True
    found = MaskSimilarity(tiny_scene, source(tiny_scene, masks)).similarity(tiny_scene.cameras[0], (20, 60))
    assert found[60, 20] > 0.5 and found[:, 80:].max() == 0


def test_color_needs_no_photographs(tiny_scene: Scene) -> None:
    from dataclasses import replace

    bare = [replace(camera, image_path=None) for camera in tiny_scene.cameras]
    found = ColorSimilarity(Scene(tiny_scene.gaussians, bare)).similarity(bare[0], (80, 60))
    assert found.shape == (120, 160) and np.isfinite(found).all() and found[60, 80] > 0.5
