"""Propagation from what a person gives to masks with ids."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("transformers")
sys.path.insert(0, str(Path(__file__).parent))
from video_models import write_video_model  # noqa: E402

from saga.errors import SagaError  # noqa: E402
from saga.masks import MaskCache, open_masks  # noqa: E402
from saga.masks.models.generator import ModelGenerator  # noqa: E402
from saga.raster import DeviceScene  # noqa: E402


def test_a_folder_of_a_video_model_gives_masks_with_ids(
    placed: DeviceScene, truth: dict[str, np.ndarray], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    model, scene = write_video_model(tmp_path / "model"), placed.scene
    known = {scene.image(camera).tobytes(): truth[camera.name] for camera in scene.cameras}
    # Random weights find nothing in a photograph: the keyframes are given one thing each.
    monkeypatch.setattr(ModelGenerator, "generate", lambda self, image: ((known[image.tobytes()] == 11)[None], None))
    source = open_masks(scene, None, model, tmp_path / "cache", "cpu", progress=False, propagate=True)
    assert isinstance(source, MaskCache) and "Sam2Video (model)" in source.description
    found = 0
    for camera in scene.cameras:
        masks, ids = source.masks(camera), source.ids(camera)
        assert ids is not None and ids.shape == (len(masks),) and masks.shape[1:] == (camera.height, camera.width)
        found += len(masks)
    assert found >= 2, "at least the keyframes' own"
    monkeypatch.setattr(ModelGenerator, "generate", lambda self, image: pytest.fail("everything is kept"))
    again = open_masks(scene, None, model, tmp_path / "cache", "cpu", progress=False, propagate=True)
    np.testing.assert_array_equal(again.masks(scene.cameras[0]), source.masks(scene.cameras[0]))


def test_propagation_needs_a_model(placed: DeviceScene, tmp_path: Path) -> None:
    with pytest.raises(SagaError, match="--propagate: expected a video model"):
        open_masks(placed.scene, None, None, tmp_path, progress=False, propagate=True)
