"""Losses of the object field against direct twins."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor

from saga.methods.sanerf_hq.losses import cross_entropy, distance, error, ray_pair_loss

WEIGHT, OFFSET = 10.0, 1e-6


def probabilities(*shape: int) -> Tensor:
    return torch.softmax(torch.randn(*shape, generator=torch.Generator().manual_seed(0), dtype=torch.float64), -1)


def f(a: Tensor, b: Tensor) -> Tensor:
    """Eq. 11 for one pair."""
    return torch.exp(-WEIGHT * (a @ b) / torch.maximum(a @ a, b @ b) - OFFSET)


def test_cross_entropy_is_equation_8_when_each_ray_has_one_label() -> None:
    logits = torch.randn(6, 3, generator=torch.Generator().manual_seed(1), dtype=torch.float64, requires_grad=True)
    labels = torch.tensor([0, 1, 2, 2, 1, 0])
    allowed = torch.nn.functional.one_hot(labels, 3).bool()
    loss = cross_entropy(torch.softmax(logits, 1), allowed)
    expected = torch.nn.functional.cross_entropy(logits, labels) / 3
    assert torch.allclose(loss, expected)
    ours, theirs = (torch.autograd.grad(each, logits)[0] for each in (loss, expected))
    assert torch.allclose(ours, theirs)


def test_a_ray_that_may_show_anything_teaches_nothing() -> None:
    logits = torch.randn(4, 3, requires_grad=True)
    cross_entropy(torch.softmax(logits, 1), torch.ones(4, 3, dtype=torch.bool)).backward()
    assert logits.grad is not None and logits.grad.abs().max() < 1e-6


def test_distance_is_equation_11() -> None:
    one, other = probabilities(5, 4), probabilities(5, 4).flip(0)
    expected = torch.stack([f(a, b) for a, b in zip(one, other, strict=True)])
    assert torch.allclose(distance(one, other, WEIGHT, OFFSET), expected)
    sure = torch.eye(2, dtype=torch.float64)
    assert distance(sure[0], sure[1], WEIGHT, 0.0) == 1
    assert distance(sure[0], sure[0], WEIGHT, 0.0) == pytest.approx(math.exp(-WEIGHT))


def test_error_maps_are_equation_12() -> None:
    rendered = probabilities(6, 3)
    labels = torch.tensor([0, 1, 2, 0, 1, 2])
    truth = torch.eye(3, dtype=torch.float64)[labels]
    expected = torch.stack([f(m, p) for m, p in zip(truth, rendered, strict=True)])
    assert torch.allclose(error(rendered, truth.bool(), WEIGHT, OFFSET), expected)


def test_ray_pair_loss_and_gradient_are_equations_9_to_11() -> None:
    random = torch.Generator().manual_seed(2)
    logits = torch.randn(2, 7, 3, generator=random, dtype=torch.float64, requires_grad=True)
    colors = torch.rand(2, 7, 3, generator=random, dtype=torch.float64)
    valid = torch.ones(2, 7, dtype=torch.bool)
    valid[1, 5:] = False
    references = torch.tensor([[0, 3, 6], [1, 2, 5]])  # the last of the second set is no ray
    rendered = torch.softmax(logits, -1)
    loss = ray_pair_loss(rendered, colors, valid, references, 0.6, WEIGHT, OFFSET)

    expected = torch.zeros((), dtype=torch.float64)
    for t, chosen in enumerate([[0, 3, 6], [1, 2]]):
        of_set = torch.zeros((), dtype=torch.float64)
        for k in chosen:
            rays = [s for s in range(7) if valid[t, s] and s != k and (colors[t, s] - colors[t, k]).norm() <= 0.6]
            if rays:
                pairs = [f(rendered[t, k].detach(), rendered[t, s]) for s in rays]
                of_set = of_set + torch.stack(pairs).mean()
        expected = expected + of_set / len(chosen) / 2
    assert torch.allclose(loss, expected)
    ours, theirs = (torch.autograd.grad(each, logits, retain_graph=True)[0] for each in (loss, expected))
    assert torch.allclose(ours, theirs)


def test_references_are_detached() -> None:
    logits = torch.randn(1, 2, 2, generator=torch.Generator().manual_seed(3), requires_grad=True)
    valid, references = torch.ones(1, 2, dtype=torch.bool), torch.tensor([[0]])
    ray_pair_loss(torch.softmax(logits, -1), torch.zeros(1, 2, 3), valid, references, 0.1, 1.0, 0.0).backward()
    assert logits.grad is not None
    assert logits.grad[0, 0].abs().max() == 0 and logits.grad[0, 1].abs().max() > 0


def test_pairs_of_other_colors_do_not_count() -> None:
    colors = torch.tensor([[[0.0, 0, 0], [1.0, 0, 0]]])
    valid, references = torch.ones(1, 2, dtype=torch.bool), torch.tensor([[0, 1]])
    assert ray_pair_loss(probabilities(1, 2, 2).float(), colors, valid, references, 0.15, WEIGHT, OFFSET) == 0
