"""Viewer: a session in the browser."""

from __future__ import annotations

import secrets
import time
import webbrowser
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from saga.errors import SagaError
from saga.raster import DeviceScene
from saga.scene import Camera, Scene
from saga.scene.orbit import orbit_cameras
from saga.session import Session
from saga.session.jobs import Jobs, told
from saga.session.preparing import open_beside
from saga.train import FeatureField
from saga.viewer import frames
from saga.viewer.actions import Actions
from saga.viewer.colors import feature_colors, heat_colors, object_colors
from saga.viewer.display import MOST_SHOWN, Display
from saga.viewer.downloads import Downloads
from saga.viewer.front import LOCAL, File, Front, Tab
from saga.viewer.photographs import Photographs
from saga.viewer.stage import Stage, tell, up_of
from saga.viewer.status import status
from saga.words import Detector, TextImageModel

_PAGE = Path(__file__).parent / "page"
_SCRIPTS = ("channel.js", "frames.js", "tools.js", "panel.js", "photos.js", "downloads.js", "keys.js")
_KINDS = {".js": "text/javascript; charset=utf-8", ".css": "text/css; charset=utf-8"}
_INSERTED = '<link rel="stylesheet" href="/saga/page/style.css">' + "".join(
    f'<script src="/saga/page/{name}"></script>' for name in _SCRIPTS
)


