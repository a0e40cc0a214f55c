"""What a page may ask for: one method for each message, which acts on the session."""

from __future__ import annotations

import base64
import math
from collections.abc import Callable
from typing import Any

import numpy as np

from saga.cleaning.strengths import Strengths
from saga.errors import SagaError
from saga.query import Prompt
from saga.scene import Camera
from saga.session import Outcome, shapes
from saga.session.pictures import mask_of_png
from saga.viewer import frames
from saga.viewer.front import Tab
from saga.viewer.long_work import LongWork, Message, Reply, one_of

SEEN = ("colors", "features", "objects", "scores", "depth")
ONLY = ("all", "isolate", "hide", "cutout")
_MOST_POINTS = 4000


class Actions(LongWork):
    """Acts on messages of pages. A mistake in one is a SagaError, which the page shows."""

    def act(self, tab: Tab, message: Message) -> Reply:
        """Does what a message asks for and returns what to reply. Raises SagaError for what cannot be done."""
        action: Callable[[Tab, Message], Reply] | None = getattr(self, f"do_{message.get('do')}", None)
        if action is None:
            raise SagaError(
                f"message: expected something that saga does, found {message.get('do')!r}; reload the page."
            )
        try:
            return action(tab, message)
        except (KeyError, TypeError, ValueError, OverflowError) as error:
            raise SagaError(f"message: expected the values of {message.get('do')}, found {error!r}; reload.") from error

    def do_hello(self, tab: Tab, message: Message) -> Reply:
        """A page says who it is, and what can draw there."""
        tab.state |= {"client": message.get("client"), "webgl": message.get("webgl")}
        return {}

    # Prompts

    def do_click(self, tab: Tab, message: Message) -> Reply:
        """A click in the view, or in a photograph."""
        camera = self._camera(tab, message)
        (pixel,) = self._pixels(camera, [message["at"]])
        if message.get("refine") == "negative":
            return _told(self._session.refine(Prompt(camera, negative=[pixel])))
        if message.get("refine") == "positive" and self._session.question is not None:
            return _told(self._session.refine(Prompt(camera, [pixel])))
        return _told(self._session.click(camera, pixel, message.get("mode", "replace")))

    def do_hover(self, tab: Tab, message: Message) -> Reply:
        """The pointer rests on something, or on nothing."""
        place, found = message.get("at"), None
        if place is not None:
            camera = self._camera(tab, message)
            (pixel,) = self._pixels(camera, [place])
            try:
                found = self._session.preview(camera, pixel)
            except SagaError:
                found = None
        self.viewer.preview(found)
        return {}

    def do_rectangle(self, tab: Tab, message: Message) -> Reply:
        """A rectangle in the view: a box around an object, or all that is in it."""
        camera = self._camera(tab, message)
        ends = self._pixels(camera, [message["line"][0], message["line"][-1]])
        (x0, x1), (y0, y1) = (sorted(pair) for pair in zip(*ends, strict=True))
        if message.get("takes", "object") == "object":
            if message.get("refine"):
                return _told(self._refined(Prompt(camera, box=(x0, y0, x1, y1))))
            return _told(self._session.box(camera, (x0, y0, x1, y1), message.get("mode", "replace")))
        return self._region(camera, shapes.lasso(camera, [(x0, y0), (x1, y0), (x1, y1), (x0, y1)]), message)

    def do_lasso(self, tab: Tab, message: Message) -> Reply:
        """A closed line in the view."""
        camera = self._camera(tab, message)
        line = self._pixels(camera, message["line"])
        if message.get("takes", "object") != "object":
            return self._region(camera, shapes.lasso(camera, line), message)
        return self._drawn(shapes.around(camera, line), message)

    def do_mask(self, tab: Tab, message: Message) -> Reply:
        """A picture of a mask that was dropped on a photograph."""
        camera = self._camera(tab, message)
        mask = mask_of_png(base64.b64decode(str(message["png"]), validate=True), camera)
        return self._drawn(Prompt(camera, mask=mask), message)

    def do_brush(self, tab: Tab, message: Message) -> Reply:
        """A stroke in the view."""
        camera = self._camera(tab, message)
        width = min(max(float(message.get("width", 0.02)), 0.001), 0.5) * camera.height
        line = self._pixels(camera, message["line"])
        if message.get("takes", "object") != "object":
            return self._region(camera, shapes.stroke(camera, line, width), message)
        return self._drawn(shapes.along(camera, line, width), message)

    def do_next(self, tab: Tab, message: Message) -> Reply:
        """The next of the nested answers."""
        return _told(self._session.next_answer())

    def do_choose(self, tab: Tab, message: Message) -> Reply:
        """One of the nested answers."""
        return _told(self._session.choose_answer(int(message["index"])))

    def do_threshold(self, tab: Tab, message: Message) -> Reply:
        """Another threshold on the scores."""
        return _told(self._session.threshold(_number(message["value"])))

    # The selection

    def do_grow(self, tab: Tab, message: Message) -> Reply:
        """Adds what lies close."""
        return _told(self._session.grow())

    def do_shrink(self, tab: Tab, message: Message) -> Reply:
        """Takes away the rim."""
        return _told(self._session.shrink())

    def do_invert(self, tab: Tab, message: Message) -> Reply:
        """Selects all else."""
        return _told(self._session.invert())

    def do_clear(self, tab: Tab, message: Message) -> Reply:
        """Selects nothing."""
        return _told(self._session.clear())

    def do_undo(self, tab: Tab, message: Message) -> Reply:
        """Takes back."""
        return _told(self._session.undo())

    def do_redo(self, tab: Tab, message: Message) -> Reply:
        """Does again."""
        return _told(self._session.redo())

    def do_strays(self, tab: Tab, message: Message) -> Reply:
        """Other strengths for what the scene is better without."""
        asked = {str(kind): _number(value) for kind, value in message["strengths"].items()}
        return _told(self._session.select_strays(Strengths(**asked)))

    # Objects

    def do_save(self, tab: Tab, message: Message) -> Reply:
        """Keeps the selection as an object."""
        name = message.get("name")
        made = self._session.save_object(None if name is None else str(name))
        return {"text": f"kept as {made.name}"}

    def do_select_object(self, tab: Tab, message: Message) -> Reply:
        """Selects an object."""
        return _told(self._session.select_object(str(message["name"]), message.get("mode", "replace")))

    def do_edit(self, tab: Tab, message: Message) -> Reply:
        """Begins to edit an object."""
        return _told(self._session.edit_object(str(message["name"])))

    def do_rename(self, tab: Tab, message: Message) -> Reply:
        """Gives an object another name."""
        return {"text": f"now called {self._session.change_object(str(message['name']), str(message['to'])).name}"}

    def do_recolor(self, tab: Tab, message: Message) -> Reply:
        """Gives an object another color."""
        red, green, blue = bytes.fromhex(str(message["color"]).removeprefix("#"))
        self._session.change_object(str(message["name"]), color=(red, green, blue))
        return {}

    def do_merge(self, tab: Tab, message: Message) -> Reply:
        """Makes one object of several."""
        return {"text": f"merged into {self._session.merge_objects([str(name) for name in message['names']]).name}"}

    def do_delete(self, tab: Tab, message: Message) -> Reply:
        """Takes objects off the list."""
        names = [str(name) for name in message["names"]]
        if not names:
            raise SagaError("delete: expected objects that are ticked, found none; tick some.")
        self._session.delete_objects(names)
        return {"text": f"deleted {', '.join(names)}"}

    def do_find(self, tab: Tab, message: Message) -> Reply:
        """Finds everything."""
        self.viewer.jobs.start(
            "looking for objects", lambda: f"found {len(self._session.find_everything())} more objects"
        )
        return {}

    # What is seen

    def do_see(self, tab: Tab, message: Message) -> Reply:
        """Colors the scene in another way."""
        self.viewer.see(one_of("see", message["value"], SEEN))
        return {}

    def do_only(self, tab: Tab, message: Message) -> Reply:
        """Shows all, or the selection alone, or all but it."""
        self.viewer.show_only(one_of("only", message["value"], ONLY))
        return {}

    def do_theme(self, tab: Tab, message: Message) -> Reply:
        """Light or dark."""
        self.viewer.stage.theme(bool(message["dark"]))
        return {}

    def do_go(self, tab: Tab, message: Message) -> Reply:
        """Moves to a view of the scene."""
        camera = self._session.scene.camera(str(message["view"]))
        if tab.state.get("orbit") is not None:
            tab.state["orbit"] = frames.orbit_of(camera, self.viewer.display.center, self.viewer.up)
            return {}
        client = self.viewer.stage.client(tab.state.get("client"))
        if client is not None:
            self.viewer.stage.go(client, camera)
        return {}

    def do_frames(self, tab: Tab, message: Message) -> Reply:
        """Begins or ends to show pictures that are rendered here."""
        if not message["on"]:
            tab.state.pop("orbit", None)
            return {}
        client = self.viewer.stage.client(tab.state.get("client"))
        camera = self.viewer.first_camera if client is None else self.viewer.stage.camera(client)
        tab.state["orbit"] = frames.orbit_of(camera, self.viewer.display.center, self.viewer.up)
        tab.state["size"] = frames.size_of(int(message["width"]), int(message["height"]), True)
        return {"camera": True}

    def do_look(self, tab: Tab, message: Message) -> Reply:
        """Moves the camera of a page that shows pictures, and sends one."""
        orbit = tab.state.get("orbit")
        if orbit is None:
            return {}
        still, width, height = bool(message["still"]), int(message["width"]), int(message["height"])
        tab.state["orbit"] = orbit = orbit.moved(message.get("steps", []))
        tab.state["size"] = frames.size_of(width, height, True)
        tab.send(self.viewer.picture(orbit.camera(*frames.size_of(width, height, still)), still))
        return {}

    # How messages are read

    def _camera(self, tab: Tab, message: Message) -> Camera:
        """Returns the camera of a photograph that a message names, or the one that the page looks through."""
        if message.get("view") is not None:
            return self._session.scene.camera(str(message["view"]))
        orbit = tab.state.get("orbit")
        if orbit is not None:
            camera: Camera = orbit.camera(*tab.state["size"])
            return camera
        client = self.viewer.stage.client(tab.state.get("client"))
        if client is None:
            raise SagaError("view: expected a page that shows the scene, found none; reload it.")
        return self.viewer.stage.camera(client)

    def _pixels(self, camera: Camera, places: list[Any]) -> list[tuple[float, float]]:
        """Returns pixels of places in the picture, from 0 to 1 along both sides; those beyond it are at its rim."""
        if not 1 <= len(places) <= _MOST_POINTS:
            raise SagaError(f"line: expected 1 to {_MOST_POINTS} points, found {len(places)}; draw a shorter one.")
        shares = np.array([[_number(x), _number(y)] for x, y in places])
        limits = np.array([camera.width, camera.height])
        pixels = np.clip(shares * limits, 0, limits - 1e-3)
        return [(float(x), float(y)) for x, y in pixels]

    def _region(self, camera: Camera, mask: np.ndarray, message: Message) -> Reply:  # [H, W] bool
        through = one_of("takes", message["takes"], ("surface", "through")) == "through"
        return _told(self._session.region(camera, mask, message.get("mode", "replace"), through))

    def _drawn(self, prompt: Prompt, message: Message) -> Reply:
        if message.get("refine"):
            return _told(self._refined(prompt))
        return _told(self._session.prompt([prompt], message.get("mode", "replace")))

    def _refined(self, prompt: Prompt) -> Outcome:
        return self._session.refine(prompt) if self._session.question else self._session.prompt([prompt])


def _told(outcome: Outcome) -> Reply:
    size = f"{outcome.selected:,} selected"
    return {
        "text": f"{outcome.done}: {size}",
        "ms": outcome.milliseconds,
        "changed": outcome.changed,
        "warnings": list(outcome.warnings),
    }


def _number(value: Any) -> float:
    number = float(value)
    if not math.isfinite(number):
        raise ValueError(f"{value!r}, which is not finite")
    return number
