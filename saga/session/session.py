"""Session: one scene, a method, a selection that prompts change, and the objects that were kept."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch

from saga.errors import SagaError
from saga.methods.base import Method
from saga.query import Prompt, Segmentation
from saga.raster import DeviceScene
from saga.scene import Camera, Scene
from saga.session import morphology, shapes
from saga.session.asking import Question, ask, ask_words, first_choice, require_discovery
from saga.session.bits import Bits
from saga.session.keeping import Outcome
from saga.session.preparing import open_beside
from saga.session.state import Color, Mode, NamedObject, combined
from saga.session.strays import Strays
from saga.words.answer import Answer as WordsAnswer
from saga.words.ask import Model

View = str | Camera
"""A view of the scene by its name, or any camera."""
_SAME_OBJECT = 0.8
"""IoU from which something found is an object that is kept already."""


class Session(Strays):
    """Selecting in one scene: every action is a method, takes effect at once and can be undone.

    Views are names of the scene's, or any `Camera`. A session may be used from several threads: one acts at a time.
    """

    @classmethod
    def open(cls, scene: Scene | DeviceScene, file: str | Path | None = None, keep: bool = True) -> Session:
        """Opens a session in which the features and regions beside the scene answer, where there are any.

        Args:
            scene: the scene.
            file: as for the class.
            keep: as for the class.

        Raises:
            SagaError: as the class, or the features beside the scene are damaged or another scene's.
        """
        placed = DeviceScene.of(scene)
        return cls(placed, open_beside(placed), file, keep)

    def use(self, method: Method[Any]) -> None:
        """Has another method, opened on the same scene, answer prompts. Raises SagaError for one on another scene."""
        if method.scene.gaussians.digest() != self.scene.gaussians.digest():
            raise SagaError("method: expected one that is opened on the session's scene, found another; open it anew.")
        with self.lock:
            self.method, self.question = method, None

    # Prompts

    def click(self, view: View, pixel: tuple[float, float], mode: Mode = "replace") -> Outcome:
        """Selects what a pixel (x, y) shows; again at the same place, the next of the nested answers.

        Raises:
            SagaError: the pixel lies outside the view, or shows nothing.
        """
        prompt = Prompt(view, [pixel])
        with self.lock:
            if self.question is not None and self.question.is_again(self.scene, prompt, mode):
                return self.next_answer()
            return self.prompt([prompt], mode)

    def box(self, view: View, corners: tuple[float, float, float, float], mode: Mode = "replace") -> Outcome:
        """Selects what fills a box x0, y0, x1, y1 in pixels. Raises SagaError as `click` does."""
        return self.prompt([Prompt(view, box=corners)], mode)

    def scribble(self, view: View, line: shapes.Points, width: float = 3.0, mode: Mode = "replace") -> Outcome:
        """Selects what lies under a stroke of a brush through pixels. Raises SagaError as `click` does."""
        return self.prompt([shapes.along(self.scene.camera(view), line, width)], mode)

    def lasso(self, view: View, corners: shapes.Points, mode: Mode = "replace") -> Outcome:
        """Selects what fills a closed line through pixels, drawn by hand. Raises SagaError as `click` does."""
        return self.prompt([shapes.around(self.scene.camera(view), corners)], mode)

    def prompt(self, prompts: Sequence[Prompt], mode: Mode = "replace") -> Outcome:
        """Selects the object that prompts in one or several views mean together.

        Raises:
            SagaError: a prompt does not fit its view or shows nothing, or nothing is selected by it.
        """
        with self.lock:
            return self._ask(tuple(prompts), mode, self._selection)

    def refine(self, prompt: Prompt) -> Outcome:
        """Adds a prompt, in any view, to those of the last answer: what all of them mean together takes its place.

        A prompt of negative points says what does not belong to it. After words, what a prompt means is added to what
        they have found, or taken away.

        Raises:
            SagaError: nothing was asked before, or as `prompt`.
        """
        with self.lock:
            asked = self.question
            if asked is None:
                raise SagaError("refine: expected an answer to refine, found none; click on the object first.")
            if not asked.prompts:
                wrong = not prompt.points and len(prompt.negative) > 0
                meant = replace(prompt, points=prompt.negative, negative=()) if wrong else prompt
                return self._ask((meant,), "subtract" if wrong else "add", self._selection)
            return self._ask((*asked.prompts, prompt), asked.mode, asked.before)

    def words(
        self, text: str, mode: Mode = "replace", model: Model | None = None
    ) -> tuple[WordsAnswer, Outcome | None]:
        """Selects the object that a text describes; the answers that follow are others that it describes too.

        The first text of a scene takes long: all objects are looked at. Prompts are answered meanwhile.

        Args:
            text: a name or a description, e.g. "red mug".
            mode: what becomes of the selection.
            model: as `DiscoveringMethod.find` has it.

        Returns:
            The ranking of all objects; and what was selected, None where nothing in the scene is like it.

        Raises:
            SagaError: the method finds no objects alone, there is no such model, or the text is none.
        """
        began = time.perf_counter()
        ranking, answers = ask_words(self._require_method(), text, model)
        if not answers:
            return ranking, None
        with self.lock:
            asked = Question((), mode, self._selection, self.scene.gaussians.valid, answers, 0)
            return ranking, self._show(asked, began)

    def next_answer(self) -> Outcome:
        """Shows the next of the nested answers. Raises SagaError when a prompt was not the last thing."""
        with self.lock:
            asked = self._require_question()
            return self._show(asked.next(), time.perf_counter())

    def choose_answer(self, index: int) -> Outcome:
        """Shows one of the nested answers by its place. Raises SagaError when there is none."""
        with self.lock:
            asked = self._require_question()
            if not 0 <= index < len(asked.answers):
                raise SagaError(f"answer: expected 0 to {len(asked.answers) - 1}, found {index}; give one of them.")
            return self._show(replace(asked, chosen=index, threshold=None), time.perf_counter())

    def preview(self, view: View, pixel: tuple[float, float]) -> np.ndarray:  # [N] bool
        """Returns what a click would select, without selecting it. Raises SagaError as `click` does."""
        answers = ask(self._require_method(), [Prompt(view, [pixel])])
        return answers[first_choice(answers, "replace", self._selection)].segmentation.mask

    def threshold(self, value: float) -> Outcome:
        """Selects what scores more than a value for the last prompt. Raises SagaError without a prompt."""
        with self.lock:
            began, asked = time.perf_counter(), self._require_question()
            asked = replace(asked, threshold=float(value))
            return self._select(asked.selection(), "threshold", began, asked, self.state.done == "threshold")

    # The selection as a set

    def region(
        self,
        view: View,
        mask: np.ndarray,  # [H, W] bool
        mode: Mode = "replace",
        through: bool = False,
    ) -> Outcome:
        """Selects all Gaussians in a part of a picture, of whatever object: what shows there, or all behind it too."""
        with self.lock:
            began, camera = time.perf_counter(), self.scene.camera(view)
            if mask.shape != (camera.height, camera.width):
                raise SagaError(
                    f"region: expected a mask of {camera.width} x {camera.height}, found {mask.shape[::-1]}; resize it."
                )
            found = shapes.inside(self.placed, camera, mask, through).cpu().numpy()
            return self._select(combined(self._selection, found, mode), "region", began)

    def select(
        self,
        mask: np.ndarray,  # [N] bool
        mode: Mode = "replace",
        done: str = "select",
    ) -> Outcome:
        """Selects a set of Gaussians. Raises SagaError for one of another size."""
        if mask.shape != self._selection.shape or mask.dtype != bool:
            raise SagaError(f"selection: expected bool [{len(self._selection)}], found {mask.dtype} {mask.shape}.")
        with self.lock:
            return self._select(combined(self._selection, mask, mode), done, time.perf_counter())

    def select_object(self, name: str, mode: Mode = "replace") -> Outcome:
        """Selects the Gaussians of an object. Raises SagaError for a name that none has."""
        return self.select(self.state.object(name).bits.mask(), mode, f"select {name}")

    def grow(self, steps: int = 1) -> Outcome:
        """Adds what lies close to the selection; a negative number of steps takes away what lies close to its rim."""
        with self.lock:
            began, points = time.perf_counter(), self.placed.geometry.means
            members = torch.from_numpy(self._selection).to(points.device)
            radius = abs(steps) * morphology.step_of(points, members)
            change = morphology.grown if steps > 0 else morphology.shrunk
            selection = change(points, members, self.placed.valid, radius).cpu().numpy()
            return self._select(selection, "grow" if steps > 0 else "shrink", began)

    def shrink(self, steps: int = 1) -> Outcome:
        """Takes away what lies close to the rim of the selection."""
        return self.grow(-steps)

    def invert(self) -> Outcome:
        """Selects what was not selected, and nothing else."""
        return self.select(~self._selection & self.scene.gaussians.valid, done="invert")

    def clear(self) -> Outcome:
        """Selects nothing."""
        return self.select(np.zeros_like(self._selection), done="clear")

    # Objects

    def save_object(self, name: str | None = None, color: Color | None = None) -> NamedObject:
        """Keeps the selection as an object: a new one, or the one that is being edited.

        Args:
            name: its name; None takes the edited one's, or the first of object, object_2, ... that is free.
            color: what it is shown in; None takes the edited one's, or the first of the palette that is free.

        Raises:
            SagaError: nothing is selected, or the name is taken or cannot name a file.
        """
        with self.lock:
            state = self.state
            if not len(self):
                raise SagaError("object: expected something selected to keep, found nothing; select it first.")
            if state.editing is not None:
                edited = state.object(state.editing)
                made = replace(edited, bits=state.selection, name=name or edited.name, color=color or edited.color)
                self._record(replace(state.with_object(made, edited.name), editing=None), f"save {made.name}")
                return made
            made = NamedObject(
                name or state.free_name(), color or state.next_color(), state.selection, report=state.report
            )
            self._record(state.with_object(made), f"save {made.name}")
            return self.objects[-1]

    def edit_object(self, name: str) -> Outcome:
        """Selects an object; `save_object` then replaces its Gaussians by the selection. Raises SagaError."""
        with self.lock:
            began, found = time.perf_counter(), self.state.object(name)
            self.question = None
            self._record(replace(self.state, selection=found.bits, editing=found.name), f"edit {found.name}")
            return self._outcome(began, found.bits.size)

    def change_object(self, name: str, new_name: str | None = None, color: Color | None = None) -> NamedObject:
        """Gives an object another name or color. Raises SagaError as `save_object` does."""
        with self.lock:
            found = self.state.object(name)
            made = replace(found, name=new_name or found.name, color=color or found.color)
            self._record(self.state.with_object(made, found.name), f"change {found.name}")
            return self.state.object(made.name)

    def merge_objects(self, names: Sequence[str], into: str | None = None) -> NamedObject:
        """Makes one object of several. Raises SagaError for fewer than two."""
        with self.lock:
            into = into or (self.state.object(names[0]).name if names else "")
            self._record(self.state.merged(names, into), f"merge {len(names)} objects")
            return self.state.object(into)

    def delete_objects(self, names: Sequence[str]) -> None:
        """Takes objects off the list; no Gaussian is lost by it. Raises SagaError for a name that none has."""
        with self.lock:
            self._record(self.state.without(names), f"delete {', '.join(names)}")

    def find_everything(self) -> list[NamedObject]:
        """Finds the objects of the scene and keeps those that are not kept yet. Returns what is new.

        Raises:
            SagaError: the method finds no objects without a prompt, or there are none.
        """
        found = require_discovery(self._require_method()).discover()
        with self.lock:
            state = self.state
            known = [each.bits.mask() for each in state.objects]
            for each in found:
                if any(_iou(each.mask, mask) > _SAME_OBJECT for mask in known):
                    continue
                kind = str(each.report.get("kind", "object"))
                made = NamedObject(state.free_name(kind), state.next_color(), Bits.of(each.mask), kind)
                state = state.with_object(made)
            new = list(state.objects[len(self.objects) :])
            if not found:
                raise SagaError("objects: expected objects in the scene, found none; select them by clicks.")
            if new:
                self._record(state, f"find {len(new)} objects")
            return new

    def segmentation(self, name: str | None = None) -> Segmentation:
        """Returns the selection, or an object by its name, as a Segmentation. Raises SagaError for unknown names."""
        found = None if name is None else self.state.object(name)
        mask = self._selection if found is None else found.bits.mask()
        asked = self.question
        current = found is None and asked is not None
        scores = asked.answer.segmentation.scores if current and asked else mask.astype(np.float32)
        report = dict(self.state.report if found is None else found.report)
        report |= {"kind": "object" if found is None else found.kind}
        return Segmentation(mask, scores, {"view": None, "prompt": {}, "warnings": []} | report, self.placed)

    # How it is done

    def _require_method(self) -> Method[Any]:
        if self.method is None:
            raise SagaError("prompt: expected features or regions of the scene, found neither; make them first.")
        return self.method

    def _require_question(self) -> Question:
        if self.question is None:
            raise SagaError("answer: expected the answer to a prompt, found none; click on something first.")
        return self.question

    def _ask(self, prompts: tuple[Prompt, ...], mode: Mode, before: np.ndarray) -> Outcome:  # before: [N] bool
        began = time.perf_counter()
        answers = ask(self._require_method(), prompts)
        chosen = first_choice(answers, mode, before)
        return self._show(Question(prompts, mode, before, self.scene.gaussians.valid, answers, chosen), began)

    def _show(self, asked: Question, began: float) -> Outcome:
        return self._select(asked.selection(), asked.answer.name, began, asked)


def _iou(one: np.ndarray, other: np.ndarray) -> float:  # [N] bool each
    both, either = int(np.count_nonzero(one & other)), int(np.count_nonzero(one | other))
    return both / max(either, 1)
