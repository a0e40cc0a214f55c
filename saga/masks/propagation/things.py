"""From tracks to things: cut by geometry, joined over keyframes, and what each then holds of the scene."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from scipy.sparse import csr_matrix, vstack

from saga.masks.propagation.agreement import Agreement, agreements, pairwise_overlaps
from saga.masks.propagation.config import PropagationConfig
from saga.masks.propagation.cutting import consistent_runs
from saga.masks.propagation.joining import joined, surface_overlaps
from saga.masks.propagation.route import Route
from saga.masks.propagation.sights import Sights

_BEST_PAIRS = 0.9
"""Quantile of how well a track's masks agree, pair by pair, that says how well they can."""

Reader = Callable[[int, int], np.ndarray]
"""Gives the masks bool [T, H, W] of a keyframe's tracks at a position on the route."""
Judge = Callable[[int], "Judged"]
"""Cuts the tracks of a keyframe, by its position on the route."""


class Run(NamedTuple):
    """A part of a track within which its masks are of one thing."""

    keyframe: int
    """Position of the track's keyframe on the route."""
    track: int
    """Which of the keyframe's masks it begins with."""
    positions: tuple[int, ...]
    """Where on the route it has masks that count."""

    @property
    def anchored(self) -> bool:
        """Whether the mask of the keyframe is among them, which a model gave and no tracker."""
        return self.keyframe in self.positions


class Judged(NamedTuple):
    """The tracks of one keyframe, cut where they disagree with the scene."""

    runs: list[Run]
    votes: csr_matrix  # [R, N]
    """How many views put each Gaussian into each run."""
    known: np.ndarray  # [R, ceil(N / 8)]
    """Which Gaussians these views see, packed bits."""


@dataclass(frozen=True)
class Things:
    """What was found: things of the scene, and the masks of them."""

    runs: list[Run]
    """All runs."""
    owner: np.ndarray  # [R]
    """Thing of each run, int64; -1 for runs that nothing confirms."""
    members: csr_matrix  # [K, N]
    """Gaussians of each thing, larger things first; 1 or nothing."""
    known: np.ndarray  # [K, ceil(N / 8)]
    """Which Gaussians the views see that a thing was tracked in, packed bits."""

    @property
    def cut(self) -> int:
        """How often a track was cut."""
        tracks = {(run.keyframe, run.track) for run in self.runs}
        return len(self.runs) - len(tracks)


def reach(route: Route, keyframe: int) -> list[int]:
    """Returns the positions that a keyframe's tracks go through, in their order along the route, its own among them."""
    behind = [span for span in route.spans() if span.keyframe == keyframe and not span.forward]
    ahead = [span for span in route.spans() if span.keyframe == keyframe and span.forward]
    before = [position for span in behind for position in reversed(span.positions)]
    after = [position for span in ahead for position in span.positions]
    return list(dict.fromkeys([*before, keyframe, *after]))  # a loop with one keyframe meets itself


