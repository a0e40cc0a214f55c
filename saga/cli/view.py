"""saga-view: a scene in the browser, where objects are selected by looking."""

from __future__ import annotations

import time
import warnings
import webbrowser
from pathlib import Path
from typing import TYPE_CHECKING, Any

from saga.cli.inputs import CameraInputs
from saga.cli.options import Flattened, ImageFolder, NonNegative, OptionalPath, OptionalScene, OptionalText
from saga.cli.run import beside, run, say
from saga.errors import SagaError

_DEMO, _DEMO_SIZE = Path("saga-demo-scene"), 60_000
"""Where the scene of the demo goes, and its number of Gaussians: a browser draws it without a graphics card too."""
FEATURES_TOO = "; the page can make features too"

if TYPE_CHECKING:
    from saga.methods import Segmenter
    from saga.raster import DeviceScene


def view(
    scene: OptionalScene = None,
    images: ImageFolder = None,
    *,
    demo: bool = False,
    field: OptionalPath = None,
    session: OptionalPath = None,
    out: OptionalPath = None,
    host: str = "127.0.0.1",
    port: NonNegative = 8080,
    token: OptionalText = None,
    browser: bool = False,
    prepare: bool = True,
    most_shown: NonNegative = 600_000,
    masks: OptionalPath = None,
    sam: OptionalText = None,
    text_model: OptionalText = None,
    cameras: Flattened[CameraInputs] = CameraInputs(),  # noqa: B008 (frozen)
) -> None:
    """See a scene in the browser and select objects by clicking on them.

    Args:
        scene: The trained Gaussian splatting scene.
        images: Folder of the photographs it was trained from.
        demo: Open the scene that comes with saga instead: a table of things, written into saga-demo-scene/.
        field: Feature field of saga-train; beside the scene, with the suffix .saga, by default.
        session: Where the selection and the objects are kept; beside the scene, with the suffix .session, by default.
        out: Folder that files are written into; beside the scene, with the ending _objects, by default.
        host: Address to listen on. Others than this machine's ask for a token.
        port: Port to listen on, or the first free one after it; 0 takes any.
        token: What the address has to carry; one is made where it is needed.
        browser: Open a browser too.
        prepare: Make the scene's regions where there are none: seconds, once.
        most_shown: Gaussians that the browser draws; of a larger scene it draws a level of detail. Selections are
            always of all Gaussians.
        masks: Your own masks, for training from the page; those in the scene's folder need no naming.
        sam: Mask model for training from the page: a short name (mobile, vit_h, ...), a hub id, a folder or a file.
        text_model: The model that knows words: a short name, a folder, or an id of the hub; siglip2 by default.
    """
    from saga.raster import DeviceScene
    from saga.session import Session
    from saga.viewer import Viewer

    _require_viser()
    scene = _chosen(scene, demo)
    device = cameras.choose_device()
    loaded = cameras.load(scene, images)
    placed = DeviceScene(loaded, device)
    opened = Session(placed, None, session)
    try:
        method = _open(placed, scene, field, prepare)
        if method is not None:
            opened.use(method)
        if session is None and opened.history.state.objects:
            say(f"{beside(scene, '.session')}: {len(opened.objects)} objects from before")
        viewer = Viewer(
            opened, host=host, port=port, token=token, folder=out, most_shown=most_shown, masks=masks, sam=sam,
            text_model=text_model,
        )  # fmt: skip
        try:
            say(f"{scene}: {len(loaded.gaussians):,} Gaussians. Open {viewer.address} in a browser; Ctrl-C ends it.")
            if browser:
                webbrowser.open(viewer.address)
            while True:
                time.sleep(3600)
        finally:
            viewer.close()
    finally:
        try:
            opened.close()
        except SagaError as error:  # said even where the program was interrupted, which is said alone otherwise
            warnings.warn(f"the session is not kept: {error}", stacklevel=2)


def _chosen(scene: Path | None, demo: bool) -> Path:
    """Returns the scene to open, that of the demo written first. Raises SagaError for both, or neither."""
    if demo == (scene is not None):
        found = "both" if demo else "neither"
        raise SagaError(
            f"saga-view: expected a scene, or --demo for the one that comes with saga, found {found}; give one."
        )
    if scene is not None:
        return scene
    written = _DEMO / "scene.ply"
    if not written.is_file():
        from saga.demo import make_scene, write_scene

        say(f"{_DEMO}/: a table of things is made and photographed, which takes some seconds")
        write_scene(make_scene(gaussians=_DEMO_SIZE), _DEMO)
    return written


def _open(placed: DeviceScene, scene: Path, field: Path | None, prepare: bool) -> Segmenter | None:
    """Opens what answers prompts; a scene that has nothing yet gets its regions."""
    from saga.session.preparing import open_beside, what_is_missing
    from saga.session.preparing import prepare as make
    from saga.train import FeatureField

    known: Any = None if field is None else FeatureField.load(field, placed.scene)
    found = open_beside(placed, known)
    if prepare and "regions" in what_is_missing(found):
        say(f"{scene}: no regions yet: they are made now, once" + (FEATURES_TOO if found is None else ""))
        found = make(placed, features=False, field=known)
    return found


def _require_viser() -> None:
    """Raises SagaError when the viewer's packages are missing: known before the scene is read, not after it."""
    from importlib.util import find_spec

    missing = [name for name in ("viser", "websockets") if find_spec(name) is None]
    if missing:
        raise SagaError(
            f'saga-view: expected the package {missing[0]}, found none; install it: pip install "saga-splat[viewer]".'
        )


def main() -> None:
    """Runs saga-view."""
    run(view, "saga-view")
