"""The 3D view in the browser: viser's server and the nodes that show a scene, a selection and a preview."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import rich

from saga.errors import SagaError
from saga.scene import Camera
from saga.scene.orbit import guess_up
from saga.viewer.display import Display, Splats, pinhole

ACCENT, HOVERED = np.array([1.0, 0.42, 0.0]), np.array([0.1, 0.62, 1.0])
_TINT = 0.85
"""How much of a selected Gaussian's color is the highlight's."""
_FIELD_OF_VIEW = 0.9
"""Of the height of a photograph that is not known, in radians."""


class Stage:
    """What is drawn. Nodes are sent again only where they change."""

    def __init__(self, display: Display, entered: Callable[[Any], None]) -> None:
        """Starts viser on this machine alone.

        Args:
            display: the scene as it is drawn.
            entered: called with viser's client when a page has connected.

        Raises:
            SagaError: viser is not installed.
        """
        self.display, self.dark = display, False
        self._server = _start()
        self._server.on_client_connect(entered)
        self.theme(False)
        self._base: tuple[object, ...] | None = None
        self._black = False

    @property
    def port(self) -> int:
        """Where viser listens."""
        return int(self._server.get_port())

    def close(self) -> None:
        """Ends viser."""
        with _silent():
            self._server.stop()

    def theme(self, dark: bool) -> None:
        """Makes viser's own parts light or dark, and the background with them."""
        self.dark = dark
        self._server.gui.configure_theme(dark_mode=dark, show_logo=False, show_share_button=False)
        self._server.gui.main_panel.minimize()

    def look_from(self, camera: Camera | None, up: np.ndarray) -> None:
        """Sets where a page looks from at first: a camera, or from above and aside where there is none."""
        self._server.scene.set_up_direction(tuple(float(value) for value in up))
        first = self._server.initial_camera
        if camera is None:
            return
        position, target = self.display.to_browser(camera.position), self.display.to_browser(self._ahead(camera))
        first.position, first.look_at = tuple(position), tuple(target)
        first.up = tuple(float(value) for value in up)
        first.fov = _field_of_view(camera)

    def go(self, client: Any, camera: Camera) -> None:
        """Moves a page's camera to that of a view."""
        with client.atomic():
            client.camera.position = self.display.to_browser(camera.position)
            client.camera.up_direction = -camera.world_to_camera[1, :3]
            client.camera.look_at = self.display.to_browser(self._ahead(camera))
            client.camera.fov = _field_of_view(camera)

    def client(self, number: int | None) -> Any | None:
        """Returns viser's client of a page; where the page does not know its number, the one that moved last."""
        clients = self._server.get_clients()
        if number in clients:
            return clients[number]
        return max(clients.values(), key=lambda each: each.camera.update_timestamp, default=None)

    def camera(self, client: Any) -> Camera:
        """Returns what a page looks through, as a camera of the scene."""
        seen = client.camera
        w, x, y, z = (float(value) for value in seen.wxyz)
        axes = np.array(
            [
                [1 - 2 * (y * y + z * z), 2 * (x * y - w * z), 2 * (x * z + w * y)],
                [2 * (x * y + w * z), 1 - 2 * (x * x + z * z), 2 * (y * z - w * x)],
                [2 * (x * z - w * y), 2 * (y * z + w * x), 1 - 2 * (x * x + y * y)],
            ]
        )
        position = self.display.to_world(np.asarray(seen.position))
        width, height = max(int(seen.image_width), 1), max(int(seen.image_height), 1)
        return pinhole(position, axes, float(seen.fov), width, height)

    def show_base(
        self,
        key: tuple[object, ...],
        colors: Callable[[], np.ndarray],
        member: np.ndarray | None,
    ) -> None:
        """Shows the scene, or the members of it, in colors [N, 3]; `key` tells when it has to be sent again."""
        if key != self._base:
            self._add("/scene", self.display.splats(colors(), member))
            self._base = key

    def clear(self) -> None:
        """Shows nothing at all."""
        self.hide_base()
        for name in ("/selection", "/preview"):
            self._remove(name)

    def hide_base(self) -> None:
        """Shows nothing of the scene but the selection."""
        if self._base is not None:
            self._remove("/scene")
            self._base = None

    def show_selection(
        self,
        member: np.ndarray,  # [N] bool
        alone: bool,
    ) -> None:
        """Shows a selection: over the scene in the highlight's color, or alone in its own."""
        own = self.display.colors
        self._add("/selection", self.display.splats(own if alone else _tinted(own, ACCENT), member, not alone))

    def show_preview(
        self,
        member: np.ndarray | None,  # [N] bool
    ) -> None:
        """Shows what a click would select, or nothing."""
        if member is None:
            self._remove("/preview")
        else:
            self._add("/preview", self.display.splats(_tinted(self.display.colors, HOVERED), member, True))

    def background(self, black: bool) -> None:
        """Shows black behind the scene, or what is there otherwise."""
        if black != self._black:
            self._server.scene.set_background_image(np.zeros((1, 1, 3), np.uint8) if black else None)
            self._black = black

    def flush(self) -> None:
        """Sends what waits."""
        self._server.flush()

    def _add(self, name: str, splats: Splats) -> None:
        if len(splats.centers) == 0:
            self._remove(name)
            return
        self._server.scene.add_gaussian_splats(
            name, splats.centers, splats.covariances, splats.colors, splats.opacities
        )

    def _remove(self, name: str) -> None:
        handle = self._server.scene.get_handle_by_name(name)
        if handle is not None:
            handle.remove()

    def _ahead(self, camera: Camera) -> np.ndarray:  # [3]
        """Where a page that looks through a camera turns around: as far ahead as the middle of the scene is."""
        forward = camera.world_to_camera[2, :3]
        apart = float((self.display.center - camera.position) @ forward)
        return np.asarray(camera.position + max(apart, 1.0 / self.display.scale) * forward)


