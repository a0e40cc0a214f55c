from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from plyfile import PlyData

from saga.errors import SagaError
from saga.native import searches
from saga.postprocess import statistical_filter

SHARED = Path(__file__).resolve().parents[3] / "shared" / "data"


def agreement(a, b):
    return float((a == b).float().mean())


def test_exact_filter_is_the_definition():
    points = torch.randn(400, 3, generator=torch.Generator().manual_seed(1)).double()
    nearest = torch.cdist(points, points).sort(dim=1).values[:, :20]  # the first is the point itself
    means = nearest.mean(dim=1).numpy()
    expected = means <= means.mean() + means.std(ddof=1)
    assert statistical_filter(points, exact=True).tolist() == expected.tolist()
    tighter = means <= means.mean() + 0.5 * means.std(ddof=1)
    assert statistical_filter(points, std_ratio=0.5, exact=True).tolist() == tighter.tolist()


def test_default_agrees_with_exact(post, scattered):
    assert agreement(post.statistical_filter(scattered), post.statistical_filter(scattered, exact=True)) >= 0.99


@pytest.mark.parametrize("count", [2, 3, 10, 50, 200, 1000])
def test_default_agrees_with_exact_on_few_points(post, count):
    points = torch.randn(count, 3, generator=torch.Generator().manual_seed(count))
    assert agreement(post.statistical_filter(points), post.statistical_filter(points, exact=True)) >= 0.99


@pytest.mark.skipif(not (SHARED / "tabletop").exists(), reason="needs the shared scenes")
@pytest.mark.parametrize("label", [3, 8])
def test_default_agrees_with_exact_on_scanned_objects(post, label):
    rows = PlyData.read(SHARED / "tabletop" / "scene.ply")["vertex"]
    points = np.stack([rows["x"], rows["y"], rows["z"]], axis=1)
    target = torch.from_numpy(points[np.load(SHARED / "tabletop" / "labels.npy") == label])
    assert agreement(post.statistical_filter(target), post.statistical_filter(target, exact=True)) >= 0.99


def test_floaters_are_dropped_and_the_object_stays(post):
    rng = np.random.default_rng(0)
    points = np.concatenate([0.1 * rng.normal(size=(3000, 3)), rng.uniform(3, 10, (30, 3))])
    keep = post.statistical_filter(torch.from_numpy(points).float())
    assert not keep[3000:].any()
    assert keep[:3000].float().mean() > 0.99


@pytest.mark.parametrize("exact", [False, True])
@pytest.mark.parametrize("count", [0, 1, 2, 3, 100])
def test_coinciding_points_are_kept(post, count, exact):
    keep = post.statistical_filter(torch.full((count, 3), 0.1), exact=exact)
    assert keep.dtype == torch.bool and keep.shape == (count,) and bool(keep.all())


@pytest.mark.parametrize("exact", [False, True])
def test_points_equally_far_apart_are_kept(post, exact):
    angles = torch.arange(12) * (2 * np.pi / 12)
    ring = torch.stack([angles.cos(), angles.sin(), torch.zeros(12)], dim=1)
    assert bool(post.statistical_filter(ring, exact=exact).all())


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(seed=st.integers(0, 2**16), count=st.integers(1, 600))
def test_order_does_not_matter(post, seed, count):
    rng = np.random.default_rng(seed)
    uneven = rng.normal(size=(count, 3)) * rng.lognormal(0, 1, (count, 1))
    points = torch.from_numpy(uneven.astype(np.float32))
    order = torch.from_numpy(rng.permutation(count))
    assert torch.equal(post.statistical_filter(points[order]), post.statistical_filter(points)[order])


def test_place_and_unit_do_not_matter(post, scattered):
    points = (scattered * 1024).round() / 1024  # room for an exact shift
    keep = post.statistical_filter(points)
    assert agreement(post.statistical_filter(points + 8), keep) >= 0.999
    assert agreement(post.statistical_filter(points * 2**10), keep) >= 0.999


def test_larger_ratio_keeps_more(scattered):
    kept = [statistical_filter(scattered, std_ratio=ratio) for ratio in (0.0, 0.5, 1.0, 2.0, 10.0)]
    assert all(bool((less <= more).all()) for less, more in zip(kept, kept[1:], strict=False))
    assert kept[0].sum() < kept[-1].sum()


def test_more_neighbors_than_points(post):
    points = torch.randn(20, 3, generator=torch.Generator().manual_seed(0))
    assert torch.equal(post.statistical_filter(points, neighbors=500), post.statistical_filter(points, neighbors=20))


def test_without_the_library_the_exact_filter_serves(scattered, monkeypatch):
    monkeypatch.setattr(searches, "available", lambda device_type: False)
    assert torch.equal(statistical_filter(scattered), statistical_filter(scattered, exact=True))


@pytest.mark.parametrize("wrong", [{"neighbors": 0}, {"std_ratio": -1.0}, {"std_ratio": float("nan")}])
def test_wrong_parameters(wrong):
    with pytest.raises(SagaError, match=next(iter(wrong))):
        statistical_filter(torch.zeros(5, 3), **wrong)
