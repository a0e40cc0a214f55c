from __future__ import annotations

import hypothesis.extra.numpy as arrays
import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from saga.errors import SagaError
from saga.native import searches
from saga.postprocess import ball_query, grow_region

# Coordinates on a lattice are exact in float32, so that shifting them loses nothing.
lattices = arrays.arrays(np.int8, st.tuples(st.integers(1, 60), st.just(3)), elements=st.integers(-5, 5)).map(
    lambda steps: torch.from_numpy(steps.astype(np.float32) / 2)
)
radii = st.none() | st.sampled_from([0.0, 0.4, 0.5, 0.75, 1.0, 2.0])
seeds_of = st.integers(0, 2**60 - 1)  # bit i: point i is a seed


def mask_of(bits, points):
    return torch.tensor([bool(bits >> i & 1) for i in range(len(points))])


def chain(*positions):
    return torch.tensor([[x, 0.0, 0.0] for x in positions])


def only(count, *chosen):
    mask = torch.zeros(count, dtype=torch.bool)
    mask[list(chosen)] = True
    return mask


def test_region_follows_a_chain_and_stops_at_a_gap(post):
    points = chain(0, 1, 2, 3, 4.5, 5.5)
    region, radius = post.grow_region(points, only(6, 0, 1))
    assert region.tolist() == [True, True, True, True, False, False] and radius == 1
    region, radius = post.grow_region(points, only(6, 0), radius=1.5)
    assert region.all() and radius == 1.5


def test_region_grows_inside_one_object_only(post, tiny_demo):
    points = torch.from_numpy(tiny_demo.gaussians.means)
    labels = torch.from_numpy(np.asarray(tiny_demo.labels).astype(np.int64))
    objects = labels[labels > 0].unique()
    target = (labels == objects[0]) | (labels == objects[-1])
    own = labels[target] == objects[0]
    seeds = own & (torch.arange(len(own)) % 2 == 0)
    region, _ = post.grow_region(points[target], seeds)
    assert region[own].float().mean() > 0.95
    assert not region[~own].any()


def test_default_radius_includes_the_pair_it_comes_from(post):
    """Whatever the rounding, a regular grid grows completely from two neighbors."""
    axis = torch.arange(6) * 0.1
    points = torch.cartesian_prod(axis, axis, axis)
    distances = post.nearest_neighbor_distance(points)
    seeds = only(len(points), int(distances.argmax()))
    _, radius = post.ball_query(points, torch.ones(len(points), dtype=torch.bool))
    assert radius == float(distances.max())
    joined, _ = post.ball_query(points, seeds, radius)
    assert joined.sum() >= 2


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(points=lattices, bits=seeds_of, radius=radii, random=st.randoms(use_true_random=False))
def test_order_and_place_do_not_matter(post, points, bits, radius, random):
    seeds = mask_of(bits, points)
    order = torch.tensor(random.sample(range(len(points)), len(points)))
    for grow in (post.grow_region, post.ball_query):
        grown, used = grow(points, seeds, radius)
        again, same = grow(points[order], seeds[order], radius)
        assert torch.equal(again, grown[order]) and same == used
        moved, same = grow(points + torch.tensor([64.0, -32.0, 8.0]), seeds, radius)
        assert torch.equal(moved, grown) and same == used


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(points=lattices, bits=seeds_of, radius=radii)
def test_region_is_closed_and_inside_every_larger_one(post, points, bits, radius):
    seeds = mask_of(bits, points)
    region, used = post.grow_region(points, seeds, radius)
    ball, _ = post.ball_query(points, seeds, used)
    larger, _ = post.grow_region(points, seeds, 2 * used)
    larger_ball, _ = post.ball_query(points, seeds, 2 * used)
    assert bool((seeds <= ball).all() and (ball <= region).all())
    assert bool((region <= larger).all() and (ball <= larger_ball).all())
    assert torch.equal(post.grow_region(points, region, used)[0], region)
    assert torch.equal(post.ball_query(points, region, used)[0], region)


