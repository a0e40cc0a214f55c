"""The programs that stay, in one process: saga-view and saga-serve as people use them, and the session of both.

Each is the program's own command with all that it does, but for two things: where it would wait for ever, a client
asks for all that the files of a folder say, and then it ends; and the server's client is Starlette's, without a socket.
"""

from __future__ import annotations

import contextlib
import json
import os
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from unittest import mock

import numpy as np

from saga.errors import SagaError

CAMERA = {"width": 64, "height": 48, "fx": 60.0, "fy": 60.0, "cx": 32.0, "cy": 24.0}
POSE = [[1.0, 0.0, 0.0, 0.0], [0.0, 0.0, -1.0, 0.5], [0.0, 1.0, 0.0, 4.0], [0.0, 0.0, 0.0, 1.0]]
CLICK = {"view": "000.png", "points": [[48.0, 24.0]]}
SQUARE = [[0.2, 0.2], [0.9, 0.2], [0.9, 0.9], [0.2, 0.9]]
REQUESTS: dict[str, tuple[str, str, Any]] = {
    "open": ("POST", "/scenes", {"path": "scene.ply", "images": "images", "cameras": "transforms.json"}),
    "prompt": ("POST", "/scenes/1/prompt", {"prompts": [CLICK], "mode": "replace"}),
    "refine": ("POST", "/scenes/1/refine", {"prompts": [{"view": "000.png", "negative": [[10.0, 40.0]]}]}),
    "answer": ("POST", "/scenes/1/answer", {"answer": 0}),
    "box": ("POST", "/scenes/1/prompt", {"prompts": [{"view": "001.png", "box": [8.0, 8.0, 56.0, 40.0]}]}),
    "stroke": ("POST", "/scenes/1/prompt", {"prompts": [{"view": "000.png", "scribble": [[44, 24], [52, 24]]}]}),
    "anywhere": ("POST", "/scenes/1/prompt",
                 {"prompts": [{"camera": CAMERA | {"world_to_camera": POSE}, "box": [4.0, 4.0, 60.0, 44.0]}]}),
    "invert": ("POST", "/scenes/1/selection", {"action": "invert"}),
    "keep": ("POST", "/scenes/1/objects", {"name": "kept", "color": [10, 20, 30]}),
    "select": ("POST", "/scenes/1/selection", {"action": "object", "object": "kept", "mode": "add"}),
    "rename": ("PATCH", "/scenes/1/objects/kept", {"name": "renamed", "color": [1, 2, 3]}),
    "mask": ("POST", "/scenes/1/mask", {"view": "000.png", "object": "renamed"}),
    "export": ("POST", "/scenes/1/export", {"folder": "out", "object": "renamed", "masks": True, "prune": False}),
    "train": ("POST", "/scenes/1/training", {"masks": "instances", "iterations": 0}),
}  # fmt: skip
"""Requests to the server in their order: methods, addresses and bodies by the names of their files."""
ASKED = ("/scenes", "/scenes/1", "/scenes/1/views", "/scenes/1/objects", "/scenes/1/selection", "/scenes/1/bits")
"""What is asked for after them."""
MESSAGES: dict[str, dict[str, Any]] = {
    "hello": {"do": "hello", "client": 0, "webgl": True},
    "frames": {"do": "frames", "on": True, "width": 64, "height": 48},
    "look": {"do": "look", "still": True, "width": 64, "height": 48, "steps": [["orbit", 0.1, 0.05], ["zoom", 1, 0]]},
    "click": {"do": "click", "view": "000.png", "at": [0.75, 0.5], "mode": "replace"},
    "refine": {"do": "click", "view": "000.png", "at": [0.16, 0.84], "refine": "negative"},
    "hover": {"do": "hover", "view": "000.png", "at": [0.5, 0.5]},
    "rectangle": {"do": "rectangle", "view": "000.png", "line": SQUARE[::2], "takes": "object"},
    "choose": {"do": "choose", "index": 0},
    "lasso": {"do": "lasso", "line": SQUARE, "takes": "through", "mode": "add"},
    "brush": {"do": "brush", "view": "000.png", "line": SQUARE, "width": 0.02, "takes": "surface", "mode": "add"},
    "grow": {"do": "grow"},
    "save": {"do": "save", "name": "kept"},
    "recolor": {"do": "recolor", "name": "kept", "color": "#102030"},
    "rename": {"do": "rename", "name": "kept", "to": "renamed"},
    "edit": {"do": "edit", "name": "renamed"},
    "undo": {"do": "undo"},
    "see": {"do": "see", "value": "objects"},
    "only": {"do": "only", "value": "isolate"},
    "go": {"do": "go", "view": "001.png"},
    "export": {"do": "export", "what": "selection", "format": "ply"},
    "labels": {"do": "export", "what": "labels", "download": True},
    "download": {"do": "download"},
}
"""Messages of a page to the viewer, by the names of their files."""
JOBS = ("download", "export", "find", "method", "prepare")
"""Of them, those that are answered twice: when the work begins, and when it is done."""
ADDRESSES = ("", "saga/page/panel.js", "saga/photograph/0?height=32", "saga/mask/1?height=32")
_LONGEST = 30.0
"""Seconds until an answer."""


