"""A plane around an object with the shadow of the object taken away."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from saga.filling.shadows import Blocker, Light, find_light
from saga.filling.sheets import Sheet
from saga.filling.sights import Sight
from saga.filling.texture import Texture, rectified
from saga.raster import DeviceScene
from saga.scene import Gaussians
from saga.scene.spherical_harmonics import C0

_AROUND = 0.8
"""Distance from the object within which the light is found, in sizes of the object."""
_ACROSS = 48
"""Cells along the size of the object there."""
_OTHERS = 1.5
"""Distance of other things that may stand in the light, in sizes of the object."""
_REACH = 3.0
"""Distance from the object within which its shadow is taken away, in its sizes."""
_SEEN, _SURE = 1.02, 1.08
"""Factor from which colors are changed, and from which by all of it: faint streaks are what a pattern adds to light."""
_STRAYS = 0.01
"""Share of the object on each side that may lie outside its ball."""
_CLEAR = 0.55
"""Share of the differences in brightness around an object that its shadow explains, at least."""
_FAINT, _FEW = 0.9, 0.01
"""What the deepest shadow leaves of stored colors, at most, in a share of what is seen."""
_FEWEST = 200
"""Places that light can be found from."""


@dataclass(frozen=True, eq=False)
class Relit:
    """New colors of Gaussians of a scene: these times a factor, or instead of them a color."""

    rows: np.ndarray  # [n]
    """Which, int64."""
    factors: np.ndarray  # [n, 3]
    colors: np.ndarray  # [n, 3]
    """RGB from 0 to 1; nan where the factor holds."""

    @staticmethod
    def joined(parts: Sequence[Relit]) -> Relit:
        """Returns all parts; what several hold is as the first has it that paints it anew, or the first."""
        none = Relit(np.zeros(0, np.int64), np.zeros((0, 3)), np.zeros((0, 3)))
        each = (none, *parts)
        rows, factors, colors = (
            np.concatenate([getattr(part, name) for part in each]) for name in ("rows", "factors", "colors")
        )
        order = np.argsort(np.isnan(colors).any(1), kind="stable")
        first = order[np.unique(rows[order], return_index=True)[1]]
        return Relit(rows[first], factors[first], colors[first])


def light_on(
    sheet: Sheet,
    sights: Sequence[Sight],
    placed: DeviceScene,
    member: np.ndarray,  # [N] bool
    seen: np.ndarray,  # [N] bool
    size: float,
) -> Light | None:
    """Finds the light on a plane that an object takes, None where the object casts no clear shadow.

    Args:
        sheet: the plane.
        sights: what the views see around the object.
        placed: the scene.
        member: the object.
        seen: Gaussians of the rest that views show.
        size: of the object, world units.
    """
    means = placed.scene.gaussians.means
    own = means[member].astype(float)
    low, high = np.quantile(own, (_STRAYS, 1 - _STRAYS), axis=0)
    flat = replace(sheet, start=np.zeros(2), cell=1.0, heights=np.zeros((1, 1)))
    foot = flat.places(own[((own >= low) & (own <= high)).all(1)])
    if len(foot) == 0:
        return None
    cell = size / _ACROSS
    first, last = foot.min(0) - _AROUND * size, foot.max(0) + _AROUND * size
    wide = replace(flat, start=first, cell=cell, heights=np.zeros(np.ceil((last - first) / cell).astype(int)))
    texture = rectified(wide, sights)
    if texture.known.sum() < _FEWEST:
        return None
    middle = (low + high) / 2
    above = sheet.plane.heights(means) > 2 * sheet.tolerance + cell
    others = seen & above & (np.linalg.norm(means - middle, axis=1) < _OTHERS * size)
    light = find_light(
        sheet.plane.normal,
        wide.points[texture.known],
        texture.color[texture.known],
        Blocker(placed, np.flatnonzero(member), middle, 0.55 * float(np.linalg.norm(high - low))),
        Blocker(placed, np.flatnonzero(others), middle, _OTHERS * size),
    )
    if light.explained < _CLEAR:
        return None
    with_, without = light.shades(wide.points[texture.known])
    return light if np.quantile((with_ / without).mean(-1), _FEW) < _FAINT else None


def without_shadow(
    sheet: Sheet,
    light: Light,
    means: np.ndarray,  # [N, 3]
    painted: Texture | None,
) -> Relit:
    """Returns the Gaussians of a sheet, and of the plane beyond it, in the light that comes without the object.

    Args:
        sheet: the surface around an opening.
        light: the light on it.
        means: the scene's Gaussians.
        painted: what the sheet looks like without the object, and where that is not painted anew: Gaussians there are
            made brighter, elsewhere they take its colors; None where all are made brighter.
    """
    cells, heights, over = sheet.over(means)
    near = np.linalg.norm(means - light.thing.center, axis=1) < _REACH * 2 * light.thing.radius
    rows = np.flatnonzero(near & (np.abs(heights) < 1.5 * sheet.tolerance + sheet.cell))
    with_, without = light.shades(means[rows].astype(float))
    factors = without / with_
    part = np.clip((factors.mean(-1) - _SEEN) / (_SURE - _SEEN), 0, 1)
    rows, factors = rows[part > 0], 1 + ((factors - 1) * (part**2 * (3 - 2 * part))[:, None])[part > 0]
    colors = np.full(factors.shape, np.nan)
    if painted is not None:
        spots = tuple(cells[rows].T)
        anew = over[rows] & ~painted.known[spots]
        colors[anew] = painted.color[spots][anew]
    return Relit(rows, factors, colors)


def painted_anew(
    sheet: Sheet,
    means: np.ndarray,  # [N, 3]
    painted: Texture,
) -> Relit:
    """Returns the Gaussians of a sheet where it is painted anew, with its colors; no light was found on it."""
    cells, heights, over = sheet.over(means)
    spots = tuple(cells.T)
    rows = np.flatnonzero(over & ~painted.known[spots] & (np.abs(heights) < 1.5 * sheet.tolerance + sheet.cell))
    colors = painted.color[spots][rows]
    return Relit(rows, np.ones_like(colors), colors)


def relit(gaussians: Gaussians, each: Relit) -> Gaussians:
    """Returns a scene with other colors of some Gaussians; what is multiplied keeps its dependence on the view."""
    layout, vertices = gaussians.layout, gaussians.vertices.copy()
    plain = np.isnan(each.colors).any(1)
    for channel, name in enumerate(layout.dc):
        stored = vertices[name][each.rows].astype(np.float64)
        color = stored / 255 if layout.is_rgb else 0.5 + C0 * stored
        color = np.where(plain, color * each.factors[:, channel], each.colors[:, channel])
        vertices[name][each.rows] = np.rint(255 * np.clip(color, 0, 1)) if layout.is_rgb else (color - 0.5) / C0
    count = len(layout.rest) // 3
    for index, name in enumerate(layout.rest):  # channel after channel
        vertices[name][each.rows] *= np.where(plain, each.factors[:, index // max(1, count)], 0)
    return replace(gaussians, vertices=vertices)
