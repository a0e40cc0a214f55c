"""What an answer holds, in NumPy and in PyTorch, and how it is written."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch

from saga.errors import SagaError
from saga.export import ExportConfig
from saga.query import Segmentation
from saga.raster import DeviceScene
from saga.scene import Gaussians, Scene

MASK = np.array([True, False, True, False])
SCORES = np.array([0.9, 0.1, 0.5, -0.2], np.float32)


@pytest.mark.parametrize("kind", [np.asarray, torch.as_tensor])
def test_arrays_and_tensors_say_the_same_whatever_was_given(kind) -> None:
    found = Segmentation(kind(MASK), kind(SCORES))
    assert isinstance(found.mask, np.ndarray) and isinstance(found.tensor.mask, torch.Tensor)
    assert np.array_equal(found.mask, MASK) and np.array_equal(found.tensor.mask.numpy(), MASK)
    assert np.array_equal(found.scores, SCORES) and np.array_equal(found.tensor.scores.numpy(), SCORES)
    assert (found.mask.dtype, found.scores.dtype) == (bool, np.float32)
    assert len(found) == 2 and found.report == {}


def test_scores_are_float32_whatever_the_method_computed_in() -> None:
    assert Segmentation(torch.from_numpy(MASK), torch.from_numpy(SCORES).double()).scores.dtype == np.float32


def test_it_is_shown_in_one_short_line() -> None:
    assert repr(Segmentation(MASK, SCORES)) == "Segmentation(2 of 4 Gaussians)"
    assert repr(Segmentation(MASK, SCORES, {"view": "a.png"})) == "Segmentation(2 of 4 Gaussians, from a.png)"


@pytest.mark.parametrize("place", [lambda scene: scene, lambda scene: DeviceScene(scene, "cpu")])
def test_it_saves_itself_beside_what_it_knows(tiny_scene: Scene, tmp_path: Path, place) -> None:
    mask = np.zeros(len(tiny_scene.gaussians), bool)
    mask[:100] = True
    found = Segmentation(mask, mask.astype(np.float32), {"view": "001.png", "prompt": {}}, place(tiny_scene))
    found.save(tmp_path / "object", config=ExportConfig(masks=False))
    assert np.array_equal(np.load(tmp_path / "object" / "segmentation.npz")["mask"], mask)
    written = Gaussians.read(tmp_path / "object" / "object.ply").vertices
    assert np.array_equal(written, tiny_scene.gaussians.vertices[:100])
    assert json.loads((tmp_path / "object" / "report.json").read_text())["view"] == "001.png"
    assert not (tmp_path / "object" / "masks").exists()


def test_without_a_scene_it_can_be_given_one(tiny_scene: Scene, tmp_path: Path) -> None:
    mask = np.ones(len(tiny_scene.gaussians), bool)
    found = Segmentation(mask, mask.astype(np.float32))
    with pytest.raises(SagaError, match="found none"):
        found.save(tmp_path / "object")
    found.save(tmp_path / "object", tiny_scene, ExportConfig(masks=False))
    assert (tmp_path / "object" / "object.ply").is_file()
