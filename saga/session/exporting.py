"""What goes out of a session: the selection or an object, all objects, and turntables."""

from __future__ import annotations

from itertools import count
from pathlib import Path

import numpy as np

from saga.errors import EmptySelectionError, SagaError
from saga.export import ExportConfig, ObjectsConfig, render_masks, write_labeled, write_objects, write_segmentation
from saga.export.png import PngWriter
from saga.files.names import safe_name
from saga.files.transaction import staged_folder
from saga.query import Segmentation
from saga.runtime.progress import tracked
from saga.session.session import Session
from saga.session.turntable import write_turntable


def export_object(
    session: Session,
    folder: str | Path,
    name: str | None = None,
    config: ExportConfig = ExportConfig(),  # noqa: B008 (frozen)
) -> None:
    """Writes an object, the rest, masks of all views and a preview; see `saga.export.write_segmentation`.

    Args:
        session: the session.
        folder: a new folder, or one of an earlier result.
        name: the object; None takes the selection.
        config: the format, what is done to object and rest, and what else is written.

    Raises:
        SagaError: nothing is selected, there is no such object, or the files cannot be written.
    """
    with session.lock:
        found = session.segmentation(name)
    write_segmentation(found, session.placed, folder, config)


def export_objects(session: Session, folder: str | Path, config: ObjectsConfig | None = None) -> None:
    """Writes every object in a file of its own, and what else a config asks for; see `saga.export.write_objects`.

    Colors of the session are not those of the overview.

    Args:
        session: the session.
        folder: a new folder, or one of an earlier result.
        config: what is written; by default label maps of all views, and the labels in a scene that came as a PLY.

    Raises:
        SagaError: there are no objects, or the files cannot be written.
    """
    found = _kept(session, folder)
    usual = ObjectsConfig(labels_in_ply=session.scene.gaussians.format == "ply")
    write_objects(found, session.placed, folder, config or usual)


def export_masks(session: Session, folder: str | Path, name: str | None = None) -> None:
    """Writes masks of an object, or of the selection, in all views into a new folder: <view's stem>.png, 0 and 255.

    Raises:
        SagaError: nothing is selected, there is no such object or no view, or the files cannot be written.
    """
    folder, scene = Path(folder), session.scene
    with session.lock:
        mask = session.selection if name is None else session.state.object(name).bits.mask()
    if not mask.any() or not scene.cameras:
        missing = "something selected" if scene.cameras else "views of the scene"
        raise EmptySelectionError(f"{folder}: expected {missing} to write masks, found none.")
    rendered, stems = render_masks(session.placed, scene.cameras, mask), scene.stems
    with staged_folder(folder, ["*.png"], lambda _: False) as stage, PngWriter() as pictures:
        views = tracked(scene.cameras, False, "writing masks", "views")
        for camera, shown in zip(views, rendered, strict=True):
            pictures.write(stage / f"{stems[camera.name]}.png", shown)


def export_labels(session: Session, folder: str | Path) -> None:
    """Writes labeled.ply, the scene with the objects' numbers as labels, and objects.json into a folder.

    See `saga.export.write_labeled`. Raises SagaError where there are no objects, or the files cannot be written.
    """
    write_labeled(session.placed, _kept(session, folder), Path(folder) / "labeled.ply")


def export_turntable(session: Session, path: str | Path, name: str | None = None) -> None:
    """Writes a GIF or MP4 of an object, or of the selection, turning. Raises SagaError as `write_turntable` does."""
    with session.lock:
        mask = session.selection if name is None else session.state.object(name).bits.mask()
    write_turntable(session.placed, mask, path)


def _kept(session: Session, place: str | Path) -> dict[str, Segmentation]:
    with session.lock:
        found = {each.name: session.segmentation(each.name) for each in session.objects}
    if not found:
        raise SagaError(f"{place}: expected objects to write, found none; save a selection, or find everything.")
    return found


def labels_of(session: Session) -> np.ndarray:  # [N] int32
    """Returns the number of each Gaussian's object, int32 [N]: its place in the list from 1 on, the last that has it.

    0 stands for those of no object.
    """
    labels = np.zeros(len(session.scene.gaussians), np.int32)
    for number, each in enumerate(session.objects, 1):
        labels[each.bits.mask()] = number
    return labels


def free_place(folder: Path, stem: str, ending: str = "") -> Path:
    """Returns the first of stem-1, stem-2, ... in a folder that is not there: nothing is replaced."""
    stem = safe_name(stem)
    return next(path for path in (folder / f"{stem}-{number}{ending}" for number in count(1)) if not path.exists())
