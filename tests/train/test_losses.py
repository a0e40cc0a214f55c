"""Losses against the paper's formulas, written out as loops over pixels."""

from __future__ import annotations

import math

import pytest
import torch

from saga.train.losses import (
    correspondence_loss,
    mask_correspondence,
    mask_queries,
    norm_loss,
    sam_guidance_loss,
    scaled_correspondence,
)


def correspondence_by_loops(members, rendered, form):
    """Equations 8 to 10, one pair of pixels at a time."""
    total = 0.0
    for i, a in enumerate(members):
        for j, b in enumerate(members):
            shared, union = float((a * b).sum()), float(((a + b) > 0).sum())
            k = 0.0 if union == 0 else (shared / union if shared > 0 else -1.0)
            s = float(torch.cosine_similarity(rendered[i], rendered[j], dim=0))
            total += k * (max(s, 0.0) if form == "relu" else s)
    return -total / len(members) ** 2


@pytest.mark.parametrize("form", ["relu", "paper"])
@pytest.mark.parametrize("density", [0.0, 0.1, 0.5, 1.0])
def test_correspondence_equals_the_double_loop(form, density):
    torch.manual_seed(1)
    members = (torch.rand(6, 5) < density).float()  # six patterns of five masks
    pattern = torch.randint(0, 6, (23,))
    rendered = torch.randn(23, 8)
    loss = correspondence_loss(rendered, pattern, mask_correspondence(members), form)
    assert float(loss) == pytest.approx(correspondence_by_loops(members[pattern], rendered, form), abs=1e-5)


def test_correspondence_matrix_entries():
    members = torch.tensor([[1, 1, 0], [1, 0, 0], [0, 0, 1], [0, 0, 0.0]])
    expected = torch.tensor([[1, 0.5, -1, -1], [0.5, 1, -1, -1], [-1, -1, 1, -1], [-1, -1, -1, 0.0]])
    torch.testing.assert_close(mask_correspondence(members), expected)


def test_relu_stops_pushing_features_that_already_differ():
    rendered = torch.tensor([[1.0, 0.0], [-1.0, 0.1]], requires_grad=True)
    k = mask_correspondence(torch.eye(2))
    for form, pushed in (("relu", False), ("paper", True)):
        (gradient,) = torch.autograd.grad(correspondence_loss(rendered, torch.tensor([0, 1]), k, form), rendered)
        assert (gradient.abs().max() > 1e-3) == pushed, form


def test_guidance_equals_the_formula():
    torch.manual_seed(2)
    rendered, queries, members = torch.randn(9, 4), torch.randn(3, 4), (torch.rand(9, 3) < 0.5).float()
    p = torch.sigmoid(rendered @ queries.T)
    expected = -(members * p.log() + (1 - members) * (1 - p).log()).mean()
    torch.testing.assert_close(sam_guidance_loss(rendered, queries, members, torch.ones(3, dtype=torch.bool)), expected)
    known = torch.tensor([True, False, True])
    partly = sam_guidance_loss(rendered, queries[known], members[:, known], known[known])
    torch.testing.assert_close(sam_guidance_loss(rendered, queries, members, known), partly)


def test_queries_are_weighted_means():
    features, weights = torch.tensor([[1.0, 0.0], [3.0, 2.0]]), torch.tensor([[1.0, 0.5, 0.0], [1.0, 1.5, 0.0]])
    expected = torch.tensor([[2.0, 1.0], [2.5, 1.5], [0.0, 0.0]])
    torch.testing.assert_close(mask_queries(features, weights), expected)


@pytest.mark.parametrize("masks", [0, 1])
def test_pixels_in_no_mask_and_empty_features_give_no_nan(masks):
    rendered = torch.zeros(5, 4, requires_grad=True)
    members = torch.zeros(5, masks)
    loss = sam_guidance_loss(rendered, mask_queries(rendered, members), members, torch.ones(masks, dtype=torch.bool))
    k = mask_correspondence(torch.zeros(1, masks))
    loss = loss + correspondence_loss(rendered, torch.zeros(5, dtype=torch.int64), k)
    loss.backward()
    assert loss.isfinite() and rendered.grad.isfinite().all()


def test_norm_loss_is_zero_where_features_along_a_ray_agree():
    weights = torch.tensor([[0.5, 0.5], [0.9, 0.1]])
    alike, apart = torch.tensor([[1.0, 0.0], [2.0, 0.0]]), torch.tensor([[1.0, 0.0], [-1.0, 0.0]])
    for features, expected in ((alike, 0.0), (apart, 1 - (0.0 + 0.8) / 2)):
        lengths = weights @ features.norm(dim=1)
        assert float(norm_loss(weights @ features, lengths)) == pytest.approx(expected, abs=1e-6)


def test_a_weight_counts_as_that_many_masks() -> None:
    members = torch.tensor([[1.0, 1, 0], [1, 0, 1], [0, 1, 1]])
    weights = torch.tensor([3.0, 1, 2])
    counts = weights.long()
    repeated = members.repeat_interleave(counts, dim=1)
    torch.testing.assert_close(mask_correspondence(members, weights), mask_correspondence(repeated))
    rendered, queries = torch.randn(3, 4), torch.randn(3, 4)
    known = torch.tensor([True, True, False])
    expected = sam_guidance_loss(
        rendered, queries.repeat_interleave(counts, dim=0), repeated, known.repeat_interleave(counts)
    )
    torch.testing.assert_close(sam_guidance_loss(rendered, queries, members, known, weights), expected)


def scaled_by_loops(members, sizes):
    """K by size, one pair of pixels at a time."""
    expected = torch.zeros(len(members), len(members))
    for i, one in enumerate(members):
        for j, other in enumerate(members):
            own = [min((float(s) for m, s in zip(p, sizes, strict=True) if m), default=math.inf) for p in (one, other)]
            both = [float(s) for m, n, s in zip(one, other, sizes, strict=True) if m and n]
            if both:
                expected[i, j] = max(-1.0, 1 + math.log(min(own) / min(both), 4))
            elif min(own) < math.inf:
                expected[i, j] = -1.0
    return expected


@pytest.mark.parametrize("density", [0.0, 0.2, 0.6, 1.0])
def test_scaled_correspondence_equals_the_double_loop(density):
    torch.manual_seed(3)
    members, sizes = (torch.rand(9, 6) < density).float(), torch.tensor([5.0, 20, 90, 400, 2000, 9000])
    torch.testing.assert_close(scaled_correspondence(members, sizes), scaled_by_loops(members, sizes))
    many, areas = (torch.rand(5, 130) < density / 30).float(), torch.randperm(130) + 1.0  # more than one word of bits
    torch.testing.assert_close(scaled_correspondence(many, areas), scaled_by_loops(many, areas))
    assert scaled_correspondence(members[:, :0], sizes[:0]).tolist() == torch.zeros(9, 9).tolist()


def test_a_large_mask_joins_small_things_at_the_coarse_scale_only():
    """Two things of a hundred pixels in a heap of ten thousand: eq. 8 never pushes them apart."""
    members = torch.tensor([[1.0, 0, 1], [0, 1, 1]])
    assert mask_correspondence(members)[0, 1] > 0
    assert scaled_correspondence(members, torch.tensor([100.0, 100, 10_000]))[0, 1] == -1
    assert scaled_correspondence(members, torch.tensor([100.0, 100, 220]))[0, 1] > 0.4, "two halves of one thing"
