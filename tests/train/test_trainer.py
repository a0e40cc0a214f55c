"""Training as a whole: repeatable, resumable, with each loss on its own, and the field's file."""

from __future__ import annotations

import os
import signal
import weakref
from pathlib import Path

import numpy as np
import pytest
import torch

from saga.demo import DemoScene
from saga.errors import SagaError
from saga.masks import ArrayMasks, MaskCache
from saga.raster import BlendOperator, DeviceScene, Geometry
from saga.scene import load_scene
from saga.train import FeatureField, train
from saga.train.losses import norm_loss
from saga.train.smoothing import neighbor_average
from saga.train.trainer import Trainer


def test_an_interrupted_run_ends_as_an_uninterrupted_one(tiny_scene, instances, quick, tmp_path, monkeypatch):
    whole = train(tiny_scene, instances(), quick(), progress=False)
    checkpoint, step = tmp_path / "run.checkpoint", Trainer.step

    def interrupted(trainer: Trainer) -> None:
        if trainer.iteration == 7:
            raise KeyboardInterrupt
        step(trainer)

    monkeypatch.setattr(Trainer, "step", interrupted)
    with pytest.raises(KeyboardInterrupt):
        train(tiny_scene, instances(), quick(), checkpoint=checkpoint, progress=False)
    monkeypatch.setattr(Trainer, "step", step)
    assert checkpoint.exists()
    resumed = train(tiny_scene, instances(), quick(), checkpoint=checkpoint, progress=False)
    assert torch.equal(resumed.features, whole.features) and not checkpoint.exists()


@pytest.mark.parametrize("region", [None, "-1,-1,-1,1,1,1"])
def test_nobody_holds_the_gaussians_during_steps_that_need_none(
    tiny_folder, tiny_scene, instances, quick, monkeypatch, region
):
    config = quick(region=region, agreement=2.0)
    whole = train(tiny_scene, instances(), config, progress=False)
    placed, step, held = DeviceScene(load_scene(tiny_folder / "scene.ply"), "cpu"), Trainer.step, []
    arrays = [weakref.ref(getattr(placed.scene.gaussians, name)) for name in ("means", "scales", "quaternions")]
    monkeypatch.setattr(Trainer, "step", lambda self: (held.append([each() for each in arrays]), step(self)))
    field = train(placed, instances(), config, progress=False, let_go=True)
    assert held == [[None] * 3] * 12
    assert torch.equal(field.stored, whole.stored) and field.scene_digest == whole.scene_digest
    np.testing.assert_array_equal(placed.geometry.means, tiny_scene.gaussians.means)


def test_gaussians_stay_as_they_are_unless_they_are_to_be_let_go_of(tiny_folder, instances, quick):
    scene = load_scene(tiny_folder / "scene.ply")
    scene.gaussians.means[0] += 0.01
    means = scene.gaussians.means.copy()
    train(scene, instances(), quick(), progress=False)
    np.testing.assert_array_equal(scene.gaussians.means, means)


def test_a_step_that_is_interrupted_in_its_midst_is_finished_first(tiny_scene, instances, quick, tmp_path, monkeypatch):
    whole = train(tiny_scene, instances(), quick(), progress=False)
    checkpoint, loss, calls = tmp_path / "run.checkpoint", Trainer._loss, []

    def interrupted(trainer: Trainer, *arguments: object) -> torch.Tensor:
        calls.append(trainer.iteration)
        if calls == list(range(7)):
            os.kill(os.getpid(), signal.SIGINT)  # random numbers were drawn, and nothing was learned of them
        return loss(trainer, *arguments)

    monkeypatch.setattr(Trainer, "_loss", interrupted)
    with pytest.raises(KeyboardInterrupt):
        train(tiny_scene, instances(), quick(), checkpoint=checkpoint, progress=False)
    assert len(calls) == 7
    resumed = train(tiny_scene, instances(), quick(), checkpoint=checkpoint, progress=False)
    assert calls[7:] == list(range(7, 12)) and torch.equal(resumed.features, whole.features)


