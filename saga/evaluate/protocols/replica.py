"""Replica with instance labels, as rendered by Zhi et al. (Semantic-NeRF), by the protocol of SA3D.

Layout, as published: `DATA/<scene>/Sequence_1/` (office_0 to office_4, room_0 to room_2) with `rgb/rgb_<k>.png`,
`semantic_instance/semantic_instance_<k>.png` and `traj_w_c.txt` (one camera-to-world matrix a line, row by row;
OpenCV axes). The trained scene is in that folder, or in one called as the scene.

Assumptions: 90 degrees horizontal field of view, principal point in the middle; every fifth frame is used, as
Semantic-NeRF trains with; objects are those of SA3D's appendix E (all labels but 0 in scenes it does not list); the
reference view, which SA3D does not name, is the one where the object is largest; its true mask is the prompt, and
the object is judged in every used view that shows it.
"""

from __future__ import annotations

import time
from pathlib import Path

import numpy as np

from saga.errors import SagaError
from saga.evaluate.cases import Case, PromptConfig, PromptKind, Task
from saga.evaluate.paths import DatasetPaths, first, subfolders
from saga.evaluate.prompts import prompt_views, truth_prompts
from saga.evaluate.truth import LabelMaps
from saga.scene import Camera, Gaussians, Scene
from saga.scene.images import image_size
from saga.scene.pose import invert_pose

KINDS: tuple[PromptKind, ...] = ("mask", "points")
EVERY = 5
"""Frames from one used frame to the next."""
OBJECTS = {
    "office0": "3,4,7,8,9,10,12,14,17,19,21,23,26,28,29,30,36,37,40,42,44,46,54,55,57,58,61",
    "office1": "3,7,9,11,13,14,15,17,23,24,29,32,33,36,37,39,42,44,45,46",
    "office2": "0,2,8,9,13,14,17,19,23,27,40,41,47,49,51,54,58,60,65,67,70,71,72,73,78,85,90,92,93",
    "office3": "3,8,11,14,15,18,19,25,29,30,32,33,38,39,43,51,54,55,61,65,72,76,78,82,87,91,95,96,101,111",
    "office4": "1,2,6,7,9,11,17,22,23,26,33,34,39,47,49,51,52,53,55,56",
    "room0": "5,6,7,10,13,14,16,25,32,33,35,46,51,53,55,60,64,67,68,83,86,87,92",
    "room1": "1,2,4,6,7,9,10,11,16,18,24,28,32,36,37,44,48,52,54,56",
    "room2": "3,5,6,7,8,9,11,12,16,18,22,26,27,37,38,39,40,43,49,55,56",
}
"""Instances judged (SA3D, Table E10)."""
_SEQUENCE = "Sequence_1"


def scene_names(data: Path) -> list[str]:
    """Returns scenes with a rendered sequence."""
    names = [n for n in subfolders(data, "holds no scenes", "one folder per scene") if (data / n / _SEQUENCE).is_dir()]
    if not names:
        raise SagaError(f"{data}: expected scene folders with {_SEQUENCE}/; found none.")
    return names


def open_case(paths: DatasetPaths, name: str, prompting: PromptConfig) -> Case:
    """Returns one scene. Raises SagaError for what is missing."""
    folder = first([paths.data / name / _SEQUENCE], f"the sequence of {name}")
    ply = paths.ply([name, f"{name}/{_SEQUENCE}"])
    start = time.perf_counter()
    scene = Scene(Gaussians.read(ply), read_cameras(folder), ply)
    seconds = time.perf_counter() - start
    labels = folder / "semantic_instance"
    files = [(camera.name, labels / f"semantic_instance_{_number(camera.name)}.png") for camera in scene.cameras]
    maps = LabelMaps.read(scene, [(view, first([path], "an instance picture")) for view, path in files])
    listed = OBJECTS.get(name.replace("_", ""))
    wanted = [label for label in maps.labels() if label > 0] if listed is None else map(int, listed.split(","))
    tasks = []
    for label in wanted:
        truth = maps.masks(label)
        if len(truth) > 0:
            views = prompt_views(truth, 1)
            prompts = truth_prompts(truth, views, prompting, prompting.kind or KINDS[0])
            tasks.append(Task(name, str(label), prompts, truth))
    return Case(name, scene, paths.training_masks(scene, folder, name), tasks, load_seconds=seconds)


def read_cameras(folder: Path) -> list[Camera]:
    """Returns the used frames of a sequence. Raises SagaError when the trajectory or a photograph is missing."""
    trajectory = first([folder / "traj_w_c.txt"], "the camera poses")
    try:
        poses = np.loadtxt(trajectory, ndmin=2).reshape(-1, 4, 4)
    except ValueError as error:
        raise SagaError(f"{trajectory}: expected 16 numbers a line ({error}).") from error
    cameras = []
    for number in range(0, len(poses), EVERY):
        path = first([folder / "rgb" / f"rgb_{number}.png"], "a photograph")
        width, height = image_size(path)
        world_to_camera = invert_pose(poses[number], f"{trajectory}: line {number + 1}")
        focal = width / 2
        cameras.append(
            Camera(path.name, width, height, focal, focal, width / 2, height / 2, world_to_camera, path)
        )  # fmt: skip
    return cameras


def _number(view: str) -> str:
    return Path(view).stem.removeprefix("rgb_")
