"""Niches: a wall with boards and sides before it, as of a bookcase, a cabinet without doors or a box seen from above.

Things stand on the boards, and boards and sides hang together with the wall and with all that touches them. Each alone
is too small for a support, has the next board close behind it and cameras under it. But each reaches from the wall to
the front, and from one side to the other: what stands in a niche does not.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np
from scipy import ndimage

from saga.masks.scene.config import SceneMaskConfig
from saga.masks.scene.patches import CLEAR, LOAD_HEIGHT, Support, patch
from saga.masks.scene.planes import Plane, best_plane
from saga.masks.scene.surface import Surface

_MOST_PLANES = 16
"""Planes that are looked at before a wall."""
_LEAST_SHARE = 0.01
"""Least share of all voxels that such a plane holds."""
_ACROSS = 0.5
"""Cosine between a voxel's normal and the wall's up to which it may belong to a board."""
_UPRIGHT = 0.26
"""Cosine between the normals of a wall and a plane that is put through two sides of a board, at most."""
_SPAN = 0.12
"""Gap between an end of a board and the wall's border, or another board, in extents of the wall."""
_LEAST_SPAN = 0.25
"""Least length of a board, in extents of the wall."""
_FULL = 0.85
"""Least share of a board's length, and of its depth, at which some of it is seen."""
_FULL_STEP = 4
"""Voxels that show it there."""
_THICKNESS = 3.5
"""Inlier distances between a plane and the sides of the board that it goes through."""
_SIDE_WEIGHT = 0.3
"""Least weight of a side of a board, of that of the side that is seen most."""
_EMPTY = 0.2
"""Matter on one side of a board, relative to the other, below which nothing stands on that side."""
_FEWEST = 2
"""Boards that make a niche: a single one may be a thing as long as the wall."""


def boards(
    surface: Surface,
    wall: Support,
    weight: np.ndarray,  # [V]
    left: np.ndarray,  # [V]
    config: SceneMaskConfig,
    rng: np.random.Generator,
    say: Callable[[str], None],
) -> list[Support]:
    """The boards and sides that reach from a wall to the front, and from one to another; none where it has no niche."""
    clear = CLEAR * wall.distance
    before = left & wall.around & (wall.heights > clear) & (wall.heights < LOAD_HEIGHT * wall.extent)
    across = np.abs(surface.normals @ wall.plane.normal) < _ACROSS
    open_: list[Support] = []
    rest = before & across
    for _ in range(_MOST_PLANES):
        if weight[rest].sum() < _LEAST_SHARE * weight.sum():
            break
        chosen = (surface.points[rest], surface.normals[rest], weight[rest])
        plane = best_plane(*chosen, wall.distance, config.reach * surface.depth, config, rng)
        if plane is None:
            break
        near = rest & (np.abs(plane.heights(surface.points)) < wall.distance)
        if weight[near].sum() < _LEAST_SHARE * weight.sum():
            break
        rest &= ~near
        if abs(float(plane.normal @ wall.plane.normal)) > _UPRIGHT:
            continue
        board = _board(surface, wall, near, before & across, weight)
        if board is not None:
            open_.append(board)
            rest &= ~(board.inside & (board.heights < board.distance) & (board.heights > -board.under))
    found: list[Support] = []
    while True:
        whole = [_spanning(surface, wall, each, found) for each in open_]
        new = [each for each in whole if each is not None]
        if not new:
            break
        found += new
        open_ = [each for each, board in zip(open_, whole, strict=True) if board is None]
    say(f"before it: {len(found)} boards, {len(open_)} other planes at right angles")
    return _carrying(surface, [*found, wall], weight, before) if len(found) >= _FEWEST else []


def _carrying(
    surface: Surface,
    sides: Sequence[Support],
    weight: np.ndarray,  # [V]
    before: np.ndarray,  # [V]
) -> list[Support]:
    """The sides of a niche, told which way is up: where most stands close to those that look that way."""
    free = before.copy()
    for side in sides:
        free &= ~(side.inside & (side.heights < CLEAR * side.distance / 2) & (side.heights > -side.under))
    close = [free & side.inside & (side.heights > 0) & (side.heights < 2 * CLEAR * side.distance) for side in sides]
    loads = np.array([weight[each].sum() for each in close])
    normals = np.stack([side.plane.normal for side in sides])
    same = normals @ normals.T > 0.7
    up = int(np.argmax(same @ loads))
    return [replace(side, carries=bool(same[up, index]), in_niche=True) for index, side in enumerate(sides)]


