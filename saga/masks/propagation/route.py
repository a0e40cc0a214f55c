"""The order in which photographs are gone through, so that each looks much like the one before; and the keyframes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from saga.scene import Camera

_CLOSED = 1.5
"""A path is a loop when its ends are no further apart than this times its longer steps."""
_LONGER_STEPS = 0.9
"""Quantile of the steps that counts as a longer one."""
_LEAST_GAIN = 1e-9
_LONGEST_MOVED = 3


@dataclass(frozen=True)
class Span:
    """One run of the tracker: from a keyframe towards the next one, or back towards the one before."""

    keyframe: int
    """The keyframe's position on the route."""
    positions: tuple[int, ...]
    """The positions that follow it, in turn; at most the next keyframe's is the last."""
    forward: bool
    """Whether it goes along the route."""


class Route(NamedTuple):
    """Views in order, and the keyframes among them."""

    views: tuple[int, ...]
    """The views by their numbers, each once."""
    closed: bool
    """Whether the first view follows the last."""
    keyframes: tuple[int, ...]
    """Positions on the route, ascending."""

    def spans(self) -> list[Span]:
        """Returns the runs of the tracker, keyframe by keyframe: forward, then back; none that would go nowhere."""
        found = []
        for keyframe in self.keyframes:
            for step in (1, -1):
                positions = self._until_keyframe(keyframe, step)
                if positions:
                    found.append(Span(keyframe, positions, step == 1))
        return found

    def _until_keyframe(self, start: int, step: int) -> tuple[int, ...]:
        positions, count = [], len(self.views)
        for walked in range(1, count):
            position = start + step * walked
            if not self.closed and not 0 <= position < count:
                break
            positions.append(position % count)
            if positions[-1] in self.keyframes:
                break
        return tuple(positions)


def plan_route(
    apart: np.ndarray,  # [V, V]
    spacing: int,
) -> Route:
    """Returns a route through all views, as short as can be found quickly, with keyframes spread over it.

    Args:
        apart: how unlike views are, symmetric and not negative.
        spacing: about how many views a keyframe serves.
    """
    views = short_path(apart)
    steps = apart[views[:-1], views[1:]]
    longer = float(np.quantile(steps, _LONGER_STEPS)) if len(steps) else 0.0
    closed = len(views) > 3 and float(apart[views[-1], views[0]]) <= _CLOSED * longer
    return Route(tuple(views), closed, _keyframes(apart[np.ix_(views, views)], spacing, closed))


def differences(
    cameras: Sequence[Camera],
    seen: Callable[[int], np.ndarray],
    depths: np.ndarray,  # [V]
) -> np.ndarray:  # [V, V]
    """Returns how unlike views are: what a tracker has to bridge between them, without unit.

    It is the sum of the distance of the cameras over that of what they see, which is about the angle of parallax, the
    angle between them in radians, roll included, and the share of what both see that one sees alone.

    Args:
        cameras: the views.
        seen: gives the Gaussians that a view sees, bool [N], or a sample of them.
        depths: median depth of what each view sees, world units, positive.
    """
    positions = np.stack([camera.position for camera in cameras])
    baselines = np.linalg.norm(positions[:, None] - positions[None], axis=2)
    parallax = baselines / np.minimum(depths[:, None], depths[None])
    turns = np.stack([camera.world_to_camera[:3, :3] for camera in cameras])
    cosines = (np.einsum("iab,jab->ij", turns, turns) - 1) / 2
    sights = np.stack([seen(view) for view in range(len(cameras))]).astype(np.float32)
    both = sights @ sights.T
    sizes = np.diag(both)
    alone = 1 - both / np.maximum(sizes[:, None] + sizes[None] - both, 1)
    return np.asarray(parallax + np.arccos(np.clip(cosines, -1, 1)) + alone)


def short_path(
    apart: np.ndarray,  # [V, V]
) -> list[int]:
    """Returns an open path through all nodes: the nearest one next, then 2-opt and moves of short pieces.

    It begins and ends anywhere; of the two directions it takes that whose first node is less than its last.
    """
    count = len(apart)
    if count < 3:
        return list(range(count))
    # A node that is near to all turns the shortest open path into the shortest tour.
    padded = np.zeros((count + 1, count + 1))
    padded[:count, :count] = (apart + apart.T) / 2
    best = min(
        (_improved(padded, _nearest_next(padded, start)) for start in _starts(apart)), key=lambda found: found[0]
    )
    tour = best[1]
    cut = tour.index(count)
    path = tour[cut + 1 :] + tour[:cut]
    return path if path[0] < path[-1] else path[::-1]


def _starts(apart: np.ndarray) -> list[int]:
    """Nodes to begin at: the one farthest from all, which may be an end, and the first."""
    return list(dict.fromkeys((int(apart.sum(1).argmax()), 0)))