def write_programs(folder: Path) -> None:
    """Writes the folders of requests and messages."""
    for name, bodies in (("requests", [body for *_, body in REQUESTS.values()]), ("messages", MESSAGES.values())):
        (folder / name).mkdir()
        names = REQUESTS if name == "requests" else MESSAGES
        for number, (each, body) in enumerate(zip(names, bodies, strict=True)):
            (folder / name / f"{number:02d}-{each}.json").write_text(json.dumps(body))


def are_there() -> bool:
    """Whether the packages are installed that the programs take; without them they are in no campaign."""
    return all(find_spec(name) for name in ("fastapi", "fastapi_offline", "httpx", "uvicorn", "viser", "websockets"))


def load_programs() -> None:
    """Loads what both programs take, so that forks have it."""
    names = ("fastapi.testclient", "uvicorn", "viser", "websockets.sync.client")
    for name in (
        *names,
        "saga.cli.serve",
        "saga.cli.view",
        "saga.server.app",
        "saga.server.scenes",
        "saga.viewer.viewer",
    ):
        if are_there():
            import_module(name)


def serve(arguments: list[str]) -> None:
    """saga-serve in this folder, asked for what the folder `requests` says."""
    from saga.cli.serve import main

    def used(server: Any, sockets: Any = None) -> None:
        from fastapi.testclient import TestClient

        app = server.config.app
        with TestClient(app, base_url="http://127.0.0.1", raise_server_exceptions=False) as client:
            said = list(_asked(client))
        _end(said)

    sys.argv = ["saga-serve", ".", "--port", "0", "--device", "cpu", *arguments]
    with mock.patch("uvicorn.Server.run", used):
        main()


def view(arguments: list[str]) -> None:
    """saga-view of the scene in this folder, with a page that sends what the folder `messages` says."""
    from saga.cli import view as command

    said: list[str] = []
    address: list[str] = []

    def hear(line: str) -> None:
        address.extend(word for word in line.split() if word.startswith("http"))

    def use(_: float) -> None:
        said.extend(_told(address[-1]))
        _end(said)
        sys.exit(0)

    sys.argv = ["saga-view", "scene.ply", "images", "--port", "0", "--device", "cpu", "--out", "out", *arguments]
    with mock.patch.multiple(command, say=hear, time=SimpleNamespace(sleep=use)):
        command.main()


def _end(said: list[str]) -> None:
    """Ends as a command does that a person's mistake stopped, with the first one; the others are as good or bad."""
    if said:
        raise SagaError(said[0])


def _bodies(folder: str) -> Iterator[tuple[str, bytes]]:
    for path in sorted(Path(folder).iterdir()):
        with contextlib.suppress(OSError):  # no file is no request
            yield path.stem.partition("-")[2], path.read_bytes() if path.is_file() else b""


def _asked(client: Any) -> Iterator[str]:
    """Yields the line of each request that is refused. Raises AssertionError for answers that no client can read."""
    requests = [(*REQUESTS[name][:2], body) for name, body in _bodies("requests")]
    for method, address, body in [*requests, *(("GET", address, None) for address in ASKED)]:
        answer = client.request(method, address, content=body, headers={"content-type": "application/json"})
        if answer.is_success:
            if answer.headers.get("content-type") == "application/json":
                _strictly(answer.text)
            continue
        told = _strictly(answer.text)
        assert list(told) == ["error"] and "\n" not in told["error"], f"{method} {address}: {answer.text}"
        assert answer.status_code < 500, f"{method} {address}: {answer.status_code} {answer.text}"
        yield told["error"]
    yield from _trained(client)


