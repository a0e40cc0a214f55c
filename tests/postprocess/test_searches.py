"""The native searches against their reference."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import hypothesis.extra.numpy as arrays
import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from saga.errors import SagaError
from saga.native import searches
from saga.native.bindings import MOST_NEIGHBORS, library
from saga.postprocess import mutual_neighbors, nearest_neighbor_distance, nearest_neighbors, reference
from saga.postprocess.neighbors import reach_of

# Coordinates on a lattice are exact in float32 and full of ties and duplicates.
lattices = arrays.arrays(np.int8, st.tuples(st.integers(1, 80), st.just(3)), elements=st.integers(-6, 6)).map(
    lambda steps: torch.from_numpy(steps.astype(np.float32) / 4)
)
radii = st.sampled_from([0.0, 0.2, 0.25, 0.5, 0.75, 1.0, 5.0])


@contextmanager
def threads(count: int) -> Iterator[None]:
    cpu = library("cpu")
    before = cpu.omp_get_max_threads()
    cpu.omp_set_num_threads(count)
    try:
        yield
    finally:
        cpu.omp_set_num_threads(before)


def some(points, share=10):
    """A mask of one point in `share`, spread over the cloud."""
    return torch.arange(len(points)) % share == 0


def typical_radii(points):
    distances = reference.nearest_distance(points)
    return [0.0, float(distances.median()), float(3 * distances.median()), float(distances.max())]


def test_nearest_distance(native, cloud):
    torch.testing.assert_close(native.nearest_distance(cloud), reference.nearest_distance(cloud), rtol=2e-7, atol=0)


@pytest.mark.parametrize("count", [1, 2, 16, 32])
def test_nearest_neighbors(native, cloud, count):
    assert torch.equal(native.nearest_neighbors(cloud, count), reference.nearest_neighbors(cloud, count))


@pytest.mark.parametrize("count", [1, 2, 16, 32, 40])
def test_mutual_neighbors(cloud, count):
    found = reference.nearest_neighbors(cloud, count)
    mutual = mutual_neighbors(found)
    assert torch.equal(mutual, reference.mutual_neighbors(found))
    rows = torch.arange(len(found))[:, None].expand_as(found)[mutual]
    pairs = torch.stack([rows, found[mutual].long()], 1)
    assert torch.equal(pairs.unique(dim=0), pairs.flip(1).unique(dim=0))  # of each pair both say so
    assert bool(mutual[:, 0].all())


def test_mutual_neighbors_of_none():
    assert mutual_neighbors(torch.zeros(0, 4, dtype=torch.int32)).shape == (0, 4)


def test_nearest_neighbors_beside_many_at_one_place(native):
    """Hundreds that are equally near are more than are compared with each other at once."""
    scattered = torch.randn(300, 3, generator=torch.Generator().manual_seed(0))
    points = torch.cat([scattered[:150], torch.zeros(600, 3), scattered[150:]])
    assert torch.equal(native.nearest_neighbors(points, 32), reference.nearest_neighbors(points, 32))


def test_the_reference_compares_with_every_point(cloud):
    """Ties and the points' own places, too, are as a search through all of them has it."""
    rows = torch.arange(0, len(cloud), 37)
    squares = (cloud[rows, None].double() - cloud[None].double()).square().unbind(2)
    distances = squares[0] + squares[1] + squares[2]
    distances[torch.arange(len(rows)), rows] = -1
    expected = distances.sort(dim=1, stable=True).indices[:, :40]
    assert torch.equal(reference.nearest_neighbors(cloud, 40)[rows].long(), expected)


@pytest.mark.parametrize("neighbors", [50, 300])
def test_mean_distance(native, cloud, neighbors):
    expected = reference.mean_distance(cloud, neighbors)
    found = native.mean_distance(cloud, neighbors)
    error = (found - expected).abs()
    assert bool((error <= 0.05 * expected + 1e-6).all())
    assert float(error.mean()) <= 0.005 * float(expected.mean())


@pytest.mark.parametrize("neighbors", [2, 31, 192])
def test_mean_distance_on_the_cpu_is_exact_where_every_point_is_compared(cloud, neighbors):
    found, expected = searches.mean_distance(cloud, neighbors), reference.mean_distance(cloud, neighbors)
    torch.testing.assert_close(found, expected, rtol=1e-6, atol=1e-12)


