"""What is said before a model makes the masks of a scene: how long it is going to take here."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from pathlib import Path

import torch

from saga.masks.config import SamConfig
from saga.masks.models.estimate import seconds_per_image, sentence, unknown_seconds
from saga.masks.models.generator import ModelGenerator
from saga.masks.models.registry import MODELS
from saga.masks.models.resolve import find_model
from saga.scene.camera import Camera
from saga.scene.scene import Scene


def announce(scene: Scene, generator: ModelGenerator, missing: Sequence[Camera], say: Callable[[str], None]) -> None:
    """Says how long the masks of the missing views will take, as measured on the first of them.

    Raises:
        SagaError: the photograph or the model cannot be read.
    """
    model, image = generator.opened, scene.image(missing[0])
    seconds = seconds_per_image(model, image)
    say(sentence(len(missing), seconds, model, generator.model.name, image, model.device))


def announce_unknown(scene: Scene, given: str | Path, device: str, say: Callable[[str], None] | None) -> None:
    """Says the same of a known model that would have to be downloaded, before anybody is asked whether to do so.

    Where nobody can be asked, nothing is going to be downloaded, and nothing is measured.

    Raises:
        SagaError: the model is there, and not whole; or a photograph cannot be read.
    """
    name = str(given)
    photographs = [camera for camera in scene.cameras if camera.image_path is not None]
    if say is None or name not in MODELS or not photographs or not sys.stdin.isatty() or find_model(name) is not None:
        return
    place = torch.device(("cuda" if torch.cuda.is_available() else "cpu") if device == "auto" else device)
    say(f"{MODELS[name].facts}; measuring how long it takes here")
    image = scene.image(photographs[0])
    seconds = unknown_seconds(name, image, place, SamConfig())
    say(sentence(len(photographs), seconds, None, name, image, place))
