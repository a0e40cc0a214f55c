"""A session on the tiny demo whose answers are exact: features and regions are made from the labels of the scene."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from saga.methods import Segmenter
from saga.scene import Camera, Scene
from saga.session import Session

VIEW = "000.png"


@pytest.fixture
def session(known_segmenter: Segmenter, tmp_path: Path) -> Iterator[Session]:
    opened = Session(known_segmenter.device_scene, known_segmenter, tmp_path / "scene.session")
    yield opened
    opened.close()


@pytest.fixture(scope="session")
def turned(tiny_scene: Scene) -> Camera:
    """A camera that is none of the scene's views: the first one from a little farther away, with more pixels."""
    first = tiny_scene.camera(VIEW)
    pose = first.world_to_camera.copy()
    pose[2, 3] *= 1.1
    return Camera("", 400, 300, first.fx * 2.5, first.fy * 2.5, 200.0, 150.0, pose)
