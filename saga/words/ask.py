"""From a method that is open on a scene, and a text, to an answer."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any
from weakref import WeakKeyDictionary

from saga.errors import SagaError
from saga.methods.base import DiscoveringMethod
from saga.methods.prompter import Prompter, open_prompter
from saga.query.segmentation import Segmentation
from saga.words.answer import Answer, Match
from saga.words.finder import ObjectFinder
from saga.words.open import open_model
from saga.words.source import Detector, TextImageModel
from saga.words.views import ViewFinder

Model = TextImageModel | Detector | str | Path
"""A model that is open, or what `open_model` takes."""

_finders: WeakKeyDictionary[DiscoveringMethod[Any], dict[str, ObjectFinder | ViewFinder]] = WeakKeyDictionary()


def finder_of(
    method: DiscoveringMethod[Any],
    model: Model | None = None,
    discover: Callable[[], Sequence[Segmentation]] | None = None,
) -> ObjectFinder | ViewFinder:
    """Returns what asks a method's scene for words, opened once for each model.

    A text-image model is shown the objects that the method discovers; a detector is shown the views.

    Args:
        method: finds the objects.
        model: a model, or its name, folder or hub id; the recommended one by default.
        discover: finds the objects when they are first needed; by default the method does.

    Raises:
        SagaError: as `open_model`, or no objects can be discovered.
    """
    opened = _finders.setdefault(method, {})
    name = "" if model is None else str(model) if isinstance(model, str | Path) else f"{model.name} {id(model)}"
    if name in opened:
        return opened[name]
    made = open_model(model, str(method.device_scene.device))
    if isinstance(made, Detector):
        opened[name] = ViewFinder(method.device_scene, made, lambda: _prompter(method), progress=method.progress)
        return opened[name]
    others = [each.objects for each in opened.values() if isinstance(each, ObjectFinder)]
    found = others[0] if others else (discover or method.discover)()
    opened[name] = ObjectFinder(method.device_scene, found, made, progress=method.progress)
    return opened[name]


def require_model(model: str | Path | None) -> None:
    """Raises SagaError for a model that is not to be had, or none of words; of one that is, the config alone is read.

    A model that is not on this machine is downloaded, if somebody at a terminal says yes.
    """
    open_model(model, "cpu")


def object_finder_of(
    method: DiscoveringMethod[Any], model: Model | None, found: Sequence[Segmentation]
) -> ObjectFinder:
    """Returns what names objects that were found. Raises SagaError for a detector, which is shown no objects."""
    made = open_model(model, str(method.device_scene.device))
    if isinstance(made, Detector):
        raise SagaError(
            f"{made.name}: expected a text-image model to name objects, found a detector; give e.g. siglip2."
        )
    return ObjectFinder(method.device_scene, found, made, progress=method.progress)


def find(method: DiscoveringMethod[Any], text: str, top: int = 5, model: Model | None = None) -> list[Segmentation]:
    """Returns the objects of a method's scene that a text describes, best first; none when nothing is like it.

    Args:
        method: finds the objects.
        text: a name or a description.
        top: at most so many.
        model: as for `finder_of`.

    Raises:
        SagaError: as `finder_of` and `ObjectFinder.rank`.
    """
    answer = finder_of(method, model).rank(text)
    return [as_object(answer, match) for match in answer.found[:top]]


def as_object(answer: Answer, match: Match, ranking: bool = False) -> Segmentation:
    """Returns the object of a match, with what the answer says of it under "words" in its report.

    Args:
        answer: the answer.
        match: one of its matches.
        ranking: whether the report also has what it says of all others.
    """
    found = match.segmentation
    rank = answer.matches.index(match)
    words = answer.describe()
    own = words["ranking"][rank]
    if not ranking:
        del words["ranking"]
    report = found.report | {"view": None, "prompt": {"text": answer.text}, "words": words | own}
    return Segmentation(found.tensor.mask, found.tensor.scores, report, found.scene)


def _prompter(method: DiscoveringMethod[Any]) -> Prompter:
    """What makes masks of boxes: Segment Anything, where the method has it, or the masks of the views."""
    masks = None if method.sam is not None else method.masks_or_own()
    return open_prompter(method.device_scene, masks, method.sam, method.regions)
