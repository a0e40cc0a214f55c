"""Scales of masks, what belongs together at a scale, and the gate that learns it."""

from __future__ import annotations

import pytest
import torch

from saga.raster import SparseRows
from saga.scene import Camera
from saga.train import FeatureField, train
from saga.train.granularity import ScaleGate, mask_scales, scale_correspondence
from saga.train.sampler import CachedView, PixelCache
from saga.train.trainer import Trainer

RANKS = torch.tensor([0.2, 0.5, 0.8])
"""Of a part, the whole and the group."""
PART, REST, NEIGHBOR, OUTSIDE = range(4)
MEMBERS = torch.tensor([[1, 1, 1], [0, 1, 1], [0, 0, 1], [0, 0, 0]], dtype=torch.bool)


@pytest.fixture
def cache(tiny_scene) -> PixelCache:
    """Four pixels, each showing one of four Gaussians at weight 1/2; masks of the first two, and of all."""
    rows = SparseRows(torch.arange(5), torch.arange(4, dtype=torch.int32), torch.full((4,), 0.5), columns=4)
    members = torch.tensor([[True, True], [False, True]])
    camera: Camera = tiny_scene.cameras[0]
    return PixelCache([CachedView(camera, 0, torch.tensor([0, 0, 1, 1]), members, None)], rows)


def test_a_scale_is_two_standard_deviations_of_what_the_mask_shows(cache):
    means = torch.tensor([[100.0, 0, 0], [100.0, 2, 0], [104.0, 0, 0], [104.0, 2, 0]])
    (scales,) = mask_scales(means, cache)
    torch.testing.assert_close(scales, torch.tensor([2 * 1.0, 2 * 5**0.5]))


def test_ranks_run_from_0_to_1_with_the_scales():
    gate = ScaleGate(4)
    gate.get_buffer("quantiles").copy_(torch.linspace(0, 1, 101) ** 2)
    ranks = gate.ranks(torch.tensor([-1.0, 0.0, 0.25, 0.5, 1.0, 9.0]))
    torch.testing.assert_close(ranks, torch.tensor([0.0, 0.0, 0.5, 0.5**0.5, 1.0, 1.0]), atol=1e-3, rtol=0)


@pytest.mark.parametrize(
    ("rank", "together"),
    [
        (0.1, []),
        (0.3, []),
        (0.6, [(PART, REST)]),
        (0.9, [(PART, REST), (PART, NEIGHBOR), (REST, NEIGHBOR)]),
    ],
)
def test_what_belongs_together_grows_with_the_scale(rank: float, together: list[tuple[int, int]]):
    k = scale_correspondence(MEMBERS, RANKS, rank)
    assert torch.equal(k, k.T)
    found = [(p, q) for p in range(4) for q in range(p + 1, 4) if k[p, q] > 0]
    assert found == together


def test_nothing_is_known_of_two_pixels_in_no_mask():
    k = scale_correspondence(MEMBERS, RANKS, 0.6)
    assert k[OUTSIDE, OUTSIDE] == 0
    assert k[OUTSIDE, :OUTSIDE].tolist() == [-1, -1, -1]


def test_a_gate_treats_scales_differently_and_starts_alike_every_time():
    gate = ScaleGate(32)
    low, high = gate(0.0), gate(1.0)
    assert bool(((low > 0) & (low < 1)).all())
    assert torch.cosine_similarity(low, high, dim=0) < 0.5
    assert torch.equal(gate(0.3), ScaleGate(32)(0.3))


def test_the_gate_learns_and_is_kept_with_the_field(tiny_scene, instances, quick, tmp_path):
    field = train(tiny_scene, instances(), quick(granularity=True), progress=False)
    assert field.gate is not None and field.report is not None
    assert not torch.equal(field.gate.linear.weight, ScaleGate().linear.weight)
    assert field.report["losses"]["granularity"] != 0
    assert float(field.gate.get_buffer("quantiles").diff().min()) >= 0
    field.save(tmp_path / "field.saga")
    read = FeatureField.load(tmp_path / "field.saga", tiny_scene)
    assert read.gate is not None
    torch.testing.assert_close(read.gate.state_dict(), field.gate.state_dict(), atol=0, rtol=0)
    assert torch.equal(read.factors(0.4), field.factors(0.4))


def test_without_the_option_there_is_no_gate(tiny_scene, instances, quick):
    field = train(tiny_scene, instances(), quick(), progress=False)
    assert field.gate is None and field.report is not None
    assert "granularity" not in field.report["losses"]


def test_an_interrupted_run_with_a_gate_ends_as_an_uninterrupted_one(
    tiny_scene, instances, quick, tmp_path, monkeypatch
):
    config = quick(granularity=True)
    whole = train(tiny_scene, instances(), config, progress=False)
    checkpoint, step = tmp_path / "run.checkpoint", Trainer.step

    def interrupted(trainer: Trainer) -> None:
        if trainer.iteration == 7:
            raise KeyboardInterrupt
        step(trainer)

    monkeypatch.setattr(Trainer, "step", interrupted)
    with pytest.raises(KeyboardInterrupt):
        train(tiny_scene, instances(), config, checkpoint=checkpoint, progress=False)
    monkeypatch.setattr(Trainer, "step", step)
    resumed = train(tiny_scene, instances(), config, checkpoint=checkpoint, progress=False)
    assert torch.equal(resumed.features, whole.features)
    assert resumed.gate is not None and whole.gate is not None
    torch.testing.assert_close(resumed.gate.state_dict(), whole.gate.state_dict(), atol=0, rtol=0)
