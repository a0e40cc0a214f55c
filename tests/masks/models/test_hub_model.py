"""The mask models of transformers: real architectures, small, with random weights, in folders as on the hub."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from saga.errors import SagaError
from saga.masks import MaskCache, MaskModel, ModelGenerator, SamConfig, open_model, resolve_model
from saga.masks.models.model import Prompts
from saga.scene.scene import Scene

pytest.importorskip("transformers")
pytest.importorskip("segment_anything")
sys.path.insert(0, str(Path(__file__).parent))
from hub_models import KINDS, SIDE, small_folder  # noqa: E402

# Random weights rate their masks badly: keep them all.
EVERYTHING = SamConfig(points_per_side=2, pred_iou_thresh=0.0, stability_score_thresh=0.0, box_nms_thresh=1.0)


@pytest.fixture(scope="module", autouse=True)
def one_thread() -> Iterator[None]:
    """Threads cost more than they gain on models this small, and much more on a busy machine."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    return {kind: small_folder(kind, tmp_path_factory.mktemp(kind)) for kind in KINDS}


@pytest.fixture(scope="module", params=KINDS)
def folder(request: pytest.FixtureRequest, folders: dict[str, Path]) -> Path:
    return folders[request.param]


@pytest.fixture(scope="module")
def image() -> np.ndarray:
    y, x = np.mgrid[:48, :80]
    return np.stack([x * 3, y * 5, (x // 10 + y // 10) % 2 * 200], axis=2).astype(np.uint8)


def taken(model: MaskModel, image: np.ndarray) -> Any:
    """What the library's own processor makes of an image."""
    return model.processor(images=image, return_tensors="pt", input_data_format="channels_last")  # type: ignore[attr-defined]


def count_encodings(model: MaskModel) -> list[int]:
    calls: list[int] = []
    model.model.vision_encoder.register_forward_hook(lambda *_: calls.append(1))  # type: ignore[attr-defined]
    return calls


def test_a_prompt_gives_what_the_library_gives(folder: Path, image: np.ndarray) -> None:
    """Points and a box, against the library's own processor, forward pass and enlargement of the whole image."""
    from transformers import AutoModelForMaskGeneration

    model = open_model(folder, "cpu", EVERYTHING)
    points, labels, box = np.array([[30.0, 20.0], [70.0, 40.0]]), np.array([1, 0]), np.array([5.0, 5.0, 60.0, 40.0])
    found = model.candidates(image, points, labels, box)

    inputs = taken(model, image)
    if "reshaped_input_sizes" in inputs:
        rows, columns = inputs["reshaped_input_sizes"][0].tolist()
    else:
        rows, columns = SIDE, SIDE
    scale = torch.tensor([columns / 80, rows / 48])
    library = AutoModelForMaskGeneration.from_pretrained(folder)
    with torch.no_grad():
        made = library(
            pixel_values=inputs["pixel_values"],
            input_points=(torch.tensor(points) * scale).float()[None, None],
            input_labels=torch.tensor(labels)[None, None],
            input_boxes=(torch.tensor(box).reshape(2, 2) * scale).float().reshape(1, 1, 4),
            multimask_output=True,
        )
    more = {} if "reshaped_input_sizes" not in inputs else {"reshaped_input_sizes": inputs["reshaped_input_sizes"]}
    expected = model.processor.post_process_masks(made.pred_masks, inputs["original_sizes"], **more)[0][0]
    assert found.masks.shape == (3, 48, 80) and found.masks.dtype == bool
    np.testing.assert_allclose(found.ratings, made.iou_scores[0, 0].numpy(), atol=1e-5)
    if model.model_type != "sam_hq":  # whose masks the library gets wrong, see below
        assert (found.masks == expected.numpy()).mean() > 0.999
    assert len({mask.tobytes() for mask in found.masks}) > 1, "random weights give masks that tell something"
    np.testing.assert_array_equal(model.predict(image, points, labels, box), found.masks[np.argmax(found.ratings)])


def test_masks_of_sam_hq_are_made_of_what_the_transformer_leaves(folders: dict[str, Path], image: np.ndarray) -> None:
    """Without its own kernel, SAM-HQ is SAM with one more token: the library's SAM then gives the same masks."""
    from transformers.models.sam.modeling_sam import SamMaskDecoder

    model: Any = open_model(folders["sam_hq"], "cpu", EVERYTHING)
    decoder = model.model.mask_decoder
    for part in decoder.hq_mask_mlp.proj_out.parameters():
        torch.nn.init.zeros_(part)
    sam = SamMaskDecoder(model.model.config.mask_decoder_config).eval()
    state = {name.replace("._own.", "."): value for name, value in decoder.state_dict().items()}
    assert not sam.load_state_dict(state, strict=False).missing_keys
    encoded = model.encode(image)
    points = np.array([[30.0, 20.0], [70.0, 40.0], [5.0, 5.0]])
    logits, ratings = model.decode_points(encoded, points)
    with torch.no_grad():
        scaled, labels = model._scaled(encoded, points)[None, :, None], torch.ones(1, 3, 1, dtype=torch.int)
        sparse, dense = model.model.prompt_encoder(scaled, labels, None, None)
        tokens = torch.cat([decoder.hq_token.weight.expand(1, 3, 1, -1), sparse], dim=2)
        positions = model.model.get_image_wide_positional_embeddings()
        masks, expected = sam(encoded.embeddings[0], positions, tokens, dense, multimask_output=True)
    order = expected[0].argsort(dim=1, descending=True)
    torch.testing.assert_close(ratings.view(3, 3), expected[0].gather(1, order), atol=1e-5, rtol=1e-4)
    sorted_masks = masks[0][torch.arange(3)[:, None], order].flatten(0, 1)
    torch.testing.assert_close(logits, sorted_masks, atol=1e-5, rtol=1e-4)
    assert (sorted_masks - sorted_masks.transpose(1, 2)).abs().max() > 0.01, "rows and columns differ"


def test_sam_hq_looks_at_an_image_once_for_all_prompts_and_at_every_image(
    folders: dict[str, Path], image: np.ndarray
) -> None:
    model: Any = open_model(folders["sam_hq"], "cpu", EVERYTHING)
    point, seen = np.array([[30.0, 20.0]]), list[int]()
    decoder = model.model.mask_decoder
    decoder.encoder_conv1._own.register_forward_hook(lambda *_: seen.append(1))
    first, _ = model.decode_points(model.encode(image), point)
    again, _ = model.decode_points(model.encode(image), point)
    assert len(seen) == 1 and torch.equal(first, again)
    encoded = model.encode(image)
    brighter = replace(
        encoded, embeddings=[part + torch.linspace(-1, 1, part.shape[-1]) for part in encoded.embeddings]
    )
    other, _ = model.decode_points(brighter, point)
    assert len(seen) == 2
    fresh: Any = open_model(folders["sam_hq"], "cpu", EVERYTHING)
    torch.testing.assert_close(other, fresh.decode_points(brighter, point)[0])
    assert not torch.allclose(other, first)


def test_a_mask_prompt_changes_the_answer(folder: Path, image: np.ndarray) -> None:
    model = open_model(folder, "cpu", EVERYTHING)
    rough = np.zeros((48, 80), bool)
    rough[10:30, 20:60] = True
    box = np.array([20, 10, 60, 30])
    encoded = model.encode(image)
    with torch.no_grad():
        alone, _ = model._decode(encoded, model._prompts(encoded, None, None, box, None))
        helped, _ = model._decode(encoded, model._prompts(encoded, None, None, box, rough))
    assert not torch.allclose(alone, helped)
    assert model.predict(image, mask=rough).shape == (48, 80)
    square = model._prompts(encoded, None, None, None, rough).masks
    assert square is not None and square.shape[-1] == model.mask_side
    inside = (square[0, 0] > 0).nonzero()
    scale = np.array(encoded.inside) / model.input_side * model.mask_side / (48, 80)
    assert np.abs(inside.numpy().min(0) - np.array([10, 20]) * scale).max() <= 1
    assert np.abs(inside.numpy().max(0) + 1 - np.array([30, 60]) * scale).max() <= 1


def test_automatic_masks_are_the_same_in_any_batches(folder: Path, image: np.ndarray) -> None:
    whole = open_model(folder, "cpu", EVERYTHING).automatic_masks(image)
    pieces = open_model(folder, "cpu", replace(EVERYTHING, points_per_batch=3)).automatic_masks(image)
    assert whole.dtype == bool and whole.shape[1:] == (48, 80) and len(whole) > 1
    assert (np.diff(whole.sum(axis=(1, 2))) <= 0).all()
    assert whole.shape == pieces.shape and (whole == pieces).mean() > 0.999
    strict = open_model(folder, "cpu", replace(EVERYTHING, pred_iou_thresh=1.0))
    strict.config = replace(EVERYTHING, stability_score_thresh=1.0, pred_iou_thresh=0.99)
    assert len(strict.automatic_masks(image)) < len(whole)


def test_an_image_is_encoded_once_and_features_lie_on_sams_grid(folder: Path, image: np.ndarray) -> None:
    model = open_model(folder, "cpu", EVERYTHING)
    calls = count_encodings(model)
    features = model.features(image)
    model.automatic_masks(image)
    model.predict(image, points=np.array([[5, 5]]))
    assert len(calls) == 1
    assert features is not None and features.shape == (256, 64, 64) and features.dtype == np.float16
    rows = round(64 * 48 / 80)
    assert features[:, :rows].any() and not features[:, rows:].any()
    # What changes at the top right changes the features there most, whichever way a model fits it into its square.
    spotted = image.copy()
    spotted[2:14, 66:78] = 255 - spotted[2:14, 66:78]
    other = model.features(spotted)
    assert other is not None
    change = np.abs(other.astype(np.float32) - features).sum(axis=0)
    row, column = np.unravel_index(change.argmax(), change.shape)
    assert change.max() > 0
    if model.model_type != "edgetam":  # whose backbone hardly sees anything with random weights
        assert change.max() > 0.01 and row < rows / 2 and column >= 40


def test_the_encoder_may_run_in_half_precision(folder: Path, image: np.ndarray) -> None:
    full, half = (open_model(folder, "cpu", EVERYTHING, dtype) for dtype in ("float32", "bfloat16"))
    first, second = full.encode(image), half.encode(image)
    assert all(part.dtype == torch.float32 for part in second.embeddings)
    difference = (first.embeddings[0] - second.embeddings[0]).abs().mean() / first.embeddings[0].abs().mean()
    assert 0 < difference < 0.1
    logits, ratings = half._decode(second, Prompts(torch.ones(1, 1, 2), torch.ones(1, 1, dtype=torch.int)))
    assert logits.dtype == ratings.dtype == torch.float32


def test_the_cache_is_resumed_after_an_interruption(
    folders: dict[str, Path], scene: Scene, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    scene = Scene(scene.gaussians, scene.cameras[:3])
    generator = ModelGenerator(resolve_model(folders["sam2"]), "cpu", EVERYTHING)
    opened, seen = generator.opened, []

    def interrupted(image: np.ndarray) -> np.ndarray:
        seen.append(1)
        if len(seen) == 2:
            raise KeyboardInterrupt
        return MaskModel.automatic_masks(opened, image)

    monkeypatch.setattr(opened, "automatic_masks", interrupted)
    with pytest.raises(KeyboardInterrupt):
        MaskCache(tmp_path / "cache", generator).prepare(scene, progress=False)
    assert len(list((tmp_path / "cache").rglob("*.npz"))) == 1
    again = ModelGenerator(resolve_model(folders["sam2"]), "cpu", replace(EVERYTHING, points_per_batch=3))
    store = MaskCache(tmp_path / "cache", again)
    assert len(store.missing(scene.cameras)) == 2
    store.prepare(scene, progress=False)
    first = scene.cameras[0]
    model = open_model(folders["sam2"], "cpu", EVERYTHING)
    np.testing.assert_array_equal(store.masks(first), model.automatic_masks(scene.image(first)))
    np.testing.assert_array_equal(store.features(first), model.features(scene.image(first)))


def test_other_weights_are_another_model(folders: dict[str, Path], tmp_path: Path) -> None:
    same = ModelGenerator(resolve_model(folders["sam"])).identity
    other = ModelGenerator(resolve_model(small_folder("sam", tmp_path / "other", seed=1))).identity
    assert same == ModelGenerator(resolve_model(folders["sam"])).identity != other


def test_only_a_model_that_decodes_features_takes_them(folders: dict[str, Path], image: np.ndarray) -> None:
    model = open_model(folders["sam2"], "cpu", EVERYTHING)
    with pytest.raises(SagaError, match="sam2: expected a model that answers from kept features"):
        model.predict(np.zeros((256, 64, 64), np.float16), points=np.array([[5, 5]]), size=(48, 80))


def spoil(kind: str, folder: Path) -> None:
    config, weights = folder / "config.json", folder / "model.safetensors"
    settings = json.loads(config.read_text())
    if kind == "another model":
        config.write_text(json.dumps({**settings, "model_type": "siglip2"}))
    elif kind == "no kind":
        config.write_text("{}")
    elif kind == "no json":
        config.write_text("<html>")
    elif kind == "no weights":
        weights.unlink()
    elif kind == "truncated":
        weights.write_bytes(weights.read_bytes()[:-100])
    elif kind == "weights of another":
        from safetensors.torch import save_file

        save_file({"a": torch.zeros(2)}, weights)
    elif kind == "no processor":
        (folder / "preprocessor_config.json").unlink()


@pytest.mark.parametrize(
    ("kind", "expected"),
    [
        ("another model", "expected a model of masks .*found siglip2"),
        ("no kind", "expected a model_type, found none"),
        ("no json", "config.json: expected JSON"),
        ("no weights", "found no weights"),
        ("truncated", r"model.safetensors: expected .* bytes, found .*truncated"),
        ("weights of another", "no weights for .* of its parts"),
        ("no processor", "found no preprocessor_config.json"),
    ],
)
def test_a_folder_that_is_no_such_model(tmp_path: Path, kind: str, expected: str) -> None:
    folder = small_folder("sam", tmp_path / "model")
    spoil(kind, folder)
    with pytest.raises(SagaError, match=expected) as caught:
        open_model(folder, "cpu")
    assert "\n" not in str(caught.value) and "model" in str(caught.value)


def test_transformers_is_not_installed(folders: dict[str, Path], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(sys.modules, "saga.masks.models.hub_model", raising=False)
    monkeypatch.setitem(sys.modules, "transformers", None)
    with pytest.raises(SagaError, match=r'the package transformers, .* pip install "saga-splat\[sam\]"'):
        open_model(folders["sam"], "cpu")
