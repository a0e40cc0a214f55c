"""The models of words by what a person gave: a short name, a folder, or an id of the hub."""

from __future__ import annotations

from pathlib import Path

from saga.masks.models import resolve_model
from saga.words.source import TextImageModel
from saga.words.text_image import TransformersTextImage

RECOMMENDED = "siglip2"
"""The model that is taken where none is named (docs/words.md says why)."""


def open_text_image(model: TextImageModel | str | Path | None = None, device: str = "auto") -> TextImageModel:
    """Returns a text-image model; one that is open already stays as it is.

    Args:
        model: the model, or where it is: a short name of `saga.masks.models.MODELS`, a folder, or an id of the hub, of
            which nothing is downloaded without a yes at a terminal. None takes the recommended one.
        device: "auto", "cpu" or "cuda".

    Raises:
        SagaError: there is no such model, or it is none of words.
    """
    if model is not None and not isinstance(model, str | Path):
        return model
    found = resolve_model(RECOMMENDED if model is None else model)
    return TransformersTextImage(found.path, device, name=found.name)
