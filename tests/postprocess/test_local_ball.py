"""The ball query whose radius follows the spacing of the selection."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from saga.errors import SagaError
from saga.native import searches
from saga.postprocess import ball_query, local_ball_query


def row(start: float, stop: float, gap: float) -> Tensor:  # [n, 3]
    xs = torch.arange(start, stop, gap)
    return torch.stack([xs, torch.zeros_like(xs), torch.zeros_like(xs)], dim=1)


@pytest.fixture
def scene() -> tuple[Tensor, Tensor]:
    """A row that is dense up to 100 and sparse from there, and points beside it that no one selected."""
    dense, sparse = row(0, 100, 1), row(100, 300, 5)
    beside = torch.tensor([[50.0, 0.9, 0], [50.0, 4.0, 0], [200.0, 4.0, 0], [200.0, 5.5, 0]])
    points = torch.cat([dense, sparse, beside])
    return points, torch.arange(len(points)) < len(points) - len(beside)


@pytest.mark.usefixtures("native_device")
def test_what_is_dense_takes_in_what_is_close_and_what_is_sparse_what_is_farther(scene) -> None:
    points, members = scene
    joined, radii = local_ball_query(points, members)
    assert joined[-4:].tolist() == [True, False, True, False]
    assert bool(joined[members].all())
    assert (float(radii[50]), float(radii[120])) == (1.0, 5.0)
    assert ball_query(points, members, quantile=0.99)[0][-4:].tolist() == [True, True, True, False]


def test_nothing_joins_that_is_not_allowed(scene) -> None:
    points, members = scene
    allowed = torch.ones_like(members)
    allowed[-4] = False
    assert local_ball_query(points, members, allowed=allowed)[0][-4:].tolist() == [False, False, True, False]
    assert torch.equal(
        local_ball_query(points, members, allowed=~allowed & ~members)[0].nonzero()[-1], torch.tensor([140])
    )


def test_it_lies_within_the_ball_of_the_one_radius(cloud) -> None:
    members = cloud[:, 0] > cloud[:, 0].median()
    local, radii = local_ball_query(cloud, members)
    one, radius = ball_query(cloud, members, quantile=0.99)
    assert bool((members <= local).all() and (local <= one).all())
    assert bool((radii <= radius).all())


def test_order_does_not_matter_and_the_reference_does_the_same(cloud, monkeypatch: pytest.MonkeyPatch) -> None:
    members = cloud[:, 0] > cloud[:, 0].median()
    joined, radii = local_ball_query(cloud, members)
    order = torch.randperm(len(cloud), generator=torch.Generator().manual_seed(0))
    assert torch.equal(local_ball_query(cloud[order], members[order])[0], joined[order])
    monkeypatch.setattr(searches, "available", lambda device_type: False)
    again, same = local_ball_query(cloud, members)
    assert torch.equal(again, joined) and torch.equal(same, radii)


def test_a_few_far_members_have_no_large_radius() -> None:
    points = torch.cat([row(0, 500, 1), torch.tensor([[1e4, 0, 0], [1.2e4, 0, 0], [1e4, 50.0, 0]])])
    members = torch.arange(len(points)) < len(points) - 1
    joined, radii = local_ball_query(points, members)
    assert not bool(joined[-1]) and float(radii.max()) == 1.0


@pytest.mark.parametrize("count", [0, 1, 2])
def test_few_members_take_their_duplicates_and_no_members_take_nothing(count: int) -> None:
    points = torch.tensor([[0.0, 0, 0], [1.0, 0, 0], [0.0, 0, 0], [9.0, 0, 0]])
    members = torch.arange(4) < count
    joined, radii = local_ball_query(points, members)
    assert joined.tolist() == [count > 0, count > 1, count > 0, False]
    assert len(radii) == count


def test_wrong_input() -> None:
    points, members = torch.zeros(5, 3), torch.ones(5, dtype=torch.bool)
    with pytest.raises(SagaError, match="quantile"):
        local_ball_query(points, members, 0.0)
    with pytest.raises(SagaError, match=r"allowed: expected torch.bool \[5\]"):
        local_ball_query(points, members, allowed=members[:4])
