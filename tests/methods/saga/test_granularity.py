"""Granularity: one click, from the part through the whole to the group."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
import torch
from scipy.ndimage import distance_transform_edt

from saga.demo import DemoScene
from saga.errors import SagaError
from saga.masks import ArrayMasks
from saga.query import QueryConfig, Segmenter
from saga.raster import BlendOperator, Geometry
from saga.scene import Scene
from saga.train import FeatureField, TrainConfig, train

OBJECTS = 4
SLIDER = (0.0, 0.25, 0.5, 0.75, 1.0)


class NestedMasks(ArrayMasks):
    """Masks of some objects: the upper half of each, each whole, and pairs of them."""

    def __init__(self, scene: Scene, labels: np.ndarray) -> None:
        geometry = Geometry.from_gaussians(scene.gaussians)
        heights = scene.gaussians.means[:, 2]
        largest = np.argsort(-np.bincount(labels)[1:])[:OBJECTS] + 1
        self.wholes = [labels == label for label in largest]
        self.parts = [whole & (heights > np.median(heights[whole])) for whole in self.wholes]
        self.groups = [np.any(self.wholes[:2], axis=0), np.any(self.wholes[2:], axis=0)]
        members = torch.from_numpy(np.stack([*self.parts, *self.wholes, *self.groups], axis=1)).float()
        shown = {camera.name: BlendOperator(geometry, camera).render(members) > 0.5 for camera in scene.cameras}
        masks = {name: np.ascontiguousarray(each.permute(2, 0, 1).numpy()) for name, each in shown.items()}
        super().__init__(masks, scene.cameras)


@pytest.fixture(scope="module")
def nested(tiny_scene: Scene, tiny_demo: DemoScene) -> NestedMasks:
    return NestedMasks(tiny_scene, tiny_demo.labels)


@pytest.fixture(scope="module")
def gated(tiny_scene: Scene, nested: NestedMasks) -> FeatureField:
    config = TrainConfig(iterations=500, pixels=400, cached_pixels=24_000, granularity=True)
    return train(tiny_scene, nested, config, progress=False)


@pytest.fixture
def select(tiny_scene: Scene, gated: FeatureField, nested: NestedMasks) -> Callable[[int, float | None], np.ndarray]:
    """select(k, granularity): what a click on the upper half of the k-th object selects."""
    segmenter = Segmenter(tiny_scene, gated)
    camera = tiny_scene.cameras[0]
    masks = nested.masks(camera)

    def click(k: int, granularity: float | None) -> np.ndarray:  # [N]
        segmenter.config = QueryConfig(granularity=granularity)
        y, x = np.unravel_index(distance_transform_edt(masks[k]).argmax(), masks[k].shape)
        return segmenter.segment(camera.name, points=[(int(x), int(y))]).mask

    return click


def test_sliding_up_does_not_shrink_the_object(select):
    for k in range(OBJECTS):
        sizes = [int(select(k, granularity).sum()) for granularity in SLIDER]
        assert all(larger > 0.8 * smaller for smaller, larger in itertools.pairwise(sizes)), sizes
    total = [sum(int(select(k, granularity).sum()) for k in range(OBJECTS)) for granularity in SLIDER]
    assert total[-1] > 1.5 * total[0], total


def test_the_lowest_granularity_selects_a_part_and_a_higher_one_the_whole(select, nested):
    part, whole = nested.parts[0], nested.wholes[0]
    assert overlap(select(0, 0.0), part) > 0.8
    assert overlap(select(0, 0.75), whole) > 0.8


def test_coming_back_to_a_granularity_gives_the_same(select):
    first = {granularity: select(0, granularity) for granularity in (None, 0.0, 1.0)}
    for granularity, mask in first.items():
        assert np.array_equal(select(0, granularity), mask)
    assert not np.array_equal(first[0.0], first[1.0])


def test_discovery_goes_by_granularity(tiny_scene, gated, nested):
    sizes = {}
    for granularity in (0.0, 1.0):
        segmenter = Segmenter(tiny_scene, gated, QueryConfig(granularity=granularity))
        found = [segmentation.mask for segmentation in segmenter.discover(smallest=20)]
        sizes[granularity] = max(overlap(mask, nested.parts[0]) for mask in found)
    assert sizes[0.0] > sizes[1.0]


def test_a_field_without_a_gate_has_no_granularity(tiny_scene, field):
    with pytest.raises(SagaError, match=r"saga-train with --granularity"):
        Segmenter(tiny_scene, field, QueryConfig(granularity=0.5))
    segmenter = Segmenter(tiny_scene, field)
    segmenter.config = replace(segmenter.config, granularity=0.5)
    with pytest.raises(SagaError, match=r"saga-train with --granularity"):
        segmenter.segment(tiny_scene.cameras[0].name, points=[(80, 60)])


@pytest.mark.parametrize("granularity", [-0.1, 1.1, float("nan")])
def test_a_granularity_out_of_range_is_refused(granularity: float):
    with pytest.raises(SagaError, match=r"part, object, group, a number from 0 to 1"):
        QueryConfig(granularity=granularity)


def overlap(a: np.ndarray, b: np.ndarray) -> float:
    return float((a & b).sum() / max((a | b).sum(), 1))