def test_ball_query_joins_what_is_near_a_member(post):
    points = chain(0, 1, 1.9, 3, 10)
    joined, radius = post.ball_query(points, only(5, 0, 1))
    assert joined.tolist() == [True, True, True, False, False] and radius == 1
    joined, radius = post.ball_query(points, only(5, 0, 1), radius=2.0)
    assert joined.tolist() == [True, True, True, True, False] and radius == 2


def test_outlier_inflates_the_radius_and_a_quantile_resists(post):
    rng = np.random.default_rng(0)
    scene = torch.from_numpy(np.concatenate([rng.normal(size=(500, 3)), rng.normal(size=(500, 3)) + 20]))
    members = torch.arange(1000) < 500
    far = torch.cat([scene, torch.tensor([[0.0, 0.0, 1e6]])])
    with_far = torch.cat([members, torch.tensor([True])])
    joined, radius = post.ball_query(far, with_far)
    assert radius > 9e5 and bool(joined.all())
    joined, radius = post.ball_query(far, with_far, quantile=0.99)
    assert radius < 3 and torch.equal(joined[:-1], members)


def test_quantile_is_the_nearest_rank(post):
    points = chain(0, 1, 3, 6, 10)  # nearest neighbor distances 1, 1, 2, 3, 4
    everything = torch.ones(5, dtype=torch.bool)
    for quantile, expected in ((0.01, 1), (0.4, 1), (0.41, 2), (0.8, 3), (0.81, 4), (1.0, 4)):
        assert post.ball_query(points, everything, quantile=quantile)[1] == expected


@pytest.mark.parametrize("grow", ["grow_region", "ball_query"])
def test_nothing_stays_nothing(post, grow):
    for count in (0, 1, 5):
        for radius in (None, 0.0, 10.0):
            points, seeds = torch.zeros(count, 3), torch.zeros(count, dtype=torch.bool)
            grown, used = getattr(post, grow)(points, seeds, radius)
            assert not grown.any() and grown.shape == (count,) and used == (radius or 0.0)


@pytest.mark.parametrize("grow", ["grow_region", "ball_query"])
def test_one_seed_has_no_spacing_and_takes_only_its_duplicates(post, grow):
    grown, radius = getattr(post, grow)(chain(0, 0, 1e-3, 5), only(4, 0))
    assert grown.tolist() == [True, True, False, False] and radius == 0


@pytest.mark.parametrize("grow", ["grow_region", "ball_query"])
def test_input_is_left_alone(post, grow):
    points, seeds = chain(0, 1, 2), only(3, 0)
    before = points.clone(), seeds.clone()
    getattr(post, grow)(points, seeds, 5.0)
    assert torch.equal(points, before[0]) and torch.equal(seeds, before[1])


def test_without_the_library_the_reference_serves(scattered, monkeypatch):
    seeds = torch.arange(len(scattered)) % 50 == 0
    expected = [grow(scattered, seeds) for grow in (grow_region, ball_query)]
    monkeypatch.setattr(searches, "available", lambda device_type: False)
    for grow, (mask, radius) in zip((grow_region, ball_query), expected, strict=True):
        again, same = grow(scattered, seeds)
        assert torch.equal(again, mask) and same == radius


@pytest.mark.parametrize("grow", [grow_region, ball_query])
def test_wrong_input(grow):
    points = torch.zeros(5, 3)
    with pytest.raises(SagaError, match=r"expected torch.bool \[5\], found torch.bool \[4\]"):
        grow(points, only(4, 0))
    with pytest.raises(SagaError, match=r"found torch.float32 \[5\]"):
        grow(points, torch.ones(5))
    for radius in (-1.0, float("inf"), float("nan")):
        with pytest.raises(SagaError, match="radius: expected a finite distance"):
            grow(points, only(5, 0), radius)


@pytest.mark.parametrize("quantile", [0.0, 1.5, float("nan")])
def test_wrong_quantile(quantile):
    with pytest.raises(SagaError, match="quantile"):
        ball_query(torch.zeros(5, 3), only(5, 0), quantile=quantile)
