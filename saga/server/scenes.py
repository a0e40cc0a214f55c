"""The scenes that are open, each with a thread of its own."""

from __future__ import annotations

import tempfile
import threading
import warnings
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass
from functools import partial
from itertools import count
from pathlib import Path
from typing import TypeVar

from saga.errors import SagaError
from saga.raster import DeviceScene
from saga.scene import Scene
from saga.server.bodies import OpenBody, SceneAnswer
from saga.server.folders import Folders
from saga.server.jobs import Jobs
from saga.server.notes import noted
from saga.server.opened import OpenScene
from saga.server.problems import ConflictError, MissingError
from saga.server.words import WordModel
from saga.session import Session
from saga.session.preparing import open_beside, prepare

_Result = TypeVar("_Result")
Load = Callable[[Path, Path | None, Path | None, Callable[[str], None]], Scene]
"""Loads a scene, with the folder of its photographs, its cameras, and what gets a line about all that was assumed."""


_AT_ONCE = 4
"""Scenes that are opened at the same time: a large one does not keep others waiting."""


@dataclass(frozen=True)
class _Entry:
    path: Path
    jobs: Jobs
    opened: OpenScene


class Scenes:
    """Opens, holds and closes scenes."""

    def __init__(
        self,
        folders: Folders,
        load: Load,
        device: str = "auto",
        most_scenes: int = 8,
        most_waiting: int = 16,
        text_model: str | None = None,
    ) -> None:
        """Opens nothing yet.

        Args:
            folders: where scenes and results may lie.
            load: loads a scene.
            device: where to compute.
            most_scenes: scenes that may be open at a time.
            most_waiting: requests that may wait for each scene, and for scenes to be opened.
            text_model: the model that knows words, as `saga.words.open_model` has it.

        Raises:
            SagaError: there is no such model.
        """
        self._words = WordModel(text_model, device)
        self.folders, self._load, self._device = folders, load, device
        self._most_scenes, self._most_waiting = most_scenes, most_waiting
        self._opening = Jobs(folders, most_waiting, _AT_ONCE)
        self._entries: dict[str, _Entry] = {}
        self._going: dict[Path, Future[_Entry]] = {}
        self._numbers, self._lock = count(1), threading.Lock()
        self._temporary = tempfile.TemporaryDirectory(prefix="saga-serve-")
        self._usual_temporary, tempfile.tempdir = tempfile.tempdir, self._temporary.name
        folders.own = Path(self._temporary.name).resolve()

    def close(self) -> None:
        """Writes and closes all scenes; warns of sessions that cannot be written, because nobody asks any more."""
        self._opening.close()
        for name in list(self._entries):
            try:
                self._close(name)
            except SagaError as error:
                warnings.warn(f"the session is not kept: {error}", stacklevel=2)
        tempfile.tempdir = self._usual_temporary
        self._temporary.cleanup()

    def open(self, body: OpenBody) -> Future[SceneAnswer]:
        """Queues a scene to be opened; one that is open already is what it is.

        Raises:
            BusyError: too many wait.
        """
        return self._opening.submit(partial(self._open, body))

    def close_scene(self, name: str) -> Future[None]:
        """Queues a scene to be closed. Raises MissingError for one that is not open, BusyError when too many wait."""
        self._entry(name)
        return self._opening.submit(partial(self._close, name))

    def all(self) -> list[SceneAnswer]:
        """Returns the scenes that are open."""
        with self._lock:
            entries = list(self._entries.values())
        return [entry.opened.describe() for entry in entries]

    def opened(self, name: str) -> OpenScene:
        """Returns an open scene, for what needs not wait for its turn. Raises MissingError for one that is not open."""
        return self._entry(name).opened

    def submit(self, name: str, job: Callable[[OpenScene], _Result]) -> Future[_Result]:
        """Queues a job for a scene. Raises MissingError for one that is not open, BusyError when too many wait."""
        entry = self._entry(name)
        try:
            return entry.jobs.submit(partial(job, entry.opened))
        except RuntimeError as error:  # it was closed meanwhile
            raise MissingError(f"scene {name!r}: expected one that is open, found none; open it again.") from error

    def _entry(self, name: str) -> _Entry:
        with self._lock:
            found = self._entries.get(name)
        if found is None:
            names = ", ".join(self._entries) or "none"
            raise MissingError(f"scene: expected one that is open ({names}), found {name[:100]!r}; open it first.")
        return found

    def _open(self, body: OpenBody) -> SceneAnswer:
        path = self.folders.file(body.path)
        images, cameras = (
            None if each is None else self.folders.existing(each) for each in (body.images, body.cameras)
        )
        with self._lock:
            known = next((entry for entry in self._entries.values() if entry.path == path), None)
            going = self._going.get(path)
            if known is None and going is None:
                if len(self._entries) + len(self._going) >= self._most_scenes:
                    raise ConflictError(
                        f"scene: expected at most {self._most_scenes} open scenes, found that many; close one."
                    )
                mine = self._going[path] = Future()
        if known is not None:
            return known.opened.describe()
        if going is not None:
            return going.result().opened.describe()
        try:
            entry = self._entered(path, images, cameras)
        except BaseException as error:
            with self._lock:
                del self._going[path]
            mine.set_exception(error)
            raise
        with self._lock:
            self._entries[entry.opened.id] = entry
            del self._going[path]
        mine.set_result(entry)
        return entry.opened.describe()

    def _entered(self, path: Path, images: Path | None, cameras: Path | None) -> _Entry:
        notes: list[str] = []
        session = self._session(path, images, cameras, notes)
        opened = OpenScene(str(next(self._numbers)), self.folders.name(path), session, notes, self.folders, self._words)
        return _Entry(path, Jobs(self.folders, self._most_waiting), opened)

    def _session(self, path: Path, images: Path | None, cameras: Path | None, notes: list[str]) -> Session:
        with noted(notes):
            placed = DeviceScene(self._load(path, images, cameras, notes.append), self._device)
            method = open_beside(placed) or prepare(placed, features=False)
            try:
                session = Session(placed, method)
            except SagaError as error:
                raise ConflictError(str(error)) from error
        return session

    def _close(self, name: str) -> None:
        with self._lock:
            entry = self._entries.pop(name, None)
        if entry is not None:
            entry.jobs.close()
            entry.opened.close()
