"""Mip-NeRF 360 by the protocol of DiscoNeRF: the whole scene cut into objects without a prompt.

Layout: `DATA/<scene>/` as Mip-NeRF 360 is published (`images/` or the folder of --images, `sparse/0`), the trained
scene, and `instances/<view>.png`: the number of the object that each pixel shows, 0 for unannotated pixels. DiscoNeRF's
own masks (by hand, of the first and the hundredth photograph of each scene but stump) are not published; these are
theirs once saved so. Numbers are the same object in every view.

Judged are, in each annotated view, the objects that a method finds by itself against all annotated masks:
area-weighted IoU, BD and SBD (DiscoNeRF, section 4). Each object is also clicked in the views that show it, as in
the protocol `folder`.
"""

from __future__ import annotations

from pathlib import Path

from saga.errors import SagaError
from saga.evaluate.cases import Case, PromptConfig, PromptKind, Task
from saga.evaluate.paths import DatasetPaths, subfolders
from saga.evaluate.prompts import prompt_views, truth_prompts
from saga.evaluate.protocols.folder import read_instances

KINDS: tuple[PromptKind, ...] = ("points", "mask")
_TRUTH = "instances"


def scene_names(data: Path) -> list[str]:
    """Returns scenes with annotations."""
    names = [n for n in subfolders(data, "holds no scenes", "one folder per scene") if (data / n / _TRUTH).is_dir()]
    if not names:
        raise SagaError(f"{data}: expected scene folders with {_TRUTH}/<view>.png; found none.")
    return names


def open_case(paths: DatasetPaths, name: str, prompting: PromptConfig) -> Case:
    """Returns one scene. Raises SagaError for what is missing."""
    scene, folder, seconds = paths.load(name)
    maps = read_instances(scene, paths.data / name / _TRUTH)
    tasks = []
    for label in maps.labels():
        if label > 0:
            truth = maps.masks(label)
            views = prompt_views(truth, prompting.views)
            prompts = truth_prompts(truth, views, prompting, prompting.kind or KINDS[0])
            tasks.append(Task(name, str(label), prompts, truth))
    return Case(name, scene, paths.training_masks(scene, folder, name), tasks, maps, seconds)
