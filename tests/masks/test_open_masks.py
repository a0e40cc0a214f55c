"""Which masks a scene gets."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from saga.errors import SagaError
from saga.masks import FolderMasks, open_masks
from saga.scene.scene import Scene


def test_without_anything_the_classical_ones_say_what_they_lack(scene: Scene, tmp_path: Path) -> None:
    source = open_masks(scene, None, None, tmp_path / "cache", progress=False)
    assert source.masks(scene.cameras[0]).shape[1:] == (14, 20)
    assert source.features(scene.cameras[0]) is None
    for fact in ("classical", "Segment Anything", "--sam vit_b", "375 MB"):
        assert fact in source.description
    assert "\n" not in source.description
    assert len(list((tmp_path / "cache").rglob("*.npz"))) == 4


def test_a_persons_own_masks(scene: Scene, tmp_path: Path) -> None:
    folder = tmp_path / "masks"
    folder.mkdir()
    Image.fromarray(np.full((14, 20), 3, np.uint8)).save(folder / "001.png")
    source = open_masks(scene, folder, None, tmp_path / "cache", progress=False)
    assert isinstance(source, FolderMasks)
    assert source.masks(scene.cameras[1]).all()
    assert str(folder) in source.description
    assert not (tmp_path / "cache").exists()


def test_a_missing_checkpoint(scene: Scene, tmp_path: Path) -> None:
    with pytest.raises(SagaError, match="no such SAM checkpoint"):
        open_masks(scene, None, "nothing.pth", tmp_path / "cache", progress=False)


def test_both_are_one_too_many(scene: Scene, tmp_path: Path) -> None:
    with pytest.raises(SagaError, match="one of them"):
        open_masks(scene, tmp_path, "vit_b", tmp_path / "cache", progress=False)
