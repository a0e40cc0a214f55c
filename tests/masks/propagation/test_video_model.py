"""Video models with random weights in the layout of the official ones."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

pytest.importorskip("transformers")
sys.path.insert(0, str(Path(__file__).parent))
from video_models import KINDS, SIDE, write_video_model  # noqa: E402

from saga.errors import SagaError  # noqa: E402
from saga.masks.propagation.video_model import VideoModel  # noqa: E402
from saga.scene import Camera  # noqa: E402


class Noise:
    """A scene of photographs of noise: each has another, and a size of its own."""

    def image(self, camera: Camera) -> np.ndarray:
        return np.random.default_rng(int(camera.name)).integers(0, 255, (camera.height, camera.width, 3), np.uint8)


CAMERAS = [Camera(str(k), 80 + k, 60, 50.0, 50.0, 40.0, 30.0, np.eye(4)) for k in range(20)]
PROMPTS = np.zeros((3, 60, 80), bool)
PROMPTS[0, 10:30, 10:40] = PROMPTS[1, 30:50, 40:70] = True
PROMPTS[2, 5, 5] = True  # hardly a pixel of the model


@pytest.fixture(scope="module", autouse=True)
def one_thread() -> Iterator[None]:
    """Threads cost more than they gain on models this small."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="module", params=KINDS)
def folder(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_video_model(tmp_path_factory.mktemp("models") / str(request.param), str(request.param))


@pytest.fixture(scope="module")
def sam2(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_video_model(tmp_path_factory.mktemp("models") / "sam2_video")


def tracked(model: VideoModel, cameras: list[Camera]) -> list[np.ndarray]:
    return list(model.track(Noise(), cameras, PROMPTS))  # type: ignore[arg-type]


def test_every_view_has_masks_of_its_own_size(folder: Path) -> None:
    found = tracked(VideoModel(folder, "cpu"), CAMERAS[:4])
    assert [masks.shape for masks in found] == [(3, 60, 81), (3, 60, 82), (3, 60, 83)]
    assert all(masks.dtype == bool for masks in found) and any(masks.any() for masks in found)


def logits(model: VideoModel, cameras: list[Camera]) -> list[torch.Tensor]:
    """What the model says of each photograph after the first as this adapter feeds it."""
    session = model._session()
    found = []
    for index, camera in enumerate(cameras):
        pixels = model._pixels(Noise().image(camera))
        if index == 0:
            model._prompt(session, PROMPTS)
        found.append(model._step(session, pixels, index)[0])
        model._forget(session, index)
    return found[1:]


@pytest.mark.parametrize("backwards", [False, True])
def test_what_is_forgotten_makes_no_difference(folder: Path, backwards: bool) -> None:
    import transformers

    model = VideoModel(folder, "cpu")
    frames = torch.stack([model._pixels(Noise().image(camera)) for camera in CAMERAS])
    session_type = getattr(transformers, f"{model.family}InferenceSession")
    first = len(CAMERAS) - 1 if backwards else 0
    session = session_type(
        video=frames.flip(0) if backwards else frames, video_height=60, video_width=80, dtype=torch.float32
    )
    whole = model._session()
    model._prompt(whole, PROMPTS)
    for number in range(len(PROMPTS)):
        session.add_mask_inputs(session.obj_id_to_idx(number), first, whole.mask_inputs_per_obj[number][0])
    session.obj_with_new_inputs = [0, 1, 2]
    steps = model._model.propagate_in_video_iterator(session, start_frame_idx=first, reverse=backwards)
    expected = [step.pred_masks[:, 0] for step in steps][1:]
    for one, other in zip(logits(model, CAMERAS), expected, strict=True):
        torch.testing.assert_close(one, other, atol=1e-4, rtol=1e-4)


def test_memory_does_not_grow_with_the_photographs(sam2: Path) -> None:
    model = VideoModel(sam2, "cpu")
    session, sizes = model._session(), []
    for index in range(40):
        camera = CAMERAS[index % len(CAMERAS)]
        pixels = model._pixels(Noise().image(camera))
        if index == 0:
            model._prompt(session, PROMPTS)
        model._step(session, pixels, index)
        model._forget(session, index)
        frames = [frame for outputs in session.output_dict_per_obj.values() for kept in outputs.values()
                  for frame in kept.values()]  # fmt: skip
        tensors = [value for frame in frames for value in frame.values() if isinstance(value, torch.Tensor)]
        sizes.append(sum(each.numel() for each in (*tensors, *session.processed_frames.values())))
    assert sizes[39] == sizes[25] > 0


def test_half_precision_says_about_the_same(sam2: Path) -> None:
    exact = logits(VideoModel(sam2, "cpu"), CAMERAS[:3])
    half = logits(VideoModel(sam2, "cpu", "bfloat16"), CAMERAS[:3])
    spread = max(float(one.std()) for one in exact)
    assert all(float((one - other).abs().mean()) < 0.2 * spread for one, other in zip(exact, half, strict=True))
    assert not torch.equal(exact[0], half[0])


def test_prompts_and_photographs_matter(sam2: Path) -> None:
    model = VideoModel(sam2, "cpu")
    first = logits(model, CAMERAS[:3])
    assert not torch.equal(first[0][0], first[0][1])
    assert not torch.equal(first[-1], logits(model, [CAMERAS[0], CAMERAS[5], CAMERAS[2]])[-1]), "it remembers"


def test_nothing_to_follow(sam2: Path) -> None:
    found = list(VideoModel(sam2, "cpu").track(Noise(), CAMERAS[:3], PROMPTS[:0]))  # type: ignore[arg-type]
    assert [masks.shape for masks in found] == [(0, 60, 81), (0, 60, 82)]


def test_other_weights_are_another_model(sam2: Path, tmp_path: Path) -> None:
    assert VideoModel(sam2).identity == VideoModel(sam2).identity
    assert VideoModel(sam2).identity != VideoModel(write_video_model(tmp_path / "other", seed=1)).identity


def test_what_is_no_video_model(sam2: Path, tmp_path: Path) -> None:
    with pytest.raises(SagaError, match="expected the configuration of a video model"):
        VideoModel(tmp_path)
    (tmp_path / "config.json").write_text('{"model_type": "sam"}')
    with pytest.raises(SagaError, match="expected a video model .*sam2_video.*found 'sam'.*sam2-tiny"):
        VideoModel(tmp_path)
    (tmp_path / "config.json").write_bytes((sam2 / "config.json").read_bytes())
    with pytest.raises(SagaError, match="preprocessor_config.json of a video model"):
        tracked(VideoModel(tmp_path, "cpu"), CAMERAS[:2])


def test_views_are_undisturbed_by_their_names_and_sizes(sam2: Path) -> None:
    model = VideoModel(sam2, "cpu")
    larger = [CAMERAS[0], replace(CAMERAS[1], width=2 * CAMERAS[1].width, height=120)]
    assert tracked(model, larger)[0].shape == (3, 120, 162)
    assert SIDE < 120