def up_of(display: Display, gaussians: Any, cameras: list[Camera]) -> np.ndarray:  # [3]
    """Returns which way is up: as the views are held on the whole, or as the scene lies."""
    if cameras:
        up = -np.mean([camera.world_to_camera[1, :3] for camera in cameras], axis=0)
        guess = guess_up(gaussians)
        if np.linalg.norm(up) > 0.3:
            up = up / np.linalg.norm(up)
            # Where the scene's own ground is as the views are held, it is exact, and they are not.
            return guess if float(guess @ up) > 0.75 else up
    return guess_up(gaussians)


@contextmanager
def _silent() -> Iterator[None]:
    """Has viser not print its address, which is not the page's; in a notebook it would stand above the viewer."""
    console = rich.get_console()
    before, console.quiet = console.quiet, True
    try:
        yield
    finally:
        console.quiet = before


def _start() -> Any:
    try:
        import viser
    except ImportError as error:
        raise SagaError(
            'saga-view: expected the package viser, found none; install it: pip install "saga-splat[viewer]".'
        ) from error
    with _silent():
        server = viser.ViserServer(host="127.0.0.1", port=0, verbose=False)
    # A page could ask viser for an address that the whole world reaches.
    server.request_share_url = lambda verbose=True: None  # type: ignore[method-assign]
    return server


def tell(client: Any, script: str) -> bool:
    """Runs a line of JavaScript in one page; False where this release of viser cannot."""
    try:
        from viser._messages import RunJavascriptMessage

        client._websock_connection.queue_message(RunJavascriptMessage(source=script))
    except (ImportError, AttributeError):
        return False
    return True


def _field_of_view(camera: Camera) -> float:
    return float(2 * np.arctan(camera.height / 2 / camera.fy)) if camera.fy > 0 else _FIELD_OF_VIEW


def _tinted(
    colors: np.ndarray,  # [N, 3]
    tint: np.ndarray,  # [3]
) -> np.ndarray:  # [N, 3]
    light = 0.55 + 0.9 * colors.mean(1, keepdims=True)
    tinted: np.ndarray = (1 - _TINT) * colors + _TINT * np.clip(tint * light, 0, 1)
    return tinted.astype(np.float32)
