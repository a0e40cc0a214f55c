"""What pages ask for that takes long: methods, features and regions, and files."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Any

from saga.assets import AssetConfig
from saga.assets.glb import require_packages
from saga.errors import SagaError
from saga.export import ExportConfig, ObjectsConfig
from saga.masks import open_masks
from saga.masks.models.registry import MODELS
from saga.masks.source import MaskSource
from saga.session import Session
from saga.session.exporting import (
    export_labels,
    export_masks,
    export_object,
    export_objects,
    export_turntable,
    free_place,
)
from saga.session.preparing import open_named, prepare
from saga.viewer.front import Tab
from saga.words import Detector, TextImageModel
from saga.words.finder import checked
from saga.words.open import open_without_asking

if TYPE_CHECKING:
    from saga.viewer.viewer import Viewer

Reply = dict[str, Any]
Message = dict[str, Any]
MASKS = ("scene", "masks", "sam")
"""Where masks to train with come from: the scene itself, a person's files, a Segment Anything checkpoint."""
_FILES = ("selection", "masks", "objects", "labels", "gif", "mp4")


class LongWork:
    """Starts jobs on messages of pages."""

    def __init__(self, viewer: Viewer) -> None:
        """Takes the viewer whose session and stage it acts on."""
        self.viewer = viewer

    @property
    def _session(self) -> Session:
        return self.viewer.session

    def do_method(self, tab: Tab, message: Message) -> Reply:
        """Has another method answer."""
        name = str(message["value"])

        def work() -> str:
            self._session.use(open_named(name, self._session.method, self._session.placed))
            self.viewer.method = name
            return f"{name} answers now"

        self.viewer.jobs.start(f"opening {name}", work)
        return {}

    def do_prepare(self, tab: Tab, message: Message) -> Reply:
        """Makes features and regions, from masks of the scene itself, of a person or of Segment Anything."""
        kind = one_of("masks", message.get("masks", "scene"), MASKS)
        given = str(message.get("path") or "").strip()
        if kind != "scene" and not given:
            raise SagaError(f"{kind}: expected {_WANTED[kind]}, found nothing; write it into the field.")
        if kind != "scene" and given not in MODELS:
            given = str(self._allowed(kind, given))
        anew = bool(message.get("anew"))

        def work() -> str:
            placed = self._session.placed
            masks: MaskSource | None = None
            if kind != "scene":
                own, sam = (given, None) if kind == "masks" else (None, given)
                masks = open_masks(placed, own, sam, device=str(placed.device), progress=False, join=True)
            self._session.use(prepare(placed, masks, anew=anew))
            self.viewer.method = "saga"
            return "features and regions are made: click on an object"

        self.viewer.jobs.start("making features and regions", work)
        return {}

    def do_words(self, tab: Tab, message: Message) -> Reply:
        """Selects what words describe; the first ones of a scene take long, as all objects are looked at."""
        text, mode = checked(str(message["text"])), message.get("mode", "replace")

        def work() -> str:
            if not isinstance(self.viewer.text_model, TextImageModel | Detector):
                device = str(self._session.placed.device)
                self.viewer.text_model = open_without_asking(self.viewer.text_model, device)
            ranking, outcome = self._session.words(text, mode, self.viewer.text_model)
            return ranking.verdict() if outcome is None else f"{ranking.verdict()}: {outcome.selected:,} selected"

        self.viewer.jobs.start(f'looking for "{text}"', work)
        return {}

    def do_look_for_strays(self, tab: Tab, message: Message) -> Reply:
        """Looks for what the scene is better without, and selects what is proposed."""

        def work() -> str:
            self._session.look_for_strays()
            found = self._session.select_strays(self._session.strengths)
            return f"{found.selected:,} Gaussians are proposed: hide them to see the scene without them"

        self.viewer.jobs.start("looking for strays", work)
        return {}

    def do_cancel(self, tab: Tab, message: Message) -> Reply:
        """Ends the job that runs."""
        self.viewer.jobs.cancel()
        return {}

    def do_export(self, tab: Tab, message: Message) -> Reply:
        """Writes files into the folder of the viewer, and sends them to the page if it asks for that."""
        what, format = one_of("export", message["what"], _FILES), message.get("format")
        folder, sends = self.viewer.folder, bool(message.get("download"))
        if folder is None and not sends:
            raise SagaError(
                "files: expected a folder to write into, found none; give one with --out, or download them."
            )
        stem = what if what in ("objects", "labels") else self._session.state.editing or "object"
        ending = f".{what}" if what in ("gif", "mp4") else ""
        kept = folder or self.viewer.downloads.folder
        place = free_place(kept, f"{stem} masks" if what == "masks" else stem, ending)

        asset = _asset_of(message)

        def work() -> str:
            self._write(what, place, format, asset)
            if folder is not None:
                self.viewer.written = str(place)
            if sends:
                tab.send({"kind": "offer"} | self.viewer.downloads.offer(place))
            if folder is None and place.is_dir():
                shutil.rmtree(place)
            return f"written: {place}" if folder is not None else f"{place.name} is made"

        self.viewer.jobs.start(f"writing {place.name}", work)
        return {}

    def do_download(self, tab: Tab, message: Message) -> Reply:
        """Sends what was written last to the page."""
        if not self.viewer.written:
            raise SagaError("download: expected files that were written, found none; save some first.")
        place = Path(self.viewer.written)

        def work() -> str:
            tab.send({"kind": "offer"} | self.viewer.downloads.offer(place))
            return f"{place.name} is on its way"

        self.viewer.jobs.start(f"packing {place.name}", work)
        return {}

    def _write(self, what: str, place: Path, format: Any, asset: AssetConfig | None) -> None:
        if what == "selection":
            export_object(self._session, place, config=ExportConfig(format=format, asset=asset))
        elif what == "masks":
            export_masks(self._session, place)
        elif what == "objects":
            labeled = self._session.scene.gaussians.format == "ply"
            export_objects(self._session, place, ObjectsConfig(format=format, labels_in_ply=labeled, asset=asset))
        elif what == "labels":
            export_labels(self._session, place)
        else:
            export_turntable(self._session, place)

    def _allowed(self, kind: str, given: str) -> Path:
        """Returns a path of a page, if it leads into one of the folders that the viewer was given.

        A page may come from another machine: what lies elsewhere is none of its business.
        """
        folders = self.viewer.readable
        found = (folders[0] / given).resolve() if folders else Path(given).resolve()
        if not any(found == each or found.is_relative_to(each) for each in folders):
            raise SagaError(
                f"{given}: expected something in {' or '.join(map(str, folders)) or 'no folder at all'}, found it "
                f"elsewhere; move it there, or start saga-view with --{kind} {given}."
            )
        if not found.exists():
            raise SagaError(f"{found}: expected {_WANTED[kind]}, found nothing there; write another path.")
        return found


_WANTED = {
    "masks": "a folder of masks, or a file of annotations",
    "sam": f"a mask model: a checkpoint file, a folder, or {', '.join(MODELS)}",
}


def _asset_of(message: Message) -> AssetConfig | None:
    """Returns how objects stand for engines where a page wants them for these too.

    Raises:
        SagaError: units in a meter that are none, or a package is missing: known before the work, not after it.
    """
    if not message.get("asset"):
        return None
    given = message.get("scale") or 1.0
    if isinstance(given, bool) or not isinstance(given, int | float):
        raise SagaError(f"scale: expected units per meter, a number, found {given!r}; write one.")
    config = AssetConfig(scale=float(given))
    require_packages(config)
    return config


def one_of(name: str, value: Any, known: tuple[str, ...]) -> str:
    """Returns a choice of a message. Raises SagaError for what is none of those known."""
    if value not in known:
        raise SagaError(f"{name}: expected one of {', '.join(known)}, found {value!r}; choose one of them.")
    return str(value)
