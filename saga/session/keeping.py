"""What every action of a session goes through: one state, its history, its file, and those who are told."""

from __future__ import annotations

import threading
import time
import warnings
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from saga.errors import SagaError
from saga.masks.open import can_hold_files, user_cache
from saga.methods.base import Method
from saga.raster import DeviceScene
from saga.scene import Scene
from saga.session.asking import Answer, Question
from saga.session.bits import Bits
from saga.session.history import History
from saga.session.state import NamedObject, State
from saga.session.store import SUFFIX, SessionFile


@dataclass(frozen=True)
class Outcome:
    """What an action did."""

    done: str
    """The action in a word or two, for people."""
    selected: int
    """How many Gaussians are selected now."""
    changed: int
    """How many Gaussians were selected or left out by it."""
    milliseconds: float
    """How long it took."""
    answers: tuple[Answer, ...] = ()
    """The nested answers of a prompt, smallest first."""
    chosen: int = -1
    """The place of the answer that is shown; -1 without answers."""
    warnings: tuple[str, ...] = ()
    """What a person should know."""


class Keeping:
    """The state of a session, its history, its file and those who are told of changes."""

    def __init__(
        self,
        scene: Scene | DeviceScene,
        method: Method[Any] | None = None,
        file: str | Path | None = None,
        keep: bool = True,
    ) -> None:
        """Opens a session, with all that was selected and kept in it before.

        Args:
            scene: the scene.
            method: what answers prompts; it can be given later (`use`).
            file: where the session is kept; None takes the name of the scene's file with the ending .session.
            keep: whether it is kept at all; a scene that was not read from a file needs a `file` for it.

        Raises:
            SagaError: another program has the session open, or no file can be written there.
        """
        self.placed = DeviceScene.of(scene) if method is None else method.device_scene
        self.scene = self.placed.scene
        self.method = method
        self.lock = threading.RLock()
        self.question: Question | None = None
        """What was asked last; None after anything but a prompt."""
        self.listeners: list[Callable[[], None]] = []
        """Called after every change, by the thread that made it."""
        path = Path(file) if file is not None else _beside(self.scene)
        digest, count = self.scene.gaussians.digest(), len(self.scene.gaussians)
        self.file = SessionFile(path, digest, count) if keep and path is not None else None
        kept = None if self.file is None else self.file.load()
        self.history = History([State.empty(count)]) if kept is None else kept
        self._selection = self.state.selection.mask()

    def __len__(self) -> int:
        """Returns how many Gaussians are selected."""
        return self.state.selection.size

    @property
    def state(self) -> State:
        """The selection and the objects, as they are now."""
        return self.history.state

    @property
    def selection(self) -> np.ndarray:  # [N] bool
        """What is selected, bool [N], in the order of the scene's file: do not change it."""
        return self._selection

    @property
    def objects(self) -> tuple[NamedObject, ...]:
        """The objects that were kept."""
        return self.state.objects

    @property
    def scores(self) -> np.ndarray | None:  # [N] float32
        """How well each Gaussian fits the last prompt, float32 [N]; None when a prompt was not the last thing."""
        return None if self.question is None else self.question.answer.segmentation.scores

    @property
    def unkept(self) -> str | None:
        """Why what was done last is not kept in the file; None where it is, or is still being written."""
        trouble = None if self.file is None else self.file.trouble
        return None if trouble is None else f"the session is not kept: {trouble}"

    def settle(self) -> None:
        """Waits until what was done is written; where that does not go well, `unkept` says why."""
        if self.file is not None:
            self.file.settle()

    def close(self) -> None:
        """Writes what is not written yet. Raises SagaError when that fails."""
        with self.lock:
            if self.file is not None:
                self.file.close()
                self.file = None

    def undo(self) -> Outcome:
        """Takes back the last thing that was done, if there is any."""
        return self._travel("undo", self.history.undo)

    def redo(self) -> Outcome:
        """Does again what was taken back last, if there is any."""
        return self._travel("redo", self.history.redo)

    def _select(
        self,
        selection: np.ndarray,  # [N] bool
        done: str,
        began: float,
        asked: Question | None = None,
        instead: bool = False,
    ) -> Outcome:
        changed = int(np.count_nonzero(selection != self._selection))
        report = {} if asked is None else asked.answer.segmentation.report
        self.question = asked
        if changed:
            self._record(replace(self.state, selection=Bits.of(selection), report=report), done, instead, selection)
        return self._outcome(began, changed, done)

    def _record(
        self,
        state: State,
        done: str,
        instead: bool = False,
        selection: np.ndarray | None = None,  # [N] bool
    ) -> None:
        self.history.record(replace(state, done=done), instead)
        self._selection = self.state.selection.mask() if selection is None else selection
        self._changed()

    def _travel(self, done: str, step: Callable[[], State]) -> Outcome:
        with self.lock:
            began, before = time.perf_counter(), self._selection
            self._selection, self.question = step().selection.mask(), None
            self._changed()
            return self._outcome(began, int(np.count_nonzero(before != self._selection)), done)

    def _changed(self) -> None:
        if self.file is not None:
            try:
                self.file.keep(self.history)
            except SagaError as error:
                warnings.warn(f"the session is not kept: {error}", stacklevel=3)
        for listener in list(self.listeners):
            listener()

    def _outcome(self, began: float, changed: int, done: str | None = None) -> Outcome:
        asked, spent = self.question, (time.perf_counter() - began) * 1e3
        told = () if asked is None else tuple(asked.answer.segmentation.report.get("warnings", ()))
        told += () if self.unkept is None else (self.unkept,)
        answers = () if asked is None else asked.answers
        chosen = -1 if asked is None else asked.chosen
        return Outcome(done or self.state.done, len(self), changed, round(spent, 2), answers, chosen, told)


def _beside(scene: Scene) -> Path | None:
    """Returns where the session of a scene is kept: beside it, or in the user's cache where nothing can be written."""
    if scene.path is None:
        return None
    beside = scene.path.with_suffix(SUFFIX)
    if can_hold_files(beside.parent):
        return beside
    kept = user_cache(scene.path).with_suffix(SUFFIX)
    warnings.warn(f"{beside}: cannot be written, so the session is kept in {kept}; give another place", stacklevel=4)
    return kept
