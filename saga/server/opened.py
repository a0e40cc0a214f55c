"""One open scene: what requests ask of it, in terms of a session."""

from __future__ import annotations

import base64
import binascii
import io
import shutil
import tempfile
from dataclasses import asdict, fields, replace
from pathlib import Path

import numpy as np
from PIL import Image

from saga.errors import SagaError
from saga.export import ExportConfig, render_masks
from saga.export.splats import usable_format, write_splats
from saga.query import Prompt
from saga.scene import Camera
from saga.scene.format_names import ExportFormat
from saga.server import bodies
from saga.server.folders import Folders
from saga.server.problems import ConflictError, MissingError, RequestError, TooLargeError
from saga.server.training import Training
from saga.server.words import WordModel
from saga.session import Session, shapes
from saga.session.exporting import export_object
from saga.session.keeping import Outcome
from saga.session.pictures import mask_of_png
from saga.session.state import NamedObject

_MOST_PIXELS = 1 << 25
"""Of a camera that a request describes."""


class OpenScene:
    """A session, and the answers to requests. One thread calls it at a time."""

    def __init__(
        self, name: str, path: str, session: Session, notes: list[str], folders: Folders, words: WordModel
    ) -> None:
        """Takes the scene's id, its path for answers, the session on it, what was noted, and what all scenes share."""
        self.id, self.path, self.session, self.notes, self.folders = name, path, session, notes, folders
        self._words = words
        self.training = Training(session, folders)

    def close(self) -> None:
        """Ends training and writes the session. Raises SagaError."""
        self.training.cancel()
        self.session.close()

    def describe(self) -> bodies.SceneAnswer:
        """Returns what the scene is."""
        session, method = self.session, self.session.method
        known = (getattr(method, "field", None) is not None, getattr(method, "regions", None) is not None)
        names = [camera.name for camera in session.scene.cameras]
        notes = self.notes if session.unkept is None else [*self.notes, session.unkept]
        return bodies.SceneAnswer(self.id, self.path, len(session.scene.gaussians), names, *known, notes)

    def views(self) -> list[bodies.ViewAnswer]:
        """Returns the views with their cameras."""
        return [
            bodies.ViewAnswer(each.name, each.image_path is not None, bodies.CameraBody(**each.describe()))
            for each in self.session.scene.cameras
        ]

    # Selecting

    def ask(self, body: bodies.AskBody, refine: bool) -> bodies.SelectionAnswer:
        """Selects what prompts mean, or what they mean together with those before."""
        prompts = [self._prompt(each) for each in body.prompts]
        if not refine:
            return self._selected(self.session.prompt(prompts, body.mode))
        if body.mode != "replace":
            raise RequestError("mode: expected none when an answer is refined, found one; leave it out.")
        if self.session.question is None:
            raise ConflictError("refine: expected an answer to refine, found none; ask with a prompt first.")
        outcome = [self.session.refine(each) for each in prompts][-1]
        return self._selected(outcome)

    def choose(self, body: bodies.ChooseBody) -> bodies.SelectionAnswer:
        """Selects another of the nested answers."""
        asked = self.session.question
        if asked is None:
            raise ConflictError("answer: expected the answer to a prompt, found none; ask with a prompt first.")
        if body.answer >= len(asked.answers):
            raise MissingError(
                f"answer: expected 0 to {len(asked.answers) - 1}, found {body.answer}; give one of them."
            )
        return self._selected(self.session.choose_answer(body.answer))

    def change(self, body: bodies.SelectBody) -> bodies.SelectionAnswer:
        """Changes the selection without a prompt."""
        session = self.session
        if body.action == "object":
            if body.object is None:
                raise RequestError("object: expected the name of an object to select, found none; give it.")
            return self._selected(session.select_object(self._object(body.object).name, body.mode))
        if body.object is not None or body.mode != "replace":
            raise RequestError(f"{body.action}: expected neither object nor mode, found one; leave it out.")
        return self._selected(getattr(session, body.action)())

    def words(self, body: bodies.TextBody) -> bodies.WordsAnswer:
        """Selects the object that a text describes, and ranks all; where nothing is like it, nothing changes."""
        ranking, outcome = self.session.words(body.text, body.mode, self._words.opened())
        ranks = [
            bodies.RankAnswer(
                round(each.score, 4), each.found, each.equal, each.facts.get("likest"),
                str(each.segmentation.report.get("kind", "object")), len(each.segmentation),
            )
            for each in ranking.matches
        ]  # fmt: skip
        selection = self.selection() if outcome is None else self._selected(outcome)
        return bodies.WordsAnswer(ranking.verdict(), ranking.model, ranking.meaning, ranks, selection)

    def selection(self) -> bodies.SelectionAnswer:
        """Returns what is selected."""
        session = self.session
        asked = session.question
        answers, chosen = ((), -1) if asked is None else (asked.answers, asked.chosen)
        return self._selected(Outcome(session.state.done, len(session), 0, 0.0, answers, chosen))

    def _selected(self, outcome: Outcome) -> bodies.SelectionAnswer:
        levels = [
            bodies.LevelAnswer(each.name, each.score, each.default, len(each.segmentation)) for each in outcome.answers
        ]
        facts = (outcome.selected, outcome.changed, outcome.done, outcome.milliseconds)
        return bodies.SelectionAnswer(*facts, levels, outcome.chosen, list(outcome.warnings))

    # Objects

    def objects(self) -> list[bodies.ObjectAnswer]:
        """Returns the objects that were kept."""
        return [_described(each) for each in self.session.objects]

    def keep(self, body: bodies.KeepBody) -> bodies.ObjectAnswer:
        """Keeps the selection as an object."""
        if not len(self.session):
            raise ConflictError("object: expected something selected to keep, found nothing; select it first.")
        self._require_free(body.name)
        made = self.session.save_object(body.name, _color(body))
        self.session.settle()  # who is told that it is kept may rely on it, even where the server is killed
        return _described(made)

    def rename(self, name: str, body: bodies.KeepBody) -> bodies.ObjectAnswer:
        """Gives an object another name or color."""
        found = self._object(name)
        self._require_free(body.name, but=found)
        made = self.session.change_object(found.name, body.name, _color(body))
        self.session.settle()
        return _described(made)

    def delete(self, name: str) -> None:
        """Takes an object off the list."""
        self.session.delete_objects([self._object(name).name])
        self.session.settle()

    def find(self) -> list[bodies.ObjectAnswer]:
        """Finds the objects of the scene; returns those that are new."""
        found = self.session.find_everything()
        self.session.settle()
        return [_described(each) for each in found]

    def _object(self, name: str) -> NamedObject:
        try:
            return self.session.state.object(name)
        except SagaError as error:
            raise MissingError(str(error)) from error

    def _require_free(self, name: str | None, but: NamedObject | None = None) -> None:
        if name is None:
            return
        try:
            taken = self.session.state.object(name.strip())
        except SagaError:
            return
        if taken is not but:
            raise ConflictError(f"name: expected one that no object has, found {name!r}; choose another.")

    # What goes out

    def bits(self, name: str | None) -> bytes:
        """Returns the selection or an object as bits, eight Gaussians to a byte, the first in the highest bit."""
        return np.packbits(self._mask(name)).tobytes()

    def mask_picture(self, body: bodies.PictureBody) -> bytes:
        """Returns the mask of the selection or an object in a view, a PNG of 0 and 255."""
        camera = self._camera(body.view, body.camera)
        mask = next(render_masks(self.session.placed, [camera], self._mask(body.object)))
        written = io.BytesIO()
        Image.fromarray(mask.astype(np.uint8) * np.uint8(255)).save(written, "PNG", compress_level=1)
        return written.getvalue()

    def file(self, name: str | None, format: ExportFormat | None) -> tuple[bytes, str]:
        """Returns the file of the selection or an object, and its ending."""
        scene = self.session.scene
        mask, written = self._mask(name), usable_format(format, scene.gaussians)
        _require_members(mask)
        folder = Path(tempfile.mkdtemp())
        try:
            write_splats(scene.gaussians, mask, folder / "object", written, scene.cameras)
            return (folder / f"object.{written}").read_bytes(), written
        finally:
            shutil.rmtree(folder, ignore_errors=True)

    def export(self, body: bodies.ExportBody) -> bodies.ExportAnswer:
        """Writes the selection or an object into a folder."""
        folder = self.folders.place(body.folder)
        if folder in self.folders.roots:
            raise RequestError("folder: expected one inside a served folder, found that folder; give a new one.")
        name = None if body.object is None else self._object(body.object).name
        _require_members(self._mask(name))
        options = {
            each.name: getattr(body, each.name) for each in fields(body) if each.name not in ("folder", "object")
        }
        export_object(self.session, folder, name, ExportConfig(**options))
        files = sorted(str(each.relative_to(folder)) for each in folder.rglob("*") if each.is_file())
        return bodies.ExportAnswer(self.folders.name(folder), files)

    def _mask(self, name: str | None) -> np.ndarray:  # [N] bool
        return self.session.selection if name is None else self._object(name).bits.mask()

    # What comes in

    def _prompt(self, body: bodies.PromptBody) -> Prompt:
        camera = self._camera(body.view, body.camera)
        points, negative = ([(x, y) for x, y in part] for part in (body.points, body.negative))
        stroke = None if body.scribble is None else [(x, y) for x, y in body.scribble]
        if stroke == []:
            raise RequestError("scribble: expected pixels of a stroke, found none; give some.")
        box = None if body.box is None else (body.box[0], body.box[1], body.box[2], body.box[3])
        view = camera if body.view is None else camera.name
        if body.lasso is not None:
            if points or body.mask is not None or box is not None or stroke is not None:
                raise RequestError("lasso: expected it alone, or with negative points, found more; leave out the rest.")
            return replace(shapes.around(camera, [(x, y) for x, y in body.lasso]), view=view, negative=negative)
        mask = None if body.mask is None else _picture(body.mask, camera)
        return Prompt(view, points, negative, stroke, mask, box)

    def _camera(self, view: str | None, described: bodies.CameraBody | None) -> Camera:
        if (view is None) == (described is None):
            found = "neither" if view is None else "both"
            raise RequestError(f"prompt: expected a view or a camera, found {found}; give one of them.")
        if described is None:
            assert view is not None
            try:
                return self.session.scene.camera(view)
            except SagaError as error:
                raise MissingError(str(error)) from error
        if described.width * described.height > _MOST_PIXELS:
            raise TooLargeError(f"camera: expected at most {_MOST_PIXELS} pixels, found more; make it smaller.")
        try:
            return Camera.described(asdict(described))
        except ValueError as error:
            raise RequestError(f"camera: expected one with axes at right angles, found {error}; mend it.") from error


def _require_members(
    mask: np.ndarray,  # [N] bool
) -> None:
    if not mask.any():
        raise ConflictError("file: expected Gaussians to write, found that nothing is selected; select something.")


def _described(made: NamedObject) -> bodies.ObjectAnswer:
    return bodies.ObjectAnswer(made.name, list(made.color), made.kind, len(made))


def _color(body: bodies.KeepBody) -> tuple[int, int, int] | None:
    return None if body.color is None else (body.color[0], body.color[1], body.color[2])


def _picture(text: str, camera: Camera) -> np.ndarray:  # [H, W] bool
    """Returns the mask of a request. Raises RequestError for what is no picture of the view's size."""
    try:
        return mask_of_png(base64.b64decode(text, validate=True), camera)
    except binascii.Error as error:
        raise RequestError("mask: expected a PNG in base64, found something else; write it again.") from error
    except SagaError as error:
        raise RequestError(str(error)) from error
