"""Training scenes, simulated clicks, and a run that is interrupted."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from scipy.spatial.transform import Rotation

from saga.errors import SagaError
from saga.methods.sgisrf.clicks import error_click, first_click
from saga.methods.sgisrf.corruption import corrupted_masks
from saga.methods.sgisrf.grid import rotation_matrices
from saga.methods.sgisrf.model import SgisrfModel
from saga.methods.sgisrf.scenes import TrainingScene, random_scene, rotated
from saga.methods.sgisrf.trainer import SgisrfTraining, Trainer
from saga.methods.sgisrf.training import train

TINY = SgisrfTraining(resolution=16, width=4, tokens=8, scenes=1, clicks=2, pixels=300, renewal=100, half=False)


@pytest.fixture(scope="module")
def scene() -> TrainingScene:
    return random_scene(np.random.default_rng(3), (64, 48))


def test_scenes_are_different_and_repeatable(scene: TrainingScene) -> None:
    again, other = (random_scene(np.random.default_rng(seed), (64, 48)) for seed in (3, 4))
    assert torch.equal(again.geometry.means, scene.geometry.means)
    assert other.geometry.means.shape != scene.geometry.means.shape


def test_labels_in_the_views_are_those_of_the_gaussians(scene: TrainingScene) -> None:
    view = scene.views[0]
    shown = view.labels >= 0
    agreeing = scene.labels[view.owners[shown]] == view.labels[shown]
    assert agreeing.mean() > 0.9 and len(scene.targets()) > 0
    assert (view.exact.sum(0).ravel() == shown).all()
    assert scene.rows.columns == len(scene.labels) and len(scene.rows) == sum(len(v.labels) for v in scene.views)


def test_turning_a_scene_turns_its_gaussians(scene: TrainingScene) -> None:
    turn = torch.from_numpy(Rotation.from_euler("xyz", [0.4, 1.0, -0.3]).as_matrix()).float()
    turned = rotated(scene.geometry, turn)
    assert torch.allclose(turned.means, scene.geometry.means @ turn.T, atol=1e-5)
    expected = turn @ rotation_matrices(scene.geometry.quaternions)
    assert torch.allclose(rotation_matrices(turned.quaternions), expected, atol=1e-4)


def test_corrupted_masks_resemble_objects(scene: TrainingScene) -> None:
    shape = scene.views[0].masks.shape[1:]
    labels = scene.views[0].labels.reshape(shape)
    rng = np.random.default_rng(0)
    several = [corrupted_masks(labels, labels, rng) for _ in range(8)]
    assert all(masks.dtype == bool and masks.shape[1:] == shape for masks in several)
    assert len({len(masks) for masks in several}) > 1
    nothing = corrupted_masks(np.full(shape, -1), np.full(shape, -1), rng)
    assert nothing.shape == (0, *shape)


def test_clicks_go_to_the_largest_error() -> None:
    truth, predicted = np.zeros((2, 20, 30), bool)
    truth[5:15, 5:15] = True
    assert truth[first_click(truth, np.random.default_rng(0))[::-1]]
    assert error_click(truth, truth) is None
    assert error_click(truth, predicted) == ((9, 9), True)
    predicted[5:15, 5:30] = True
    pixel, positive = error_click(truth, predicted)
    assert not positive and predicted[pixel[::-1]] and not truth[pixel[::-1]]


def test_two_steps_change_the_weights_and_are_repeatable() -> None:
    runs = []
    for _ in range(2):
        trainer = Trainer(TINY)
        before = [p.clone() for p in trainer.model.network.parameters()]
        losses = [trainer.step(0.0) for _ in range(2)]
        assert all(np.isfinite(value) for each in losses for value in each.values())
        after = list(trainer.model.network.parameters())
        assert any(not torch.equal(a, b) for a, b in zip(before, after, strict=True))
        runs.append(losses)
    # Sums are taken in an order that depends on where memory lies, so that only the start is equal to the last digits.
    assert runs[0][0] == pytest.approx(runs[1][0], rel=1e-4)
    assert runs[0][1]["hol"] == pytest.approx(runs[1][1]["hol"], rel=0.05)


def test_an_interrupted_run_goes_on(tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch) -> None:
    out = tmp_path / "m.safetensors"
    step = Trainer.step

    def stopping(self: Trainer, progress: float) -> dict[str, float]:
        if self.iteration == 2:
            raise KeyboardInterrupt
        return step(self, progress)

    monkeypatch.setattr(Trainer, "step", stopping)
    with pytest.raises(KeyboardInterrupt):
        train(out, TINY, iterations=3, checkpoint_every=0.0)
    assert not out.exists() and out.with_name("m.safetensors.checkpoint").is_file()
    monkeypatch.setattr(Trainer, "step", step)
    with pytest.raises(SagaError, match="expected a run with these settings, found one with others"):
        train(out, SgisrfTraining(seed=9), iterations=3)
    train(out, TINY, iterations=3)
    assert SgisrfModel.load(out).facts["iterations"] == 3
    assert not out.with_name("m.safetensors.checkpoint").exists()


def test_ablated_runs_train(tmp_path: Path) -> None:
    from dataclasses import replace

    out = tmp_path / "m.safetensors"
    train(out, replace(TINY, propagation=False, refinement=False, object_exclusive=False), iterations=1)
    model = SgisrfModel.load(out)
    assert not model.propagation and not model.refinement


@pytest.mark.parametrize("wrong", [{"resolution": 20}, {"width": 6}, {"clicks": 0}])
def test_settings_that_cannot_be_get_one_line(wrong: dict[str, int]) -> None:
    with pytest.raises(SagaError, match=next(iter(wrong))) as error:
        SgisrfTraining(**wrong)
    assert "\n" not in str(error.value)