@pytest.mark.parametrize("neighbors", [1, 2, 7, 300, 1999, 2000])
def test_mean_distance_for_any_number_of_neighbors(native, neighbors):
    points = torch.randn(2000, 3, generator=torch.Generator().manual_seed(0))
    expected = reference.mean_distance(points, neighbors)
    torch.testing.assert_close(native.mean_distance(points, neighbors), expected, rtol=0.05, atol=0)


@pytest.mark.parametrize("copies", [10, 100])
def test_mean_distance_of_points_at_the_same_places(native, copies):
    """Up to as many neighbors as coincide the distance is no distance at all, not a small one."""
    places = torch.randn(30, 3, generator=torch.Generator().manual_seed(0))
    points = places.repeat(copies, 1)
    assert bool((native.mean_distance(points, copies) == 0).all())
    expected = reference.mean_distance(points, 2 * copies)
    torch.testing.assert_close(native.mean_distance(points, 2 * copies), expected, rtol=0.01, atol=0)


def test_within_radius(native, cloud):
    members = some(cloud)
    for radius in typical_radii(cloud):
        arguments = cloud[members], cloud, members, reach_of(radius)
        assert torch.equal(native.within_radius(*arguments), reference.within_radius(*arguments))


def test_grow_region(native, cloud):
    seeds = some(cloud, 500)
    for radius in typical_radii(cloud):
        arguments = cloud, seeds, reach_of(radius)
        assert torch.equal(native.grow_region(*arguments), reference.grow_region(*arguments))


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(points=lattices, radius=radii, share=st.integers(1, 20))
def test_ties_and_duplicates(native, points, radius, share):
    seeds, reach = some(points, share), reach_of(radius)
    assert torch.equal(native.nearest_distance(points), reference.nearest_distance(points))
    count = min(len(points), share)
    assert torch.equal(native.nearest_neighbors(points, count), reference.nearest_neighbors(points, count))
    ball = points[seeds], points, seeds, reach
    assert torch.equal(native.within_radius(*ball), reference.within_radius(*ball))
    assert torch.equal(native.grow_region(points, seeds, reach), reference.grow_region(points, seeds, reach))


