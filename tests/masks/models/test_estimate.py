"""What is said of the time that a model takes, and that it is measured."""

from __future__ import annotations

import io
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from saga.masks import SamConfig
from saga.masks.models import MODELS, announcing, estimate
from saga.masks.models.model import Encoded, MaskModel, Prompts
from saga.masks.open import open_masks
from saga.scene.scene import Scene

pytest.importorskip("segment_anything")
CPU = torch.device("cpu")
IMAGE = np.zeros((48, 80, 3), np.uint8)


class Slow(MaskModel):
    """Takes a known time for an image and for each batch of prompts."""

    input_side = 64
    mask_side = 16
    encoding, decoding = 0.05, 0.02

    def __init__(self, config: SamConfig | None = None) -> None:
        super().__init__("slow", CPU, config or SamConfig(points_per_side=8), torch.float32)
        self.encoded = self.decoded = 0
        self.clock = 0.0

    def _encode(self, image: np.ndarray) -> Encoded:
        self.encoded += 1
        self.clock += self.encoding
        return Encoded((image.shape[0], image.shape[1]), (38, 64), [torch.zeros(1, 256, 64, 64)])

    def _decode(self, encoded: Encoded, prompts: Prompts) -> tuple[Tensor, Tensor]:
        self.decoded += 1
        self.clock += self.decoding
        assert prompts.points is not None
        count = len(prompts.points)
        return torch.ones(count, 3, 16, 16), torch.zeros(count, 3)

    def _enlarge(self, logits: Tensor, encoded: Encoded) -> Tensor:
        return torch.ones(len(logits), *encoded.size)


def test_the_time_is_that_of_the_encoder_and_of_all_batches(monkeypatch: pytest.MonkeyPatch) -> None:
    model = Slow()
    monkeypatch.setattr(estimate, "time", SimpleNamespace(perf_counter=lambda: model.clock))
    seconds = estimate.seconds_per_image(model, IMAGE)
    assert seconds == pytest.approx(0.05 + 16 * 0.02)  # 64 points, 4 at a time on a CPU
    assert model.encoded == 1 and model.decoded == 2
    model.automatic_masks(IMAGE)
    assert model.encoded == 1, "what was measured is not done again"
    model = Slow(SamConfig(points_per_side=8, crop_n_layers=1))
    assert estimate.seconds_per_image(model, IMAGE) == pytest.approx(5 * seconds), "the whole and four crops"


@pytest.mark.parametrize(
    ("seconds", "text"), [(0.42, "0.4 s"), (9.2, "9 s"), (89.0, "89 s"), (245.0, "4 min"), (9000.0, "2 h")]
)
def test_times_are_said_as_people_say_them(seconds: float, text: str) -> None:
    assert estimate.spoken(seconds) == text


def test_the_line_offers_the_fast_model_where_that_is_faster(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []

    def unknown(name: str, *_: Any) -> float:
        asked.append(name)
        return 9.0

    monkeypatch.setattr(estimate, "unknown_seconds", unknown)
    line = estimate.sentence(50, 240.0, Slow(), "sam2-large", IMAGE, CPU)
    assert line == (
        "50 photographs, about 4 min each on this CPU with sam2-large, 3 h in all; --sam mobile takes about 9 s each"
    )
    assert asked == ["mobile"]
    assert "mobile takes" not in estimate.sentence(50, 8.0, Slow(), "sam2-large", IMAGE, CPU)
    asked.clear()
    assert estimate.sentence(1, 5.0, Slow(), "sam2-tiny", IMAGE, CPU) == (
        "1 photograph, about 5 s each on this CPU with sam2-tiny"
    )
    assert "random weights" in estimate.sentence(2, 500.0, None, "mobile", IMAGE, CPU)
    assert not asked, "nothing is measured for work that is short, or that is the fast model's own"


def test_it_is_said_before_the_masks_are_made_and_not_again(
    scene: Scene, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    said: list[str] = []
    monkeypatch.setattr("saga.masks.models.generator.open_model", lambda *_: Slow(SamConfig(points_per_side=2)))
    (tmp_path / "some.pth").write_bytes(b"weights")
    for _ in range(2):
        open_masks(scene, sam=tmp_path / "some.pth", cache=tmp_path / "cache", progress=False, say=said.append)
    assert len(said) == 1
    assert said[0].startswith("4 photographs, about ") and "each on this CPU with some.pth" in said[0]


def test_a_model_to_be_downloaded_is_measured_before_the_question(
    scene: Scene, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    said: list[str] = []
    monkeypatch.setenv("SAGA_CACHE", str(tmp_path))
    monkeypatch.setattr(announcing, "unknown_seconds", lambda *_: 240.0)
    monkeypatch.setattr(estimate, "unknown_seconds", lambda *_: 9.0)
    monkeypatch.setattr("sys.stdin", io.StringIO())
    announcing.announce_unknown(scene, "vit_h", "cpu", said.append)
    assert said == [], "where nobody can be asked nothing is measured"
    monkeypatch.setattr("sys.stdin.isatty", lambda: True, raising=False)
    announcing.announce_unknown(scene, "vit_h", "cpu", said.append)
    assert MODELS["vit_h"].facts in said[0]
    assert "4 photographs, about 4 min each" in said[1] and "(measured with random weights)" in said[1]
    assert said[1].endswith("--sam mobile takes about 9 s each")


def test_the_architecture_of_the_fast_model_is_the_published_one() -> None:
    pytest.importorskip("timm")
    from saga.masks.models.random_weights import random_model

    model = random_model("mobile", CPU, SamConfig())
    assert sum(part.numel() for part in model.model.image_encoder.parameters()) == 5_743_892  # type: ignore[attr-defined]
    assert model.input_side == 1024 and model.mask_side == 256
