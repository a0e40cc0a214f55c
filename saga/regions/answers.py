"""Nested answers to a prompt: the regions it points at, best border first, apart in size."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from saga.regions.scene_regions import SceneRegions

NAMES = ("part", "object", "group")
_APART = 1.25
"""Least ratio of the sizes of two answers."""
_MOST_ANSWERS = 3
_INSIDE = 0.5
"""Share of what a point or a scribble shows that lies in a region, above which it is in it."""
_UNLIKE = 0.2
"""Worth of an answer that shares nothing with what is alike, to what the IoU of one with it adds."""
_OWN = 0.5
"""What being a support or an object of the scene's own adds to how closed a border is. Such regions were confirmed by
all views together, where a closed border may be a silhouette of many things."""
_EXPLAINED = 0.8
"""What a set of cells loses when regions inside it, worth as much, fill it: it is a group of them."""
_AS_WELL = 0.9
"""Of two sets of cells, how well masks confirm one to how well they confirm the other, from which it is as well."""
_WITHIN = 0.95
"""Share of a region that lies in another, from which it is inside."""
_SMALLER = 0.7
"""Largest region that is inside another and not the same, as a share of the other."""
_NEARLY = 0.95
"""Answers whose score is at least this share of the best one's are worth as much."""


@dataclass(frozen=True, eq=False)
class Evidence:
    """What prompts say about L cells. Arrays are float32."""

    inside: Sequence[np.ndarray] = ()  # [L] each
    """What each positive point shows, as shares of cells."""
    outside: Sequence[np.ndarray] = ()  # [L] each
    """What each negative point shows."""
    drawn: Sequence[tuple[np.ndarray, np.ndarray]] = ()  # [L], [L] each
    """Pixels of a view that show each cell inside and outside a mask."""
    stroked: Sequence[np.ndarray] = ()  # [L] each
    """What a scribble shows, as shares of cells."""

    def fits(
        self,
        members: np.ndarray,  # [R, L]
    ) -> np.ndarray:  # [R]
        """How well sets of cells fit, from 0 (a point on the wrong side) to 1; the IoU with masks is a factor."""
        sets = members.astype(np.float32)
        fit = np.ones(len(sets))
        for shown in self.inside:
            fit *= sets @ shown > _INSIDE * shown.sum()
        for shown in self.outside:
            fit *= sets @ shown <= _INSIDE * shown.sum()
        for inside, outside in self.drawn:
            shared, beside = sets @ inside, sets @ outside
            fit *= shared / np.maximum(inside.sum() + beside, 1e-9)
        for shown in self.stroked:
            share = (sets @ shown) / max(shown.sum(), 1e-9)
            fit *= np.where(share > _INSIDE, share, 0.0)
        return fit


@dataclass(frozen=True, eq=False)
class Answer:
    """One of the nested answers to a prompt."""

    name: str
    """Part, object or group, relative to the other answers."""
    score: float
    """Closedness of the border times how well the prompt, and what is alike, fit; in [0, 1]."""
    share: float
    """Share of a picture that it fills, the mean over all views."""
    members: np.ndarray  # [L]
    """Its cells, bool [L]."""


def nested_answers(
    regions: SceneRegions,
    evidence: Evidence,
    alike: np.ndarray | None = None,  # [F, L]
    confirmed: bool = False,
    most: float = 0.7,
) -> tuple[list[Answer], int]:
    """Up to three answers, smallest first, and which of them is best.

    Args:
        regions: the scene's.
        evidence: what the prompts say.
        alike: what is alike by other judgments, bool [F, L]: each is a candidate too, and raises the score of answers
            by their IoU with it.
        confirmed: whether answers are ranked by how well masks that were given confirm them, too.
        most: largest answer, as a share of a picture.

    Returns:
        The answers and the index of the best; none and -1 when no region fits the evidence.
    """
    alike = np.zeros((0, regions.count), bool) if alike is None else alike
    members, own = np.concatenate([regions.members, alike]), np.append(regions.own, np.zeros(len(alike), bool))
    fits = evidence.fits(members)
    members, own, fits = members[fits > 0], own[fits > 0], fits[fits > 0]
    shares = members @ regions.shares
    closures = regions.closures(members)
    if confirmed and regions.given is not None:
        by_masks = regions.given.confirmed(members)
        worths = closures * by_masks**2 * (1 - _EXPLAINED * _explained(regions, members, by_masks))
    else:
        worths = (closures + _OWN * own) / (1 + _OWN)
    scores = worths * fits
    if len(alike) > 0:
        likeness = np.max([overlaps(regions, members, each) for each in alike], axis=0)
        scores *= (_UNLIKE + likeness) / (_UNLIKE + 1)
    chosen: list[int] = []
    for index in np.argsort(-scores, kind="stable").tolist():
        if len(chosen) == _MOST_ANSWERS or scores[index] <= 0:
            break
        others = shares[chosen]
        apart = np.maximum(others, shares[index]) > _APART * np.minimum(others, shares[index])
        if shares[index] <= most and apart.all():
            chosen.append(index)
    if not chosen:
        return [], -1
    ordered = sorted(chosen, key=lambda index: float(shares[index]))
    best = ordered.index(chosen[0])
    names = _names(len(ordered), best)
    answers = [
        Answer(name, float(scores[index]), float(shares[index]), members[index])
        for name, index in zip(names, ordered, strict=True)
    ]
    return answers, best


def _explained(
    regions: SceneRegions,
    members: np.ndarray,  # [A, L]
    confirmed: np.ndarray,  # [A]
) -> np.ndarray:  # [A]
    """Share of each set of cells that lies in regions inside it which masks confirm as well: so much is a group."""
    pool, weighted = regions.members, members * regions.shares
    held = weighted @ pool.T.astype(np.float32)  # [A, R]
    areas, whole = pool @ regions.shares, weighted.sum(1)
    inside = (held >= _WITHIN * areas) & (areas <= _SMALLER * whole[:, None])
    inside &= regions.confirmed >= _AS_WELL * confirmed[:, None]
    covered = np.stack([pool[each].any(0) for each in inside]) if len(inside) > 0 else members
    explained: np.ndarray = (weighted * covered).sum(1) / np.maximum(whole, 1e-12)
    return explained


def overlaps(
    regions: SceneRegions,
    members: np.ndarray,  # [R, L]
    other: np.ndarray,  # [L]
) -> np.ndarray:  # [R]
    """IoU of sets of cells with another, by what they fill of a picture."""
    shares = regions.shares
    shared = members @ (shares * other)
    iou: np.ndarray = shared / np.maximum(members @ shares + shares @ other - shared, 1e-12)
    return iou


def _names(count: int, best: int) -> tuple[str, ...]:
    """Names by size; of fewer than three answers, the best is the object."""
    if count == _MOST_ANSWERS:
        return NAMES
    first = 1 - best
    return NAMES[first : first + count]


def equal_worth(answers: Sequence[Answer], best: int) -> list[str]:
    """Names of the other answers that are worth about as much as the best."""
    least = _NEARLY * answers[best].score
    return [answer.name for index, answer in enumerate(answers) if index != best and answer.score >= least]
