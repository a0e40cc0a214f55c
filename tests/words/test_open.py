"""Which model is opened for what a person gives."""

from __future__ import annotations

import shutil
from pathlib import Path
from types import ModuleType

import pytest

from saga.errors import SagaError
from saga.masks.models import MODELS
from saga.words import TransformersTextImage
from saga.words.open import RECOMMENDED, open_model


def test_folders_and_open_models(small_models: ModuleType, toy: ModuleType, tmp_path: Path) -> None:
    folder = small_models.write_clip(tmp_path / "mine")
    opened = open_model(folder, "cpu")
    assert isinstance(opened, TransformersTextImage) and opened.name == "mine"
    assert open_model(str(folder), "cpu").name == "mine"
    known = toy.ColorModel()
    assert open_model(known) is known


def test_a_model_that_is_not_here_says_how_to_get_it(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    pytest.importorskip("huggingface_hub")
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path))
    for given in (None, "clip", "google/siglip2-base-patch16-224"):
        with pytest.raises(SagaError, match=r"hf download .*clip|siglip2"):
            open_model(given)
    assert MODELS[RECOMMENDED].task == "words"


def test_a_model_of_masks_is_refused(small_models: ModuleType, tmp_path: Path) -> None:
    folder = small_models.write_clip(tmp_path / "mine")
    other = tmp_path / "sam"
    shutil.copytree(folder, other)
    small_models.set_model_type(other, "sam2_video")
    with pytest.raises(SagaError, match="expected a model of words"):
        open_model(other)
