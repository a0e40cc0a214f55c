"""How long a model takes for an image on this machine: measured on a part of the work, and said before all of it."""

from __future__ import annotations

import time
from dataclasses import replace

import numpy as np
import torch

from saga.errors import SagaError
from saga.masks.config import SamConfig
from saga.masks.models.model import MaskModel

_WORTH_SAYING = 60.0
"""Seconds of work in all from which on a faster model is worth a line."""
_FAST = "mobile"


def seconds_per_image(
    model: MaskModel,
    image: np.ndarray,  # [H, W, 3]
) -> float:
    """Returns about how many seconds the automatic masks of a uint8 RGB image like this one take.

    The encoder runs once and stays encoded for the work itself; two batches of points are decoded, of which the
    second counts, as the first may warm things up.
    """
    from segment_anything.utils import amg

    from saga.masks.models.automatic import batch_size, masks_of_batch

    began = time.perf_counter()
    encoded = model.encode(image)
    _wait(model)
    encoding = time.perf_counter() - began
    crops = len(amg.generate_crop_boxes(image.shape[:2], model.config.crop_n_layers, 0.0)[0])
    grid = amg.build_point_grid(model.config.points_per_side) * np.array(image.shape[1::-1])
    batch = min(batch_size(model), len(grid))
    spread = grid[np.linspace(0, len(grid) - 1, batch).astype(int)]
    whole = [0, 0, image.shape[1], image.shape[0]]
    for _ in range(2):
        began = time.perf_counter()
        model.guarded(lambda: masks_of_batch(model, encoded, spread, whole, image.shape[:2]))
        _wait(model)
    return crops * (encoding + (time.perf_counter() - began) * len(grid) / batch)


def unknown_seconds(
    name: str,
    image: np.ndarray,  # [H, W, 3]
    device: torch.device,
    config: SamConfig,
) -> float:
    """Returns the same for a known model that is not on this machine, from its architecture with random weights.

    Raises:
        SagaError: as `random_model` does.
    """
    from saga.masks.models.random_weights import random_model

    # Random weights rate all their masks badly. A real model's are worth enlarging about every other time.
    every = replace(config, pred_iou_thresh=0.0, stability_score_thresh=0.0)
    return seconds_per_image(random_model(name, device, every), image)


def sentence(
    count: int,
    seconds: float,
    model: MaskModel | None,
    name: str,
    image: np.ndarray,  # [H, W, 3]
    device: torch.device,
) -> str:
    """Returns the line for people: how long each photograph takes, and all, and what a faster model would take.

    Args:
        count: photographs without masks.
        seconds: what each takes.
        model: the model that was measured, or None for random weights.
        name: what it is called.
        image: a uint8 RGB photograph.
        device: where it runs.
    """
    place = "this CPU" if device.type == "cpu" else "this GPU"
    noun = "photograph" if count == 1 else "photographs"
    line = f"{count} {noun}, about {spoken(seconds)} each on {place} with {name}"
    line += f", {spoken(count * seconds)} in all" if count > 1 else ""
    if model is None:
        line += " (measured with random weights)"
    small = name == _FAST or (model is not None and model.model_type == "vit_t")
    if small or device.type != "cpu" or count * seconds < _WORTH_SAYING:
        return line
    try:
        fast = unknown_seconds(_FAST, image, device, SamConfig())
    except SagaError:  # without timm there is no such model
        return line
    return f"{line}; --sam {_FAST} takes about {spoken(fast)} each" if fast < seconds else line


def spoken(seconds: float) -> str:
    """Returns a time as people say it: "9 s", "4 min", "2 h"."""
    if seconds < 0.95:
        return f"{seconds:.1f} s"
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.0f} h"


def _wait(model: MaskModel) -> None:
    """Waits for what the device still has to do."""
    if model.device.type == "cuda":
        torch.cuda.synchronize(model.device)
