"""A bicycle and a toy bulldozer for the demo's layouts: thin and many-colored things, in meters."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from saga.demo.furniture import Vector, box
from saga.demo.model import DemoObject, Patch
from saga.demo.surfaces import Surface, ellipsoid, lathe, torus, tube
from saga.demo.textures import Texture, plain

_WHEEL = 0.33
"""Radius of a bicycle's wheels."""
_SPOKES = 12


def bicycle() -> DemoObject:
    """Builds a bicycle along x, upright: two wheels with spokes, a frame of tubes, a saddle and a handlebar."""
    rear, front = (-0.52, 0.0, _WHEEL), (0.52, 0.0, _WHEEL)
    crank, seat, head = (-0.08, 0.0, 0.28), (-0.22, 0.0, 0.78), (0.36, 0.0, 0.80)
    red, black, steel = plain("a3262c"), plain("1d1f22"), plain("b9bec4")
    patches = [patch for hub in (rear, front) for patch in _wheel(hub, black, steel)]
    for one, other in ((crank, seat), (crank, head), (seat, head), (crank, rear), (seat, rear), (head, front)):
        patches.append(_rod(one, other, 0.016, red))
    patches += [
        _rod(seat, (-0.24, 0.0, 0.90), 0.013, steel),
        _rod(head, (0.33, 0.0, 0.96), 0.013, steel),
        _rod((0.36, -0.27, 0.97), (0.36, 0.27, 0.97), 0.013, black),
        Patch(ellipsoid((-0.24, 0, 0.92), (0.14, 0.07, 0.03)), black, 0.05),
        Patch(_upright(torus(0.09, 0.008, 0.0), crank), steel, 0.2),
    ]
    return DemoObject("bicycle", patches, detail=1.5)


def bulldozer() -> DemoObject:
    """Builds a toy bulldozer along x: tracks, a yellow body with a cabin, a blade in front and a ripper behind."""
    yellow, dark, gray = plain("e3b505", 0.08, 40), plain("26282b", 0.15, 90), plain("7d8288")
    patches = box((0.13, 0.11, 0.07), (0.0, 0.0, 0.05), yellow, 0.1, 0.005)
    patches += box((0.07, 0.09, 0.09), (-0.03, 0.0, 0.12), plain("33383d"), 0.2, 0.005)
    patches += box((0.09, 0.11, 0.012), (-0.03, 0.0, 0.21), yellow, 0.1, 0.004)
    for side in (-1, 1):
        patches += box((0.22, 0.045, 0.075), (0.0, 0.085 * side, 0.0), dark, 0.02, 0.03)
        patches.append(_rod((0.02, 0.1 * side, 0.06), (0.17, 0.1 * side, 0.05), 0.009, gray))
    patches += box((0.018, 0.26, 0.10), (0.18, 0.0, 0.005), yellow, 0.1, 0.006)
    patches.append(_rod((0.04, 0.03, 0.12), (0.04, 0.03, 0.20), 0.008, gray))
    patches.append(_rod((-0.06, 0.0, 0.08), (-0.16, 0.0, 0.11), 0.012, gray))
    patches += box((0.02, 0.16, 0.03), (-0.17, 0.0, 0.09), plain("b5302a"), 0.1, 0.004)
    return DemoObject("bulldozer", patches, detail=2.0)


def _wheel(hub: Vector, tire: Texture, metal: Texture) -> list[Patch]:
    center = np.array(hub)
    patches = [Patch(_upright(torus(_WHEEL - 0.018, 0.018, 0.0), hub), tire, 0.02)]
    for angle in 2 * np.pi * np.arange(_SPOKES) / _SPOKES:
        rim = center + (_WHEEL - 0.03) * np.array([np.cos(angle), 0.0, np.sin(angle)])
        patches.append(_rod(hub, rim.tolist(), 0.003, metal))
    return patches


def _rod(
    start: Sequence[float] | np.ndarray, end: Sequence[float] | np.ndarray, radius: float, texture: Texture
) -> Patch:
    """Returns a straight tube without caps."""
    first, last = np.asarray(start, float), np.asarray(end, float)
    if abs((last - first)[1]) < 0.9 * np.linalg.norm(last - first):
        return Patch(tube([first.tolist(), ((first + last) / 2).tolist(), last.tolist()], radius), texture, 0.1)
    rod = lathe([(radius, 0.0), (radius, float(np.linalg.norm(last - first)))], smooth=False)
    turn = np.array([[1, 0, 0], [0, 0, 1], [0, -1, 0]])
    return Patch(lambda u, v: rod(u, v) @ turn.T + first, texture, 0.1)


def _upright(surface: Surface, center: Vector) -> Surface:
    """Returns a surface of revolution about z, about y instead and around a center."""
    turn = np.array([[1, 0, 0], [0, 0, -1], [0, 1, 0]])
    return lambda u, v: surface(u, v) @ turn.T + np.asarray(center)
