"""Segment Anything through checkpoints with random weights in the official layout."""

from __future__ import annotations

import builtins
import pickle
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from saga.errors import SagaError
from saga.masks import ArrayMasks, MaskCache, MaskModel, ModelGenerator, SamConfig, open_model, resolve_model
from saga.masks.own import model_of
from saga.scene.scene import Scene

pytest.importorskip("segment_anything")
sys.path.insert(0, str(Path(__file__).parents[1]))
from sam_models import mobile_sam_state, small_sam  # noqa: E402

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
def model() -> Any:
    return small_sam()


@pytest.fixture(scope="module")
def checkpoint(model: Any, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("sam") / "small.pth"
    torch.save(model.state_dict(), path)
    return path


@pytest.fixture(scope="module")
def wide() -> Any:
    """A model whose features have SAM's own grid."""
    return small_sam(size=1024, width=8, global_blocks=())


@pytest.fixture(scope="module")
def wide_checkpoint(wide: Any, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("sam") / "wide.pth"
    torch.save(wide.state_dict(), path)
    return path


@pytest.fixture
def sam(checkpoint: Path) -> MaskModel:
    return open_model(checkpoint, "cpu", EVERYTHING)


@pytest.fixture(scope="module")
def image() -> np.ndarray:
    y, x = np.mgrid[:60, :80]
    return np.stack([x * 3, y * 4, (x // 10 + y // 10) % 2 * 200], axis=2).astype(np.uint8)


def count_encodings(sam: MaskModel) -> list[int]:
    """A list that grows by one whenever the image encoder runs."""
    calls: list[int] = []
    sam.model.image_encoder.register_forward_hook(lambda *_: calls.append(1))
    return calls


def reference(model: Any, image: np.ndarray) -> Any:
    from segment_anything import SamPredictor

    predictor = SamPredictor(model)
    predictor.set_image(image)
    return predictor


def test_features_are_the_models(wide_checkpoint: Path, wide: Any, image: np.ndarray) -> None:
    expected = reference(wide, image).get_image_embedding()[0].numpy()
    features = open_model(wide_checkpoint, "cpu").features(image)
    assert features is not None and features.dtype == np.float16 and features.shape == (256, 64, 64)
    np.testing.assert_allclose(features, expected, atol=5e-3)
    assert np.abs(expected).max() > 0.5


def test_features_of_another_grid_are_interpolated_and_the_image_lies_at_the_top_left(
    sam: MaskModel, model: Any, image: np.ndarray
) -> None:
    expected = reference(model, image).get_image_embedding()[0].numpy()  # [256, 8, 8], the image in 6 rows
    features = sam.features(image)
    assert features is not None and features.shape == (256, 64, 64) and not features[:, 48:].any()
    cells = features[:, :48].reshape(256, 6, 8, 8, 8).mean(axis=(2, 4))
    assert np.corrcoef(cells.ravel(), expected[:, :6].ravel())[0, 1] > 0.85  # noise, which interpolation smooths


def test_the_architecture_follows_from_the_checkpoint() -> None:
    from segment_anything import sam_model_registry

    from saga.masks.models.file_layout import build_model

    for name in ("vit_b", "vit_l", "vit_h"):
        with torch.device("meta"):  # official sizes, but no memory and no time
            official = sam_model_registry[name]()
        built, model_type = build_model(Path("official.pth"), official.state_dict())
        assert model_type == name
        assert str(built) == str(official)
        heads = [block.attn.num_heads for block in official.image_encoder.blocks]
        assert [block.attn.num_heads for block in built.image_encoder.blocks] == heads
        windows = [block.window_size for block in official.image_encoder.blocks]
        assert [block.window_size for block in built.image_encoder.blocks] == windows
        assert built.image_encoder.img_size == 1024


def test_automatic_masks_are_segment_anythings(sam: MaskModel, model: Any, image: np.ndarray) -> None:
    from segment_anything import SamAutomaticMaskGenerator

    expected = SamAutomaticMaskGenerator(
        model, points_per_side=2, pred_iou_thresh=0.0, stability_score_thresh=0.0, box_nms_thresh=1.0
    ).generate(image)
    masks = sam.automatic_masks(image)
    assert masks.dtype == bool and masks.shape == (len(expected), 60, 80)
    assert len(masks) > 1
    assert sorted(masks.sum(axis=(1, 2)).tolist()) == sorted(record["area"] for record in expected)
    assert (np.diff(masks.sum(axis=(1, 2))) <= 0).all()


def test_no_mask_good_enough(checkpoint: Path, image: np.ndarray) -> None:
    strict = open_model(checkpoint, "cpu", replace(EVERYTHING, pred_iou_thresh=1.0))
    assert strict.automatic_masks(image).shape == (0, 60, 80)


def test_an_image_is_encoded_once(sam: MaskModel, image: np.ndarray) -> None:
    calls = count_encodings(sam)
    sam.features(image)
    sam.automatic_masks(image)
    sam.predict(image, points=np.array([[5, 5]]))
    assert len(calls) == 1
    sam.features(image[:, ::-1])
    assert len(calls) == 2


def test_a_prompt_gives_the_best_rated_mask(sam: MaskModel, model: Any, image: np.ndarray) -> None:
    points, labels, box = np.array([[30.0, 20.0], [70.0, 50.0]]), np.array([1, 0]), np.array([5.0, 5, 60, 50])
    masks, ratings, _ = reference(model, image).predict(points, labels, box)
    mask = sam.predict(image, points, labels, box)
    assert mask.dtype == bool and mask.shape == (60, 80)
    np.testing.assert_array_equal(mask, masks[np.argmax(ratings)])


def test_prompting_known_features_needs_no_encoder(wide_checkpoint: Path, image: np.ndarray) -> None:
    sam = open_model(wide_checkpoint, "cpu")
    features = sam.features(image)
    expected = sam.predict(image, points=np.array([[30, 20]]))
    calls = count_encodings(sam)
    mask = sam.predict(features, points=np.array([[30, 20]]), size=(60, 80))
    assert not calls
    assert (mask == expected).mean() > 0.99  # float16
    with pytest.raises(ValueError, match="size"):
        sam.predict(features, points=np.array([[30, 20]]))


def test_a_mask_prompt_is_its_logits_and_its_box(sam: MaskModel, model: Any, image: np.ndarray) -> None:
    photograph = image[:24, :32]  # as large as the prompt encoder's input: no mask is resized
    prompt = np.zeros((24, 32), dtype=bool)
    prompt[8:16, 4:20] = True
    logits = np.full((1, 32, 32), np.log(1e-3 / 0.999), np.float32)
    logits[0, 8:16, 4:20] *= -1
    masks, ratings, _ = reference(model, photograph).predict(box=np.array([4, 8, 20, 16]), mask_input=logits)
    np.testing.assert_array_equal(sam.predict(photograph, mask=prompt), masks[np.argmax(ratings)])


def test_a_prompt_must_be_given(sam: MaskModel, image: np.ndarray) -> None:
    with pytest.raises(ValueError, match="give points, a box or a mask"):
        sam.predict(image)
    with pytest.raises(ValueError, match="the mask prompt is empty"):
        sam.predict(image, mask=np.zeros((60, 80), dtype=bool))


def test_mobile_sam_computes_what_the_published_model_does(tmp_path: Path) -> None:
    pytest.importorskip("timm")
    torch.save(mobile_sam_state(), tmp_path / "mobile.pt")
    sam = open_model(tmp_path / "mobile.pt", "cpu")
    assert sam.model_type == "vit_t"
    y, x = np.mgrid[:768, :1024]
    image = np.stack([x // 4, y // 3, (x // 64 + y // 64) % 2 * 200], axis=2).astype(np.uint8)
    features = sam.features(image)
    assert features.shape == (256, 64, 64)
    published = {
        (0, 0, 0): 1.2013, (7, 10, 20): -1.7506, (100, 30, 63): -0.3849,
        (255, 47, 5): 1.2792, (128, 60, 60): -0.3945, (31, 47, 40): 0.1673,
    }  # fmt: skip
    np.testing.assert_allclose([features[at] for at in published], list(published.values()), atol=3e-3)
    assert sam.predict(image, points=np.array([[500, 300]])).shape == (768, 1024)


def without(monkeypatch: pytest.MonkeyPatch, package: str) -> None:
    """Make importing a package fail as if it were not installed."""
    real = builtins.__import__

    def refuse(name: str, *rest: Any, **more: Any) -> Any:
        if name.split(".")[0] == package:
            raise ModuleNotFoundError(f"No module named {package!r}", name=package)
        return real(name, *rest, **more)

    for module in [name for name in sys.modules if name.split(".")[0] == package]:
        monkeypatch.delitem(sys.modules, module)
    for module in ("file_model", "file_layout", "tiny_vit"):
        monkeypatch.delitem(sys.modules, f"saga.masks.models.{module}", raising=False)
    monkeypatch.setitem(sys.modules, package, None)
    monkeypatch.setattr(builtins, "__import__", refuse)


def test_segment_anything_is_not_installed(monkeypatch: pytest.MonkeyPatch, checkpoint: Path) -> None:
    without(monkeypatch, "segment_anything")
    with pytest.raises(SagaError, match=r'pip install "saga-splat\[sam\]"'):
        open_model(checkpoint, "cpu")


def test_timm_is_not_installed(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    torch.save(mobile_sam_state(), tmp_path / "mobile.pt")
    without(monkeypatch, "timm")
    with pytest.raises(SagaError, match="pip install timm"):
        open_model(tmp_path / "mobile.pt", "cpu")


def damaged(kind: str, checkpoint: Path, path: Path) -> None:
    state = torch.load(checkpoint)
    if kind == "truncated":
        path.write_bytes(checkpoint.read_bytes()[:-1000])
    elif kind == "empty":
        path.write_bytes(b"")
    elif kind == "text":
        path.write_text("<html>not found</html>")
    elif kind == "code":
        path.write_bytes(pickle.dumps(print))
    elif kind == "list":
        torch.save([1, 2], path)
    elif kind == "other model":
        torch.save({"fc.weight": torch.zeros(2, 2)}, path)
    elif kind == "parts missing":
        torch.save({key: state[key] for key in state if "mask_decoder" not in key}, path)
    elif kind == "wrapped":
        torch.save({"model": state, "epoch": 3}, path)


@pytest.mark.parametrize(
    "kind", ["truncated", "empty", "text", "code", "list", "other model", "parts missing", "wrapped"]
)
def test_files_that_are_no_checkpoint(checkpoint: Path, tmp_path: Path, kind: str) -> None:
    path = tmp_path / "some.pth"
    damaged(kind, checkpoint, path)
    with pytest.raises(SagaError, match=r"some\.pth.*sam_vit_b_01ec64\.pth \(375,042,383 bytes\)") as caught:
        open_model(path, "cpu")
    assert "\n" not in str(caught.value)


def test_the_generator_fills_the_cache_and_loads_only_when_needed(
    checkpoint: Path, scene: Scene, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    scene = Scene(scene.gaussians, scene.cameras[:2])
    store = MaskCache(tmp_path / "cache", ModelGenerator(resolve_model(checkpoint), "cpu", EVERYTHING))
    store.prepare(scene, progress=False)
    image = scene.image(scene.cameras[0])
    sam = open_model(checkpoint, "cpu", EVERYTHING)
    np.testing.assert_array_equal(store.masks(scene.cameras[0]), sam.automatic_masks(image))
    features = store.features(scene.cameras[0])
    assert features is not None
    np.testing.assert_array_equal(features, sam.features(image))

    def refuse(*_: object) -> None:
        raise AssertionError("loaded for nothing")

    monkeypatch.setattr("saga.masks.models.generator.open_model", refuse)
    again = ModelGenerator(resolve_model(checkpoint), "cpu", replace(EVERYTHING, points_per_batch=7))
    MaskCache(tmp_path / "cache", again).prepare(scene, progress=False)


def test_another_checkpoint_has_another_identity(checkpoint: Path, tmp_path: Path) -> None:
    state = torch.load(checkpoint)
    state["mask_decoder.iou_token.weight"][0, 0] += 1
    torch.save(state, tmp_path / "other.pth")
    first, other = ModelGenerator(resolve_model(checkpoint)), ModelGenerator(resolve_model(tmp_path / "other.pth"))
    assert first.identity != other.identity
    assert first.identity == ModelGenerator(resolve_model(checkpoint)).identity


def test_masks_and_prompts_of_one_file_know_that_they_are(checkpoint: Path, tmp_path: Path, sam: MaskModel) -> None:
    source = MaskCache(tmp_path / "cache", ModelGenerator(resolve_model(checkpoint), "cpu"))
    assert model_of(source) == sam.digest is not None
    assert model_of(ArrayMasks({})) is None


def test_out_of_memory_says_what_to_lower(sam: MaskModel, image: np.ndarray, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> Callable[..., object]:
        raise torch.cuda.OutOfMemoryError("CUDA out of memory")

    monkeypatch.setattr(sam, "_encode", full)
    with pytest.raises(SagaError, match="points_per_batch"):
        sam.features(image)
