"""How an object that was clicked on looks alone, over any background: as selected, split, and fit anew.

    saga-train DATA/SCENE/scene.ply DATA/SCENE/images          # once a scene, with --masks where there are some
    python benchmarks/whole_objects.py DATA/SCENE... [--views 5] [--each] [--pictures FOLDER]

SCENE is a folder as `saga-eval folder` reads it, with what saga-train left in it; every object is clicked on once. With
labels.npy the truth is the object's own Gaussians, rendered alone, and without it the photograph inside the annotation
and nothing outside. PSNR in dB over white, black and magenta: inside the object, and outside within 8 pixels of it (the
halo); boundary IoU in %. Photographs mix colors at a border, so 1.5 pixels on both sides are left out where they are
the truth. All are means over views and objects.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
import tyro
from clicks import opened
from PIL import Image
from scipy.ndimage import distance_transform_edt

from saga import Segmenter
from saga.evaluate.cases import Task
from saga.evaluate.metrics import boundary_iou
from saga.evaluate.tables import table
from saga.export import refit_boundary, split_boundary
from saga.export.boundary import Parts
from saga.raster import BlendOperator, DeviceScene
from saga.scene import Camera, Gaussians, Scene
from saga.scene.camera import spread

BACKGROUNDS = ((1.0, 1.0, 1.0), (0.0, 0.0, 0.0), (1.0, 0.0, 1.0))
RING = 8.0
MIXED = 1.5

VARIANTS: dict[str, Callable[[DeviceScene, Parts], Parts]] = {
    "as selected": lambda scene, parts: parts,
    "--refit-boundary": lambda scene, parts: refit_boundary(scene, parts)[0],
    "--split-boundary": lambda scene, parts: split_boundary(scene, torch.from_numpy(parts.member)),
    "both": lambda scene, parts: refit_boundary(scene, split_boundary(scene, torch.from_numpy(parts.member)))[0],
}


def alone(gaussians: Gaussians, member: np.ndarray, camera: Camera) -> np.ndarray:  # [H, W, 4]
    """Premultiplied color and alpha of some Gaussians in an ideal pinhole."""
    rows = np.flatnonzero(member)
    colors = np.pad(gaussians.colors(camera.position, rows), ((0, 0), (0, 1)), constant_values=1)
    geometry = DeviceScene(Scene(gaussians, []), "cpu").geometry.of_rows(torch.from_numpy(rows))
    return BlendOperator(geometry, camera).render(torch.from_numpy(colors)).numpy()


def over(image: np.ndarray, color: tuple[float, ...]) -> np.ndarray:  # [H, W, 3]
    """An image over a plain color."""
    return np.clip(image[..., :3] + (1 - image[..., 3:]) * color, 0, 1)


def compared(image: np.ndarray, truth: np.ndarray, mixed: float) -> list[float]:
    """PSNR inside and in the ring, and boundary IoU."""
    mask = truth[..., 3] > 0.5
    distance = np.where(mask, distance_transform_edt(mask), distance_transform_edt(~mask))
    errors = [((over(image, color) - over(truth, color)) ** 2).mean(-1) for color in BACKGROUNDS]
    places = (mask & (distance > mixed), ~mask & (distance > mixed) & (distance < RING))
    psnr = [-10 * np.log10(max(np.mean([error[place].mean() for error in errors]), 1e-6)) for place in places]
    return [*psnr, 100 * boundary_iou(image[..., 3] > 0.5, mask)]


def truths(scene: Scene, task: Task, views: int) -> list[tuple[Camera, np.ndarray]]:
    """Some views that show an object, without their lenses, and what it looks like alone there."""
    cameras = spread([scene.camera(name) for name in task.truth], views)
    found = []
    for camera in cameras:
        pinhole = replace(camera, lens=None)
        if task.members is not None:
            found.append((pinhole, alone(scene.gaussians, task.members, pinhole)))
        elif camera.lens is None:
            mask = task.truth[camera.name][..., None]
            found.append((pinhole, np.concatenate([mask * scene.image(camera) / 255, mask], axis=-1)))
    return found


def sheet(images: list[list[np.ndarray]], path: Path) -> None:
    """Draws what the variants and the truth show, over the backgrounds, a row each."""
    rows = []
    for shown in images:
        y, x = np.nonzero(shown[-1][..., 3] > 0.5)
        window = np.s_[max(y.min() - 15, 0) : y.max() + 15, max(x.min() - 15, 0) : x.max() + 15]
        rows += [np.concatenate([over(each, color)[window] for each in shown], axis=1) for color in BACKGROUNDS]
    width = max(row.shape[1] for row in rows)
    drawn = np.concatenate([np.pad(row, ((0, 2), (0, width - row.shape[1]), (0, 0))) for row in rows])
    Image.fromarray((255 * drawn).astype(np.uint8)).save(path)


def main(
    folders: tyro.conf.Positional[tuple[Path, ...]],
    views: int = 5,
    each: bool = False,
    pictures: Path | None = None,
    objects: tuple[str, ...] = (),
) -> None:
    """Prints a row for each scene and variant."""
    rows = []
    for folder in folders:
        trained = opened(folder.resolve())
        placed, scene = trained.scene, trained.scene.scene
        segmenter = Segmenter(placed, trained.field, regions=trained.regions)
        found: dict[str, list[np.ndarray]] = {name: [] for name in VARIANTS}
        for task in [task for task in trained.tasks if not objects or task.object in objects]:
            prompt = task.prompts[0].prompt
            member = segmenter.segment(prompt.view, points=prompt.points).mask
            known, shown = truths(scene, task, views), []
            for name, change in VARIANTS.items():
                parts = change(placed, Parts(scene.gaussians, member, 0, 0))
                images = [alone(parts.gaussians, parts.member, camera) for camera, _ in known]
                mixed = 0.0 if task.members is not None else MIXED
                scores = [compared(image, truth, mixed) for image, (_, truth) in zip(images, known, strict=True)]
                found[name].append(np.mean(scores, axis=0))
                shown.append(images)
                if each:
                    print(f"{task.object:24} {name:18} {_cells(found[name][-1:])}", flush=True)
            if pictures is not None:
                pictures.mkdir(exist_ok=True)
                beside = [[*some, truth] for *some, (_, truth) in zip(*shown, known, strict=True)]
                sheet(beside[:2], pictures / f"{trained.name}_{task.object}.png")
        for name, values in found.items():
            rows.append([trained.name, name, *_cells(values)])
            print("  ".join(rows[-1]), flush=True)
    print("\n" + table(["scene", "object", "inside", "halo", "boundary IoU"], rows))


def _cells(values: list[np.ndarray]) -> list[str]:
    return [f"{value:.1f}" for value in np.mean(values, axis=0)]


if __name__ == "__main__":
    tyro.cli(main)