def _trained(client: Any) -> Iterator[str]:
    """Waits for a training that was asked for, or ends it; yields why it failed."""
    state, until = _strictly(client.get("/scenes/1/training").text), time.monotonic() + 5
    while state.get("state") == "running" and time.monotonic() < until:
        time.sleep(0.05)
        state = _strictly(client.get("/scenes/1/training").text)
    if state.get("state") == "running":
        state = _strictly(client.delete("/scenes/1/training").text)
    if state.get("state") == "failed":
        yield state["text"]


def _told(address: str) -> Iterator[str]:
    """Yields the line of each message of a page that is refused."""
    from websockets.sync.client import connect

    for name in ADDRESSES:
        with (
            contextlib.suppress(urllib.error.HTTPError),
            urllib.request.urlopen(address + name, timeout=_LONGEST) as got,
        ):
            assert got.read(), name
    with connect(address.replace("http", "ws", 1), subprotocols=["saga"], max_size=None) as page:  # type: ignore[list-item]
        for name, body in _bodies("messages"):
            page.send(body.decode(errors="replace"))
            said: list[dict[str, Any]] = []
            answer = _heard(page, said, "done", "error")
            line = answer.get("error") or (answer["text"] if answer["kind"] == "error" else None)
            if line is not None:
                assert line and "\n" not in line, f"{name}: {line}"
                yield line
            elif _values(body).get("do") in JOBS:  # a job may end before it is said that it began
                end = said[0] if said else _heard(page, said, "say")
                if end["error"]:
                    yield end["text"]


def places_in(folder: Path) -> list[str]:
    """Returns where the requests in a folder have the server write, as it is damaged."""
    bodies = [_values(path.read_bytes()) for path in folder.glob("*.json") if path.is_file()]
    return [os.path.normpath(body["folder"]) for body in bodies if isinstance(body.get("folder"), str)]


def _values(body: bytes) -> dict[str, Any]:
    """Returns the values of a message or a request; none where it cannot be read."""
    try:
        values = json.loads(body)
    except (ValueError, RecursionError):
        return {}
    return values if isinstance(values, dict) else {}


def _heard(page: Any, said: list[dict[str, Any]], *kinds: str) -> dict[str, Any]:
    """Returns the next message of some kinds; pictures and the state are passed over, but must be read.

    Args:
        page: the connection.
        said: gets what is said of jobs meanwhile.
        kinds: of messages that are waited for.
    """
    while True:
        data = page.recv(_LONGEST)
        message: dict[str, Any] = {} if isinstance(data, bytes) else _strictly(data)
        if message.get("kind") in kinds:
            return message
        if message.get("kind") == "say":
            said.append(message)


def _strictly(text: str) -> Any:
    def refuse(number: str) -> None:
        raise AssertionError(f"{number} is no JSON: {text[:200]}")

    return json.loads(text, parse_constant=refuse)


ACTIONS: tuple[Callable[[Any], object], ...] = (
    lambda session: session.invert(),
    lambda session: session.save_object("all"),
    lambda session: session.select(np.arange(len(session.selection)) % 3 == 0),
    lambda session: session.save_object("inner", (1, 2, 3)),
    lambda session: session.clear(),
    lambda session: session.change_object("all", "everything"),
)
"""What is done in a session, each kept before the next, and each a state of its history."""


def session(arguments: list[str]) -> None:
    """Opens the session beside the scene, goes on with `ACTIONS` where it was left, and closes it.

    Args:
        arguments: how many actions are done in all, from those that were kept before on.
    """
    from saga.cli.run import run
    from saga.raster import DeviceScene
    from saga.scene import Gaussians, Scene
    from saga.session import Session

    def command() -> None:
        placed = DeviceScene(Scene(Gaussians.read("scene.ply"), [], Path("scene.ply")), "cpu")
        opened = Session(placed, None, "scene.session")
        try:
            for action in ACTIONS[len(opened.history.states) - 1 : int(arguments[0])]:
                action(opened)
                assert opened.file is not None
                opened.file._idle.wait()  # each of them is written by itself, whether that goes well or not
        finally:
            opened.close()

    sys.argv = ["saga-session"]
    run(command, "saga-session")
