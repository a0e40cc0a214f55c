"""Training: steps a second, and seconds until clicks are as good as they will be.

    saga-demo --out demo && python benchmarks/training.py demo [--device cpu|cuda] [--every 100]

FOLDER is a scene as saga-demo writes it (or as `saga-eval folder` reads it). Every so many steps the clock stops and
each object is clicked once, in the view where it is largest; the plateau is reached at the first of these times from
which on the mean IoU over objects and views stays within half a point of the last one. Seconds count the rows of A and
all steps, not the clicks.
"""

from __future__ import annotations

import time
from dataclasses import replace
from pathlib import Path
from typing import Literal

import gpu
import numpy as np
import torch
import tyro

from saga import Scene, Segmenter, TrainConfig
from saga.evaluate import Case, DatasetPaths, PromptConfig, open_case
from saga.evaluate.scoring import score_selection
from saga.masks import open_masks
from saga.raster.device_scene import DeviceScene
from saga.runtime.device import synchronize
from saga.runtime.progress import progress_bar
from saga.train import FeatureField
from saga.train.part import part_of
from saga.train.trainer import Trainer, in_scene, prepared

PLATEAU = 0.005


def quality(case: Case, on_device: DeviceScene, trainer: Trainer) -> float:
    """Mean 2D IoU of one click on each object."""
    scene = case.scene
    features = in_scene(trainer.features, trainer.rows, len(scene.gaussians))
    field = FeatureField(features, scene.gaussians.digest(), trainer.config, scene.cameras, trainer.phi, None)
    segmenter = Segmenter(on_device, field)
    answers = [(task, segmenter.segment_prompt(task.prompts[0].prompt)) for task in case.tasks]
    scores = [score_selection(on_device, task, found.tensor.mask, alone=False) for task, found in answers]
    return float(np.mean([each.iou for each in scores]))


def prepare(scene: Scene, placed: DeviceScene, folder: Path, config: TrainConfig, device: str) -> Trainer:
    """Everything before the first step."""
    given = next((folder / name for name in ("masks_samlike", "instances") if (folder / name).exists()), None)
    masks = open_masks(scene, given, None, folder / "benchmark.masks", device, progress=False)
    with progress_bar(False) as bar:
        return prepared(placed, part_of(placed, scene.cameras, config), masks, config, bar, {})


def main(
    folder: tyro.conf.Positional[Path],
    device: Literal["cpu", "cuda"] = "cpu",
    every: int = 100,
    iterations: int | None = None,
) -> None:
    """Prints one row each time the clock stops, and the plateau."""
    if device == "cuda":
        gpu.require()
    config = TrainConfig() if iterations is None else replace(TrainConfig(), iterations=iterations)
    case = open_case("folder", DatasetPaths(folder.parent), folder.name, PromptConfig(views=1))
    scene, on_device = case.scene, DeviceScene(case.scene, device)
    clock = time.perf_counter()
    trainer = prepare(scene, on_device, folder, config, device)
    synchronize(device)
    before = spent = time.perf_counter() - clock
    where = torch.cuda.get_device_name() if device == "cuda" else f"{torch.get_num_threads()} threads"
    print(f"{folder.name}: {len(scene.gaussians):,} Gaussians, {len(scene.cameras)} views, {where}\n")
    print("| steps | seconds | 2D mIoU |\n| ---: | ---: | ---: |")
    curve: list[tuple[float, float]] = []
    while trainer.iteration < config.iterations:
        clock = time.perf_counter()
        for _ in range(min(every, config.iterations - trainer.iteration)):
            trainer.step()
        synchronize(device)
        spent += time.perf_counter() - clock
        curve.append((spent, quality(case, on_device, trainer)))
        print(f"| {trainer.iteration} | {spent:.2f} | {100 * curve[-1][1]:.1f} % |", flush=True)
    below = [k for k, (_, value) in enumerate(curve) if abs(value - curve[-1][1]) > PLATEAU]
    plateau = curve[below[-1] + 1 if below else 0][0]
    print(f"\n{config.iterations / (spent - before):.0f} steps/s after {before:.2f} s of masks and rows;", end=" ")
    print(f"within half a point of the last mIoU from {plateau:.2f} s on.")


if __name__ == "__main__":
    tyro.cli(main)
