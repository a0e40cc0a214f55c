"""Which views a method goes through after the prompt's own, and in which order."""

from __future__ import annotations

from collections.abc import Sequence
from typing import get_args

import numpy as np

from saga.errors import SagaError
from saga.methods.config import ViewOrder
from saga.scene import Camera


def choose_views(
    cameras: Sequence[Camera], reference: Camera, count: int = 0, order: ViewOrder = "nearest"
) -> list[Camera]:
    """Returns the views that a method goes through after the prompt's own, in turn.

    Args:
        cameras: all views; the reference, found by its name, is left out.
        reference: the view of the prompt.
        count: at most this many, evenly spaced in the files' order as in SA3D's table 4; 0 takes all.
        order: "nearest" goes from the views most like the reference to those least like it, "farthest" the other way,
            "file" keeps the order of the files, beginning after the reference and wrapping round.

    Raises:
        SagaError: an unknown order, or a negative count.
    """
    if order not in get_args(ViewOrder):
        raise SagaError(f"order: expected one of {', '.join(get_args(ViewOrder))}, found {order!r}.")
    if count < 0:
        raise SagaError(f"views: expected 0 (all) or more, found {count}.")
    names = [camera.name for camera in cameras]
    start = names.index(reference.name) + 1 if reference.name in names else 0
    others = [camera for camera in [*cameras[start:], *cameras[:start]] if camera.name != reference.name]
    if 0 < count < len(others):
        others = [others[i] for i in np.linspace(0, len(others) - 1, count).round().astype(int)]
    if order == "file" or not others:
        return others
    apart = _apart(others, reference)
    ranked = np.argsort(apart if order == "nearest" else -apart, kind="stable")
    return [others[i] for i in ranked]


def _apart(cameras: Sequence[Camera], reference: Camera) -> np.ndarray:  # [V]
    """Returns how unlike the reference views are: distance over the views' spread, plus 1 - cosine of directions."""
    positions = np.stack([camera.position for camera in cameras])
    spread = float(np.linalg.norm(positions - positions.mean(0), axis=1).mean()) or 1.0
    forward = np.stack([camera.world_to_camera[2, :3] for camera in cameras])
    turned = 1 - forward @ reference.world_to_camera[2, :3]
    return np.asarray(np.linalg.norm(positions - reference.position, axis=1) / spread + turned)
