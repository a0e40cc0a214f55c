"""Quality of clicks on scenes with labels or annotations: one row an object, clicks as a person would place them.

    python benchmarks/quality.py DATA [SCENE ...] [--counts 1 3] [--views 2]

DATA holds one folder a scene: scene.ply, images/, cameras (transforms.json or sparse/0), masks in
`masks_samlike/` when there are any (classical ones are made otherwise), and the truth: `instances/*.png`
with objects.json (ids per pixel) and labels.npy, or `annotations/<object>/*.png` (binary).
The first click is the pixel farthest from the object's border in its view; the next ones likewise in what is left.
"""

from __future__ import annotations

import json
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import tyro
from PIL import Image
from scipy.ndimage import distance_transform_edt

from saga import Scene, Segmenter, load_scene, train
from saga.evaluate.metrics import iou, weighted_iou
from saga.export import render_masks
from saga.masks import open_masks

_SMALLEST = 100
_BACKGROUND = ("table", "floor")


@dataclass
class Truth:
    """One object: its masks by view stem, and its Gaussians when they are labelled."""

    name: str
    masks: dict[str, np.ndarray]
    members: np.ndarray | None


def read_truth(folder: Path) -> list[Truth]:
    if (folder / "objects.json").exists():
        ids = {p.stem: np.asarray(Image.open(p)) for p in sorted((folder / "instances").glob("*.png"))}
        labels = np.load(folder / "labels.npy")
        names = json.loads((folder / "objects.json").read_text())
        return [
            Truth(name, {view: image == k for view, image in ids.items()}, labels == k)
            for name, k in names.items()
            if name not in _BACKGROUND
        ]
    return [
        Truth(d.name, {p.stem: np.asarray(Image.open(p).convert("L")) > 127 for p in sorted(d.glob("*.png"))}, None)
        for d in sorted((folder / "annotations").iterdir())
    ]


def clicks(mask: np.ndarray, count: int) -> list[tuple[int, int]]:
    distance = distance_transform_edt(np.pad(mask, 1))[1:-1, 1:-1]
    points: list[tuple[int, int]] = []
    ys, xs = np.ogrid[: mask.shape[0], : mask.shape[1]]
    while len(points) < count and distance.max() >= 2:
        y, x = np.unravel_index(distance.argmax(), distance.shape)
        points.append((int(x), int(y)))
        distance = distance * ((ys - y) ** 2 + (xs - x) ** 2 > (1.2 * distance.max()) ** 2)
    return points


def measure(scene: Scene, segmenter: Segmenter, truth: Truth, views: int, count: int) -> Iterator[tuple[float, ...]]:
    ranked = sorted(truth.masks, key=lambda view: -int(truth.masks[view].sum()))
    shown = [camera for camera in scene.cameras if truth.masks.get(camera.stem, np.zeros(1)).sum() > _SMALLEST]
    for view in ranked[: views * 4 : 4]:
        start = time.perf_counter()
        result = segmenter.segment(scene.camera(view).name, points=clicks(truth.masks[view], count))
        milliseconds = (time.perf_counter() - start) * 1e3
        rendered = render_masks(segmenter.geometry, shown, result.mask)
        each = [iou(mask, truth.masks[camera.stem]) for camera, mask in zip(shown, rendered, strict=True)]
        solid = np.nan
        if truth.members is not None:
            solid = weighted_iou(result.mask.numpy(), truth.members, scene.gaussians.opacities)
        yield solid, float(np.mean(each)), float(np.min(each)), milliseconds


def summary(
    rows: np.ndarray,  # [R, 4]
) -> str:
    """Means over objects and views of `measure`; the least 2D mIoU and the least single view."""
    solid, flat, least, milliseconds = rows.T
    return (
        f"3D IoU {solid.mean():.3f}, 2D mIoU {flat.mean():.3f} (least {flat.min():.3f}, least view {least.min():.3f}), "
        f"query {np.median(milliseconds):.0f} ms"
    )


def main(
    data: tyro.conf.Positional[Path],
    scenes: tyro.conf.Positional[tuple[str, ...]] = ("tabletop", "composite", "flower", "dtu24"),
    /,
    counts: tuple[int, ...] = (1, 3),
    views: int = 2,
) -> None:
    for name in scenes:
        folder = data / name
        scene = load_scene(folder / "scene.ply", folder / "images")
        given = folder / "masks_samlike"
        with tempfile.TemporaryDirectory() as cache:
            start = time.perf_counter()
            masks = open_masks(scene, given if given.exists() else None, None, Path(cache))
            prepared = time.perf_counter() - start
            field = train(scene, masks)
        seconds = (field.report or {})["seconds"]
        print(f"\n{name}: {len(scene.gaussians):,} Gaussians, {masks.description}")
        print(f"masks {prepared:.1f} s, training {sum(seconds.values()):.1f} s {seconds}")
        segmenter = Segmenter(scene, field)
        for count in counts:
            rows = []
            for truth in read_truth(folder):
                rows.append(np.array(list(measure(scene, segmenter, truth, views, count))))
                print(f"  {truth.name:24s} {count} clicks: {summary(rows[-1])}")
            print(f"{name}, {count} clicks: {summary(np.concatenate(rows))}")


if __name__ == "__main__":
    tyro.cli(main)
