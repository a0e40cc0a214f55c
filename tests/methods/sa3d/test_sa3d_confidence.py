"""Mask inverse rendering."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from saga.methods.sa3d.confidence import Confidence
from saga.raster import BlendOperator, Geometry
from saga.scene import Scene

WEIGHT = 0.15


@pytest.fixture(scope="module")
def operators(tiny_scene: Scene) -> list[BlendOperator]:
    """Two small views of some Gaussians, in PyTorch alone."""
    whole = Geometry.from_gaussians(tiny_scene.gaussians)
    some = slice(0, len(whole.means), 20)
    geometry = Geometry(whole.means[some], whole.scales[some] * 4, whole.quaternions[some], whole.opacities[some])
    return [BlendOperator(geometry, camera.resized(32, 24), "reference") for camera in tiny_scene.cameras[:2]]


def half(operator: BlendOperator, side: int) -> Tensor:  # [H, W]
    mask = torch.zeros(operator.camera.height, operator.camera.width, dtype=torch.bool)
    mask[:, : 16 if side == 0 else 9] = True
    return mask


def add(confidence: Confidence, operator: BlendOperator, mask: Tensor) -> None:  # [H, W]
    confidence.add(*operator.lift(torch.stack([mask, torch.ones_like(mask)], dim=-1).float()).unbind(1))


def test_a_step_is_minus_the_gradient_of_the_projection_loss(operators: list[BlendOperator]) -> None:
    volume = torch.zeros(operators[0].shape[1], 1, requires_grad=True)
    loss, confidence = torch.zeros(()), Confidence(len(volume), WEIGHT, volume.device)
    for side, operator in enumerate(operators):
        mask, rendered = half(operator, side), operator.render(volume)[..., 0]
        loss = loss - (mask * rendered).sum() + WEIGHT * (~mask * rendered).sum()
        add(confidence, operator, mask)
    (gradient,) = torch.autograd.grad(loss, volume)
    assert gradient.abs().max() > 1
    torch.testing.assert_close(confidence.gradient, -gradient[:, 0], rtol=1e-4, atol=1e-4)


def test_normalising_keeps_the_sign_and_bounds_the_size(operators: list[BlendOperator]) -> None:
    confidence = Confidence(operators[0].shape[1], WEIGHT, torch.device("cpu"))
    for side, operator in enumerate(operators):
        add(confidence, operator, half(operator, side))
    value = confidence.value
    assert torch.equal(value.sign(), confidence.gradient.sign())
    assert value.max() <= 1 and value.min() >= -WEIGHT
    assert (value[(confidence.inside + confidence.outside) == 0] == 0).all()
    assert all(operator.render(value[:, None]).max() <= 1 + 1e-5 for operator in operators)


def test_the_order_of_views_does_not_matter(operators: list[BlendOperator]) -> None:
    sums = []
    for order in (operators, operators[::-1]):
        confidence = Confidence(operators[0].shape[1], WEIGHT, torch.device("cpu"))
        for operator in order:
            add(confidence, operator, half(operator, operators.index(operator)))
        sums.append(confidence.value)
    torch.testing.assert_close(sums[0], sums[1])


def test_nothing_seen_says_nothing() -> None:
    assert not Confidence(3, WEIGHT, torch.device("cpu")).value.any()
