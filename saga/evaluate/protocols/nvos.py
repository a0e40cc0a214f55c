"""NVOS: scribbles in a reference view, judged by the mask of one other view.

Layout, as published (Ren et al. 2022), in DATA, DATA/llff or DATA/labels/llff:
`reference_image/<task>/<view>.JPG`, `scribbles/<task>/pos_*.png` and `neg_*.png`, `masks/<task>/<view>_mask.png`.
Tasks are fern, flower, fortress, horns_center, horns_left, leaves, orchids and trex. Photographs and cameras (LLFF:
`images/` and `sparse/0`) and the trained scene are looked for in folders called as the scene (horns for both tasks
of horns), or that with `_undistort`, in DATA, DATA/scenes, DATA/nerf_llff_data and the folder of trained scenes.

Assumptions: pictures smaller than the photographs (the release has a quarter of their size) are enlarged by the
nearest pixel. With points, SA3D's rule (appendix C) is used: 2 % of the pixels of the positive scribbles' skeleton
and 0.5 % of the negative one's, drawn at random, since the paper names no draw; displaced points stay on the scribble.
With scribbles, the positive scribble is the prompt and the negative one gives the same points as before.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from saga.errors import SagaError
from saga.evaluate.cases import Case, PromptConfig, PromptKind, Task, TaskPrompt
from saga.evaluate.paths import DatasetPaths, first, subfolders
from saga.evaluate.prompts import point_prompts
from saga.evaluate.truth import fit, read_binary
from saga.methods.scribbles import NEGATIVE_SHARE, POSITIVE_SHARE, skeleton_points
from saga.query.prompts import Prompt
from saga.scene import Camera, Scene

KINDS: tuple[PromptKind, ...] = ("points", "scribble")
_ROOTS = ("", "llff", "labels/llff")
_TWO_TASKS = "horns"


def scene_names(data: Path) -> list[str]:
    """Returns scenes that have tasks."""
    tasks = subfolders(_root(data) / "masks", "holds no tasks", "one folder a task")
    return list(dict.fromkeys(_scene_of(task) for task in tasks))


def open_case(paths: DatasetPaths, name: str, prompting: PromptConfig) -> Case:
    """Returns one scene with its one or two tasks. Raises SagaError for what is missing."""
    root = _root(paths.data)
    names = subfolders(root / "masks", "holds no tasks", "one folder a task")
    scene, folder, seconds = paths.load(name)
    tasks = [_task(root, task, scene, name, prompting) for task in names if _scene_of(task) == name]
    return Case(name, scene, paths.training_masks(scene, folder, name), tasks, load_seconds=seconds)


def _task(root: Path, task: str, scene: Scene, name: str, prompting: PromptConfig) -> Task:
    target = _one(root / "masks" / task, "*_mask.png")
    camera = scene.camera(target.stem.removesuffix("_mask"))
    truth = {camera.name: fit(camera, read_binary(target), target)}
    reference = scene.camera(_one(root / "reference_image" / task, "*").stem)
    positive = _scribble(root / "scribbles" / task, "pos", reference)
    if positive is None or not positive.any():
        raise SagaError(f"{root / 'scribbles' / task}: expected pos_*.png with something drawn on it; found none.")
    negative = _scribble(root / "scribbles" / task, "neg", reference)
    return Task(name, task, _prompts(reference.name, positive, negative, prompting), truth)


def _prompts(view: str, positive: np.ndarray, negative: np.ndarray | None, prompting: PromptConfig) -> list[TaskPrompt]:
    rng = np.random.default_rng(prompting.seed)
    points = skeleton_points(positive, POSITIVE_SHARE, rng)
    excluded = [] if negative is None else skeleton_points(negative, NEGATIVE_SHARE, rng)
    if (prompting.kind or KINDS[0]) == "scribble":
        return [TaskPrompt(Prompt(view, negative=excluded, scribble=positive), "scribble")]
    return point_prompts(view, points, excluded, positive, prompting)


def _scribble(folder: Path, kind: str, camera: Camera) -> np.ndarray | None:  # [H, W] bool
    drawn = [fit(camera, read_binary(path), path) for path in sorted(folder.glob(f"{kind}_*.png"))]
    return np.any(drawn, axis=0) if drawn else None


def _root(data: Path) -> Path:
    return first([data / root / "masks" for root in _ROOTS], "the masks of NVOS").parent


def _scene_of(task: str) -> str:
    return _TWO_TASKS if task.startswith(f"{_TWO_TASKS}_") else task


def _one(folder: Path, pattern: str) -> Path:
    found = sorted(path for path in folder.glob(pattern) if path.is_file())
    if len(found) != 1:
        raise SagaError(f"{folder}: expected exactly one {pattern}, found {len(found)}.")
    return found[0]
