"""Averages over mutual neighbors."""

from __future__ import annotations

import pytest
import torch

from saga.raster import Geometry
from saga.train import smoothing
from saga.train.smoothing import neighbor_average


@pytest.mark.parametrize("neighbors", [1, 16, 10_000])
def test_neighbor_average_keeps_constants(neighbors):
    torch.manual_seed(0)
    n = 60
    geometry = Geometry(torch.randn(n, 3), torch.ones(n, 3), torch.eye(4)[:1].repeat(n, 1), torch.rand(n) + 0.01)
    geometry.opacities[7] = 0.0
    average = neighbor_average(geometry, neighbors)
    torch.testing.assert_close(average.render(torch.full((n, 2), 3.0)), torch.full((n, 2), 3.0))
    only = torch.zeros(n, 1)
    only[7] = 1.0
    expected = only if neighbors < n else average.render(only)
    torch.testing.assert_close(average.render(only), expected)
    assert float(average.render(only)[torch.arange(n) != 7].abs().max()) == 0, "an invisible one is no neighbor"
    assert torch.equal(average.indptr.diff() > 0, torch.ones(n, dtype=torch.bool))


def test_a_stray_gaussian_keeps_its_own_features():
    """It has the surface's Gaussians for neighbors, they do not have it."""
    grid = torch.cartesian_prod(torch.linspace(0, 1, 12), torch.linspace(0, 1, 12), torch.zeros(1))
    means = torch.cat([grid, torch.tensor([[0.5, 0.5, 0.6]])])
    count = len(means)
    geometry = Geometry(means, torch.full((count, 3), 0.01), torch.eye(4)[:1].repeat(count, 1), torch.ones(count))
    x = torch.zeros(count, 1)
    x[-1] = 1
    averaged = neighbor_average(geometry, 16).render(x)
    assert torch.equal(averaged, x)
    rough = torch.randn(count, 1, generator=torch.Generator().manual_seed(0))
    assert neighbor_average(geometry, 16).render(rough)[:-1].std() < 0.5 * rough[:-1].std()


def test_mutual_neighbors_are_averaged():
    """Of two pairs far from each other, each becomes its own mean; a single one between them stays as it is."""
    means = torch.tensor([[0.0, 0, 0], [1, 0, 0], [100, 0, 0], [101, 0, 0], [40, 0, 0]])
    geometry = Geometry(means, torch.ones(5, 3), torch.eye(4)[:1].repeat(5, 1), torch.ones(5))
    averaged = neighbor_average(geometry, 2).render(torch.tensor([[0.0], [2.0], [10.0], [20.0], [7.0]]))
    assert averaged[:, 0].tolist() == [1.0, 1.0, 15.0, 15.0, 7.0]


def test_pieces_are_put_together_in_order(monkeypatch):
    torch.manual_seed(0)
    n = 200
    opacities = torch.rand(n) + 0.01
    opacities[torch.randperm(n)[:40]] = 0.0
    geometry = Geometry(torch.randn(n, 3), torch.ones(n, 3), torch.eye(4)[:1].repeat(n, 1), opacities)
    whole = neighbor_average(geometry, 8)
    monkeypatch.setattr(smoothing, "_PIECE", 7)
    monkeypatch.setattr(smoothing.host, "function", lambda name: None)  # the library does it in one piece
    pieces = neighbor_average(geometry, 8)
    assert torch.equal(pieces.indices, whole.indices) and torch.equal(pieces.indptr, whole.indptr)
    own = torch.arange(n).repeat_interleave(whole.indptr.diff())
    pairs = set(zip(own.tolist(), whole.indices.tolist(), strict=True))
    assert pairs == {(b, a) for a, b in pairs} >= {(a, a) for a in range(n)}, "neighbors are mutual"


def test_values_are_averaged_in_place():
    torch.manual_seed(0)
    n = 50
    geometry = Geometry(torch.randn(n, 3), torch.ones(n, 3), torch.eye(4)[:1].repeat(n, 1), torch.ones(n))
    average, values = neighbor_average(geometry, 8), torch.randn(n, 37)
    expected = average.render(values)
    smoothing.smoothed(average, values)
    assert torch.equal(values, expected)
