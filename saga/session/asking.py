"""A question to a method, and its nested answers: which one is shown first, and which next."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from saga.errors import EmptySelectionError, SagaError
from saga.methods.base import DiscoveringMethod, Method
from saga.query import Prompt, Segmentation
from saga.scene import Camera, Scene
from saga.session.shapes import windowed
from saga.session.state import Mode, combined
from saga.words.answer import Answer as WordsAnswer
from saga.words.ask import Model, as_object, finder_of
from saga.words.kept import objects_of

_SAME_PLACE = 5.0
"""Pixels within which two clicks are at the same place."""
_ALL_BUT = 0.02
"""Share of a selection that is as good as nothing left of it."""


@dataclass(frozen=True)
class Answer:
    """One of the nested answers."""

    name: str
    """part, object or group, relative to the others; object where there is one only."""
    score: float | None
    """How good it is, in [0, 1]; None where the method does not say."""
    default: bool
    """Whether it is what the method would give alone."""
    segmentation: Segmentation
    """The Gaussians, scores and facts."""


@dataclass(frozen=True)
class Question:
    """What was asked last: the next click at the same place is about the same answers."""

    prompts: tuple[Prompt, ...]
    """What was pointed at, all of it together; nothing where words were asked for."""
    mode: Mode
    """What becomes of the selection."""
    before: np.ndarray  # [N] bool
    """The selection that an answer is combined with."""
    valid: np.ndarray  # [N] bool
    """Gaussians that may be selected at all."""
    answers: tuple[Answer, ...]
    """The nested answers, smallest first, or the objects that words describe, best first; at least one."""
    chosen: int
    """The place of the answer that is shown."""
    threshold: float | None = None
    """What scores more is selected, instead of what the answer has; None where nobody chose one."""

    @property
    def answer(self) -> Answer:
        """The answer that is shown."""
        return self.answers[self.chosen]

    def selection(self) -> np.ndarray:  # [N] bool
        """What is selected with the answer that is shown, or with the threshold on its scores."""
        found = self.answer.segmentation.mask
        if self.threshold is not None:
            found = (self.answer.segmentation.scores > self.threshold) & self.valid
        return combined(self.before, found, self.mode)

    def is_again(self, scene: Scene, prompt: Prompt, mode: Mode) -> bool:
        """Whether a click is at the place of the one that was asked, from the same camera, and for the same."""
        if len(self.prompts) != 1 or mode != self.mode:
            return False
        known = self.prompts[0]
        if min(len(known.points), len(prompt.points)) != 1 or len(known.points) != len(prompt.points):
            return False
        apart = np.linalg.norm(np.subtract(known.points[0], prompt.points[0]))
        return scene.camera(known.view).name == scene.camera(prompt.view).name and bool(apart <= _SAME_PLACE)

    def next(self) -> Question:
        """Returns the question with the next answer that selects something else: larger ones, then from the least."""
        present = self.selection()
        for step in range(1, len(self.answers)):
            other = replace(self, chosen=(self.chosen + step) % len(self.answers), threshold=None)
            if (other.selection() != present).any():
                return other
        return self


def ask(method: Method[Any], prompts: Sequence[Prompt]) -> tuple[Answer, ...]:
    """Returns a method's nested answers to prompts, smallest first, or its one answer.

    Raises:
        SagaError: a prompt does not fit its view or shows nothing.
        EmptySelectionError: nothing is selected.
    """
    scene = method.scene
    windows = method.reads_pixels_alone(prompts)
    asked = [windowed(scene.camera(each.view), each) for each in prompts] if windows else prompts
    nested = getattr(method, "candidates_of", None)
    found = [method.segment_prompts(asked)] if nested is None else nested(asked)
    found = [each for each in found if len(each)]
    if not found:
        raise EmptySelectionError(f"prompt: expected something to select, found nothing; {method.advice}.")
    described = [_described(scene.camera(each.view), each, scene) for each in prompts]
    answers = []
    for each in found:
        each.report |= {"camera": None} | described[0] | {"further_prompts": described[1:]}
        name, score = each.report.get("name", "object"), each.report.get("score")
        answers.append(Answer(name, score, bool(each.report.get("default", True)), each))
    return tuple(answers)


def ask_words(method: Method[Any], text: str, model: Model | None = None) -> tuple[WordsAnswer, tuple[Answer, ...]]:
    """Returns what a text describes: the whole ranking, and the objects that are what was asked for, best first.

    Args:
        method: finds the objects.
        text: a name or a description.
        model: as `saga.words.ask.finder_of` has it.

    Raises:
        SagaError: the method finds no objects alone, there is no such model, or the text is none.
    """
    finder = finder_of(require_discovery(method), model, lambda: objects_of(require_discovery(method)))
    ranking = finder.rank(text)
    answers = [
        Answer(f"{rank}: {match.score:.0%}", match.score, rank == 1, as_object(ranking, match))
        for rank, match in enumerate(ranking.found, 1)
    ]
    return ranking, tuple(answers)


def require_discovery(method: Method[Any]) -> DiscoveringMethod[Any]:
    """Returns a method that finds objects without a prompt. Raises SagaError for any other."""
    if not isinstance(method, DiscoveringMethod):
        raise SagaError(f"{type(method).__name__}: expected a method that finds objects alone; use saga for it.")
    return method


def first_choice(answers: Sequence[Answer], mode: Mode, before: np.ndarray) -> int:  # before: [N] bool
    """Returns which answer is shown first: the default, but for one that would take away all that is selected.

    Who takes something away from an object points at it, and the best answer there is the whole object.
    """
    default = next((index for index, each in enumerate(answers) if each.default), 0)
    if mode != "subtract":
        return default
    size = int(np.count_nonzero(before))
    for index in range(default, -1, -1):
        left = int(np.count_nonzero(before & ~answers[index].segmentation.mask))
        if _ALL_BUT * size < left < size:
            return index
    return default


def _described(camera: Camera, prompt: Prompt, scene: Scene) -> dict[str, Any]:
    own = {} if scene.is_view(camera) else {"camera": camera.describe()}
    return {"view": camera.name, "prompt": prompt.describe()} | own
