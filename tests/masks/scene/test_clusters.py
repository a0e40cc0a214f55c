"""Groups by density and by height."""

from __future__ import annotations

import numpy as np
from sklearn.cluster import DBSCAN

from saga.masks.scene.clusters import density_clusters, nearest_label, summits


def test_clusters_are_those_of_dbscan() -> None:
    rng = np.random.default_rng(0)
    points = np.concatenate([rng.normal(c, 0.1, (150, 3)) for c in (0, 0.8, 2)] + [rng.uniform(-1, 3, (60, 3))])
    own = density_clusters(points, 0.12, 6)
    theirs = DBSCAN(eps=0.12, min_samples=7).fit(points)
    core = theirs.core_sample_indices_
    np.testing.assert_array_equal(own == -1, theirs.labels_ == -1)
    pairs = {(a, b) for a, b in zip(own[core], theirs.labels_[core], strict=True)}
    assert len(pairs) == len(np.unique(theirs.labels_[core])) == len(np.unique(own[core]))


def test_nothing_has_no_cluster() -> None:
    assert density_clusters(np.zeros((0, 3)), 1.0, 1).shape == (0,)
    assert summits(np.zeros((1, 3)), np.zeros(1), 1.0, 1, 2.0).tolist() == [-1]


def test_the_nearest_label_within_reach() -> None:
    points, labels = np.array([[0.0, 0, 0], [1, 0, 0]]), np.array([4, 7])
    found = nearest_label(points, labels, np.array([[0.1, 0, 0], [0.9, 0, 0], [5, 0, 0]]), 0.5)
    assert found.tolist() == [4, 7, -1]
    assert nearest_label(points[:0], labels[:0], points).tolist() == [-1, -1]


def _hills(valley: float) -> tuple[np.ndarray, np.ndarray]:
    """Two hills of height 8 on a grid, joined by ground of a height."""
    x, y = (part.ravel() for part in np.meshgrid(np.linspace(0, 3, 61), np.linspace(0, 1, 21)))
    hills = [8 * np.exp(-((x - c) ** 2 + (y - 0.5) ** 2) / 0.08) for c in (0.6, 2.4)]
    heights = np.maximum(np.maximum(*hills), valley)
    return np.stack([x, y, 0 * x], 1), heights


def test_low_ground_between_two_summits_parts_them() -> None:
    points, heights = _hills(valley=2.2)
    parts = summits(points, heights, 0.13, 8, 1.8, smallest=20)
    assert set(parts.tolist()) == {0, 1}
    assert len(set(parts[points[:, 0] < 1.2].tolist())) == 1
    assert len(set(parts[points[:, 0] > 1.8].tolist())) == 1


def test_high_ground_between_them_does_not() -> None:
    points, heights = _hills(valley=6.6)
    assert set(summits(points, heights, 0.13, 8, 1.8, smallest=20).tolist()) == {0}
