"""The objects of a scene as a method has discovered them, kept so that the next question does not look for them."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import asdict, fields
from pathlib import Path
from typing import Any

import numpy as np
from torch import Tensor

from saga.methods import Segmenter
from saga.methods.base import DiscoveringMethod
from saga.query.segmentation import Segmentation
from saga.raster import DeviceScene
from saga.words.store import EmbeddingStore, key_of, words_folder


def objects_of(method: DiscoveringMethod[Any]) -> list[Segmentation]:
    """Returns the objects that a method discovers, from the folder of its scene's words where they are kept.

    Those of saga are kept, as long as its features, regions and settings decide them.

    Raises:
        SagaError: as `kept_objects`.
    """
    path = method.scene.path
    if path is None or not isinstance(method, Segmenter) or method.masks is not None:
        return list(method.discover())
    facts = ["saga", asdict(method.config), _digest(method.field), _digest(method.regions)]
    return kept_objects(words_folder(path), method.device_scene, method.discover, *facts)


def _digest(made: Any) -> str | None:
    """Tells features or regions from others by the numbers in them."""
    if made is None:
        return None
    digest = hashlib.blake2b(digest_size=16)
    for each in fields(made):
        value = getattr(made, each.name)
        if isinstance(value, Tensor):  # as it is stored, whatever type it is held in
            value = value.half().cpu().numpy()
        if isinstance(value, np.ndarray):
            digest.update(np.ascontiguousarray(value).data)
    return digest.hexdigest()


def kept_objects(
    folder: Path | None, scene: DeviceScene, discover: Callable[[], Sequence[Segmentation]], *facts: object
) -> list[Segmentation]:
    """Returns the objects of a scene from a folder, or discovers and keeps them.

    Args:
        folder: where they are kept; None keeps nothing.
        scene: the scene on a device.
        discover: finds the objects, which share no Gaussian.
        facts: JSON values of all that decides what is found, beside the scene and its cameras.

    Raises:
        SagaError: as `discover`, or the folder cannot be written.
    """
    if folder is None:
        return list(discover())
    store = EmbeddingStore(folder)
    cameras = [[camera.name, camera.describe()] for camera in scene.scene.cameras]
    name = f"objects-{key_of(scene.scene.gaussians.digest(), cameras, *facts)}"
    found = store.read(name, ("labels", "scores"))
    if found is not None and (kept := _opened(found, scene)) is not None:
        return kept
    objects = list(discover())
    labels = np.zeros(len(scene.scene.gaussians), np.int32)
    scores = np.zeros(len(labels), np.float32)
    for number, each in enumerate(objects, 1):
        labels[each.mask] = number
        scores[each.mask] = each.scores[each.mask]
    store.write(name, {"labels": labels, "scores": scores}, {"reports": [each.report for each in objects]})
    return objects


def _opened(found: tuple[dict[str, np.ndarray], dict[str, Any]], scene: DeviceScene) -> list[Segmentation] | None:
    arrays, facts = found
    labels, scores, reports = arrays["labels"], arrays["scores"], facts.get("reports")
    if labels.shape != (len(scene.scene.gaussians),) or not isinstance(reports, list):
        return None
    objects = []
    for number, report in enumerate(reports, 1):
        mask = labels == number
        objects.append(Segmentation(mask, np.where(mask, scores, 0).astype(np.float32), dict(report), scene))
    return objects
