"""The adapters of SAM 3 and Grounding DINO: the real classes with random weights, read from a folder."""

from __future__ import annotations

from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
import torch

from saga.errors import SagaError
from saga.words import Detector, GroundingDetector, Sam3Detector, open_model


@pytest.fixture(scope="session")
def sam3(small_models: ModuleType, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return small_models.write_sam3(tmp_path_factory.mktemp("sam3"))


@pytest.fixture(scope="session")
def dino(small_models: ModuleType, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return small_models.write_grounding_dino(tmp_path_factory.mktemp("dino"))


@pytest.fixture(scope="session")
def picture() -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (60, 80, 3)).astype(np.uint8)


def test_sam3_gives_masks_of_the_size_of_the_picture(sam3, picture, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Sam3Detector, "THRESHOLD", 0.01)
    found = Sam3Detector(sam3, "cpu").detect(picture, "red mug")
    count = len(found.scores)
    assert count > 0 and found.masks.shape == (count, 60, 80) and found.masks.dtype == bool
    assert found.boxes.shape == (count, 4) and (found.scores > 0.01).all() and (found.scores <= 1).all()


def test_sam3_answers_as_the_model_itself(sam3, picture, monkeypatch: pytest.MonkeyPatch) -> None:
    from transformers import Sam3Model, Sam3Processor

    monkeypatch.setattr(Sam3Detector, "THRESHOLD", 0.01)
    found = Sam3Detector(sam3, "cpu").detect(picture, "red mug")
    inputs = Sam3Processor.from_pretrained(sam3)(images=picture, text="red mug", return_tensors="pt")
    with torch.no_grad():
        outputs = Sam3Model.from_pretrained(sam3).eval()(**inputs)
    scores = outputs.pred_logits.sigmoid()[0] * outputs.presence_logits.sigmoid()[0]
    assert np.allclose(np.sort(found.scores), np.sort(scores.numpy()), atol=1e-4)


def test_grounding_dino_gives_boxes_in_pixels(dino, picture, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(GroundingDetector, "THRESHOLD", 0.01)
    detector = GroundingDetector(dino, "cpu")
    found = detector.detect(picture, "Red mug.")
    assert found.masks is None and len(found.scores) > 0 and found.boxes.shape == (len(found.scores), 4)
    assert (found.boxes[:, 2:] > found.boxes[:, :2]).all() and found.boxes.max() > 2  # no shares of the picture
    same = detector.detect(picture, "red mug")
    assert np.allclose(found.boxes, same.boxes)
    assert not np.allclose(found.scores, detector.detect(picture, "lamp").scores)


@pytest.mark.parametrize("kind", [Sam3Detector, GroundingDetector])
def test_nothing_is_found_where_the_model_is_not_sure(sam3, dino, picture, monkeypatch, kind) -> None:
    monkeypatch.setattr(kind, "THRESHOLD", 1.1)
    found = kind(sam3 if kind is Sam3Detector else dino, "cpu").detect(picture, "mug")
    assert len(found.scores) == 0 and found.boxes.shape == (0, 4)
    assert found.masks is None or found.masks.shape == (0, 60, 80)


def test_the_kind_of_a_folder_decides_the_adapter(sam3, dino) -> None:
    assert isinstance(open_model(sam3, "cpu"), Sam3Detector) and isinstance(open_model(dino, "cpu"), GroundingDetector)
    assert isinstance(open_model(dino, "cpu"), Detector)
    with pytest.raises(SagaError, match="expected a detector"):
        Sam3Detector(dino, "cpu")
    assert Sam3Detector(sam3, "cpu").identity != GroundingDetector(dino, "cpu").identity


def test_a_folder_without_its_processor_is_one_line(dino, picture, tmp_path: Path) -> None:
    for path in dino.iterdir():
        if "processor" not in path.name and "tokenizer" not in path.name:
            (tmp_path / path.name).write_bytes(path.read_bytes())
    with pytest.raises(SagaError, match="copy all files of its hub page"):
        GroundingDetector(tmp_path, "cpu").detect(picture, "mug")
