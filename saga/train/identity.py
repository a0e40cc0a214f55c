"""What decides the result of a training run, as digests: where all are the same, a kept state is gone on with."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from torch import Tensor

from saga.scene import Scene

if TYPE_CHECKING:
    from saga.train.trainer import Trainer


def run_identity(scene: Scene, trainer: Trainer) -> dict[str, Any]:
    """Returns what decides the result of a run, as JSON values by the names that people know.

    Photographs decide by the masks and Segment Anything's features that were made of them, and are in their digest.

    Args:
        scene: the scene that is trained.
        trainer: its trainer before the first step.
    """
    return {
        "scene": scene.gaussians.digest(),
        "cameras": _digest_of_cameras(scene),
        "masks": _digest_of_masks(trainer),
        "settings": asdict(trainer.config),
        "order": "touched first",  # of the features; earlier releases had the PLY's
    }


def _digest_of_cameras(scene: Scene) -> str:
    facts = [[each.name, each.describe(), None if each.lens is None else asdict(each.lens)] for each in scene.cameras]
    return hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()


def _digest_of_masks(trainer: Trainer) -> str:
    """Digest of what the steps learn from: the masks of the sampled pixels, and the features of Segment Anything."""
    sha = hashlib.sha256()
    for view in trainer.cache.views:
        sha.update(view.camera.name.encode(errors="surrogateescape"))
        for tensor in (view.pattern, view.members, view.coverage, view.weights, view.sizes):
            _add(sha, tensor)
        if trainer.phi is not None and view.coverage is not None:
            features = trainer.masks.features(view.camera)
            sha.update(b"" if features is None else features.tobytes())
    return sha.hexdigest()


def _add(sha: Any, tensor: Tensor | None) -> None:
    if tensor is None:
        sha.update(b"none")
        return
    sha.update(f"{tensor.dtype}{list(tensor.shape)}".encode())
    sha.update(tensor.cpu().numpy().tobytes())
