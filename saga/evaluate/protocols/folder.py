"""Any scene folder with labels or annotations.

Layout of `DATA/<scene>/`: scene.ply (or a trained model's point_cloud/), images/, cameras (transforms.json or
sparse/0), and the truth: `instances/<view>.png` (the number of the object that each pixel shows) with objects.json
(name -> number) and, where known, labels.npy (the number of each Gaussian, in the PLY's order); or
`annotations/<object>/<view>.png` (binary masks). `masks_samlike/` is trained with when it is there.

Every object but number 0, table and floor is asked for in the view where it is largest, and in every fourth view
after that in the order of its size; it is judged in all views that show at least 100 pixels of it. With instances, a
method's decomposition without prompts is judged too, in up to ten views.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from saga.errors import SagaError
from saga.evaluate.cases import Case, PromptConfig, PromptKind, Task
from saga.evaluate.paths import DatasetPaths, subfolders
from saga.evaluate.prompts import prompt_views, truth_prompts
from saga.evaluate.truth import LabelMaps, TrueMasks, read_masks
from saga.files.arrays import read_npy
from saga.scene import Scene
from saga.scene.json_file import read_json

KINDS: tuple[PromptKind, ...] = ("points", "mask")
_SMALLEST = 100
_BACKGROUND = ("table", "floor")
_DECOMPOSED_VIEWS = 10


def scene_names(data: Path) -> list[str]:
    """Returns folders with a truth."""
    names = [
        name
        for name in subfolders(data, "holds no scene folders", "one folder per scene")
        if (data / name / "objects.json").is_file() or (data / name / "annotations").is_dir()
    ]
    if not names:
        raise SagaError(f"{data}: expected scene folders with objects.json, or with annotations/; found none.")
    return names


def open_case(paths: DatasetPaths, name: str, prompting: PromptConfig) -> Case:
    """Returns one scene folder. Raises SagaError for what is missing."""
    scene, folder, seconds = paths.load(name)
    tasks = []
    for label, truth, members in _objects(scene, folder):
        if len(truth) == 0:
            continue
        kind = prompting.kind or KINDS[0]
        prompts = truth_prompts(truth, prompt_views(truth, prompting.views), prompting, kind)
        tasks.append(Task(name, label, prompts, truth, members))
    maps = _decomposition(scene, folder) if (folder / "objects.json").is_file() else None
    return Case(name, scene, paths.training_masks(scene, folder, name), tasks, maps, seconds)


def _decomposition(scene: Scene, folder: Path) -> LabelMaps:
    """Returns the instances of up to ten views, evenly spaced."""
    views = png_views(folder / "instances")
    chosen = np.linspace(0, len(views) - 1, min(len(views), _DECOMPOSED_VIEWS)).round().astype(int)
    return LabelMaps.read(scene, [views[i] for i in chosen])


def _objects(scene: Scene, folder: Path) -> list[tuple[str, TrueMasks, np.ndarray | None]]:
    if (folder / "objects.json").is_file():
        maps = read_instances(scene, folder / "instances")
        labels = _labels(folder / "labels.npy", len(scene.gaussians))
        return [
            (name, maps.masks(number, _SMALLEST), None if labels is None else labels == number)
            for name, number in read_numbers(folder / "objects.json").items()
            if number != 0 and name not in _BACKGROUND
        ]
    annotations = folder / "annotations"
    names = subfolders(annotations, "holds no objects", "one folder of masks an object")
    return [(name, read_masks(scene, png_views(annotations / name), _SMALLEST), None) for name in names]


def read_numbers(path: Path) -> dict[str, int]:
    """Returns the numbers of objects by their names. Raises SagaError for anything else."""
    numbers = read_json(path)
    if not isinstance(numbers, dict) or not all(type(number) is int and number >= 0 for number in numbers.values()):
        raise SagaError(
            f"{path}: expected a whole number, 0 or more, for each name, found other values; write it again."
        )
    return numbers


def read_instances(scene: Scene, folder: Path) -> LabelMaps:
    """Returns the label PNGs of a folder, named as their views."""
    return LabelMaps.read(scene, png_views(folder))


def png_views(folder: Path) -> list[tuple[str, Path]]:
    """Returns the PNGs of a folder with the views they are named after. Raises SagaError when there are none."""
    files = [(path.stem, path) for path in sorted(folder.glob("*.png"))]
    if not files:
        raise SagaError(f"{folder}: expected one PNG a view, named as the photograph; found none.")
    return files


def _labels(path: Path, count: int) -> np.ndarray | None:  # [N]
    if not path.is_file():
        return None
    labels = read_npy(path, "one label for each Gaussian")
    if labels.shape != (count,):
        raise SagaError(f"{path}: expected one label for each of the {count} Gaussians, found {list(labels.shape)}.")
    return np.asarray(labels)
