"""The plane that most of a set of points lies on: RANSAC with local refinement.

A hypothesis is a plane through three points near each other; the best ones are refined by repeated least
squares with a shrinking inlier distance (LO-RANSAC: Chum, Matas and Kittler, 2003). Planes through one point with
its normal are not enough: the normals of a fused surface are so noisy that they tilt through what stands on it.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from saga.masks.scene.config import SceneMaskConfig

_SUBSET = 12_000
"""Points that hypotheses are made from and judged on."""
_PARTNERS = 48
"""Points drawn to find two that lie within reach of a first."""
_REFINED = 12
"""Best hypotheses that are refined."""
_ROUNDS = 8
"""Rounds of least squares; the inlier distance shrinks from 3 to 1 times its value over the first five."""
_FEWEST = 30
"""Points that a plane needs."""
_ALIGNED = 0.7
"""Cosine between a point's normal and the plane's from which the point counts in full."""
_UNALIGNED_WEIGHT = 0.25
_BLOCK = 100
"""Hypotheses judged at a time."""


@dataclass(frozen=True)
class Plane:
    """A plane in world coordinates."""

    center: np.ndarray  # [3]
    normal: np.ndarray  # [3]

    def heights(
        self,
        points: np.ndarray,  # [P, 3]
    ) -> np.ndarray:  # [P]
        """Signed distance of points, positive on the side of the normal."""
        heights: np.ndarray = (points - self.center) @ self.normal
        return heights

    @property
    def axes(self) -> np.ndarray:  # [2, 3]
        """Two unit vectors that span the plane."""
        axes: np.ndarray = np.linalg.svd(self.normal[None])[2][1:]
        return axes


def best_plane(
    points: np.ndarray,  # [P, 3]
    normals: np.ndarray,  # [P, 3]
    weights: np.ndarray,  # [P]
    distance: float,
    reach: float,
    config: SceneMaskConfig,
    rng: np.random.Generator,
) -> Plane | None:
    """Finds the plane with the most points within a distance, None when no three points make one.

    Args:
        points: world coordinates.
        normals: unit normals; points whose normal is another count a quarter.
        weights: how often each point is drawn.
        distance: inlier distance, world units.
        reach: greatest distance between the three points of a hypothesis, world units.
        config: how many hypotheses are tried.
        rng: source of randomness.
    """
    drawn = rng.choice(len(points), min(_SUBSET, len(points)), p=weights / weights.sum())
    points, normals = points[drawn].astype(np.float32), normals[drawn].astype(np.float32)
    through, directions = _hypotheses(points, reach, config.trials, rng)
    if len(directions) == 0:
        return None
    offsets = (through * directions).sum(1)
    scores = np.concatenate([
        _score(points, normals, directions[i : i + _BLOCK], offsets[i : i + _BLOCK], distance)
        for i in range(0, len(directions), _BLOCK)
    ])  # fmt: skip
    best: tuple[float, Plane | None] = (-1.0, None)
    for index in np.argsort(-scores, kind="stable")[:_REFINED]:
        plane = _refined(points, Plane(directions[index] * offsets[index], directions[index]), distance)
        offset = np.array([plane.center @ plane.normal], np.float32)
        score = float(_score(points, normals, plane.normal[None].astype(np.float32), offset, distance)[0])
        if score > best[0]:
            best = (score, plane)
    return best[1]


def _hypotheses(
    points: np.ndarray,  # [P, 3]
    reach: float,
    trials: int,
    rng: np.random.Generator,
) -> tuple[np.ndarray, np.ndarray]:  # [H, 3], [H, 3]
    """A point and the unit normal of planes through three points, well apart and within reach of each other."""
    first = rng.integers(len(points), size=trials)
    others = rng.integers(len(points), size=(trials, _PARTNERS))
    gap = np.linalg.norm(points[others] - points[first][:, None], axis=2)
    fit = (gap < reach) & (gap > 0.3 * reach)
    enough = fit.sum(1) >= 2
    order = np.argsort(~fit[enough], axis=1, kind="stable")[:, :2]
    second, third = np.take_along_axis(others[enough], order, axis=1).T
    start = points[first[enough]]
    one, other = points[second] - start, points[third] - start
    cross = np.cross(one, other)
    size = np.linalg.norm(cross, axis=1)
    lengths = np.linalg.norm(one, axis=1) * np.linalg.norm(other, axis=1)
    spread = size > 0.3 * lengths
    return start[spread], cross[spread] / size[spread, None]


def _score(
    points: np.ndarray,  # [P, 3]
    normals: np.ndarray,  # [P, 3]
    directions: np.ndarray,  # [H, 3]
    offsets: np.ndarray,  # [H]
    distance: float,
) -> np.ndarray:  # [H]
    near = np.abs(points @ directions.T - offsets) < distance
    aligned = np.abs(normals @ directions.T) > _ALIGNED
    score: np.ndarray = (near * np.where(aligned, 1.0, _UNALIGNED_WEIGHT)).sum(0)
    return score


def _refined(
    points: np.ndarray,  # [P, 3]
    plane: Plane,
    distance: float,
) -> Plane:
    for step in range(_ROUNDS):
        within = distance * (3 - 2 * min(step, 5) / 5)
        near = np.abs(plane.heights(points)) < within
        if near.sum() < _FEWEST:
            break
        plane = fitted_plane(points[near])
    return plane


def fitted_plane(
    points: np.ndarray,  # [P, 3]
) -> Plane:
    """Returns the least-squares plane of points."""
    center = points.mean(0, dtype=np.float64)
    offsets = points - center
    return Plane(center, np.linalg.eigh(offsets.T @ offsets)[1][:, 0])
