"""Nested answers to a prompt: the regions it points at, best border first, apart in size."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from saga.regions.clicks import Click
from saga.regions.corrections import corrected
from saga.regions.judgment import Judgment
from saga.regions.scene_regions import SceneRegions

NAMES = ("part", "object", "group")
_APART = 1.25
"""Least ratio of the sizes of two answers."""
_MOST_ANSWERS = 3
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


def nested_answers(judgment: Judgment, most: float = 0.7) -> tuple[list[Answer], int]:
    """Up to three answers to what the judgment's prompts say, smallest first, and which of them is best.

    Args:
        judgment: what sets of cells are worth, and the regions to choose from.
        most: largest answer, as a share of a picture.

    Returns:
        The answers and the index of the best; none and -1 when no region fits.
    """
    members = judgment.pool[judgment.evidence.agrees(judgment.pool).all(1)]
    scores = judgment.worth(members) * judgment.likeness(members, judgment.unlike) * judgment.likely_as_large(members)
    scores[members @ judgment.regions.shares > most] = 0
    return _apart(judgment.regions, members, scores)


def corrected_answers(
    judgment: Judgment, answers: Sequence[Answer], shown: Answer, clicks: Sequence[Click]
) -> tuple[list[Answer], int]:
    """What further points make of nested answers: the one shown, corrected, and those of the others that they allow.

    Args:
        judgment: by which the answers were found.
        answers: the answers.
        shown: the one of them that a person saw, and corrects.
        clicks: the further points.

    Returns:
        Up to three answers, smallest first, and the index of the corrected one.
    """
    cells = corrected(judgment, shown.members, judgment.evidence.inside, clicks)
    others = [each for each in answers if each is not shown]
    allowed = [each for each in others if not any(click.wrong(each.members[None])[0] for click in clicks)]
    members = np.stack([cells, *(each.members for each in allowed)])
    scores = judgment.worth(members) * judgment.likeness(members)
    found, best = _apart(judgment.regions, members, np.append(np.inf, scores[1:]))
    found[best] = replace(found[best], score=float(scores[0]))
    return found, best


def _apart(
    regions: SceneRegions,
    members: np.ndarray,  # [A, L]
    scores: np.ndarray,  # [A]
) -> tuple[list[Answer], int]:
    """Up to three answers that are apart in size, smallest first, and the best of them.

    They are the best one, the best smaller one and the best larger one, because a person wants more or less than what
    is shown: two larger ones must not take the place of the part. Only where one side has none has the other two.
    """
    shares = members @ regions.shares
    ordered = np.argsort(-scores, kind="stable")
    ordered = ordered[scores[ordered] > 0]
    size = shares[ordered[:1]].sum()
    smaller, larger = ordered[_APART * shares[ordered] < size], ordered[shares[ordered] > _APART * size]
    chosen: list[int] = []
    for index in [*ordered[:1], *smaller[:1], *larger[:1], *ordered]:
        others = shares[chosen]
        if (np.maximum(others, shares[index]) > _APART * np.minimum(others, shares[index])).all():
            chosen.append(int(index))
    chosen = chosen[:_MOST_ANSWERS]
    if not chosen:
        return [], -1
    by_size = sorted(chosen, key=lambda index: float(shares[index]))
    best = by_size.index(chosen[0])
    names = _names(len(by_size), best)
    answers = [
        Answer(name, float(scores[index]), float(shares[index]), members[index])
        for name, index in zip(names, by_size, strict=True)
    ]
    return answers, best


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
