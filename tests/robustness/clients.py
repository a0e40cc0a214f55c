"""saga-view and saga-serve as processes of their own, and clients that keep objects in them until they end."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import threading
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from safetensors import safe_open

from tests.robustness.sandbox import Box, Limits, Step, run

FILES = ("scene.ply", "images", "transforms.json", "scene.saga", "scene.regions")
PROGRAMS: dict[str, Step] = {
    "view": ("view", ["scene.ply", "images", "--port", "0", "--device", "cpu"]),
    "serve": ("serve", [".", "--port", "0", "--device", "cpu"]),
}
_PAUSE = 0.02
"""Seconds between two objects: more than writing a session takes."""
_UNWRITTEN = {"serve": 0, "view": 10}
"""Objects that may not be written yet when a program is killed: the server answers when they are, the viewer before."""


class Client(threading.Thread):
    """Keeps objects in a program, one after the other; `kept` are the names of those that it said are kept."""

    def __init__(self, name: str, log: Path, process: subprocess.Popen[bytes]) -> None:
        """Takes the program's name, the file with all it prints, and its process."""
        super().__init__(daemon=True)
        self.program, self._log, self._process = name, log, process
        self.kept: list[str] = []
        self.faults: list[str] = []
        self.may_end = threading.Event()
        """Set before the program is told to end: until then it has to answer."""
        self.ready = threading.Event()
        """Set once the first is kept."""

    def run(self) -> None:
        """Waits for the address, and keeps objects until the program is gone."""
        address = self._address()
        if address is None:
            return
        keep = {"serve": _served, "view": _viewed}[self.program](address)
        try:
            for number, _ in enumerate(keep):
                self.kept.append(f"kept{number}")
                self.ready.set()
                time.sleep(_PAUSE)
        except Exception as error:  # whatever a library raises when the other side ends
            if not self.may_end.is_set():
                self.faults.append(f"no answer: {error!r}")

    def _address(self) -> str | None:
        while self._process.poll() is None:
            said = re.search(r"http://[\w.:/]+", self._log.read_text(errors="replace"))
            if said is not None:
                return said.group().rstrip("/,")
            time.sleep(0.05)
        return None


def _served(address: str) -> Iterator[None]:
    def ask(path: str, body: dict[str, Any]) -> None:
        data, headers = json.dumps(body).encode(), {"content-type": "application/json"}
        urllib.request.urlopen(urllib.request.Request(f"{address}{path}", data, headers), timeout=60).read()

    ask("/scenes", {"path": "scene.ply"})
    ask("/scenes/1/selection", {"action": "invert"})
    number = 0
    while True:
        ask("/scenes/1/objects", {"name": f"kept{number}"})
        number += 1
        yield


def _viewed(address: str) -> Iterator[None]:
    from websockets.sync.client import connect

    with connect(f"{address.replace('http', 'ws', 1)}/", subprotocols=["saga"], max_size=None) as page:  # type: ignore[list-item]

        def ask(**message: Any) -> None:
            page.send(json.dumps(message))
            while True:
                answer = json.loads(page.recv(60))
                if answer.get("kind") in ("done", "error"):
                    assert not answer.get("error"), answer
                    return

        ask(do="invert")
        number = 0
        while True:
            ask(do="save", name=f"kept{number}")
            number += 1
            yield


def kept_in(path: Path) -> list[str]:
    """Returns the names of the objects in a session, by another reader than saga's; none where there is no file."""
    if not path.is_file():
        return []
    with safe_open(path, "np") as file:
        facts = json.loads(file.metadata()["saga_session"])
    return [each["name"] for each in facts["states"][facts["position"]]["objects"]]


def fill(world: Path, box: Box) -> None:
    """Puts a scene with features and regions into an empty box."""
    for name in FILES:
        copy = shutil.copytree if (world / name).is_dir() else shutil.copy
        copy(world / name, box.case / name)


def what_is_lost(name: str, box: Box, kept: list[str], killed: bool) -> list[str]:
    """Returns what is wrong with the session that a program left.

    Args:
        name: of the program.
        box: where it ran.
        kept: the names that it said are kept.
        killed: whether it could not write the last of them.
    """
    found = kept_in(box.case / "scene.session")
    missing = kept[len(found) :]
    faults = [] if found[: len(kept)] == kept[: len(found)] else [f"the session has {found[:3]}..., not {kept[:3]}..."]
    if len(missing) > (_UNWRITTEN[name] if killed else 0):
        faults.append(f"{len(missing)} of {len(kept)} objects are lost")
    again = run(box, [("session", ["0"])], Limits())
    faults += [] if again.code == 0 and not again.said.strip() else [f"opened again: {again.said.strip()[-200:]}"]
    return faults + [f"{path} is left over" for path in sorted(box.contents()) if "/.s" in path]