class Viewer:
    """Shows a session in the browser until it is closed.

    Attributes:
        session: what a person acts on.
        address: what to open in a browser.
    """

    def __init__(
        self,
        session: Session,
        *,
        host: str = "127.0.0.1",
        port: int = 8080,
        token: str | None = None,
        folder: str | Path | None = None,
        most_shown: int = MOST_SHOWN,
        masks: str | Path | None = None,
        sam: str | Path | None = None,
        text_model: str | Path | TextImageModel | Detector | None = None,
    ) -> None:
        """Starts to serve.

        Args:
            session: the session; closing it is left to who opened it.
            host: the address to listen on; one that others reach takes a token.
            port: the port, or the first free one after it; 0 takes any.
            token: what a page has to know; None makes one where the host needs it.
            folder: where files are written; None takes a folder beside the scene with the ending _objects.
            most_shown: Gaussians that are drawn; of a larger scene the display is a level of detail.
            masks: a person's own masks, which the page offers to train with; others have to lie in the scene's folder.
            sam: a mask model, as `resolve_model` has it, likewise.
            text_model: the model that knows words, as `saga.words.open_model` has it; the recommended one by default.

        Raises:
            SagaError: viser is missing, or no port is free.
        """
        self.session = session
        scene = session.scene
        beside = None if scene.path is None else scene.path.with_name(f"{scene.path.stem}_objects")
        self.folder = Path(folder) if folder is not None else beside
        self.given = {name: str(path) for name, path in (("masks", masks), ("sam", sam)) if path is not None}
        self.text_model = text_model
        self.downloads = Downloads()
        self.display = Display(scene.gaussians, most_shown)
        self.up = up_of(self.display, scene.gaussians, scene.cameras)
        self.photographs, self._painter = Photographs(session.placed), frames.Painter(session.placed)
        self.method = "saga"
        self.seen, self.only, self.written, self.version = "colors", "all", "", 0
        self._colors: dict[object, np.ndarray] = {}
        self._shown: tuple[object, ...] = ()
        self._actions, self.jobs = Actions(self), Jobs(self._tell, self._say)
        self.stage = Stage(self.display, self._entered)
        self.stage.look_from(self.first_camera, self.up)
        if token is None and host not in LOCAL:
            token = secrets.token_urlsafe(16)
        try:
            self.front = Front(self, self.stage.port, _INSERTED, host, port, token)
        except BaseException:
            self.stage.close()
            raise
        self.address = self.front.address
        session.listeners.append(self._changed)
        self.draw()

    def close(self) -> None:
        """Ends the server; the session stays."""
        if self._changed in self.session.listeners:
            self.session.listeners.remove(self._changed)
        self.jobs.cancel()
        self.jobs.wait(10)
        self.front.close()
        self.stage.close()
        self.downloads.close()

    @property
    def readable(self) -> list[Path]:
        """What a page may have read for training: the folders of the scene and its photographs, and what was given."""
        scene = self.session.scene
        places = [] if scene.path is None else [scene.path.parent]
        places += {camera.image_path.parent for camera in scene.cameras if camera.image_path is not None}
        return [place.resolve() for place in (*places, *map(Path, self.given.values()))]

    @cached_property
    def first_camera(self) -> Camera:
        """Where a page looks from at first: the first view, or one from above where there is none."""
        scene = self.session.scene
        return scene.cameras[0] if scene.cameras else orbit_cameras(scene.gaussians, 1, 960, 720)[0]

    # What pages ask for

    def file(self, path: str, query: dict[str, str]) -> File | None:
        """Returns a part of the page, a photograph, or one with the selection in it."""
        kind, _, name = path.partition("/")
        if kind == "page":
            known = {each.name: each for each in _PAGE.iterdir() if each.suffix in _KINDS}
            found = known.get(name)
            return None if found is None else File(_KINDS[found.suffix], found.read_bytes())
        if kind not in ("photograph", "mask", "download") or not name.isdigit():
            return None
        if kind == "download":
            start = query.get("from", "0")
            return self.downloads.part(int(name), int(start)) if start.isdigit() else None
        height = int(query["height"]) if query.get("height", "").isdigit() else 480
        if kind == "photograph":
            return self.photographs.photograph(int(name), height)
        return self.photographs.masked(int(name), height, self.session.selection)

    def receive(self, tab: Tab, message: dict[str, Any]) -> None:
        """Acts on a message of a page and replies."""
        began = time.perf_counter()
        reply: dict[str, Any]
        try:
            reply = self._actions.act(tab, message)
        except SagaError as error:
            reply = {"error": str(error)}
        except Exception as error:  # the page would wait forever
            reply = {"error": told(error)}
        if message.get("do") in ("hello", "frames"):
            self.draw()
            tab.send(self.state())
        self.stage.flush()
        unkept = self.session.unkept
        if unkept is not None and "text" in reply:
            reply["warnings"] = [*(each for each in reply.get("warnings", ()) if each != unkept), unkept]
        spent = round((time.perf_counter() - began) * 1e3, 2)
        tab.send({"kind": "done", "id": message.get("id"), "all_ms": spent} | reply)

    def left(self, tab: Tab) -> None:
        """Nothing is kept of a page that is gone."""
        tab.state.clear()
        self.draw()

    def state(self) -> dict[str, Any]:
        """Returns what pages show beside the scene."""
        return status(self)

    # What is shown

    def see(self, what: str) -> None:
        """Colors the scene by something else. Raises SagaError where there is nothing to color it by."""
        if what == "features" and getattr(self.session.method, "field", None) is None:
            raise SagaError("features: expected features of the scene, found none; make them first.")
        if what == "scores" and self.session.scores is None:
            raise SagaError("scores: expected the scores of a prompt, found none; click on something first.")
        self.seen = what
        self._changed()

    def show_only(self, which: str) -> None:
        """Shows all of the scene, or the selection alone ("isolate", "cutout"), or all but it ("hide")."""
        self.only = which
        self._changed()

    def preview(
        self,
        member: np.ndarray | None,  # [N] bool
    ) -> None:
        """Shows what a click would select."""
        self.stage.show_preview(member)

    def picture(self, camera: Camera, still: bool) -> bytes:
        """Renders what a page shows, as JPEG."""
        colors = None if self.seen == "depth" else self._seen_colors()
        if still and self.seen == "colors":  # as they are from there, where time allows
            colors = self.session.scene.gaussians.colors(camera.position)
        dark = (0.08, 0.09, 0.11) if self.stage.dark else (1.0, 1.0, 1.0)
        rows = None if still or not self.display.is_partial else self.display.shown
        return self._painter.picture(camera, colors, self.session.selection, self.only, dark, rows)

    def draw(self) -> None:
        """Sends what is not shown yet; nothing is drawn where all pages show pictures that are rendered here."""
        tabs = list(self.front.tabs)
        if tabs and all(tab.state.get("orbit") is not None for tab in tabs):
            self.stage.clear()
            self._shown = ()
            return
        with self.session.lock:
            selection, state = self.session.selection, self.session.state
            alone = self.only in ("isolate", "cutout")
            key = (self.seen, self._color_key(), state.selection.data if self.only == "hide" else None)
            if alone:
                self.stage.hide_base()
            else:
                self.stage.show_base(key, self._seen_colors, ~selection if self.only == "hide" else None)
            shown = (state.selection.data, self.only)
            if shown != self._shown:
                self.stage.show_selection(np.zeros_like(selection) if self.only == "hide" else selection, alone)
                self._shown = shown
            self.stage.background(self.only == "cutout")

    def _changed(self) -> None:
        self.version += 1
        if self.seen == "scores" and self.session.scores is None:
            self.seen = "colors"
        self.draw()
        self._tell()

    def _tell(self) -> None:
        self.front.broadcast(self.state())

    def _say(self, line: str, failed: bool) -> None:
        self.front.broadcast({"kind": "say", "text": line, "error": failed})

    def _entered(self, client: Any) -> None:
        """A page has connected to viser: it learns its number there."""
        number = int(client.client_id)
        tell(client, f"if (window.saga) {{ saga.client = {number}; saga.greet(); }} else window.sagaClient = {number};")

    def _color_key(self) -> object:
        """What the colors depend on beside what is seen."""
        if self.seen == "objects":
            return tuple((each.color, each.bits.data) for each in self.session.objects)
        if self.seen == "scores":
            return id(self.session.question)
        return id(self.session.method) if self.seen == "features" else None

    def _seen_colors(self) -> np.ndarray:  # [N, 3]
        """The colors that are seen; the last ones of each kind are kept."""
        key = (self.seen, self._color_key())
        if key not in self._colors:
            self._colors = {known: value for known, value in self._colors.items() if known[0] != self.seen}  # type: ignore[index]
            self._colors[key] = self._made_colors()
        return self._colors[key]

    def _made_colors(self) -> np.ndarray:  # [N, 3]
        own, scores = self.display.colors, self.session.scores
        if self.seen == "objects":
            return object_colors(own, self.session.objects)
        if self.seen == "scores" and scores is not None:
            return heat_colors(scores)
        field = getattr(self.session.method, "field", None)
        if self.seen == "features" and field is not None:
            return feature_colors(field.features.cpu().numpy())
        return own


