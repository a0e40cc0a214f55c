"""Objects by their numbers: a label for every Gaussian, inside the scene's PLY, and what the numbers stand for."""

from __future__ import annotations

import copy
import warnings
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from plyfile import PlyData, PlyProperty

from saga.errors import EmptySelectionError, SagaError
from saga.export.folders import FACTS
from saga.export.preview import palette
from saga.files.json_values import write_json
from saga.files.transaction import atomic_path
from saga.raster import DeviceScene
from saga.scene import Gaussians, Scene
from saga.scene.formats import format_by_name
from saga.scene.json_file import read_json

if TYPE_CHECKING:
    from saga.query.segmentation import Segmentation

PROPERTY = "object_id"
_MOST = np.iinfo(np.uint16).max


def write_labeled(
    scene: Scene | DeviceScene,
    objects: Mapping[str, Segmentation],
    path: str | Path,
) -> None:
    """Writes the whole scene as a PLY that says which object each Gaussian belongs to, and objects.json beside it.

    The PLY has a property `object_id` (uint16; 0 = none, k = the k-th object; a Gaussian of several objects belongs to
    the one that scores it highest). Order, format, comments, other elements and every other property stay as they were
    read, bit for bit; an `object_id` that the scene has already is replaced in its place, with a warning. objects.json
    is as `describe_objects` has it. A scene of another format is written in the layout of the INRIA trainer.

    Args:
        scene: the scene.
        objects: name -> object.
        path: the PLY; replaced when it is there.

    Raises:
        EmptySelectionError: there are no objects, or nothing is selected of any.
        SagaError: `path` is no PLY's, there are more than 65,535 objects, objects.json is one of another kind, or a
            file cannot be written.
    """
    path = Path(path)
    if path.suffix.lower() != ".ply" or format_by_name(path) is not None:
        raise SagaError(f"{path}: expected the name of a PLY, which object ids have a place in; end it with .ply.")
    if not any(each.mask.any() for each in objects.values()):
        raise EmptySelectionError(f"{path}: expected at least one object to write, found none; select something first.")
    facts = path.with_name(FACTS)
    if facts.exists() and not is_description(facts):
        raise SagaError(f"{facts}: expected none, or one of an earlier result, found another; choose another folder.")
    gaussians = (scene.scene if isinstance(scene, DeviceScene) else scene).gaussians
    labeled = with_labels(gaussians, merge_labels(objects, len(gaussians)))
    with atomic_path(facts) as temporary:
        write_json(temporary, describe_objects(objects, gaussians))
        labeled.write(path)


def with_labels(
    gaussians: Gaussians,
    labels: np.ndarray,  # [N] integer, 0 = none
) -> Gaussians:
    """Returns the Gaussians with the property `object_id`, uint16; warns when it replaces one.

    Raises SagaError when a label is too large for the property.
    """
    if labels.max(initial=0) > _MOST:
        raise SagaError(f"{PROPERTY}: expected at most {_MOST:,} objects, found {labels.max():,}; leave some out.")
    element = copy.copy(gaussians.ply["vertex"])
    old = element.data
    if PROPERTY in (old.dtype.names or ()):
        warnings.warn(f"{PROPERTY}: the scene has this property already; it is replaced", stacklevel=3)
    kinds = {name: old.dtype[name] for name in old.dtype.names or ()} | {PROPERTY: np.dtype(np.uint16)}
    rows = np.empty(len(old), list(kinds.items()))
    for name in kinds:
        rows[name] = labels if name == PROPERTY else old[name]
    properties = {each.name: each for each in element.properties} | {PROPERTY: PlyProperty(PROPERTY, "u2")}
    element.data = rows
    element.properties = tuple(properties.values())
    ply = gaussians.ply
    elements = [element if each.name == "vertex" else each for each in ply.elements]
    return replace(
        gaussians, vertices=rows, ply=PlyData(elements, ply.text, ply.byte_order, ply.comments, ply.obj_info)
    )


def merge_labels(objects: Mapping[str, Segmentation], count: int) -> np.ndarray:  # [N]
    """Returns whose each Gaussian is, int32 [N]: 0 = nobody's, k = the k-th object's, which scores it highest."""
    labels, best = np.zeros(count, np.int32), np.full(count, -np.inf, np.float32)
    for label, segmentation in enumerate(objects.values(), 1):
        scores = segmentation.scores
        wins = segmentation.mask & ((labels == 0) | (scores > best))
        labels[wins], best[wins] = label, scores[wins]
    return labels


def describe_objects(objects: Mapping[str, Segmentation], gaussians: Gaussians) -> dict[str, Any]:
    """Returns what objects.json holds: by the names of the objects, in the order of their numbers, JSON values.

    id: its number in labels.npy, label maps and `object_id`; color: red, green and blue of the overview, 0 to 255;
    kind: object, or support, which objects stand on; gaussians: how many it has; bounding_box: min and max, each
    x, y, z in world units, of the centers of its Gaussians, None for an object without any.
    """
    return {
        name: {
            "id": number,
            "color": list(palette(number)),
            "kind": segmentation.report.get("kind", "object"),
            "gaussians": len(segmentation),
            "bounding_box": _bounds(gaussians.means[segmentation.mask & gaussians.valid]),
        }
        for number, (name, segmentation) in enumerate(objects.items(), 1)
    }


def is_description(path: Path) -> bool:
    """Tells whether a file is what `describe_objects` returns."""
    try:
        contents = read_json(path)
    except SagaError:
        return False
    return isinstance(contents, dict) and all(isinstance(v, dict) and "id" in v for v in contents.values())


def _bounds(
    means: np.ndarray,  # [n, 3]
) -> dict[str, list[float]] | None:
    if not len(means):
        return None
    return {"min": means.min(axis=0).tolist(), "max": means.max(axis=0).tolist()}
