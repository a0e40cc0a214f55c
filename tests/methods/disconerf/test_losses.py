"""Affinity, matching and losses against the paper's formulas written out."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from saga.methods.disconerf.losses import affinity, assign, false_positive_loss, matching_loss


@pytest.fixture
def view() -> tuple[Tensor, Tensor, Tensor]:
    """Probabilities [P, S], overlapping masks [P, M] and equal weights [P] of a small image."""
    generator = torch.Generator().manual_seed(0)
    rendered = torch.softmax(3 * torch.randn(60, 7, generator=generator, dtype=torch.float64), 1)
    members = (torch.rand(60, 4, generator=generator) < 0.3).double()
    return rendered, members, torch.full((60,), 1 / 60, dtype=torch.float64)


def test_affinity_is_the_sum_of_minima_over_that_of_maxima(view: tuple[Tensor, Tensor, Tensor]) -> None:
    rendered, members, weights = view
    low = torch.minimum(members[:, :, None], rendered[:, None]).sum(0)
    high = torch.maximum(members[:, :, None], rendered[:, None]).sum(0)
    torch.testing.assert_close(affinity(rendered, members, weights), low / high)


def test_affinity_passes_no_gradient(view: tuple[Tensor, Tensor, Tensor]) -> None:
    rendered, members, weights = view
    assert not affinity(rendered.requires_grad_(), members, weights).requires_grad


def test_affinity_of_an_empty_mask_with_an_empty_slot_is_finite() -> None:
    none = torch.zeros(3, 1)
    assert affinity(none, none, torch.ones(3)).tolist() == [[0.0]]


def test_matching_is_the_best_assignment_as_a_whole() -> None:
    # Both masks like slot 0 best; the sum is largest when the first one leaves it to the second.
    affinities = torch.tensor([[0.9, 0.8, 0.0], [0.7, 0.1, 0.0]])
    assert assign(affinities).tolist() == [1, 0]
    assert assign(affinities, matching=False).tolist() == [0, 0]


def test_losses_are_equations_5_and_6(view: tuple[Tensor, Tensor, Tensor]) -> None:
    rendered, members, weights = view
    slots = torch.tensor([2, 0, 6, 3])
    matching, false_positive = 0.0, 0.0
    for mask, slot in zip(members.T, slots.tolist(), strict=True):
        matching += float(((mask - rendered[:, slot]) ** 2).sum())
        others = [n for n in range(7) if n != slot]
        false_positive += sum(float(((mask * rendered[:, n]) ** 2).sum()) for n in others)
    # Per mask and pixel, so that neither decides about the size.
    assert float(matching_loss(rendered, members, weights, slots)) == pytest.approx(matching / 4 / 60)
    assert float(false_positive_loss(rendered, members, weights, slots)) == pytest.approx(false_positive / 4 / 60)


def test_weights_stand_for_repeated_pixels(view: tuple[Tensor, Tensor, Tensor]) -> None:
    rendered, members, weights = view
    slots = torch.tensor([2, 0, 6, 3])
    repeats = torch.arange(60) % 3 + 1
    often = [part.repeat_interleave(repeats, 0) for part in (rendered, members, weights)]
    weighted = (rendered, members, weights * repeats)
    torch.testing.assert_close(affinity(*often), affinity(*weighted))
    torch.testing.assert_close(matching_loss(*often, slots), matching_loss(*weighted, slots))
    torch.testing.assert_close(false_positive_loss(*often, slots), false_positive_loss(*weighted, slots))


def test_order_of_slots_and_masks_does_not_matter(view: tuple[Tensor, Tensor, Tensor]) -> None:
    rendered, members, weights = view
    generator = torch.Generator().manual_seed(1)
    by_slot, by_mask = torch.randperm(7, generator=generator), torch.randperm(4, generator=generator)
    for matching in (True, False):
        slots = assign(affinity(rendered, members, weights), matching)
        moved = assign(affinity(rendered[:, by_slot], members[:, by_mask], weights), matching)
        assert by_slot[moved].tolist() == slots[by_mask].tolist()
        for loss in (matching_loss, false_positive_loss):
            here = loss(rendered, members, weights, slots)
            there = loss(rendered[:, by_slot], members[:, by_mask], weights, moved)
            torch.testing.assert_close(here, there)
