"""The file of a session beside its scene: written whole at every change, and one program's at a time."""

from __future__ import annotations

import contextlib
import os
import threading
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import IO, Any

import numpy as np
from safetensors.numpy import save_file

from saga.errors import SagaError
from saga.files.json_values import json_text
from saga.files.leftovers import remove_leftovers
from saga.files.reading import reading
from saga.files.tensors import read_tensors
from saga.files.transaction import atomic_path
from saga.session.bits import Bits
from saga.session.history import History
from saga.session.state import NamedObject, State

try:
    import fcntl
except ImportError:  # Windows has no such locks
    fcntl = None  # type: ignore[assignment]

FORMAT_VERSION = 1
SUFFIX = ".session"
"""Of the file beside the scene, instead of the PLY's."""
_HEADER = "saga_session"
_MOST_BYTES = 16 << 20
"""Of the states that a file keeps; older ones are undone only while the program runs."""


class SessionFile:
    """Where a session is kept: a thread writes what is the latest, so that no click waits for the disk."""

    def __init__(self, path: Path, digest: str, count: int) -> None:
        """Takes the file, and the digest and number of the scene's Gaussians.

        Raises:
            SagaError: another program has the session open.
        """
        self.path, self._digest, self._count = path, digest, count
        self._lock = self._locked()
        with contextlib.suppress(OSError):
            remove_leftovers(path)
        self._latest: History | None = None
        self._wake, self._idle, self._closed = threading.Condition(), threading.Event(), False
        self._idle.set()
        self._failure: SagaError | None = None
        self.trouble: str | None = None
        """Why the latest that was written is not kept; None where it is."""
        self._thread = threading.Thread(target=self._write_on, name="saga-session", daemon=True)
        self._thread.start()

    def load(self) -> History | None:
        """Returns the session that was kept; None where there is none.

        One of another scene, or a damaged one, is not lost: its file gets another name, which a warning says.
        """
        if not self.path.is_file():
            return None
        try:
            with reading(self.path, "a session of saga", "a new one begins"):
                tensors, facts = read_tensors(self.path, _HEADER, "np")
                if facts["format_version"] != FORMAT_VERSION:
                    raise ValueError(f"version {facts['format_version']} of the format")
                if facts["scene_digest"] != self._digest:
                    raise ValueError("one of another scene")
                return _read_history(facts, tensors, self._count)
        except SagaError as error:
            aside = _free_path(self.path)
            os.replace(self.path, aside)
            warnings.warn(f"{error} The earlier file is kept as {aside.name}.", stacklevel=3)
            return None

    def keep(self, history: History) -> None:
        """Has a session written, as soon as what is being written is done; nothing is waited for.

        Raises:
            SagaError: the last write failed.
        """
        shown = History(history.states, history.position)
        with self._wake:
            failure, self._failure = self._failure, None
            self._latest = shown
            self._idle.clear()
            self._wake.notify()
        if failure is not None:
            raise failure

    def settle(self) -> None:
        """Waits until the latest is written, whether that goes well or not (`trouble`)."""
        self._idle.wait()

    def flush(self) -> None:
        """Waits until the latest is written. Raises SagaError when that failed."""
        self._idle.wait()
        failure, self._failure = self._failure, None
        if failure is not None:
            raise failure

    def close(self) -> None:
        """Writes the latest and lets other programs have the session. Raises SagaError when it cannot be written."""
        with self._wake:
            self._closed = True
            self._wake.notify()
        self._thread.join()
        if self._lock is not None:
            with contextlib.suppress(OSError):
                Path(self._lock.name).unlink()
            self._lock.close()
            self._lock = None
        self.flush()

    def _write_on(self) -> None:
        while True:
            with self._wake:
                while self._latest is None and not self._closed:
                    self._idle.set()
                    self._wake.wait()
                history, self._latest = self._latest, None
            if history is None:
                self._idle.set()
                return
            failure = None
            try:
                self._write(history.last(_MOST_BYTES))
            except SagaError as error:
                failure = error
            except Exception as error:  # a thread that ends in silence would keep nothing from then on
                failure = SagaError(f"{self.path}: expected a session that can be written, found {error!r}.")
            self._failure = failure or self._failure
            self.trouble = None if failure is None else str(failure)

    def _write(self, history: History) -> None:
        blobs = {bits.data: bits for state in history.states for bits in state.sets}
        places = {data: f"set_{number}" for number, data in enumerate(blobs)}
        facts = {
            "format_version": FORMAT_VERSION,
            "scene_digest": self._digest,
            "position": history.position,
            "states": [_state_as_json(state, places) for state in history.states],
        }
        tensors = {place: np.frombuffer(data, np.uint8) for data, place in places.items()}
        with atomic_path(self.path) as temporary:
            save_file(tensors, temporary, {_HEADER: json_text(facts)})

    def _locked(self) -> IO[bytes] | None:
        """Returns a file whose lock says that the session is open here; None on systems without such locks."""
        if fcntl is None:
            return None
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            lock = self.path.with_name(f".{self.path.name}.lock").open("wb")
        except OSError as error:
            raise SagaError(
                f"{self.path}: expected a place that can be written, found none ({error.strerror}); choose another."
            ) from error
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            lock.close()
            raise SagaError(
                f"{self.path}: expected a session that no other program has open, found one that has; end that "
                "program, or choose another file."
            ) from None
        return lock


def _state_as_json(state: State, places: Mapping[bytes, str]) -> dict[str, Any]:
    objects = [
        {
            "name": each.name,
            "color": list(each.color),
            "set": places[each.bits.data],
            "kind": each.kind,
            "report": dict(each.report),
        }
        for each in state.objects
    ]
    return {
        "selection": places[state.selection.data],
        "objects": objects,
        "editing": state.editing,
        "done": state.done,
        "report": dict(state.report),
    }


def _read_history(facts: Mapping[str, Any], tensors: Mapping[str, np.ndarray], count: int) -> History:
    sets = {name: Bits.read(count, np.asarray(data, np.uint8).tobytes()) for name, data in tensors.items()}
    states = [_read_state(each, sets) for each in facts["states"]]
    position = int(facts["position"])
    if not 0 <= position < len(states):
        raise ValueError(f"the present state {position} of {len(states)}")
    return History(states, position)


def _read_state(values: Mapping[str, Any], sets: Mapping[str, Bits]) -> State:
    state = State(sets[values["selection"]], done=str(values["done"]), report=dict(values["report"]))
    for each in values["objects"]:
        red, green, blue = (min(max(int(value), 0), 255) for value in each["color"])
        made = NamedObject(
            str(each["name"]), (red, green, blue), sets[each["set"]], str(each["kind"]), dict(each["report"])
        )
        state = state.with_object(made)
    editing = values["editing"]
    return State(
        state.selection,
        state.objects,
        None if editing is None else state.object(str(editing)).name,
        state.done,
        state.report,
    )


def _free_path(path: Path) -> Path:
    """Returns the first of path-1, path-2, ... that is not there."""
    number = 1
    while (free := path.with_name(f"{path.stem}-{number}{path.suffix}")).exists():
        number += 1
    return free
