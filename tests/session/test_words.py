"""Objects by words in a session: the best is selected, others follow, and clicks correct what was found."""

from __future__ import annotations

from collections.abc import Callable
from types import ModuleType

import numpy as np
import pytest

from saga.errors import SagaError
from saga.methods.base import Method
from saga.session import Session

VIEW = "000.png"
Middle = Callable[..., tuple[int, int]]
Iou = Callable[[np.ndarray, str], float]


def test_the_best_is_selected_and_the_others_follow(session: Session, toy: ModuleType, iou_with: Iou) -> None:
    model = toy.ColorModel()
    ranking, outcome = session.words("red toy", model=model)
    assert outcome is not None and outcome.selected == len(session) > 0
    assert len(outcome.answers) == len(ranking.found) > 1 and outcome.chosen == 0
    assert outcome.answers[0].name == f"1: {ranking.matches[0].score:.0%}"
    assert (session.selection == ranking.matches[0].segmentation.mask).all()
    assert session.state.report["prompt"] == {"text": "red toy"}
    session.next_answer()
    assert (session.selection == ranking.matches[1].segmentation.mask).all()
    session.undo()
    assert (session.selection == ranking.matches[0].segmentation.mask).all()
    seen = len(model.seen)
    session.words("yellow toy", "add", model)
    assert iou_with(session.selection, "duck") > 0.3 and len(session) > outcome.selected
    assert len(model.seen) == seen, "objects are looked at once"


def test_nothing_changes_when_nothing_is_like_it(session: Session, toy: ModuleType, middle_of: Middle) -> None:
    session.click(VIEW, middle_of("mug"))
    before, steps = session.selection.copy(), session.history.can_redo
    ranking, outcome = session.words("giraffe", model=toy.ColorModel())
    assert outcome is None and ranking.verdict().startswith('nothing like "giraffe"') and ranking.matches
    assert (session.selection == before).all() and session.history.can_redo == steps
    assert session.question is not None and session.question.prompts, "the click can still be refined"


def test_clicks_add_to_what_words_have_found_and_take_away_from_it(
    session: Session, toy: ModuleType, middle_of: Middle, iou_with: Iou
) -> None:
    from saga.query import Prompt

    session.words("yellow toy", model=toy.ColorModel())
    found = session.selection.copy()
    session.refine(Prompt(VIEW, [middle_of("bottle")]))
    both = session.selection.copy()
    assert (both & ~found).any() and not (found & ~both).any()
    session.words("yellow toy", model=toy.ColorModel())
    session.select(both)
    session.words("yellow toy", "add", model=toy.ColorModel())
    session.refine(Prompt(VIEW, negative=[middle_of("bottle")]))
    assert iou_with(session.selection, "bottle") < 0.1 and len(session) > 0


def test_who_finds_nothing_alone_is_refused(session: Session, toy: ModuleType) -> None:
    class Other(Method):  # type: ignore[type-arg]
        def __init__(self) -> None:
            """Has nothing."""

        _segment = None  # type: ignore[assignment]

    Other.__abstractmethods__ = frozenset()  # type: ignore[attr-defined]
    session.method = Other()
    with pytest.raises(SagaError, match="Other: expected a method that finds objects alone; use saga"):
        session.words("mug", model=toy.ColorModel())
