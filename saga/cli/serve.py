"""saga-serve: scenes, prompts and objects for other programs, over HTTP."""

from __future__ import annotations

import contextlib
import logging
import secrets
import socket
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import tyro

from saga.cli.inputs import PLANNED_VIEWS
from saga.cli.options import Device, Lists, NonNegative, OptionalText, Positive, joined
from saga.cli.run import run, say
from saga.errors import SagaError

if TYPE_CHECKING:
    from saga.scene import Scene


def serve(
    folders: Annotated[tuple[Path, ...], tyro.conf.Positional, tyro.conf.arg(metavar="FOLDER ...")] = (Path(),),
    *,
    host: str = "127.0.0.1",
    port: NonNegative = 8090,
    token: OptionalText = None,
    origin: Annotated[Lists[str], tyro.conf.arg(metavar="URL ...")] = (),
    most_megabytes: Positive = 32,
    most_scenes: Positive = 8,
    most_waiting: Positive = 16,
    render_views: NonNegative = PLANNED_VIEWS,
    text_model: OptionalText = None,
    device: Device = "auto",
) -> None:
    """Serve the scenes of some folders to other programs: prompts in, nested answers, masks and files out.

    Args:
        folders: What may be read and written; nothing outside of these folders is. The current one by default.
        host: Address to listen on. Others than this machine's ask for a token.
        port: Port to listen on; 0 takes any that is free.
        token: What requests have to carry; one is made and printed where it is needed.
        origin: Web pages that may ask, e.g. https://playcanvas.com.
        most_megabytes: The most that a request may send.
        most_scenes: Scenes that may be open at a time.
        most_waiting: Requests that may wait for a scene.
        render_views: Views to make of a scene that has neither cameras nor photographs; 0 makes none.
        text_model: The model that knows words, for texts: a short name, a folder, or an id of the hub; siglip2 by
            default.
        device: Where to compute.
    """
    from saga.server.app import build_app, require_fastapi
    from saga.server.folders import Folders
    from saga.server.gate import LOCAL

    require_fastapi()
    import uvicorn

    from saga.opening import load_scene
    from saga.runtime.device import choose_device
    from saga.server.scenes import Scenes

    def load(path: Path, images: Path | None, cameras: Path | None, note: Callable[[str], None]) -> Scene:
        return load_scene(path, images, cameras, views=render_views, device=chosen, progress=False, say=note)

    served, chosen = Folders(folders), choose_device(device)
    if token == "":
        raise SagaError("--token: expected a token, found an empty one; leave it out to have one made.")
    with _listening(host, port) as listener:
        made = token is None and host not in LOCAL
        if made:
            token = secrets.token_urlsafe(24)
        scenes = Scenes(served, load, chosen, most_scenes, most_waiting, text_model)
        app = build_app(scenes, token, most_megabytes << 20, tuple(joined(origin)))
        address = f"http://{_readable(host)}:{listener.getsockname()[1]}"
        say(f"{', '.join(map(str, served.roots))}: served at {address}, described at {address}/docs; Ctrl-C ends it.")
        if made:
            say(f"token: {token}")
        # An error that a request causes is its answer; what is wrong with saga itself is printed by the app.
        logging.getLogger("uvicorn.error").setLevel(logging.CRITICAL)
        config = uvicorn.Config(app, log_level="critical", access_log=False, server_header=False, ws="none")
        uvicorn.Server(config).run(sockets=[listener])


def _listening(host: str, port: int) -> contextlib.closing[socket.socket]:
    """Returns a socket that listens. Raises SagaError for an address that is none, or a port that is taken."""
    if port > 65_535:
        raise SagaError(f"--port: expected 0 to 65535, found {port}; give another.")
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        listener = socket.socket(family, kind, protocol)
    except (OSError, OverflowError, UnicodeError) as error:
        raise SagaError(f"--host {host} --port {port}: expected an address, found none ({error}).") from error
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(address)
        listener.listen(128)
    except OSError as error:
        listener.close()
        raise SagaError(
            f"--port {port}: expected one that is free at {host}, found none ({error.strerror}); give another."
        ) from error
    return contextlib.closing(listener)


def _readable(host: str) -> str:
    if host in ("0.0.0.0", "::"):
        host = socket.gethostname()
    return f"[{host}]" if ":" in host else host


def main() -> None:
    """Runs saga-serve."""
    run(serve, "saga-serve")
