"""What masks that nest do to one click, with one scale of features and with two.

    python benchmarks/nested_masks.py [--gaussians 30000] [--layouts table clutter]

The demo's scenes, of which each view has masks as a model makes them: every thing, its upper end as a part, the heap of
all things without the largest, a mask of each second thing with the largest, and in some views two neighbors as one.
Each is missing in one of five views. One click in the middle of every thing; 3D IoU by what the views see.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated

import numpy as np
import torch
import tyro
from scipy.ndimage import distance_transform_edt

from saga import Scene, Segmenter, TrainConfig, train
from saga.demo import DemoScene, make_scene
from saga.demo.layouts import LayoutName
from saga.evaluate.tables import percent, table
from saga.masks import ArrayMasks
from saga.raster import DeviceScene
from saga.regions import build_regions

_PRESENT, _JOINED, _LEAST_PIXELS = 0.8, 0.3, 30
_UPPER = 0.85
"""Quantile of the height from which a thing's upper end is a part."""


@dataclass(frozen=True)
class Nested:
    """Masks of the views, and a click into each thing that some view shows well."""

    masks: dict[str, np.ndarray]  # [M, H, W] bool each
    clicks: dict[str, tuple[str, tuple[int, int]]]
    seen: np.ndarray  # [N]
    """Weight of each Gaussian over all views, float32 [N]."""


def sets_of(made: DemoScene) -> tuple[dict[str, np.ndarray], dict[str, np.ndarray]]:  # [N] bool each
    """The Gaussians of each thing but the largest, and those of what masks hold besides."""
    labels, heights = made.labels, made.gaussians.means[:, 2]
    largest = np.bincount(labels).argmax()
    things = {name: labels == label for name, label in made.names.items() if label not in (0, largest)}
    others = {"heap": np.any(list(things.values()), axis=0)}
    centers = {name: made.gaussians.means[own].mean(0) for name, own in things.items()}
    for index, (name, own) in enumerate(things.items()):
        others[f"part of {name}"] = own & (heights > np.quantile(heights[own], _UPPER))
        near = min(set(things) - {name}, key=lambda other: float(np.linalg.norm(centers[other] - centers[name])))
        if index % 3 == 0:
            others[f"joined {name}"] = own | things[near]
        if index % 2 == 0:
            others[f"{name} and the largest"] = own | (labels == largest)
    return things, others


def nested(
    made: DemoScene, placed: DeviceScene, things: dict[str, np.ndarray], others: dict[str, np.ndarray]
) -> Nested:
    """Renders the sets into every view, and drops some of them at random."""
    rng, names = np.random.default_rng(0), [*things, *others]
    sets = torch.from_numpy(np.stack([*things.values(), *others.values()], 1).astype(np.float32))
    masks: dict[str, np.ndarray] = {}
    clicks: dict[str, tuple[float, str, tuple[int, int]]] = {}
    seen = np.zeros(len(made.labels), np.float32)
    for camera in made.cameras:
        shown = (placed.operator(camera.name).render(sets) > 0.5).permute(2, 0, 1).numpy()
        seen += placed.weight(camera.name).numpy()
        pictures = dict(zip(names, shown, strict=True))
        for name in things:
            inside = distance_transform_edt(np.pad(pictures[name] & ~pictures[f"part of {name}"], 1))[1:-1, 1:-1]
            y, x = np.unravel_index(inside.argmax(), inside.shape)
            clicks[name] = max(
                clicks.get(name, (2.0, "", (0, 0))), (float(inside[y, x]), camera.name, (int(x), int(y)))
            )
        kept = [
            name for name in names
            if pictures[name].sum() >= _LEAST_PIXELS
            and rng.random() < (_JOINED if name.startswith("joined") else _PRESENT)
        ]  # fmt: skip
        masks[camera.name] = np.stack([pictures[name] for name in kept])
    return Nested(masks, {name: click[1:] for name, click in clicks.items() if click[1]}, seen)


def main(
    gaussians: int = 30_000,
    layouts: Annotated[Sequence[LayoutName], tyro.conf.arg(metavar="NAME")] = ("table", "clutter"),
) -> None:
    """Prints the mean IoU over the things of every layout: features alone, the default answer, the best of three."""
    rows = []
    for layout in layouts:
        made = make_scene(gaussians, layout=layout)
        placed = DeviceScene(Scene(made.gaussians, made.cameras), "cpu")
        things, others = sets_of(made)
        given = nested(made, placed, things, others)
        source = ArrayMasks(given.masks)
        regions = build_regions(placed, progress=False, masks=source)
        for scales in (1, 2):
            field = train(placed, source, TrainConfig(scales=scales), progress=False)
            alone, both = Segmenter(placed, field, regions=False), Segmenter(placed, field, regions=regions)
            found = []
            for name, (view, point) in given.clicks.items():
                answers = both.candidates(view, [point])
                ious = [_iou(answer.mask, things[name], given.seen) for answer in answers]
                default = next(iou for iou, answer in zip(ious, answers, strict=True) if answer.report["default"])
                selected = alone.segment(view, points=[point]).mask
                found.append((_iou(selected, things[name], given.seen), default, max(ious)))
            rows.append([layout, str(scales), str(len(found)), *map(percent, np.mean(found, axis=0))])
    print(table(["layout", "scales", "things", "features alone", "default answer", "best of three"], rows))


def _iou(
    one: np.ndarray,  # [N] bool
    other: np.ndarray,  # [N] bool
    weights: np.ndarray,  # [N]
) -> float:
    return float(weights[one & other].sum() / max(float(weights[one | other].sum()), 1e-9))


if __name__ == "__main__":
    tyro.cli(main)