def find_things(
    sights: Sights,
    route: Route,
    read: Reader,
    judge: Judge,
    config: PropagationConfig,
    tick: Callable[[], None] = lambda: None,
) -> Things:
    """Cuts tracks, joins their runs, and leaves out what no keyframe's mask confirms.

    Args:
        sights: the views, by their numbers.
        route: the order in which they were gone through.
        read: hands out the tracked masks.
        judge: cuts the tracks of a keyframe, as `judged` does.
        config: settings.
        tick: called after each keyframe.
    """
    runs: list[Run] = []
    votes: list[csr_matrix] = []
    known: list[np.ndarray] = []
    for keyframe in route.keyframes:
        found = judge(keyframe)
        runs += found.runs
        votes += [found.votes[index] for index in range(len(found.runs))]
        known += list(found.known)
        tick()
    if not runs:
        nothing = csr_matrix((0, sights.count), dtype=np.float32)
        return Things([], np.zeros(0, np.int64), nothing, np.zeros((0, -(-sights.count // 8)), np.uint8))
    mass = np.zeros(sights.count, np.float32)
    for view in route.views:
        mass += sights.weight(view).cpu().numpy()
    held = vstack(
        [_majority(count, _sightings(sights, route, run.positions)) for count, run in zip(votes, runs, strict=True)]
    )
    alike, evidence = surface_overlaps(held.tocsr(), known, mass)
    sums, views = _shared_views(sights, route, runs, read)
    group = joined(alike * evidence + sums, evidence + views, _apart(runs), config.same)
    return _confirmed(sights, route, runs, votes, known, group, mass)


def judged(sights: Sights, route: Route, keyframe: int, read: Reader, config: PropagationConfig) -> Judged:
    """Returns the runs of a keyframe's tracks, how many views put each Gaussian into each, and what these views see."""
    positions = reach(route, keyframe)
    views = [route.views[position] for position in positions]
    masks = [sights.shrink(view, read(keyframe, at)) for view, at in zip(views, positions, strict=True)]
    found = agreements(sights, views, masks)
    runs = [
        Run(keyframe, track, tuple(positions[index] for index in run))
        for track in range(len(masks[0]))
        for run in _runs_of(found, track, [bool(at[track].any()) for at in masks], config.agreement)
    ]
    votes = np.zeros((len(runs), sights.count), np.uint16)
    for position, view, at in zip(positions, views, masks, strict=True):
        here = [index for index, run in enumerate(runs) if position in run.positions]
        if here:
            votes[here] += sights.lift(view, at[[runs[index].track for index in here]]).T
    seen = [np.packbits(_sightings(sights, route, run.positions) > 0) for run in runs]
    return Judged(runs, csr_matrix(votes), np.array(seen, np.uint8).reshape(len(runs), -(-sights.count // 8)))


def _shared_views(
    sights: Sights, route: Route, runs: list[Run], read: Reader
) -> tuple[np.ndarray, np.ndarray]:  # [R, R], [R, R]
    """Returns the IoU of each pair of runs in views that both have masks in, summed over these views; and their number.

    Two sides of a thing share no surface: it is these views that tell that tracks of both are of one thing.
    """
    sums, views = np.zeros((2, len(runs), len(runs)), np.float32)
    for position, view in enumerate(route.views):
        here = np.array([index for index, run in enumerate(runs) if position in run.positions], int)
        small = []
        for keyframe in dict.fromkeys(runs[index].keyframe for index in here):
            tracks = [runs[index].track for index in here if runs[index].keyframe == keyframe]
            small.append(sights.shrink(view, read(keyframe, position)[tracks]))
        if len(here):
            masks = np.concatenate(small)
            sums[np.ix_(here, here)] += pairwise_overlaps(masks, masks)
            views[np.ix_(here, here)] += 1
    return sums, views


def _apart(runs: list[Run]) -> np.ndarray:  # [R, R]
    """Returns which runs hold different masks that one keyframe was given: the model told these apart."""
    keyframes = np.array([run.keyframe if run.anchored else -1 - index for index, run in enumerate(runs)])
    apart: np.ndarray = keyframes[:, None] == keyframes[None]
    np.fill_diagonal(apart, False)
    return apart


def _runs_of(found: Agreement, track: int, there: Sequence[bool], share: float) -> Iterator[list[int]]:
    """Yields the runs of a track by indices of its masks; where it was lost is in none of them."""
    present = np.flatnonzero(there)
    overlaps, weights = (each[track][np.ix_(present, present)] for each in found)
    said = overlaps[weights > 0]
    best = float(np.quantile(said, _BEST_PAIRS)) if len(said) else 1.0
    for run in consistent_runs(overlaps, weights, share * best):
        yield [int(present[index]) for index in run]


def _sightings(sights: Sights, route: Route, positions: Sequence[int]) -> np.ndarray:  # [N]
    """Returns how many of the views at some positions see each Gaussian."""
    counts = np.zeros(sights.count, np.uint16)
    for position in positions:
        counts += sights.seen(route.views[position])
    return counts


def _majority(
    votes: csr_matrix,  # [1, N]
    sightings: np.ndarray,  # [N]
) -> csr_matrix:  # [1, N]
    """Returns the Gaussians that more than half of the views that see them put into a mask, 1 or nothing."""
    chosen = votes.indices[2 * votes.data.astype(np.int64) > sightings[votes.indices]]
    return csr_matrix((np.ones(len(chosen), np.float32), (np.zeros(len(chosen), int), chosen)), shape=votes.shape)


def _confirmed(
    sights: Sights,
    route: Route,
    runs: list[Run],
    votes: list[csr_matrix],
    known: list[np.ndarray],
    group: np.ndarray,  # [R]
    mass: np.ndarray,  # [N]
) -> Things:
    """Returns the things that a keyframe's own mask is of, larger first."""
    things = []
    for number in np.unique([group[index] for index, run in enumerate(runs) if run.anchored]):
        parts = np.flatnonzero(group == number)
        sightings = np.sum([_sightings(sights, route, runs[index].positions) for index in parts], axis=0)
        held = _majority(csr_matrix(sum(votes[index].astype(np.int64) for index in parts)), sightings)
        if held.nnz:
            things.append((float(mass[held.indices].sum()), parts, held))
    things.sort(key=lambda thing: -thing[0])
    owner = np.full(len(runs), -1)
    for number, (_, parts, _) in enumerate(things):
        owner[parts] = number
    seen = [np.bitwise_or.reduce([known[index] for index in parts]) for _, parts, _ in things]
    empty = csr_matrix((0, sights.count), dtype=np.float32)
    members = vstack([empty, *(held for _, _, held in things)]).tocsr()
    return Things(runs, owner, members, np.array(seen, np.uint8).reshape(len(things), -(-sights.count // 8)))
