"""A session on the tiny demo whose answers are exact: features and regions are made from the labels of the scene."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import combinations
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from scipy.ndimage import distance_transform_edt

from saga.demo import DemoScene
from saga.methods import Segmenter
from saga.regions import RegionConfig, SceneRegions
from saga.scene import Camera, Scene
from saga.session import Session
from saga.train import FeatureField, TrainConfig

VIEW = "000.png"


@pytest.fixture(scope="session")
def halves(tiny_scene: Scene, tiny_demo: DemoScene) -> SceneRegions:
    """Two cells of each thing, its lower and its upper half; regions are halves, things and pairs of things."""
    heights, labels = tiny_scene.gaussians.means[:, 2], tiny_demo.labels
    things = np.unique(labels)
    cells = np.zeros(len(labels), np.int32)
    for index, thing in enumerate(things):
        own = labels == thing
        cells[own] = 2 * index + (heights[own] > np.median(heights[own]))
    count = 2 * len(things)
    one, other = np.array(list(combinations(range(count), 2))).T
    same = one // 2 == other // 2
    members = [np.eye(count, dtype=bool), np.eye(count, dtype=bool).reshape(-1, 2, count).any(1)]
    pairs = members[1][:-1] | members[1][1:]
    return SceneRegions(
        scene_digest=tiny_scene.gaussians.digest(),
        config=RegionConfig(),
        cells=cells,
        shares=np.full(count, 0.8 / count, np.float32),
        members=np.concatenate([*members, pairs]),
        own=np.zeros(count + 2 * len(things) - 1, bool),
        borders=np.stack([one, other]).astype(np.int32),
        lengths=np.where(same, 20.0, 1.0).astype(np.float32),
        closed=np.where(same, 0.5, 0.95).astype(np.float32),
    )


@pytest.fixture(scope="session")
def known_field(tiny_scene: Scene, tiny_demo: DemoScene) -> FeatureField:
    """A feature of its own for each thing."""
    features = torch.nn.functional.one_hot(torch.from_numpy(tiny_demo.labels).long(), 32).float()
    report = {"given_masks": False}
    return FeatureField(
        features, tiny_scene.gaussians.digest(), TrainConfig(dimensions=32), tiny_scene.cameras, None, report
    )


@pytest.fixture(scope="session")
def segmenter(tiny_scene: Scene, halves: SceneRegions, known_field: FeatureField) -> Segmenter:
    return Segmenter(tiny_scene, known_field, device="cpu", regions=halves)


@pytest.fixture
def session(segmenter: Segmenter, tmp_path: Path) -> Iterator[Session]:
    opened = Session(segmenter.device_scene, segmenter, tmp_path / "scene.session")
    yield opened
    opened.close()


@pytest.fixture(scope="session")
def middle(tiny_folder: Path, tiny_demo: DemoScene) -> Callable[..., tuple[int, int]]:
    """middle(name, view): the pixel (x, y) of a view (the first by default) farthest from the object's border."""

    def find(name: str, view: str = VIEW) -> tuple[int, int]:
        shown = np.asarray(Image.open(tiny_folder / "instances" / view)) == tiny_demo.names[name]
        y, x = np.unravel_index(distance_transform_edt(shown).argmax(), shown.shape)
        return int(x), int(y)

    return find


@pytest.fixture(scope="session")
def turned(tiny_scene: Scene) -> Camera:
    """A camera that is none of the scene's views: the first one from a little farther away, with more pixels."""
    first = tiny_scene.camera(VIEW)
    pose = first.world_to_camera.copy()
    pose[2, 3] *= 1.1
    return Camera("", 400, 300, first.fx * 2.5, first.fy * 2.5, 200.0, 150.0, pose)


@pytest.fixture(scope="session")
def iou(tiny_demo: DemoScene) -> Callable[[np.ndarray, str], float]:
    """iou(mask, name): the overlap of a selection with an object, over their union."""

    def compare(mask: np.ndarray, name: str) -> float:
        truth = tiny_demo.labels == tiny_demo.names[name]
        return float((mask & truth).sum() / (mask | truth).sum())

    return compare
