"""From a method that is open on a scene, and a text, to an answer."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any
from weakref import WeakKeyDictionary

from saga.methods.base import DiscoveringMethod
from saga.query.segmentation import Segmentation
from saga.words.answer import Answer, Match
from saga.words.finder import ObjectFinder
from saga.words.open import open_text_image
from saga.words.source import TextImageModel

Model = TextImageModel | str | Path
"""A model that is open, or what `open_text_image` takes."""

_finders: WeakKeyDictionary[DiscoveringMethod[Any], dict[str, ObjectFinder]] = WeakKeyDictionary()


def finder_of(
    method: DiscoveringMethod[Any],
    model: Model | None = None,
    discover: Callable[[], Sequence[Segmentation]] | None = None,
) -> ObjectFinder:
    """Returns what asks the objects of a method's scene, opened once for each model.

    Args:
        method: finds the objects.
        model: a model, or its name, folder or hub id; the recommended one by default.
        discover: finds the objects; by default the method does, once.

    Raises:
        SagaError: as `open_text_image`, or no objects can be discovered.
    """
    opened = _finders.setdefault(method, {})
    name = "" if model is None else str(model) if isinstance(model, str | Path) else f"{model.name} {id(model)}"
    if name not in opened or discover is not None:
        made = open_text_image(model, str(method.device_scene.device))
        others = next(iter(opened.values()), None) if discover is None else None
        found = others.objects if others is not None else (discover or method.discover)()
        opened[name] = ObjectFinder(method.device_scene, found, made, progress=method.progress)
    return opened[name]


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
