"""What each step of the masks of a scene is worth, on scenes with a truth. Nothing is trained.

    python benchmarks/scene_masks.py DATA/SCENE... [--views 64]

SCENE is a folder as `saga-eval folder` reads it. The surface is fused once; then supports and objects are found with
all steps, and with one step left out at a time. An object's figure is the IoU of the scene's own object most like it,
over all samples of all views together, in %; a scene's is the mean over its objects. Seconds are those of finding the
structure.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import tyro

from saga.evaluate.cases import PromptConfig, Task
from saga.evaluate.paths import DatasetPaths
from saga.evaluate.protocols.folder import open_case
from saga.evaluate.tables import table
from saga.masks.scene import pieces, structure
from saga.masks.scene.config import SceneMaskConfig
from saga.masks.scene.grid import view_grid
from saga.masks.scene.labels import Kind
from saga.masks.scene.structure import SceneStructure, find_structure
from saga.masks.scene.surface import Surface, fuse
from saga.raster import DeviceScene
from saga.scene.camera import spread


def _nothing(*_: Any) -> None:
    """In the place of a step that changes labels."""


def _as_they_are(*given: Any) -> Any:
    """In the place of a step that joins clusters, its last argument."""
    return given[-1]


STEPS: Mapping[str, tuple[Any, str, Callable[..., Any]] | None] = {
    "all steps": None,
    "lampshades stay apart from their feet": (pieces, "_grounded", _as_they_are),
    "no bottoms of hollow things": (pieces, "_fill_bottoms", _nothing),
    "nothing left is shared out": (pieces, "_share_out", _nothing),
    "no joining without a seam": (structure, "join_seamless", _nothing),
    "no confirmation by outlines": (structure, "drop_unconfirmed", _nothing),
    "no splitting at necks": (structure, "split_necks", _nothing),
    "no splitting of stacks": (structure, "split_stacks", _nothing),
}
"""A module, the step in it and what is done instead."""


@contextmanager
def without(step: tuple[Any, str, Callable[..., Any]] | None) -> Iterator[None]:
    """Leaves a step out for a while."""
    if step is None:
        yield
        return
    module, name, instead = step
    kept = getattr(module, name)
    setattr(module, name, instead)
    try:
        yield
    finally:
        setattr(module, name, kept)


def judged(found: SceneStructure, surface: Surface, tasks: list[Task]) -> list[float]:
    """IoU of each task's object with the own object most like it."""
    objects = found.labels.of(Kind.OBJECT)
    shared, own, true = np.zeros((len(tasks), len(objects))), np.zeros((len(tasks), len(objects))), np.zeros(len(tasks))
    for grid in surface.grids:
        labels = found.labels_of(grid)
        shown = np.stack([labels == each for each in objects]) if objects else np.zeros((0, *labels.shape), bool)
        for row, task in enumerate(tasks):
            if grid.camera.name in task.truth:
                truth = task.truth[grid.camera.name][grid.rows[:, None], grid.columns[None]]
                shared[row] += (shown & truth).sum((1, 2))
                own[row] += shown.sum((1, 2))
                true[row] += truth.sum()
    iou = shared / np.maximum(own + true[:, None] - shared, 1)
    return iou.max(1, initial=0.0).tolist()


def main(folders: tyro.conf.Positional[tuple[Path, ...]], views: int = 64) -> None:
    """Prints a row for each step and a column for each scene."""
    config, columns = SceneMaskConfig(views=views), {}
    seconds = {name: 0.0 for name in STEPS}
    for folder in folders:
        case = open_case(DatasetPaths(folder.parent), folder.name, PromptConfig(views=1))
        placed, tasks = DeviceScene(case.scene, "cpu"), list(case.tasks)
        cameras = spread(case.scene.cameras, views)
        surface = fuse(
            [view_grid(placed.operator(c.name), placed.picture(c.name), config.grid_side) for c in cameras], config
        )
        assert surface is not None
        columns[folder.name] = []
        for name, step in STEPS.items():
            surface.remembered.clear()
            start = time.perf_counter()
            with without(step):
                found = find_structure(surface, config)
            seconds[name] += time.perf_counter() - start
            columns[folder.name].append(100 * float(np.mean(judged(found, surface, tasks))))
            print(f"{folder.name:16} {name:40} {columns[folder.name][-1]:.1f}", flush=True)
    rows = [
        [name, *(f"{columns[scene][row]:.1f}" for scene in columns),
         f"{np.mean([columns[scene][row] for scene in columns]):.1f}", f"{seconds[name]:.1f}"]
        for row, name in enumerate(STEPS)
    ]  # fmt: skip
    print(table(["step left out", *columns, "mean", "s"], rows))


if __name__ == "__main__":
    tyro.cli(main)