def _nearest_next(
    apart: np.ndarray,  # [V + 1, V + 1]
    start: int,
) -> list[int]:
    tour, left = [len(apart) - 1, start], set(range(len(apart) - 1)) - {start}
    while left:
        rest = np.fromiter(left, int)
        tour.append(int(rest[apart[tour[-1], rest].argmin()]))
        left.remove(tour[-1])
    return tour


def _improved(
    apart: np.ndarray,  # [V, V]
    tour: list[int],
) -> tuple[float, list[int]]:
    """Returns a tour that neither a reversed nor a moved piece makes shorter, and its length."""
    order = np.array(tour)
    while True:
        gain, better = max((_two_opt(apart, order), _moved(apart, order)), key=lambda found: found[0])
        if gain <= _LEAST_GAIN:
            return float(apart[order, np.roll(order, -1)].sum()), order.tolist()
        order = better


def _two_opt(apart: np.ndarray, order: np.ndarray) -> tuple[float, np.ndarray]:
    """Returns what the best reversal of a piece of a tour gains, and the tour with it."""
    follows = np.roll(order, -1)
    steps = apart[order, follows]
    gains = np.triu(steps[:, None] + steps[None] - apart[np.ix_(order, order)] - apart[np.ix_(follows, follows)], 2)
    first, last = np.unravel_index(gains.argmax(), gains.shape)
    better = order.copy()
    better[first + 1 : last + 1] = better[first + 1 : last + 1][::-1]
    return float(gains[first, last]), better


def _moved(apart: np.ndarray, order: np.ndarray) -> tuple[float, np.ndarray]:
    """Returns what the best move of a short piece to elsewhere, either way round, gains, and the tour with it."""
    best, found, count = 0.0, order, len(order)
    for length in range(1, min(_LONGEST_MOVED, count - 3) + 1):
        for turned in (False, True):
            # The piece begins at each place of the tour in turn; before and after are its neighbors.
            starts = np.arange(count)
            before, first = order[starts - 1], order[starts]
            last, after = order[(starts + length - 1) % count], order[(starts + length) % count]
            freed = apart[before, first] + apart[last, after] - apart[before, after]
            head, tail = (last, first) if turned else (first, last)
            left, right = order, np.roll(order, -1)
            cost = apart[left[None], head[:, None]] + apart[tail[:, None], right[None]] - apart[left, right][None]
            gains = freed[:, None] - cost
            # Not into itself, nor where it is.
            inside = (np.arange(count)[None] - starts[:, None] + 1) % count <= length
            gains[inside] = -np.inf
            start, place = np.unravel_index(gains.argmax(), gains.shape)
            if gains[start, place] > best:
                best = float(gains[start, place])
                found = _with_move(order, int(start), length, int(place), turned)
    return best, found


def _with_move(order: np.ndarray, start: int, length: int, place: int, turned: bool) -> np.ndarray:
    piece = np.take(order, range(start, start + length), mode="wrap")
    rest = np.take(order, range(start + length, start + len(order)), mode="wrap")
    at = int(np.flatnonzero(rest == order[place])[0]) + 1
    return np.concatenate([rest[:at], piece[::-1] if turned else piece, rest[at:]])


def _keyframes(
    apart: np.ndarray,  # [V, V]
    spacing: int,
    closed: bool,
) -> tuple[int, ...]:
    """Returns positions that are far apart by what they see, without a gap of more than two spacings between them."""
    count = len(apart)
    if count == 0:
        return ()
    chosen = [int(apart.sum(1).argmin())]  # sees the most of what others see
    nearest = apart[chosen[0]].copy()
    while len(chosen) < -(-count // spacing):
        chosen.append(int(nearest.argmax()))
        nearest = np.minimum(nearest, apart[chosen[-1]])
    while (middle := _widest_gap(sorted(chosen), count, 2 * spacing, closed)) is not None:
        chosen.append(middle)
    return tuple(sorted(set(chosen)))


def _widest_gap(chosen: list[int], count: int, most: int, closed: bool) -> int | None:
    """Returns the middle of the widest gap between keyframes that is wider than allowed; None when there is none.

    At an open end there is a keyframe on one side only: half as much is allowed, and the end itself is the middle.
    """
    gaps = [(after - before, (before + after) // 2) for before, after in zip(chosen, chosen[1:], strict=False)]
    if closed:
        wrap = chosen[0] + count - chosen[-1]
        gaps.append((wrap, (chosen[-1] + wrap // 2) % count))
    else:
        gaps += [(2 * chosen[0], chosen[0] // 2), (2 * (count - 1 - chosen[-1]), (chosen[-1] + count) // 2)]
    width, middle = max(gaps)
    return middle if width > most and middle not in chosen else None
