"""Nested answers to a prompt: the regions it points at, best border first, apart in size."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from saga.regions.edits import corrected
from saga.regions.evidence import Evidence
from saga.regions.scene_regions import SceneRegions
from saga.regions.worth import overlaps, worths

NAMES = ("part", "object", "group")
_APART = 1.25
"""Least ratio of the sizes of two answers."""
_MOST_ANSWERS = 3
_UNLIKE = 0.2
"""Worth of an answer that shares nothing with what is alike, to what the IoU of one with it adds."""
_WRONG = 0.8
"""What points on the wrong side, one or many, leave of an answer's score in the choice of the one that is corrected:
the first answer stays the likeliest however often it is corrected."""
_NEARLY = 0.95
"""Answers whose score is at least this share of the best one's are worth as much."""


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
    members = regions.members if alike is None else np.concatenate([regions.members, alike])
    agrees, drawn = evidence.agrees(members), evidence.drawings(members)
    positive = len(evidence.inside)
    asked = (drawn > 0) & (agrees[:, :positive].any(1) | (positive == 0))
    members, agrees = members[asked], agrees[asked]
    likely = worths(regions, members, confirmed) * drawn[asked]
    if alike is not None and len(alike) > 0:
        likeness = np.max([overlaps(regions, members, each) for each in alike], axis=0)
        likely *= (_UNLIKE + likeness) / (_UNLIKE + 1)
    scores = likely * agrees.all(1)
    correction = _correction(regions, members, likely, agrees, evidence)
    if correction is not None:
        members, scores = np.concatenate([members, correction[0][None]]), np.append(scores, correction[1])
    shares = members @ regions.shares
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


def _correction(
    regions: SceneRegions,
    members: np.ndarray,  # [A, L]
    likely: np.ndarray,  # [A]
    agrees: np.ndarray,  # [A, P]
    evidence: Evidence,
) -> tuple[np.ndarray, float] | None:  # [L]
    """What further points make of the likeliest of the answers to some of them, and its score.

    None where every point is on its right side already: then nothing is to be corrected.
    """
    hopes = likely * np.where(agrees.all(1), 1.0, _WRONG)
    best = int(hopes.argmax()) if len(hopes) > 0 else -1
    if best < 0 or hopes[best] <= 0 or agrees[best].all():
        return None
    return corrected(regions, members, members[best], evidence), float(likely[best])


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