def test_phi_is_trained_and_kept(tiny_scene, instances, quick, tmp_path):
    sam = np.random.default_rng(0).normal(size=(256, 64, 64)).astype(np.float16)
    field = train(tiny_scene, instances(sam), quick(), progress=False)
    once = train(tiny_scene, instances(sam), quick(iterations=1), progress=False)
    assert field.phi is not None and once.phi is not None
    weight = field.phi.layers[0].weight
    assert not torch.allclose(weight, once.phi.layers[0].weight)
    field.save(tmp_path / "field.saga")
    read = FeatureField.load(tmp_path / "field.saga", tiny_scene)
    assert read.phi is not None and torch.equal(read.phi.layers[0].weight, weight)


def test_steps_neither_hash_photographs_nor_check_the_cache(tiny_scene, quick, tmp_path, monkeypatch):
    """Each step reads its view's features; the cache was validated when it was opened."""
    store = MaskCache(tmp_path, Encoder())
    store.prepare(tiny_scene, progress=False)
    hashed: list[Path] = []
    whole = Path.read_bytes
    monkeypatch.setattr(Path, "read_bytes", lambda path: hashed.append(path) or whole(path))
    opened = MaskCache(tmp_path, Encoder())
    field = train(tiny_scene, opened, quick(iterations=100), progress=False)
    assert field.phi is not None, "SAM's features were used"
    assert sorted(hashed) == sorted(camera.image_path for camera in tiny_scene.cameras)


