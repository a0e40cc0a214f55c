"""Network, refinement, supervision and the model's file."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file
from torch.nn import functional

from saga.errors import SagaError
from saga.methods.sgisrf.grid import Box, Grid
from saga.methods.sgisrf.model import SgisrfModel
from saga.methods.sgisrf.network import FINE_INPUTS, INPUTS, NetworkSize, refine, uncertain_voxels
from saga.methods.sgisrf.predict import Volume, predict_coarse, predict_refined
from saga.methods.sgisrf.supervision import supervision
from saga.raster import Geometry, SparseRows

SMALL = NetworkSize(width=4, tokens=8, layers=1)


def _model(seed: int = 0) -> SgisrfModel:
    return SgisrfModel.create(SMALL, 16, True, True, seed)


def _volume() -> Volume:
    generator = torch.Generator().manual_seed(3)
    means = torch.rand(300, 3, generator=generator)
    geometry = Geometry(
        means, torch.full((300, 3), 0.03), torch.randn(300, 4, generator=generator), torch.full((300,), 0.8)
    )
    return Volume.build(geometry, Box((0.5, 0.5, 0.5), 0.5), 16)


def test_an_untrained_refinement_changes_nothing_and_a_trained_one_only_uncertain_voxels() -> None:
    model, volume = _model(), _volume()
    coarse, fine = torch.rand(INPUTS, 16, 16, 16), torch.rand(FINE_INPUTS, 32, 32, 32)
    with torch.no_grad():
        first = predict_coarse(model.network, coarse)
        plain = first.sampled(volume)
        same, count = predict_refined(model.network, volume, first, coarse, fine, band=0.5, most=40)
        assert count == 40 and torch.allclose(same, plain, atol=1e-6)
        model.network.refiner.head.bias.fill_(1.0)
        uncertain = uncertain_voxels(first.logits, volume.opacity, 0.5, 40)
        refined = refine(model.network, volume.grid, first.logits, first.features, coarse, fine, uncertain)
    assert set(torch.nonzero(refined.coarse)[:, 0].tolist()) == set(uncertain.tolist())
    assert int((refined.fine != 0).sum()) == 8 * len(uncertain)


def test_children_of_a_voxel_are_the_eight_inside_it() -> None:
    model, grid = _model(), Grid(Box((0.0, 0.0, 0.0), 1.0), 16)
    with torch.no_grad():
        model.network.refiner.head.bias.fill_(1.0)
        coarse, fine = torch.zeros(INPUTS, 16, 16, 16), torch.zeros(FINE_INPUTS, 32, 32, 32)
        first = predict_coarse(model.network, coarse)
        voxel = torch.tensor([(3 * 16 + 5) * 16 + 7])
        refined = refine(model.network, grid, first.logits, first.features, coarse, fine, voxel)
    assert (torch.nonzero(refined.fine.reshape(32, 32, 32)) // 2).unique(dim=0).tolist() == [[3, 5, 7]]


def test_uncertain_voxels_are_the_least_certain_occupied_ones() -> None:
    logits = torch.linspace(-4, 4, 512).reshape(8, 8, 8)
    opacity = torch.ones(8, 8, 8)
    opacity.view(-1)[255] = 0  # one of the two least certain has nothing in it
    found = uncertain_voxels(logits, opacity, 0.4, 4)
    assert sorted(found.tolist()) == [253, 254, 256, 257]
    assert len(uncertain_voxels(logits, opacity, 0.0, 4)) == 0


@pytest.mark.parametrize(("obj1", "obj2"), [(1.0, 1.0), (0.0, 0.0), (2.0, 0.5)])
def test_supervision_and_its_gradient_match_a_dense_twin(obj1: float, obj2: float) -> None:
    generator = torch.Generator().manual_seed(0)
    dense = torch.rand(20, 12, generator=generator) * (torch.rand(20, 12, generator=generator) < 0.4)
    dense = dense / dense.sum(1, keepdim=True).clamp(min=1)
    places = dense.nonzero()
    indptr = torch.cat([torch.zeros(1, dtype=torch.int64), torch.bincount(places[:, 0], minlength=20).cumsum(0)])
    rows = SparseRows(indptr, places[:, 1].int(), dense[dense != 0], 12)
    selected, truth = torch.tensor([3, 19, 7, 7]), torch.tensor([1.0, 0.0, 1.0, 0.0])
    logits = torch.randn(12, generator=generator).requires_grad_()
    loss, losses = supervision(rows, logits, selected, truth, 1.0, obj1, obj2)
    (gradient,) = torch.autograd.grad(loss, logits)

    a, m = dense[selected], torch.sigmoid(logits)
    ce = functional.binary_cross_entropy_with_logits
    twins = [ce(a @ logits, truth), ce(a @ (m * logits), truth), ((a @ m - truth) ** 2).mean()]
    twin = twins[0] + obj1 * twins[1] + obj2 * twins[2]
    assert [losses[k] for k in ("hol", "obj1", "obj2")] == pytest.approx([float(t.detach()) for t in twins], abs=1e-5)
    assert torch.allclose(gradient, torch.autograd.grad(twin, logits)[0], atol=1e-6)


def test_concealed_errors_have_gradients_only_with_object_exclusive_losses() -> None:
    # A wrong foreground Gaussian that contributes little to a pixel whose dominant Gaussian is right (figure 5).
    rows = SparseRows(torch.tensor([0, 2]), torch.tensor([0, 1], dtype=torch.int32), torch.tensor([0.9, 0.1]), 2)
    logits = torch.tensor([-12.0, 3.0], requires_grad=True)
    pixel, truth = torch.tensor([0]), torch.tensor([0.0])
    gradients = [
        torch.autograd.grad(supervision(rows, logits, pixel, truth, 1.0, extra, extra)[0], logits)[0][1]
        for extra in (0.0, 1.0)
    ]
    assert abs(float(gradients[0])) < 1e-4 < 0.01 < float(gradients[1])


def test_a_model_comes_back_from_its_file(tmp_path: Path) -> None:
    model, coarse = _model(5), torch.rand(INPUTS, 16, 16, 16)
    model.facts = {"iterations": 3}
    model.save(tmp_path / "m.safetensors")
    loaded = SgisrfModel.load(tmp_path / "m.safetensors")
    assert loaded.facts == {"iterations": 3} and loaded.resolution == 16
    with torch.no_grad():
        assert torch.allclose(loaded.network(coarse)[0], model.network(coarse)[0], atol=0.05)


def test_other_files_are_refused_in_one_line(tmp_path: Path) -> None:
    path = tmp_path / "m.safetensors"
    with pytest.raises(SagaError, match="no such file"):
        SgisrfModel.load(path)
    path.write_bytes(b"not a model")
    with pytest.raises(SagaError, match="one that is truncated, damaged") as error:
        SgisrfModel.load(path)
    assert "\n" not in str(error.value) and str(path) in str(error.value)
    save_file({"features": torch.zeros(3)}, path, {"saga": '{"format_version": 1}'})
    with pytest.raises(SagaError, match="another format"):
        SgisrfModel.load(path)
    model = _model()
    model.save(path)
    model.network.size = NetworkSize(width=8)
    model.save(path)
    with pytest.raises(SagaError, match="truncated, damaged or of another kind"):
        SgisrfModel.load(path)


def test_weights_depend_on_the_seed_alone() -> None:
    one, same, other = _model(1), _model(1), _model(2)
    values = [torch.cat([p.flatten() for p in m.network.parameters()]) for m in (one, same, other)]
    assert torch.equal(values[0], values[1]) and not torch.equal(values[0], values[2])
