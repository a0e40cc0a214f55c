"""The graph cut: neighbors decide where scores do not."""

from __future__ import annotations

import torch

from saga.query.graph_cut import cut
from saga.raster import SparseRows


def chain(count: int) -> SparseRows:
    """Everyone's neighbors on a line."""
    pairs = [(i, j) for i in range(count) for j in (i - 1, i, i + 1) if 0 <= j < count]
    indptr = torch.tensor([sum(i < k for i, _ in pairs) for k in range(count + 1)])
    return SparseRows(indptr, torch.tensor([j for _, j in pairs]).int(), torch.ones(len(pairs)), count)


def test_without_smoothness_it_is_the_threshold():
    scores = torch.tensor([0.9, 0.61, 0.59, 0.2])
    assert cut(scores, 0.6, torch.ones(4, 3), chain(4), 0.0).tolist() == [True, True, False, False]


def test_a_doubtful_one_follows_its_neighbors():
    scores = torch.tensor([0.95, 0.95, 0.58, 0.95, 0.1, 0.62, 0.1])
    assert cut(scores, 0.6, torch.ones(7, 3), chain(7), 1.0).tolist() == [True] * 4 + [False] * 3


def test_neighbors_with_other_features_have_no_say():
    scores = torch.tensor([0.95, 0.58, 0.95])
    features = torch.tensor([[1.0, 0.0], [0.0, 1.0], [1.0, 0.0]])
    assert cut(scores, 0.6, features, chain(3), 1.0).tolist() == [True, False, True]


def test_it_is_the_least_of_all_cuts():
    """Against every labeling of ten doubtful nodes."""
    generator = torch.Generator().manual_seed(0)
    scores, features = 0.4 + 0.4 * torch.rand(10, generator=generator), torch.rand(10, 4, generator=generator)
    found = cut(scores, 0.6, features, chain(10), 0.5)
    own = (scores - 0.6) / 0.25
    weight = 0.5 * torch.cosine_similarity(features[1:], features[:-1]).clamp(min=0) ** 2

    def cost(side: torch.Tensor) -> float:
        return float(
            (own.clamp(min=0) * ~side + (-own).clamp(min=0) * side).sum() + (weight * (side[1:] != side[:-1])).sum()
        )

    least = min(cost(torch.tensor([bool(k >> i & 1) for i in range(10)])) for k in range(1024))
    assert cost(found) < least + 0.02
