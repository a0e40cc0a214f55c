"""Gaussians turned, scaled and moved: everything that depends on a frame goes along, spherical harmonics too."""

from __future__ import annotations

import warnings
from dataclasses import replace

import numpy as np
from scipy.spatial.transform import Rotation

from saga.scene.gaussians import Gaussians
from saga.scene.ply import FILTER, MEANS, QUATERNION
from saga.scene.spherical_harmonics import MAX_EVALUATED, evaluate_basis

_DIRECTIONS = 64
"""That harmonics are compared in: more than the 9 functions of degree 4, evenly spread."""
_NORMALS = ("nx", "ny", "nz")
_BLOCK = 65536


def moved(
    gaussians: Gaussians,
    rotation: np.ndarray,  # [3, 3]
    scale: float,
    offset: np.ndarray,  # [3]
) -> Gaussians:
    """Returns the Gaussians in another frame: x becomes scale * rotation @ x + offset.

    Seen from the camera that is moved likewise, they look as before. Means, scales, rotations, normals, Mip-Splatting's
    filter and harmonics up to degree 4 change, in the types that they are stored in; all other properties stay.
    Harmonics above degree 4, which are not shown either, stay too, and a warning says so.

    Args:
        gaussians: the Gaussians.
        rotation: a rotation, without reflection.
        scale: a factor of all lengths, more than 0.
        offset: in units of the new frame.
    """
    layout, rows = gaussians.layout, np.array(gaussians.vertices)
    if layout.coefficients > MAX_EVALUATED:
        warnings.warn("harmonics above degree 4 are not turned with the Gaussians", stacklevel=2)
    turn = Rotation.from_matrix(rotation)
    for start in range(0, len(rows), _BLOCK):
        part = rows[start : start + _BLOCK]
        _store(part, MEANS, scale * _columns(part, MEANS) @ rotation.T + offset)
        _store(part, layout.scales, _columns(part, layout.scales) + np.log(scale))
        if layout.has_filter:
            part[FILTER] = scale * part[FILTER]
        _store(part, QUATERNION, _turned(turn, _columns(part, QUATERNION)))
        if set(_NORMALS) <= set(rows.dtype.names or ()):
            _store(part, _NORMALS, _columns(part, _NORMALS) @ rotation.T)
        count = layout.coefficients - 1
        for degree in range(1, round(min(layout.coefficients, MAX_EVALUATED) ** 0.5)):
            matrix = harmonics_rotation(rotation, degree)
            for channel in range(3):
                first = channel * count + degree**2 - 1
                names = layout.rest[first : first + 2 * degree + 1]
                _store(part, names, _columns(part, names) @ matrix.T)
    means = scale * gaussians.means.astype(np.float64) @ rotation.T + offset
    return replace(
        gaussians,
        means=np.where(gaussians.valid[:, None], means, 0).astype(np.float32),
        scales=np.where(gaussians.valid[:, None], scale * gaussians.scales, gaussians.scales).astype(np.float32),
        quaternions=np.where(
            gaussians.valid[:, None], _turned(turn, gaussians.quaternions), gaussians.quaternions
        ).astype(np.float32),
        vertices=rows,
    )


def harmonics_rotation(
    rotation: np.ndarray,  # [3, 3]
    degree: int,
) -> np.ndarray:  # [2 degree + 1, 2 degree + 1]
    """Returns the matrix that takes the coefficients of one degree to those of the function turned with the frame.

    The turned function is f(R^-1 d); functions of one degree stay among themselves, so the matrix is what solves
    B(d) c' = B(R^-1 d) c in more directions d than there are functions.

    Args:
        rotation: R.
        degree: of the harmonics, 1 to 4.
    """
    k = np.arange(_DIRECTIONS) + 0.5
    z, angle = 1 - 2 * k / _DIRECTIONS, np.pi * (1 + 5**0.5) * k  # a Fibonacci lattice
    ring = np.sqrt(1 - z**2)
    directions = np.stack([ring * np.cos(angle), ring * np.sin(angle), z], axis=1)
    own = slice(degree**2, (degree + 1) ** 2)
    here, there = (evaluate_basis(d, own.stop)[:, own].astype(np.float64) for d in (directions, directions @ rotation))
    return np.asarray(np.linalg.lstsq(here, there, rcond=None)[0])


def _turned(
    turn: Rotation,
    quaternions: np.ndarray,  # [n, 4]
) -> np.ndarray:  # [n, 4]
    """Returns quaternions, w first and of any length, turned; one of length 0 counts as the identity."""
    a, values = turn.as_quat(scalar_first=True), quaternions.astype(np.float64)
    values = np.where((values == 0).all(axis=1, keepdims=True), (1.0, 0, 0, 0), values)
    w, xyz = values[:, :1], values[:, 1:]
    real = a[0] * w[:, 0] - xyz @ a[1:]
    return np.concatenate([real[:, None], a[0] * xyz + w * a[1:] + np.cross(a[1:], xyz)], axis=1)


def _columns(rows: np.ndarray, names: tuple[str, ...]) -> np.ndarray:  # [n, len(names)]
    return np.stack([rows[name].astype(np.float64) for name in names], axis=1)


def _store(
    rows: np.ndarray,
    names: tuple[str, ...],
    values: np.ndarray,  # [n, len(names)]
) -> None:
    for name, column in zip(names, values.T, strict=True):
        rows[name] = column
