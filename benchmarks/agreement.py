"""What it is worth that masks of different views vouch for each other (`--agreement`), on scenes with a truth.

    python benchmarks/agreement.py DATA/SCENE... [--masks masks_samlike own classical] [--powers 0 2] [--cache FOLDER]

SCENE is a folder as `saga-eval folder` reads it. Its features are trained once for each power and for each kind of
masks that it has: a folder of given ones, the scene's own ("own": those of its geometry, or classical ones where it has
no support), or classical ones. Then every object is clicked once in the middle of its largest view, and of every fourth
after that. Overlaps are 2D IoU in %, means over up to eight evenly spread views that show the object, over clicks and
over objects: of the answer that a person gets, and of features without regions.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Annotated

import numpy as np
import tyro

from saga import Segmenter, TrainConfig, train
from saga.evaluate.cases import PromptConfig, Task
from saga.evaluate.metrics import iou
from saga.evaluate.paths import CLASSICAL, OWN, DatasetPaths
from saga.evaluate.protocols.folder import open_case
from saga.evaluate.tables import table
from saga.export import render_masks
from saga.masks.open import scene_generator
from saga.masks.own import are_given
from saga.raster import DeviceScene
from saga.regions import build_regions

HEADS = ["scene", "masks", "agreement", "objects", "one click", "worst object", "features alone", "seconds for it"]


def main(
    folders: tyro.conf.Positional[tuple[Path, ...]],
    masks: Annotated[Sequence[str], tyro.conf.arg(metavar="NAME")] = ("masks_samlike", OWN, CLASSICAL),
    powers: Sequence[float] = (0.0, 2.0),
    iterations: int = 600,
    views: int = 8,
    cache: Path | None = None,
) -> None:
    """Prints a row for each scene, kind of masks and power, then the table."""
    rows = []
    for folder in folders:
        for kind in masks:
            if kind not in (OWN, CLASSICAL) and not (folder / kind).is_dir():
                continue
            for row in rows_of(folder, kind, powers, iterations, views, cache):
                rows.append(row)
                print("  ".join(row), flush=True)
    print(table(HEADS, rows))


def rows_of(
    folder: Path, kind: str, powers: Sequence[float], iterations: int, views: int, cache: Path | None
) -> Iterator[list[str]]:
    """Trains on one scene with masks of one kind, with each power."""
    case = open_case(DatasetPaths(folder.parent, masks=kind, cache=cache), folder.name, PromptConfig(kind="points"))
    placed = DeviceScene(case.scene, "cpu")
    own = scene_generator(placed, None if cache is None else cache / f"{folder.name}.masks")
    structure = own.structure(False)
    given = case.masks if are_given(case.masks) else None
    regions = build_regions(placed, structure=structure, surface=own.surface, progress=False, masks=given)
    for power in powers:
        config = TrainConfig(agreement=power, iterations=iterations)
        field = train(placed, case.masks, config, progress=False)
        both, alone = Segmenter(placed, field, regions=regions), Segmenter(placed, field, regions=False)
        found = np.array([[clicked(each, task, views) for each in (both, alone)] for task in case.tasks])
        spent = (field.report or {})["seconds"].get("agreement", 0.0)
        figures = [found[:, 0].mean(), found[:, 0].min(), found[:, 1].mean()]
        cells = [f"{100 * value:.1f}" for value in figures]
        yield [folder.name, kind, f"{power:g}", str(len(found)), *cells, f"{spent:.0f}"]


def clicked(segmenter: Segmenter, task: Task, views: int) -> float:
    """Mean IoU of one click on an object, over clicks and views."""
    names = list(task.truth)
    shown = [names[i] for i in np.unique(np.linspace(0, len(names) - 1, min(views, len(names))).round().astype(int))]
    cameras = [segmenter.scene.camera(name) for name in shown]
    values = []
    for each in task.prompts:
        selected = segmenter.segment_prompts([each.prompt]).mask
        drawn = render_masks(segmenter.device_scene, cameras, selected)
        values += [iou(mask, task.truth[name]) for mask, name in zip(drawn, shown, strict=True)]
    return float(np.mean(values))


if __name__ == "__main__":
    tyro.cli(main)
