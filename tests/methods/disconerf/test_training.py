"""Training: its gradient, its result, its settings."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from saga.errors import SagaError
from saga.evaluate.scoring import score_decomposition
from saga.evaluate.truth import LabelMaps
from saga.masks import ArrayMasks
from saga.methods.disconerf import DiscoNerfConfig, ObjectSlots
from saga.methods.disconerf.losses import affinity, assign
from saga.methods.disconerf.sampling import MaskedPixels, Supervision
from saga.methods.disconerf.trainer import SlotTrainer
from saga.raster import BlendOperator, Geometry, SparseRows
from saga.scene import Gaussians, Scene
from saga.train.smoothing import neighbor_average


def quality(scene: Scene, slots: ObjectSlots, truth: dict[str, np.ndarray]) -> float:
    """Mean area-weighted IoU over the views, the table counting as an object."""
    records = score_decomposition("tiny", 0, slots.device_scene, LabelMaps(truth), slots.discover())
    return float(np.mean([record.area_weighted_iou for record in records]))


def test_gradient_is_that_of_whole_images_in_plain_pytorch(tiny_scene: Scene, exact) -> None:
    config = DiscoNerfConfig(start="random", slots=18, dimensions=6, false_positive=0.5)
    geometry, camera = Geometry.from_gaussians(tiny_scene.gaussians), tiny_scene.cameras[0]
    count = camera.width * camera.height
    masks = torch.from_numpy(exact.masks(camera)).flatten(1)  # [M, P]
    xy = torch.stack([torch.arange(count) % camera.width, torch.arange(count) // camera.width], 1)
    rows = BlendOperator(geometry, camera).rows(xy)
    view = MaskedPixels(camera, 0, masks.T.contiguous(), torch.full((count,), 1 / count))
    trainer = SlotTrainer(geometry, Supervision([view], rows), None, config)
    trainer.features.mul_(1e3)
    loss, features, touched = trainer.loss([(view, torch.arange(count))])
    loss.backward()

    twin = trainer.features.clone().requires_grad_()
    decoded = torch.softmax(twin @ trainer.decoder.weight.detach().T + trainer.decoder.bias.detach(), 1)
    image = BlendOperator(geometry, camera, backend="reference").render(decoded).flatten(0, 1)  # [P, S]
    gamma = assign(affinity(image, masks.T.float(), torch.ones(count))).tolist()
    expected = image.new_zeros(())
    for mask, slot in zip(masks.float(), gamma, strict=True):
        others = [n for n in range(18) if n != slot]
        expected = expected + ((mask - image[:, slot]) ** 2).sum()
        expected = expected + 0.5 * ((mask[:, None] * image[:, others]) ** 2).sum()
    expected = expected / (len(gamma) * count)
    expected.backward()
    assert float(loss.detach()) == pytest.approx(float(expected.detach()), rel=1e-4)
    assert twin.grad is not None and features.grad is not None
    torch.testing.assert_close(features.grad, twin.grad[touched], rtol=1e-3, atol=1e-9)


def test_finds_the_objects_of_the_tiny_scene(slots: ObjectSlots, tiny_scene: Scene, truth) -> None:
    assert quality(tiny_scene, slots, truth) > 0.95


def test_the_same_seed_gives_the_same_objects(slots: ObjectSlots, tiny_scene: Scene, exact, config) -> None:
    brief = replace(config, iterations=8)
    once, again = (ObjectSlots(tiny_scene, brief, masks=exact, progress=False) for _ in range(2))
    assert torch.equal(once.slots.features, again.slots.features)
    assert torch.equal(once.labels, again.labels)
    other = ObjectSlots(tiny_scene, replace(brief, seed=1), masks=exact, progress=False)
    assert not torch.equal(once.slots.features, other.slots.features)


def test_masks_in_another_order_give_the_same_quality(
    slots: ObjectSlots, tiny_scene: Scene, exact, config, truth
) -> None:
    turned = ArrayMasks({camera.name: exact.masks(camera)[::-1] for camera in tiny_scene.cameras})
    other = ObjectSlots(tiny_scene, config, masks=turned, progress=False)
    assert quality(tiny_scene, other, truth) == pytest.approx(quality(tiny_scene, slots, truth), abs=0.05)


def test_without_matching_objects_share_slots(tiny_scene: Scene, exact, config: DiscoNerfConfig, truth) -> None:
    # From the random start of the paper; features that tell objects apart from the start hide the difference.
    config = replace(config, start="random")
    with_matching, without = (
        ObjectSlots(tiny_scene, replace(config, matching=matching), masks=exact, progress=False)
        for matching in (True, False)
    )
    assert len(without) < len(with_matching)
    assert quality(tiny_scene, without, truth) < quality(tiny_scene, with_matching, truth) - 0.1


def test_a_start_from_the_masks_is_better_at_once(tiny_scene: Scene, exact, config: DiscoNerfConfig, truth) -> None:
    random, spectral = (
        ObjectSlots(tiny_scene, replace(config, iterations=25, start=start), masks=exact, progress=False)
        for start in ("random", "spectral")
    )
    assert quality(tiny_scene, spectral, truth) > quality(tiny_scene, random, truth)


def test_regularisation_makes_neighbors_alike(
    slots: ObjectSlots, tiny_scene: Scene, exact, config: DiscoNerfConfig
) -> None:
    ablated = ObjectSlots(tiny_scene, replace(config, regularization=0.0), masks=exact, progress=False)
    average = neighbor_average(ablated.device_scene.geometry, config.neighbors)

    def roughness(slots: ObjectSlots) -> float:
        features = slots.slots.features
        return float((features - average.render(features)).norm() / features.norm())

    assert roughness(slots) < 0.5 * roughness(ablated)


def test_false_positives_are_penalized(tiny_scene: Scene, exact, config: DiscoNerfConfig) -> None:
    results = [
        ObjectSlots(tiny_scene, replace(config, iterations=60, false_positive=weight), masks=exact, progress=False)
        for weight in (0.0, 1.0)
    ]
    assert results[1].slots.report["losses"]["false_positive"] < results[0].slots.report["losses"]["false_positive"]


def test_slots_are_twice_the_masks_of_the_view_with_most(tiny_scene: Scene, exact, config: DiscoNerfConfig) -> None:
    most = max(len(exact.masks(camera)) for camera in tiny_scene.cameras)
    for settings, expected in (({}, 2 * most), ({"most_slots": 5}, 5), ({"slots": 3}, 3)):
        found = ObjectSlots(tiny_scene, replace(config, iterations=2, **settings), masks=exact, progress=False)
        assert found.slots.report["slots"] == len(found.slots.bias) == expected
        assert 1 <= len(found) <= expected


def test_one_mask_is_enough(tiny_scene: Scene, exact, config: DiscoNerfConfig) -> None:
    camera = tiny_scene.cameras[2]
    one = ArrayMasks({camera.name: exact.masks(camera)[:1]})
    found = ObjectSlots(tiny_scene, replace(config, iterations=20), masks=one, progress=False)
    assert len(found) >= 1
    assert bool(torch.isfinite(found.slots.features).all())


def test_one_gaussian_is_enough(tiny_scene: Scene, exact, config: DiscoNerfConfig) -> None:
    g = tiny_scene.gaussians
    middle = g.means.mean(0, keepdims=True).astype(np.float32)
    large = np.full((1, 3), np.ptp(g.means, axis=0).max() / 3, np.float32)
    single = Gaussians.from_arrays(middle, large, g.quaternions[:1], np.array([0.99], np.float32), g.sh[:1])
    scene = Scene(single, tiny_scene.cameras, tiny_scene.path)
    found = ObjectSlots(scene, replace(config, iterations=5), masks=exact, progress=False)
    assert found.labels.tolist() == [1]
    assert bool(torch.isfinite(found.slots.features).all())


def test_bad_gaussians_belong_to_no_object(tiny_folder: Path, tiny_scene: Scene, exact, config) -> None:
    g = tiny_scene.gaussians
    means, opacities, valid = g.means.copy(), g.opacities.copy(), g.valid.copy()
    means[:7], opacities[:7], valid[:7] = 0, 0, False  # as Gaussians.read leaves rows that are not finite
    scene = Scene(replace(g, means=means, opacities=opacities, valid=valid), tiny_scene.cameras, tiny_scene.path)
    found = ObjectSlots(scene, replace(config, iterations=20), masks=exact, progress=False)
    assert not found.labels[:7].any() and not found.confidence[:7].any()
    assert bool((found.labels[7:] > 0).all())
    assert not any(bool(one.mask[:7].any()) for one in found.discover())


@pytest.mark.parametrize(
    ("settings", "message"),
    [({"iterations": 0}, "iterations"), ({"slots": -1}, "slots"), ({"regularization": float("nan")}, "regularization")],
)
def test_settings_out_of_range_are_refused(settings: dict[str, float], message: str) -> None:
    with pytest.raises(SagaError, match=message):
        DiscoNerfConfig(**settings)


def test_a_scene_without_cameras_is_refused(tiny_scene: Scene, exact) -> None:
    with pytest.raises(SagaError, match="cameras"):
        ObjectSlots(Scene(tiny_scene.gaussians, [], tiny_scene.path), masks=exact, progress=False)


def test_compact_rows_render_as_the_whole(tiny_scene: Scene) -> None:
    geometry = Geometry.from_gaussians(tiny_scene.gaussians)
    rows = BlendOperator(geometry, tiny_scene.cameras[0]).rows(torch.tensor([[80, 60], [40, 70], [80, 61]]))
    view = MaskedPixels(tiny_scene.cameras[0], 0, torch.ones(3, 1, dtype=torch.bool), torch.ones(3))
    trainer = SlotTrainer(geometry, Supervision([view], rows), None, DiscoNerfConfig())
    compact, touched = trainer._compact([torch.tensor([2, 0])])
    assert isinstance(compact, SparseRows)
    whole = rows.render(trainer.features, torch.tensor([2, 0]))
    torch.testing.assert_close(compact.render(trainer.features[touched]), whole)
