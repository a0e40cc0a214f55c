"""The shadow that an object casts on the plane it stands on: what it takes of the light there.

The light that reaches a place is a sum over directions, each with a part of it that the object and what is around let
pass. The shadow tells how much comes from where (Sato, Sato and Ikeuchi, 2003): the colors of the plane are explained
as sums, with no negative part, of what arrives from each direction with the object there; the same sums without it say
how bright the plane would be.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from scipy import ndimage
from scipy.optimize import nnls

from saga.raster import BlendOperator, DeviceScene
from saga.scene import Camera
from saga.scene.orbit import look_at

_DIRECTIONS = 64
"""Directions of light over the plane that are tried first."""
_LOWEST = 0.15
"""Cosine between a direction of light and the normal, at least."""
_FINER, _STRONGEST = 2, 4
"""How often directions are tried around those that explain most, at half the distance each time; around how many."""
_PIXELS = 72
"""Side of the picture of what blocks the light from a direction."""
_FAR = 20.0
"""Distance it is taken from, in radii of what is shown."""
_GAMMA = 2.2
"""Stored colors are light to the power of one over this, about."""
_ROUNDS, _ODD = 4, 2.0
"""Rounds of fitting, and the deviations from which a place counts less: a pattern, another thing."""
_DARKEST = 0.02
"""Share of the light that arrives anywhere, at least."""
_STIFF, _ALIKE = 0.003, 0.03
"""How much strengths are held small, and their colors alike, relative to what is seen."""
_SQUARE = 0.15
"""Side of the squares of which every second one tells what the light found in the others is worth, in sizes of the
object."""
_SAMPLE = 2500
"""Places that light is found from, at most."""


@dataclass(frozen=True, eq=False)
class Blocker:
    """Things that may stand in the light."""

    placed: DeviceScene
    rows: np.ndarray  # [n]
    """The Gaussians that they are of, int64."""
    center: np.ndarray  # [3]
    radius: float
    """A ball that holds them, world units."""

    def passing(
        self,
        directions: np.ndarray,  # [D, 3]
        points: np.ndarray,  # [P, 3]
    ) -> np.ndarray:  # [D, P]
        """Returns the share of light from far away in each direction that reaches points behind them, 0 to 1."""
        passing = np.ones((len(directions), len(points)))
        if len(self.rows) == 0:
            return passing
        geometry = self.placed.geometry.of_rows(torch.from_numpy(self.rows).to(self.placed.device))
        away, middle = _FAR * self.radius, 0.5 * _PIXELS
        focal = middle * _FAR * 0.95
        for row, direction in zip(passing, directions, strict=True):
            up = np.eye(3)[np.argmin(np.abs(direction))]
            pose = look_at(self.center + away * direction, self.center, up)
            camera = Camera("light", _PIXELS, _PIXELS, focal, focal, middle, middle, pose)
            alpha = BlendOperator(geometry, camera).alpha().cpu().numpy()
            pixels, _ = camera.project(points)
            row -= ndimage.map_coordinates(alpha, pixels[:, ::-1].T - 0.5, order=1, cval=0.0)
        return np.clip(passing, 0, 1)


@dataclass(frozen=True, eq=False)
class Light:
    """Light from directions, the object and what else stands in it."""

    directions: np.ndarray  # [D, 3]
    strengths: np.ndarray  # [D + 1, 3]
    """What arrives from each, and at last from everywhere, unblocked; linear RGB."""
    thing: Blocker
    others: Blocker
    explained: float
    """Share of the differences in brightness around the object that light found elsewhere explains, at most 1."""

    def shades(
        self,
        points: np.ndarray,  # [..., 3]
    ) -> tuple[np.ndarray, np.ndarray]:  # [..., 3], [..., 3]
        """Returns what stored colors are of those in full light at places of the plane, with the object and without."""
        flat = points.reshape(-1, 3)
        free = _with_all(self.others.passing(self.directions, flat))
        left = free.copy()
        left[:-1] *= self.thing.passing(self.directions, flat)
        full = np.maximum(self.strengths.sum(0), 1e-9)
        shades = (np.clip(each.T @ self.strengths / full, _DARKEST, 1) ** (1 / _GAMMA) for each in (left, free))
        with_, without = (each.reshape(points.shape) for each in shades)
        return with_, without


def _with_all(passing: np.ndarray) -> np.ndarray:  # [D, P] -> [D + 1, P]
    return np.concatenate([passing, np.ones((1, passing.shape[1]))])


def find_light(
    normal: np.ndarray,  # [3]
    points: np.ndarray,  # [P, 3]
    colors: np.ndarray,  # [P, 3]
    thing: Blocker,
    others: Blocker,
) -> Light:
    """Finds the light that explains the colors of a plane around an object by the shadows of it and of other things.

    Args:
        normal: of the plane, on the side of the object.
        points: places of the plane.
        colors: what is seen there, stored RGB.
        thing: the object.
        others: what else may stand in the light.
    """
    chosen = np.random.default_rng(0).permutation(len(points))[:_SAMPLE]
    points, linear = points[chosen], np.clip(colors[chosen], 0, 1) ** _GAMMA
    gray = linear.mean(-1)
    directions = _over(normal, _DIRECTIONS)
    step = np.sqrt(2 * np.pi / _DIRECTIONS)
    passed = others.passing(directions, points) * thing.passing(directions, points)
    strengths, weights = _explained(_with_all(passed), gray)
    for _ in range(_FINER):
        order = np.argsort(-strengths[:-1])[:_STRONGEST]
        fresh = _beside(directions[order[strengths[order] > 0]], step, normal)
        if len(fresh) > 0:
            directions = np.concatenate([directions, fresh])
            passed = np.concatenate([passed, others.passing(fresh, points) * thing.passing(fresh, points)])
            strengths, weights = _explained(_with_all(passed), gray)
        step *= 0.5
    used = np.flatnonzero(strengths[:-1] > 0)
    passed, grays = _with_all(passed[used]), strengths[[*used, -1]]
    tint = np.average(linear, axis=0, weights=weights) / max(np.average(gray, weights=weights), 1e-9)
    each = [_strengths(passed, channel, weights, share * grays) for channel, share in zip(linear.T, tint, strict=True)]
    squares = np.floor((points - points.min(0)) / (_SQUARE * 2 * thing.radius)).astype(int).sum(1) % 2
    explained = _foretold(passed, gray, weights, squares == 0)
    return Light(directions[used], np.stack(each, -1), thing, others, explained)


def _foretold(
    passed: np.ndarray,  # [D, P]
    gray: np.ndarray,  # [P]
    weights: np.ndarray,  # [P]
    first: np.ndarray,  # [P] bool
) -> float:
    """Returns the share of differences in brightness in either half that the light found in the other explains."""
    error, plain = 0.0, 1e-12
    for here in (first, ~first):
        if here.any() and not here.all():
            found = _strengths(passed[:, ~here], gray[~here], weights[~here])
            error += float((weights[here] * (gray[here] - passed[:, here].T @ found) ** 2).sum())
            mean = np.average(gray[~here], weights=weights[~here])
            plain += float((weights[here] * (gray[here] - mean) ** 2).sum())
    return 1 - error / plain


def _explained(
    passed: np.ndarray,  # [D, P]
    gray: np.ndarray,  # [P]
) -> tuple[np.ndarray, np.ndarray]:  # [D], [P]
    """Returns the strengths that explain what is seen, and the weights of places: those that fit badly count less."""
    weights = np.ones_like(gray)
    for _ in range(_ROUNDS):
        strengths = _strengths(passed, gray, weights)
        residual = np.abs(gray - passed.T @ strengths)
        odd = residual / max(_ODD * 1.4826 * np.median(residual), 1e-6)
        weights = 1 / (1 + odd**2)
    return strengths, weights


def _strengths(
    passed: np.ndarray,  # [D, P]
    seen: np.ndarray,  # [P]
    weights: np.ndarray,  # [P]
    near: np.ndarray | None = None,  # [D]
) -> np.ndarray:  # [D]
    """Returns strengths, none negative, that explain what is seen, few and small, or near given ones."""
    root = np.sqrt(weights)
    stiff = np.sqrt((_STIFF if near is None else _ALIKE) * weights.sum())
    if near is None:
        more, wanted = np.full((1, len(passed)), stiff), np.zeros(1)
        more[0, -1] = 0
    else:
        more, wanted = stiff * np.eye(len(passed)), stiff * near
    rows = np.concatenate([(passed * root).T, more])
    return np.asarray(nnls(rows, np.concatenate([seen * root, wanted]))[0])


def _over(normal: np.ndarray, count: int) -> np.ndarray:  # [3] -> [D, 3]
    """Returns even directions over a plane (Fibonacci lattice)."""
    k = np.arange(count) + 0.5
    z, angle = 1 - k / count, np.pi * (1 + 5**0.5) * k
    flat = np.sqrt(1 - z**2)
    first, second = np.linalg.svd(normal[None])[2][1:]
    found = z[:, None] * normal + (flat * np.cos(angle))[:, None] * first + (flat * np.sin(angle))[:, None] * second
    return np.asarray(found[z > _LOWEST])


def _beside(
    directions: np.ndarray,  # [D, 3]
    step: float,
    normal: np.ndarray,  # [3]
) -> np.ndarray:  # [6 D, 3]
    """Returns directions half a step, in radians, to six sides of some."""
    found = [np.zeros((0, 3))]
    for direction in directions:
        first, second = np.linalg.svd(direction[None])[2][1:]
        angles = np.arange(6) * np.pi / 3
        ring = np.cos(angles)[:, None] * first + np.sin(angles)[:, None] * second
        found.append(direction + np.tan(0.5 * step) * ring)
    each = np.concatenate(found)
    each /= np.linalg.norm(each, axis=1, keepdims=True)
    return np.asarray(each[each @ normal > _LOWEST])
