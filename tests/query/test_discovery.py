"""Discovery on features whose clusters are known."""

from __future__ import annotations

import pytest
import torch

from saga.query.discovery import cluster

SIZES = (300, 200, 60, 30)


def field() -> tuple[torch.Tensor, torch.Tensor]:
    """Features of any length of four kinds and of 50 Gaussians between them; and the kind of each, -1 between."""
    generator = torch.Generator().manual_seed(0)
    kind = torch.arange(len(SIZES)).repeat_interleave(torch.tensor(SIZES))
    own = torch.eye(8)[kind] + 0.03 * torch.randn(len(kind), 8, generator=generator)
    between = torch.ones(50, 8)
    between[:, :4] += 0.03 * torch.randn(50, 4, generator=generator)
    lengths = 0.1 + torch.rand(len(kind) + 50, 1, generator=generator)
    return torch.cat([own, between]) * lengths, torch.cat([kind, torch.full((50,), -1)])


def test_every_kind_is_an_object_largest_first() -> None:
    features, kind = field()
    everyone = torch.ones(len(features), dtype=torch.bool)
    found = cluster(features, everyone, similarity=0.6, smallest=20, seed=0)
    assert [int(members.sum()) for _, members in found] == [300, 200, 60, 50, 30]
    for number in range(len(SIZES)):
        assert any(torch.equal(members, kind == number) for _, members in found)


def test_small_ones_and_those_that_are_no_candidates_are_left_out() -> None:
    features, kind = field()
    candidates = kind != 0
    found = cluster(features, candidates, similarity=0.6, smallest=55, seed=0)
    assert [int(members.sum()) for _, members in found] == [200, 60]
    assert cluster(features, torch.zeros(len(features), dtype=torch.bool), 0.6, 1, 0) == []


@pytest.mark.parametrize("similarity", [0.5, 0.8])
def test_a_member_is_as_similar_as_asked_for_and_what_is_like_nothing_belongs_to_nothing(similarity: float) -> None:
    features = torch.randn(900, 16, generator=torch.Generator().manual_seed(0))
    everyone = torch.ones(len(features), dtype=torch.bool)
    found = cluster(features, everyone, similarity, smallest=1, seed=0)
    for center, members in found:
        assert float((torch.nn.functional.normalize(features[members], dim=1) @ center).min()) >= similarity - 1e-6
    assert 0 < sum(int(members.sum()) for _, members in found) < len(features)


def test_what_has_no_direction_belongs_to_nothing() -> None:
    features, kind = field()
    features[kind == 1] = 0
    everyone = torch.ones(len(features), dtype=torch.bool)
    found = cluster(features, everyone, similarity=0.6, smallest=20, seed=0)
    assert [int(members.sum()) for _, members in found] == [300, 60, 50, 30]
    assert cluster(torch.zeros(40, 8), everyone[:40], 0.6, 1, 0) == []
    opposite = torch.cat([torch.ones(1, 8), -torch.ones(1, 8)]).repeat(20, 1)
    assert sorted(int(members.sum()) for _, members in cluster(opposite, everyone[:40], 0.6, 1, 0)) == [20, 20]