def view(
    scene: Scene | DeviceScene,
    field: FeatureField | None = None,
    *,
    session: str | Path | None = None,
    port: int = 0,
    browser: bool = False,
    height: int = 640,
) -> Viewer:
    """Shows a scene in the browser, or in a notebook: the result is shown there as the viewer itself.

    Args:
        scene: the scene.
        field: its features; those in the file beside it by default.
        session: the file that the session is kept in; the one beside the scene by default, and none without a file.
        port: the port to listen on, on this machine alone; any free one by default.
        browser: whether a browser is opened.
        height: of the view in a notebook, in pixels.

    Returns:
        The viewer. `close` ends it and the session.

    Raises:
        SagaError: viser is missing, or a file is damaged or another scene's.
    """
    placed = DeviceScene.of(scene)
    opened = Session(placed, open_beside(placed, field), session)
    shown = NotebookViewer(opened, port=port)
    shown.height = height
    if browser:
        webbrowser.open(shown.address)
    return shown


class NotebookViewer(Viewer):
    """A viewer that a notebook shows as what it is, and that closes its session."""

    height: int = 640

    def _repr_html_(self) -> str:
        return (
            f'<iframe src="{self.address}" width="100%" height="{self.height}" style="border: 1px solid #ccc; '
            'border-radius: 6px" allow="fullscreen"></iframe>'
        )

    def close(self) -> None:
        """Ends the server and the session."""
        super().close()
        self.session.close()
