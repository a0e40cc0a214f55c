"""LERF-Mask (Gaussian Grouping): objects named by text in two to four novel views a scene.

Layout, as published: `DATA/<scene>/` (figurines, ramen, teatime) with `images/`, `images_train/`, `sparse/0` and
`test_mask/<novel view>/<object>.png`.

Assumptions: a folder of `test_mask` is called as a view, or is its number among the views that `images_train` lacks,
in the order of their names. The paper's prompt is text, found in the first novel view; here the object is clicked in
the first novel view that shows it, and judged in all that show it, that one included. The paper's figure is the mean
over views, then over objects.
"""

from __future__ import annotations

from pathlib import Path

from saga.errors import SagaError
from saga.evaluate.cases import Case, PromptConfig, PromptKind, Task
from saga.evaluate.paths import DatasetPaths, subfolders
from saga.evaluate.prompts import truth_prompts
from saga.evaluate.truth import read_masks
from saga.scene import Scene

KINDS: tuple[PromptKind, ...] = ("points", "mask")
_TRUTH = "test_mask"


def scene_names(data: Path) -> list[str]:
    """Returns scenes with test masks."""
    names = [n for n in subfolders(data, "holds no scenes", "one folder per scene") if (data / n / _TRUTH).is_dir()]
    if not names:
        raise SagaError(f"{data}: expected scene folders with {_TRUTH}/; found none.")
    return names


def open_case(paths: DatasetPaths, name: str, prompting: PromptConfig) -> Case:
    """Returns one scene. Raises SagaError for what is missing."""
    scene, folder, seconds = paths.load(name)
    root = paths.data / name / _TRUTH
    views = {
        view: _view(scene, folder, view) for view in subfolders(root, "holds no test views", "one folder per view")
    }
    names = sorted({path.stem for view in views for path in (root / view).glob("*.png")})
    tasks = []
    for label in names:
        files = [(view, root / folder_name / f"{label}.png") for folder_name, view in views.items()]
        truth = read_masks(scene, [(view, path) for view, path in files if path.is_file()])
        if truth:
            prompts = truth_prompts(truth, [next(iter(truth))], prompting, prompting.kind or KINDS[0])
            tasks.append(Task(name, label, prompts, truth))
    return Case(name, scene, paths.training_masks(scene, folder, name), tasks, load_seconds=seconds)


def _view(scene: Scene, folder: Path, name: str) -> str:
    views = [camera.name for camera in scene.cameras]
    if name in {camera.stem for camera in scene.cameras} | set(views):
        return scene.camera(name).name
    trained = {path.name for path in (folder / "images_train").glob("*")}
    novel = [view for view in views if Path(view).name not in trained]
    if not name.isdigit() or int(name) >= len(novel) or not trained:
        raise SagaError(
            f"{folder / _TRUTH / name}: expected the name of a view, or a number below the {len(novel)} views "
            "that images_train lacks."
        )
    return novel[int(name)]
