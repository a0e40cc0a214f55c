"""The models of words by what a person gave: a short name, a folder, or an id of the hub."""

from __future__ import annotations

from pathlib import Path

from saga.errors import SagaError
from saga.words.source import TextImageModel
from saga.words.text_image import TransformersTextImage

RECOMMENDED = "siglip2"
"""The model that is taken where none is named (docs/words.md says why)."""


def open_text_image(model: TextImageModel | str | Path | None = None, device: str = "auto") -> TextImageModel:
    """Returns a text-image model; one that is open already stays as it is.

    Args:
        model: the model, or where it is; None takes the recommended one.
        device: "auto", "cpu" or "cuda".

    Raises:
        SagaError: there is no such model.
    """
    if model is not None and not isinstance(model, str | Path):
        return model
    folder = Path(RECOMMENDED if model is None else model)
    if not folder.is_dir():
        raise SagaError(f"{folder}: expected the folder of a text-image model, found none; give it.")
    return TransformersTextImage(folder, device)