@pytest.mark.parametrize("count", [1, 2, 3, 5, 31, 33, 257])
def test_few_points(native, count):
    points = torch.randn(count, 3, generator=torch.Generator().manual_seed(count))
    torch.testing.assert_close(native.nearest_distance(points), reference.nearest_distance(points), rtol=2e-7, atol=0)
    for neighbors in {1, (count + 1) // 2, count}:
        expected = reference.mean_distance(points, neighbors)
        torch.testing.assert_close(native.mean_distance(points, neighbors), expected, rtol=0.03, atol=0)
        if neighbors <= MOST_NEIGHBORS:
            nearest = reference.nearest_neighbors(points, neighbors)
            assert torch.equal(native.nearest_neighbors(points, neighbors), nearest)
    grow = points, some(points, 7), 0.5
    assert torch.equal(native.grow_region(*grow), reference.grow_region(*grow))


def everything(cloud):
    seeds = some(cloud, 100)
    return [
        searches.nearest_distance(cloud),
        searches.nearest_neighbors(cloud, 16),
        searches.mean_distance(cloud, 50),
        searches.within_radius(cloud[seeds], cloud, seeds, 0.1),
        searches.grow_region(cloud, seeds, 0.1),
    ]


def uneven_cloud(count):
    rng = np.random.default_rng(0)
    uneven = rng.normal(size=(count, 3)) * rng.lognormal(0, 1, (count, 1))
    return torch.from_numpy(uneven.astype(np.float32))


@pytest.mark.skipif(not searches.available("cpu"), reason="the CPU library is not built")
def test_results_do_not_depend_on_the_number_of_threads():
    cloud = uneven_cloud(30000)
    with threads(1):
        alone = everything(cloud)
    with threads(5):
        together = everything(cloud)
    assert all(torch.equal(a, b) for a, b in zip(alone, together, strict=True))


def test_results_do_not_depend_on_the_order_of_emulated_threads(emulated, monkeypatch):
    cloud = uneven_cloud(1500)
    expected = everything(cloud)
    for order in ("reverse", "shuffle"):
        monkeypatch.setenv("SAGA_EMULATOR_ORDER", order)
        assert all(torch.equal(a, b) for a, b in zip(everything(cloud), expected, strict=True))


def test_extents_of_every_magnitude(native):
    """No search may depend on a grid: these points fill a box of 1e30 and crowd at its origin."""
    rng = np.random.default_rng(0)
    points = torch.from_numpy((10.0 ** rng.uniform(-15, 15, (2000, 3))).astype(np.float32))
    torch.testing.assert_close(native.nearest_distance(points), reference.nearest_distance(points), rtol=2e-7, atol=0)
    assert torch.equal(native.nearest_neighbors(points, 16), reference.nearest_neighbors(points, 16))
    seeds = some(points)
    for radius in (1e-10, 1.0, 1e10):
        grown = native.grow_region(points, seeds, radius)
        assert torch.equal(grown, reference.grow_region(points, seeds, radius))
    assert bool(torch.isfinite(native.mean_distance(points, 50)).all())


def test_nearest_neighbor_distance_of_a_lonely_point(post):
    assert post.nearest_neighbor_distance(torch.zeros(0, 3)).shape == (0,)
    assert post.nearest_neighbor_distance(torch.ones(1, 3)).tolist() == [float("inf")]
    assert post.nearest_neighbor_distance(torch.ones(2, 3)).tolist() == [0, 0]
    assert post.nearest_neighbor_distance(torch.tensor([[0.0, 0, 0], [0, 3, 4]])).tolist() == [5, 5]


@pytest.mark.parametrize("copies", [5, 20, 1000])
def test_nearest_neighbors_of_points_at_the_same_places(native, copies):
    """More copies than neighbors, too: of them those of the lowest indices, and each point itself first."""
    places = torch.randn(10, 3, generator=torch.Generator().manual_seed(0))
    points = torch.cat([places[:1].repeat(copies, 1), places.repeat(2, 1)])
    found = native.nearest_neighbors(points, 8)
    assert torch.equal(found, reference.nearest_neighbors(points, 8))
    assert torch.equal(found[:, 0], torch.arange(len(points), dtype=torch.int32))


def test_nearest_neighbors_of_few_points(post):
    assert post.nearest_neighbors(torch.zeros(0, 3), 1).shape == (0, 1)
    assert post.nearest_neighbors(torch.ones(1, 3), 1).tolist() == [[0]]
    assert post.nearest_neighbors(torch.ones(3, 3), 3).tolist() == [[0, 1, 2], [1, 0, 2], [2, 0, 1]]
    line = torch.tensor([[0.0, 0, 0], [1, 0, 0], [2, 0, 0], [5, 0, 0]])
    assert post.nearest_neighbors(line, 3).tolist() == [[0, 1, 2], [1, 0, 2], [2, 1, 0], [3, 2, 1]]


def test_more_neighbors_than_the_native_search_keeps(post):
    points = torch.randn(100, 3, generator=torch.Generator().manual_seed(0))
    found = post.nearest_neighbors(points, 100)
    assert torch.equal(found[:, :32], post.nearest_neighbors(points, 32))
    assert torch.equal(found.sort(1).values, torch.arange(100, dtype=torch.int32).expand(100, 100))


@pytest.mark.parametrize("count", [0, 6])
def test_as_many_neighbors_as_there_are_points_at_most(count):
    with pytest.raises(SagaError, match=f"^count: expected 1 to 5, the number of points, found {count}; "):
        nearest_neighbors(torch.zeros(5, 3), count)


def test_other_types_and_strides_are_welcome():
    points = torch.randn(3, 50, dtype=torch.float64).T
    expected = nearest_neighbor_distance(points.float().contiguous())
    assert torch.equal(nearest_neighbor_distance(points), expected)


@pytest.mark.parametrize("value", [float("nan"), float("inf"), -float("inf"), 1e30])
def test_coordinates_that_are_no_place(value):
    points = torch.zeros(5, 3)
    points[3, 1] = value
    with pytest.raises(SagaError, match="expected finite coordinates"):
        nearest_neighbor_distance(points)


def test_wrong_shape():
    with pytest.raises(SagaError, match=r"expected shape \[n, 3\], found \[5, 2\]"):
        nearest_neighbor_distance(torch.zeros(5, 2))