class Encoder:
    """Two masks per image, and features that depend on it."""

    name, description, identity = "encoder", "halves of images", {}

    def generate(self, image: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        masks = np.zeros((2, *image.shape[:2]), bool)
        masks[0, :, :80] = masks[1, :, 80:] = True
        return masks, np.full((256, 64, 64), image.mean(), np.float16)


@pytest.mark.parametrize("off", [{"iterations": 0}, {"sam_guidance": 0.0}])
def test_without_sam_guidance_there_is_no_phi(tiny_scene, instances, quick, off):
    sam = np.random.default_rng(0).normal(size=(256, 64, 64)).astype(np.float16)
    assert train(tiny_scene, instances(sam), quick(**off), progress=False).phi is None


@pytest.mark.parametrize("off", ["sam_guidance", "correspondence"])
def test_each_loss_can_be_switched_off(tiny_scene, instances, quick, off):
    both = train(tiny_scene, instances(), quick(), progress=False)
    one = train(tiny_scene, instances(), quick(**{off: 0.0}), progress=False)
    assert one.report is not None and one.report["losses"][off] == 0
    assert not torch.allclose(one.features, both.features)
    assert bool(one.features.isfinite().all())


def test_a_field_survives_its_file(tiny_scene, instances, quick, tmp_path):
    field = train(tiny_scene, instances(), quick(), progress=False)
    field.save(tmp_path / "field.saga")
    read = FeatureField.load(tmp_path / "field.saga", tiny_scene)
    assert torch.equal(read.features, field.features)
    assert (read.config, read.phi, read.scene_digest) == (field.config, None, field.scene_digest)
    assert [c.name for c in read.cameras] == [c.name for c in tiny_scene.cameras]
    np.testing.assert_allclose(read.cameras[0].world_to_camera, tiny_scene.cameras[0].world_to_camera)


@pytest.mark.parametrize("kept", [0, 20, 4000])
def test_a_damaged_field_is_refused(tiny_scene, instances, quick, tmp_path, kept: int):
    path: Path = tmp_path / "field.saga"
    train(tiny_scene, instances(), quick(), progress=False).save(path)
    path.write_bytes(path.read_bytes()[:kept])
    with pytest.raises(SagaError, match="train again"):
        FeatureField.load(path, tiny_scene)


def test_the_cuda_library_trains_the_same_field(tiny_scene, instances, quick, request):
    """Its kernels, emulated on the CPU, give the field that the CPU library gives, up to rounding."""
    # From a random start: the closed form is unique only up to rotations among equal eigenvalues.
    config = quick(start="random")
    expected = train(tiny_scene, instances(), config, progress=False).features
    request.getfixturevalue("emulated")
    features = train(tiny_scene, instances(), config, progress=False).features
    assert not torch.equal(features, expected), "the emulation was not used"
    cosine = torch.cosine_similarity(features, expected)
    assert float((cosine > 0.999).float().mean()) > 0.99
    torch.testing.assert_close(features.norm(), expected.norm(), atol=0, rtol=1e-3)


def test_smoothing_averages_the_features_of_neighbors(tiny_scene, instances, quick):
    """The second run differs from the first by one smoothing after its last step."""
    rough, smooth = (
        train(tiny_scene, instances(), quick(iterations=12, smooth_every=every), progress=False).features
        for every in (13, 12)
    )
    average = neighbor_average(Geometry.from_gaussians(tiny_scene.gaussians), quick().smooth_neighbors)
    torch.testing.assert_close(smooth, average.render(rough), rtol=2e-3, atol=1e-5)  # both are stored in 16 bits
    assert not torch.allclose(smooth, rough, rtol=1e-2)


def test_norm_regularization_turns_features_along_a_ray_the_same_way(tiny_scene, instances, quick):
    operator = BlendOperator(Geometry.from_gaussians(tiny_scene.gaussians), tiny_scene.cameras[0])
    unlike = []
    for weight in (0.0, 2.0):
        config = quick(start="random", iterations=60, norm_regularization=weight)
        features = train(tiny_scene, instances(), config, progress=False).features
        lengths = operator.render(features.norm(dim=1, keepdim=True))[..., 0]
        shown = operator.alpha() > 0.5
        unlike.append(float(norm_loss(operator.render(features)[shown], lengths[shown])))
    assert unlike[1] < 0.8 * unlike[0]


def test_from_a_random_start_every_gaussian_learns_the_direction_of_its_object(tiny_scene, tiny_demo, instances, quick):
    config = quick(start="random", iterations=200, pixels=400)
    field = train(tiny_scene, instances(), config, progress=False)
    directions = torch.nn.functional.normalize(field.features, dim=1)
    labels = torch.as_tensor(tiny_demo.labels).long()
    means = torch.stack([directions[labels == k].mean(0) for k in labels.unique()])
    nearest = (directions @ torch.nn.functional.normalize(means, dim=1).T).argmax(1)
    right = (nearest == labels).float()
    assert float(right[labels > 0].mean()) > 0.9


def likeness_of_objects(field: FeatureField, demo: DemoScene) -> float:
    """Mean cosine similarity of the objects' mean features with each other."""
    directions = torch.nn.functional.normalize(field.features.cpu(), dim=1)
    labels = torch.as_tensor(demo.labels)
    means = torch.stack([directions[labels == k].mean(0) for k in labels.unique() if k > 0])
    similarity = torch.nn.functional.normalize(means, dim=1) @ torch.nn.functional.normalize(means, dim=1).T
    return float(similarity.fill_diagonal_(0).mean())


def test_training_on_a_gpu_learns_the_same_objects(device, tiny_scene, tiny_demo, instances, quick):
    field = train(tiny_scene, instances(), quick(iterations=150), device=device, progress=False)
    assert likeness_of_objects(field, tiny_demo) < 0.15


def test_masks_of_the_whole_scene_do_not_make_all_features_alike(tiny_scene, tiny_demo, tiny_masks, quick):
    masks = {}
    for camera in tiny_scene.cameras:
        alpha = BlendOperator(Geometry.from_gaussians(tiny_scene.gaussians), camera).alpha()
        masks[camera.name] = np.concatenate([tiny_masks[camera.name], (alpha > 0.004).numpy()[None]])
    source = ArrayMasks(masks, tiny_scene.cameras)
    for iterations in (0, 150):
        field = train(tiny_scene, source, quick(iterations=iterations), progress=False)
        assert likeness_of_objects(field, tiny_demo) < 0.15


def test_rows_that_do_not_fit_a_gpu_stay_in_host_memory(device, tiny_scene, instances, quick):
    results = [
        train(tiny_scene, instances(), quick(gpu_cache_megabytes=most), device=device, progress=False).features
        for most in (4096, 0)
    ]
    assert torch.equal(*results)


def test_a_run_that_diverged_makes_no_field(tiny_scene, instances, quick, tmp_path):
    with pytest.raises(SagaError, match=r"expected finite features, .* after 12 steps; lower --learning-rate\.$"):
        train(tiny_scene, instances(), quick(learning_rate=1e38), checkpoint=tmp_path / "run", progress=False)
