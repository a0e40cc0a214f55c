"""The adapter of SigLIP and CLIP: the real classes with random weights, read from a folder as a hub page has it."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
import torch

from saga.errors import SagaError
from saga.words import TextImageModel, TransformersTextImage

WRITERS = ("write_clip", "write_siglip", "write_siglip2")


@pytest.fixture(scope="session")
def folders(small_models: ModuleType, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    return {name: getattr(small_models, name)(tmp_path_factory.mktemp(name)) for name in WRITERS}


@pytest.fixture(scope="session")
def pictures() -> list[np.ndarray]:
    rng = np.random.default_rng(0)
    return [rng.integers(0, 256, (40, 40, 3)).astype(np.uint8) for _ in range(20)]


@pytest.mark.parametrize("writer", WRITERS)
def test_embeddings_are_those_of_the_model_itself(folders, pictures, writer: str) -> None:
    """What the model's own forward says of text and picture is the scaled product of the embeddings."""
    from transformers import AutoModel, AutoProcessor

    model = TransformersTextImage(folders[writer], "cpu")
    assert isinstance(model, TextImageModel)
    texts = ["a red mug", "a yellow duck"]
    ours = model.scale * model.embed_texts(texts) @ model.embed_images(pictures[:3]).T
    own, processor = AutoModel.from_pretrained(folders[writer]), AutoProcessor.from_pretrained(folders[writer])
    padding = {} if writer == "write_clip" else {"max_length": 64}
    inputs = processor(
        text=texts,
        images=pictures[:3],
        padding="longest" if not padding else "max_length",
        return_tensors="pt",
        **padding,
    )
    if padding:
        inputs.pop("attention_mask", None)
    with torch.no_grad():
        theirs = own.eval()(**inputs).logits_per_text - getattr(own, "logit_bias", torch.zeros(1))
    assert np.allclose(ours, theirs.numpy(), atol=1e-3 * model.scale)


@pytest.mark.parametrize("writer", WRITERS)
def test_a_batch_is_as_one_after_the_other(folders, pictures, writer: str) -> None:
    model = TransformersTextImage(folders[writer], "cpu")
    together, texts = model.embed_images(pictures), [f"duck {number}" for number in range(20)]
    assert together.shape[0] == 20 and together.dtype == np.float32
    assert np.allclose(np.linalg.norm(together, axis=1), 1, atol=1e-5)
    assert np.allclose(together[17:18], model.embed_images(pictures[17:18]), atol=1e-4)
    assert np.allclose(model.embed_texts(texts)[17], model.embed_texts(texts[17:18])[0], atol=1e-4)
    assert len(model.embed_images([])) == 0


@pytest.mark.parametrize("writer", WRITERS)
def test_letters_of_either_case_are_the_same_and_long_texts_are_cut(folders, writer: str) -> None:
    model = TransformersTextImage(folders[writer], "cpu")
    rows = model.embed_texts(["Red MUG", "red mug", "red " * 300])
    assert np.array_equal(rows[0], rows[1]) and np.isfinite(rows).all()


def test_half_precision_is_near_and_kept_apart(folders, pictures) -> None:
    full = TransformersTextImage(folders["write_clip"], "cpu")
    half = TransformersTextImage(folders["write_clip"], "cpu", torch.bfloat16)
    assert np.allclose(full.embed_images(pictures[:2]), half.embed_images(pictures[:2]), atol=0.05)
    assert half.embed_images(pictures[:1]).dtype == np.float32
    assert full.identity != half.identity


def test_the_identity_is_that_of_the_weights(folders, small_models, tmp_path: Path) -> None:
    before = TransformersTextImage(folders["write_clip"], "cpu").identity
    copy = tmp_path / "elsewhere"
    shutil.copytree(folders["write_clip"], copy)
    assert TransformersTextImage(copy, "cpu").identity == before
    small_models.change_weights(copy)
    assert TransformersTextImage(copy, "cpu").identity != before


def test_nothing_is_loaded_before_it_is_needed(folders, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "transformers", None)  # importing it fails from now on
    model = TransformersTextImage(folders["write_clip"], "cpu")
    assert model.identity.startswith("clip-")
    with pytest.raises(SagaError, match=r'expected the package transformers, found none .*pip install "saga-splat'):
        model.embed_texts(["mug"])


def test_a_folder_of_something_else_is_one_line(folders, small_models, tmp_path: Path) -> None:
    with pytest.raises(SagaError, match=r"config.json: expected JSON"):
        TransformersTextImage(tmp_path, "cpu")
    other = tmp_path / "other"
    shutil.copytree(folders["write_clip"], other)
    small_models.set_model_type(other, "sam2")
    with pytest.raises(SagaError, match=r"expected a text-image model .* found 'sam2'"):
        TransformersTextImage(other, "cpu")


@pytest.mark.parametrize("damage", ["truncated", "no weights", "no tokenizer"])
def test_a_folder_that_is_not_whole_is_one_line(folders, tmp_path: Path, damage: str) -> None:
    folder = tmp_path / "model"
    shutil.copytree(folders["write_siglip"], folder)
    weights = folder / "model.safetensors"
    if damage == "truncated":
        weights.write_bytes(weights.read_bytes()[:-100])
    elif damage == "no weights":
        weights.unlink()
    else:
        for path in (*folder.glob("tokenizer*"), folder / "processor_config.json"):
            path.unlink()
    with pytest.raises(SagaError, match="copy all files of its hub page") as caught:
        TransformersTextImage(folder, "cpu").embed_texts(["mug"])
    assert "\n" not in str(caught.value)