def _board(
    surface: Surface,
    wall: Support,
    near: np.ndarray,  # [V]
    across: np.ndarray,  # [V]
    weight: np.ndarray,  # [V]
) -> Support | None:
    """The board that some voxels lie on, at a right angle to the wall, its plane on the side that carries more."""
    flat = surface.points[near] @ wall.plane.axes.T
    center = flat.mean(0)
    direction = np.linalg.eigh(np.cov((flat - center).T))[1][:, 0] @ wall.plane.axes
    plane = Plane(surface.points[near].mean(0, dtype=np.float64), direction)
    aligned = across & (np.abs(surface.normals @ direction) > 0.7)
    board = patch(surface, plane, 1.5 * wall.distance, aligned)
    if not board.footprint.any():
        return None
    aligned &= board.inside
    lowest, highest = _sides_at(board.heights[aligned], weight[aligned], wall.distance)
    facing = surface.normals[aligned] @ direction
    seen = [weight[aligned][facing * sign > 0].sum() for sign in (1, -1)]
    high = LOAD_HEIGHT * wall.extent / 2
    before = board.inside & (wall.heights > CLEAR * wall.distance) & (wall.heights < LOAD_HEIGHT * wall.extent)
    clear = 2 * wall.distance
    load = [
        weight[before & (board.heights > highest + clear) & (board.heights < high)].sum(),
        weight[before & (board.heights < lowest - clear) & (board.heights > -high)].sum(),
    ]
    above, below = load if min(load) < _EMPTY * max(load) else seen
    sign, top = (1.0, highest) if above >= below else (-1.0, lowest)
    moved = Plane(plane.center + top * direction, sign * direction)
    found = patch(surface, moved, wall.distance)
    found = replace(found, footprint=board.footprint, cells=board.cells)
    return replace(found, under=max(highest - lowest + 1.5 * wall.distance, 2.5 * wall.distance))


def _sides_at(
    heights: np.ndarray,  # [n]
    weight: np.ndarray,  # [n]
    distance: float,
) -> tuple[float, float]:
    """Heights of the lower and upper side of a board over a plane through it; the same where only one is seen."""
    bins = np.arange(-_THICKNESS, _THICKNESS + 0.01, 0.25)
    counts = np.histogram(heights / distance, bins, weights=weight)[0]
    counts = np.convolve(counts, [1, 2, 3, 2, 1], "same")
    peaks = np.flatnonzero((counts >= np.roll(counts, 1)) & (counts >= np.roll(counts, -1)) & (counts > 0))
    strong = peaks[counts[peaks] >= _SIDE_WEIGHT * counts.max()]
    middle = (bins[:-1] + bins[1:]) / 2 * distance
    return float(middle[strong.min()]), float(middle[strong.max()])


def _spanning(surface: Surface, wall: Support, board: Support, others: Sequence[Support]) -> Support | None:
    """A board with its whole rectangle, seen or not; None where it does not reach from side to side.

    It reaches from the wall to the front, and from an end of the wall or another board to the next.
    """
    along = np.cross(wall.plane.normal, board.plane.normal)
    lengths = (surface.points - wall.plane.center) @ along
    aligned = np.abs(surface.normals @ board.plane.normal) > 0.7
    deep = (wall.heights < LOAD_HEIGHT * wall.extent) & (wall.heights > -wall.distance)
    own = aligned & deep & board.on_plane & wall.around
    line = wall.inside & wall.on_plane & (np.abs(board.heights) < 4 * wall.cell)
    if min(own.sum(), line.sum()) < 30:
        return None
    low, high = np.percentile(lengths[own], (2, 98))
    near, far = np.percentile(wall.heights[own], (2, 98))
    inside = own & (lengths > low) & (lengths < high) & (wall.heights < far)
    full = min(_covered(lengths[inside], board.cell), _covered(wall.heights[inside], board.cell)) >= _FULL
    # Where the wall ends along the line at which the board meets it, and where other boards cross that line.
    crossing = [each.plane.center for each in others if abs(float(each.plane.normal @ along)) > 0.8]
    stops = np.array([*np.percentile(lengths[line], (1, 99)), *((c - wall.plane.center) @ along for c in crossing)])
    first, last = stops[np.abs(stops - low).argmin()], stops[np.abs(stops - high).argmin()]
    meets = max(abs(first - low), abs(last - high)) < _SPAN * wall.extent
    joined = near < 2 * CLEAR * wall.distance
    if not (full and meets and joined and high - low > _LEAST_SPAN * wall.extent):
        return None
    within = deep & (wall.heights < far + board.cell) & (lengths > min(first, low)) & (lengths < max(last, high))
    footprint = board.footprint.copy()
    footprint[tuple(board.cells[within].T)] = True
    return replace(board, footprint=ndimage.binary_closing(np.pad(footprint, 4), iterations=3)[4:-4, 4:-4])


def _covered(
    places: np.ndarray,  # [n]
    step: float,
) -> float:
    """Share of the steps between the least and the greatest of some places that hold enough of them."""
    counts = np.bincount(((places - places.min()) / step).astype(np.int64))
    return float((counts >= _FULL_STEP).mean())
