"""Masks of the scene in the cache, and as the default."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from saga.masks import MaskCache, open_masks
from saga.masks.scene import generator as module
from saga.masks.scene.generator import SceneGenerator
from saga.masks.source import WeightedMasks
from saga.scene import Scene

from .conftest import FIRST, SECOND, TABLE, make_scene


@pytest.fixture
def scene(tmp_path: Path) -> Scene:
    return make_scene([TABLE, FIRST, SECOND], views=6, folder=tmp_path / "images")


def test_the_default_where_something_stands_on_a_support(scene: Scene, tmp_path: Path) -> None:
    source = open_masks(scene, None, None, tmp_path / "cache", "cpu", progress=False)
    assert "2 objects on 1 support" in source.description
    assert isinstance(source, WeightedMasks)
    for camera in scene.cameras:
        masks, weights = source.masks(camera), source.weights(camera)
        assert masks.shape[1:] == (120, 160)
        assert weights is not None and len(weights) == len(masks)
        assert (masks[weights > 1].sum(0) <= 1).all()
        red = np.asarray(Image.open(camera.image_path))[..., 0] > 150  # type: ignore[arg-type]
        red &= np.asarray(Image.open(camera.image_path))[..., 2] < 80  # type: ignore[arg-type]
        best = max((mask & red).sum() / (mask | red).sum() for mask in masks)
        assert best > 0.9


def test_an_empty_table_gets_classical_masks(tmp_path: Path) -> None:
    scene = make_scene([TABLE], views=4, folder=tmp_path / "images")
    source = open_masks(scene, None, None, tmp_path / "cache", "cpu", progress=False)
    assert "classical segmentation" in source.description
    assert source.weights(scene.cameras[0]) is None


def test_what_was_found_is_not_looked_for_again(scene: Scene, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first = open_masks(scene, None, None, tmp_path, "cpu", progress=False)

    def fail(*_: object) -> None:
        raise AssertionError("looked again")

    monkeypatch.setattr(module, "fuse", fail)
    monkeypatch.setattr(module, "may_have_support", fail)
    monkeypatch.setattr(module, "masks_of_view", fail)
    again = open_masks(scene, None, None, tmp_path, "cpu", progress=False)
    np.testing.assert_array_equal(again.masks(scene.cameras[2]), first.masks(scene.cameras[2]))


def test_an_interrupted_run_goes_on_with_the_same_masks(
    scene: Scene, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = open_masks(scene, None, None, tmp_path / "whole", "cpu", progress=False)
    made = module.masks_of_view
    calls: list[int] = []

    def interrupted(*arguments: object) -> tuple[np.ndarray, np.ndarray]:
        calls.append(1)
        if len(calls) == 3:
            raise KeyboardInterrupt
        return made(*arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(module, "masks_of_view", interrupted)
    with pytest.raises(KeyboardInterrupt):
        open_masks(scene, None, None, tmp_path / "cut", "cpu", progress=False)
    rest = open_masks(scene, None, None, tmp_path / "cut", "cpu", progress=False)
    assert len(calls) == 3 + len(scene.cameras) - 2
    for camera in scene.cameras:
        np.testing.assert_array_equal(rest.masks(camera), whole.masks(camera))


def test_everything_that_decides_the_masks_is_in_the_key(scene: Scene, tmp_path: Path) -> None:
    def key() -> str:
        return MaskCache(tmp_path, SceneGenerator(scene, [tmp_path], "cpu")).folder.name

    before = key()
    assert key() == before
    path = scene.cameras[1].image_path
    assert path is not None
    Image.fromarray(255 - np.asarray(Image.open(path))).save(path)
    other_photograph = key()
    scene.cameras[0].world_to_camera[0, 3] += 0.1
    assert len({before, other_photograph, key()}) == 3
