"""The models of words by what a person gave: a short name, a folder, or an id of the hub."""

from __future__ import annotations

from pathlib import Path

from saga.errors import SagaError
from saga.masks.models import resolve_model
from saga.masks.models.folders import model_type
from saga.masks.models.resolve import find_model
from saga.words.detectors import DETECTORS, GroundingDetector, Sam3Detector
from saga.words.source import Detector, TextImageModel
from saga.words.text_image import KINDS, TransformersTextImage

RECOMMENDED = "siglip2"
"""The model that is taken where none is named (docs/words.md says why)."""


def open_without_asking(model: str | Path | None = None, device: str = "auto") -> TextImageModel | Detector:
    """Returns a model of words whose files are on this machine, with its weights read; nobody is asked to download it.

    Raises:
        SagaError: they are not there, or as `open_model`.
    """
    name = RECOMMENDED if model is None else model
    if find_model(name) is None:
        raise SagaError(
            f"{name}: expected this model of words on this machine, found none; give the folder of one with "
            f"--text-model, or have it downloaded once: saga-segment SCENE.ply --text mug --text-model {name}."
        )
    opened = open_model(name, device)
    if isinstance(opened, TransformersTextImage | Sam3Detector | GroundingDetector):
        opened.load()
    return opened


def open_model(
    model: TextImageModel | Detector | str | Path | None = None, device: str = "auto"
) -> TextImageModel | Detector:
    """Returns a model of words, a text-image model or a detector; one that is open already stays as it is.

    Args:
        model: the model, or where it is: a short name of `saga.masks.models.MODELS`, a folder, or an id of the hub, of
            which nothing is downloaded without a yes at a terminal. None takes the recommended one.
        device: "auto", "cpu" or "cuda".

    Raises:
        SagaError: there is no such model, or it is none of words.
    """
    if model is not None and not isinstance(model, str | Path):
        return model
    found = resolve_model(RECOMMENDED if model is None else model, "words")
    kind = None if found.is_file else model_type(found.path)
    if kind in KINDS:
        return TransformersTextImage(found.path, device, name=found.name)
    for detector in DETECTORS:
        if kind in detector.KINDS:
            return detector(found.path, device, name=found.name)
    known = [*KINDS, *(each for detector in DETECTORS for each in detector.KINDS)]
    raise SagaError(
        f"{found.path}: expected a model of words ({', '.join(known)}), found {kind or 'a file'}; give another."
    )
