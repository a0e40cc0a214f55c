"""Parametric surfaces and their sampling into evenly spaced surfels.

A surface maps u, v in [0, 1] to points; u runs along a row, v across the rows. Its normal is
du x dv, which points outwards for every constructor here.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from scipy.interpolate import PchipInterpolator

Surface = Callable[[np.ndarray, np.ndarray], np.ndarray]  # ([n], [n]) -> [n, 3]

_STEP = 1e-3  # of the parameter range, for finite differences


@dataclass(frozen=True)
class Samples:
    """Surfels of one surface. All float64."""

    u: np.ndarray  # [n]
    v: np.ndarray  # [n]
    points: np.ndarray  # [n, 3]
    normals: np.ndarray  # [n, 3] unit
    tangents: np.ndarray  # [n, 3] unit, along u
    extents: np.ndarray  # [n, 2] distance to the neighbors along u and across the rows
    steps: np.ndarray  # [n, 2] the same distances in u and v


def area(surface: Surface) -> float:
    """Returns the area of a surface, in square scene units."""
    u, v = (grid.ravel() for grid in np.meshgrid((np.arange(48) + 0.5) / 48, (np.arange(48) + 0.5) / 48))
    du, dv = _derivatives(surface, u, v)
    return float(np.linalg.norm(np.cross(du, dv), axis=1).mean())


def sample(surface: Surface, spacing: float, rng: np.random.Generator) -> Samples:
    """Returns surfels about `spacing` apart: equidistant rows, each with as many surfels as its length asks for."""
    rows = np.linspace(0.0, 1.0, 257)
    climb = _mean_speeds(surface, (rows[1:] + rows[:-1]) / 2)[1]
    arc = np.concatenate([[0.0], np.cumsum(climb)]) / 256
    count = max(1, round(arc[-1] / spacing))
    v_rows = np.interp((np.arange(count) + 0.5) / count * arc[-1], arc, rows)

    lengths = _mean_speeds(surface, v_rows)[0]
    per_row = np.maximum(1, np.rint(lengths / spacing).astype(int))
    row = np.repeat(np.arange(count), per_row)
    steps = np.stack([1 / per_row[row], (np.gradient(v_rows) if count > 1 else np.ones(1))[row]], axis=1)
    place = np.arange(len(row)) - np.repeat(np.cumsum(per_row) - per_row, per_row)
    jitter = 0.12 * rng.uniform(-1, 1, (2, len(row)))
    # Rows are staggered at random, or the eye finds the lattice.
    phase = rng.uniform(0.25, 0.75, count)[row]
    u = np.clip((place + phase + jitter[0]) * steps[:, 0], 0.0, 1.0)
    v = np.clip(v_rows[row] + jitter[1] * steps[:, 1], 0.0, 1.0)

    du, dv = _derivatives(surface, u, v)
    normals = _unit(np.cross(du, dv))
    extents = np.stack([lengths[row] / per_row[row], np.full(len(row), arc[-1] / count)], axis=1)
    extents = np.clip(extents, 0.5 * spacing, 1.5 * spacing)
    return Samples(u, v, surface(u, v), normals, _unit(du), extents, steps)


def lathe(profile: Sequence[tuple[float, float]], smooth: bool = True) -> Surface:
    """Returns a surface of revolution about z. `profile`: (radius, height) from the bottom, outside first."""
    points = np.asarray(profile, dtype=float)
    curve = _curve(points, smooth)

    def surface(u: np.ndarray, v: np.ndarray) -> np.ndarray:
        radius, height = curve(v).T
        angle = 2 * np.pi * u
        return np.stack([radius * np.cos(angle), radius * np.sin(angle), height], axis=1)

    return surface


def ellipsoid(center: Sequence[float], radii: Sequence[float]) -> Surface:
    """Returns an axis-aligned ellipsoid."""

    def surface(u: np.ndarray, v: np.ndarray) -> np.ndarray:
        angle, rise = 2 * np.pi * u, np.pi * (v - 0.5)
        unit = np.stack([np.cos(rise) * np.cos(angle), np.cos(rise) * np.sin(angle), np.sin(rise)], axis=1)
        return np.asarray(np.asarray(center) + unit * np.asarray(radii))

    return surface


def torus(radius: float, thickness: float, height: float) -> Surface:
    """Returns a ring about z of tube radius `thickness`, its axis at `height`; v turns from outside to the top."""
    turn = np.linspace(0, 2 * np.pi, 65)
    return lathe([(radius + thickness * np.cos(t), height + thickness * np.sin(t)) for t in turn], smooth=False)


def tube(path: Sequence[Sequence[float]], radius: Callable[[np.ndarray], np.ndarray] | float) -> Surface:
    """Returns a tube along a smooth path through the given points; `radius` may depend on v."""
    curve = _curve(np.asarray(path, dtype=float), smooth=True)

    def surface(u: np.ndarray, v: np.ndarray) -> np.ndarray:
        forward = _unit(curve(np.clip(v + 0.01, 0, 1)) - curve(np.clip(v - 0.01, 0, 1)))
        # A fixed helper axis is enough: no path here runs along it.
        side = _unit(np.cross(forward, np.array([0.13, 0.99, 0.05])))
        up = np.cross(forward, side)
        size = radius(v) if callable(radius) else np.full(len(v), radius)
        angle = 2 * np.pi * u
        return np.asarray(curve(v) + size[:, None] * (np.cos(angle)[:, None] * side + np.sin(angle)[:, None] * up))

    return surface


def rounded_box(size: Sequence[float], radius: float) -> list[Surface]:
    """Returns the six faces of a box on z = 0, centered in x and y; they meet in edges of the given radius."""
    half = np.asarray(size, dtype=float) / 2
    faces: list[Surface] = []
    for axis in range(3):
        for sign in (-1.0, 1.0):
            faces.append(_box_face(half, radius, axis, sign))
    return faces


def leaf(path: Sequence[Sequence[float]], width: float) -> Surface:
    """Returns a pointed blade along a smooth path, folded up a little along its middle. Its normal points up."""
    curve = _curve(np.asarray(path, dtype=float), smooth=True)

    def surface(u: np.ndarray, v: np.ndarray) -> np.ndarray:
        forward = curve(np.clip(v + 0.01, 0, 1)) - curve(np.clip(v - 0.01, 0, 1))
        side = _unit(np.cross(forward, np.array([0.0, 0.0, 1.0])))
        across = (2 * u - 1) * width * np.sin(np.pi * v**0.8) ** 0.8
        lift = np.abs(across) * 0.45
        return np.asarray(curve(v) + across[:, None] * side + lift[:, None] * np.array([0.0, 0.0, 1.0]))

    return surface


def moved(surface: Surface, offset: Sequence[float], yaw: float = 0.0, tilt: float = 0.0) -> Surface:
    """Returns the surface tilted about x, then turned about z (radians), then shifted."""
    about_x = np.array([[1, 0, 0], [0, np.cos(tilt), -np.sin(tilt)], [0, np.sin(tilt), np.cos(tilt)]])
    about_z = np.array([[np.cos(yaw), -np.sin(yaw), 0], [np.sin(yaw), np.cos(yaw), 0], [0, 0, 1]])
    rotation = about_z @ about_x
    return lambda u, v: surface(u, v) @ rotation.T + np.asarray(offset, dtype=float)


def _box_face(half: np.ndarray, radius: float, axis: int, sign: float) -> Surface:
    first, second = (axis + 1) % 3, (axis + 2) % 3
    if sign < 0:
        first, second = second, first

    def surface(u: np.ndarray, v: np.ndarray) -> np.ndarray:
        cube = np.empty((len(u), 3))
        cube[:, axis] = sign * half[axis]
        cube[:, first] = (2 * u - 1) * half[first]
        cube[:, second] = (2 * v - 1) * half[second]
        core = np.clip(cube, -(half - radius), half - radius)
        return np.asarray(core + radius * _unit(cube - core) + np.array([0.0, 0.0, half[2]]))

    return surface


def _curve(points: np.ndarray, smooth: bool) -> Callable[[np.ndarray], np.ndarray]:
    """Returns a curve through [m, d] points, traversed at constant speed for parameters in [0, 1]."""
    chord = _chord_lengths(points)
    if smooth:
        dense = PchipInterpolator(chord, points)(np.linspace(0, chord[-1], 400))
        points, chord = dense, _chord_lengths(dense)

    def curve(t: np.ndarray) -> np.ndarray:
        return np.stack([np.interp(t * chord[-1], chord, column) for column in points.T], axis=1)

    return curve


def _chord_lengths(points: np.ndarray) -> np.ndarray:
    return np.concatenate([[0.0], np.cumsum(np.linalg.norm(np.diff(points, axis=0), axis=1))])


def _derivatives(surface: Surface, u: np.ndarray, v: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    u = np.clip(u, _STEP, 1 - _STEP)
    v = np.clip(v, _STEP, 1 - _STEP)
    du = (surface(u + _STEP, v) - surface(u - _STEP, v)) / (2 * _STEP)
    dv = (surface(u, v + _STEP) - surface(u, v - _STEP)) / (2 * _STEP)
    return du, dv


def _mean_speeds(surface: Surface, v: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Lengths of du and dv on the rows at v, averaged along each row."""
    places = (np.arange(8) + 0.5) / 8
    du, dv = _derivatives(surface, np.tile(places, len(v)), np.repeat(v, len(places)))
    along, across = (np.linalg.norm(d, axis=1).reshape(len(v), -1).mean(axis=1) for d in (du, dv))
    return along, across


def _unit(vectors: np.ndarray) -> np.ndarray:
    return np.asarray(vectors / np.maximum(np.linalg.norm(vectors, axis=-1, keepdims=True), 1e-12))
