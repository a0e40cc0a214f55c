"""What filling is worth where the exact scene without the object is known.

    python benchmarks/fill.py [--layouts table room ...] [--scenes DATA/tabletop ...] [--objects 3] [--things mug ...]
        [--pictures FOLDER]

The embedded scenes are made again with a thing left out, same surfaces, light without its shadow; of a folder with
labels.npy and objects.json the rest is the truth, as what lies under its things is there. What no view shows is taken
out first, as no trained scene has it. Over the pixels that show what was taken out, in views of the scene and in new
ones around the object, mean PSNR in dB and SSIM: of the hole left empty, filled with the mean color of what is around
on the surface, and filled. Around: PSNR over the pixels that show what else is near the object, where its shadow lies,
of the rest left as it is and of the filled one.
"""

from __future__ import annotations

import json
import time
import warnings
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
import tyro
from PIL import Image
from scipy.spatial import cKDTree
from scipy.spatial.transform import Rotation
from skimage.metrics import structural_similarity

from saga.demo import make_scene
from saga.demo.names import LayoutName
from saga.evaluate.tables import table
from saga.export import render_color
from saga.export.preview import best_view
from saga.filling import fill
from saga.filling.patches import synthesized
from saga.raster import BlendOperator, DeviceScene, Geometry
from saga.scene import Camera, Gaussians, Scene, load_scene
from saga.scene.orbit import look_at
from saga.scene.spherical_harmonics import C0

_GRAY = (0.88, 0.89, 0.90)
_UNSEEN = 0.5
"""Pixels, over all views, of which they show less of what is taken out."""
_VIEWS = 4
_TURN, _NEARER = 12.0, 0.85
"""Degrees about up, and share of the distance, by which a new view differs from one of the scene."""
_NEAR = 0.5
"""Distance from the object, in its sizes, up to which what is taken out counts."""
_FEWEST = 40
"""Pixels of a hole in a view that count."""


@dataclass(frozen=True)
class Case:
    """An object to take away."""

    scene: str
    name: str
    rest: Gaussians
    """The exact scene without it."""
    hidden: np.ndarray  # [M] bool
    """What of that no view of the scene shows."""
    placed: DeviceScene
    """The scene with it, without what no view shows."""
    member: np.ndarray  # [N] bool


def _some(gaussians: Gaussians, rows: np.ndarray) -> Gaussians:
    arrays = (gaussians.means, gaussians.scales, gaussians.quaternions, gaussians.opacities, gaussians.sh)
    return Gaussians.from_arrays(*(array[rows] for array in arrays))


def _unseen(scene: Scene) -> np.ndarray:  # [N] bool
    placed = DeviceScene(scene, "cpu", remembered=1)
    return (sum(placed.weight(camera) for camera in scene.cameras) < _UNSEEN).numpy()


def _chosen(
    labels: np.ndarray,  # [N] integer
    names: dict[str, int],
    things: int | Sequence[str],
    grounds: Sequence[str],
) -> list[str]:
    """The things of these names, or so many, evenly chosen by their number of Gaussians."""
    if not isinstance(things, int):
        return [name for name in things if name in names]
    order = sorted((n for n in names if n not in grounds), key=lambda n: -np.count_nonzero(labels == names[n]))
    return [order[k] for k in np.unique(np.linspace(0, len(order) - 1, min(things, len(order))).astype(int))]


def demo_cases(layout: LayoutName, things: int | Sequence[str], gaussians: int) -> Iterator[Case]:
    """Things of an embedded scene."""
    whole = make_scene(gaussians=gaussians, layout=layout)
    scene = Scene(whole.gaussians, whole.cameras)
    unseen = _unseen(scene)
    placed = DeviceScene(replace(scene, gaussians=_some(whole.gaussians, ~unseen)), "cpu")
    ground = next(iter(whole.names))
    for name in _chosen(whole.labels, whole.names, things, [ground]):
        others = whole.labels != whole.names[name]
        truth = make_scene(gaussians=gaussians, layout=layout, without=name).gaussians
        yield Case(layout, name, truth, unseen[others], placed, ~others[~unseen])


def folder_cases(folder: Path, things: int | Sequence[str]) -> Iterator[Case]:
    """Things of a scene on disk whose labels are known."""
    scene = load_scene(folder / "scene.ply")
    scene.cameras[:] = [replace(camera, image_path=None) for camera in scene.cameras]
    labels, names = np.load(folder / "labels.npy"), json.loads((folder / "objects.json").read_text())
    unseen = _unseen(scene)
    placed = DeviceScene(replace(scene, gaussians=_some(scene.gaussians, ~unseen)), "cpu")
    for name in _chosen(labels, names, things, ["table", "floor"]):
        others = labels != names[name]
        yield Case(folder.name, name, _some(scene.gaussians, others), unseen[others], placed, ~others[~unseen])


def views_of(case: Case) -> tuple[list[Camera], list[Camera]]:
    """Views of the scene, and new ones that look at the object."""
    cameras = case.placed.scene.cameras
    chosen = [cameras[k] for k in np.linspace(0, len(cameras) - 1, _VIEWS + 1).astype(int)[:-1]]
    up = -np.mean([camera.world_to_camera[1, :3] for camera in cameras], axis=0)
    up /= np.linalg.norm(up)
    middle = np.median(case.placed.scene.gaussians.means[case.member], axis=0).astype(float)
    turn = Rotation.from_rotvec(np.radians(_TURN) * up).as_matrix()
    fresh = [
        replace(camera, world_to_camera=look_at(middle + _NEARER * turn @ (camera.position - middle), middle, up))
        for camera in chosen
    ]
    return chosen, fresh


def measured(case: Case, pictures: Path | None) -> tuple[list[list[float]], float, int]:
    """PSNR and SSIM of the hole empty, of one color and filled, and PSNR around, in both kinds of views; seconds."""
    means: list[np.ndarray] = []

    def noted(image: np.ndarray, known: np.ndarray, hole: np.ndarray) -> np.ndarray:
        means.append(image[known].mean(0))
        return synthesized(image, known, hole)

    start = time.process_time()
    made = fill(case.placed, torch.from_numpy(case.member), noted, progress=False)
    seconds = time.process_time() - start
    cameras = case.placed.scene.cameras
    plain = made.gaussians.vertices.copy()
    rows = np.flatnonzero(made.filled)
    for facts, color in zip(made.report["surfaces"], means, strict=False):
        own, rows = rows[: facts["gaussians"]], rows[facts["gaussians"] :]
        for k in range(3):
            plain[f"f_dc_{k}"][own] = (color[k] - 0.5) / C0
    one_color = replace(made.gaussians, vertices=plain)
    empty = _some(case.placed.scene.gaussians, ~case.member)
    candidates = [Scene(each, cameras) for each in (empty, one_color, made.gaussians)]
    truth, geometry = Scene(case.rest, cameras), Geometry.from_gaussians(case.rest)
    own = case.placed.scene.gaussians.means[case.member]
    size = float(np.linalg.norm(np.ptp(np.quantile(own, (0.02, 0.98), axis=0), axis=0)))
    near = np.isfinite(cKDTree(own).query(case.rest.means, distance_upper_bound=_NEAR * size)[0])
    parts = torch.from_numpy(np.stack([case.hidden & near, ~case.hidden & near], axis=1)).float()
    results = []
    for views in views_of(case):
        errors, likeness, beside = ([[] for _ in candidates] for _ in range(3))
        for camera in views:
            hole, around = (BlendOperator(geometry, camera).render(parts) > 0.5).numpy().transpose(2, 0, 1)
            if int(hole.sum()) < _FEWEST:
                continue
            right = render_color(truth, camera, _GRAY)
            for index, each in enumerate(candidates):
                shown = render_color(each, camera, _GRAY)
                error = np.square((shown.astype(float) - right) / 255).mean(-1)
                errors[index].append(error[hole])
                beside[index].append(error[around])
                map_ = structural_similarity(right, shown, channel_axis=-1, full=True)[1]
                likeness[index].append(map_[hole].mean())
        if errors[0]:
            psnr, near_it = (
                [-10 * np.log10(np.concatenate(e).mean() + 1e-12) for e in some] for some in (errors, beside)
            )
            results.append([*psnr, *(float(np.mean(each)) for each in likeness), near_it[0], near_it[2]])
        else:
            results.append([np.nan] * 8)
    if pictures is not None:
        pictures.mkdir(parents=True, exist_ok=True)
        whole = case.placed.scene
        camera = best_view(cameras, whole.gaussians.means, case.member.astype(int))
        scenes = [case.placed, candidates[0], candidates[2], truth]
        shown = [render_color(each, _close_up(camera, whole.gaussians.means[case.member]), _GRAY) for each in scenes]
        Image.fromarray(np.concatenate(shown, axis=1)).save(pictures / f"{case.scene}-{case.name}.png")
    return results, seconds, made.report["gaussians"]


def _psnr(
    errors: Sequence[np.ndarray],  # each [pixels]
) -> float:
    return float(-10 * np.log10(np.concatenate(errors).mean() + 1e-12))


def _close_up(camera: Camera, means: np.ndarray) -> Camera:
    pixels, _ = camera.project(means.astype(float))
    low, high = np.quantile(pixels, (0.02, 0.98), axis=0)
    zoom = 360 / (1.7 * max((high - low).max(), 12))
    x, y = (low + high) / 2
    return replace(
        camera, fx=camera.fx * zoom, fy=camera.fy * zoom, width=360, height=360, cx=(camera.cx - x) * zoom + 180,
        cy=(camera.cy - y) * zoom + 180, lens=None, image_path=None,
    )  # fmt: skip


def main(
    layouts: tuple[LayoutName, ...] = ("table", "room", "gallery", "garden", "clutter", "shelf", "kitchen"),
    scenes: tuple[Path, ...] = (),
    objects: int = 3,
    things: tuple[str, ...] = (),
    gaussians: int = 100_000,
    pictures: Path | None = None,
) -> None:
    """Prints a row for each object."""
    warnings.filterwarnings("ignore", message="fill: nothing")
    heads = ["scene", "object", "new", "seconds", "PSNR empty / color / filled", "SSIM", "around"]
    heads += ["PSNR, new views", "SSIM", "around"]
    rows, values = [], []
    wanted = things or objects
    cases = [demo_cases(layout, wanted, gaussians) for layout in layouts]
    for case in (each for some in [*cases, *(folder_cases(folder, wanted) for folder in scenes)] for each in some):
        results, seconds, count = measured(case, pictures)
        cells = [text for row in results for text in _cells(row)]
        rows.append([case.scene, case.name, f"{count:,}", f"{seconds:.1f}", *cells])
        values.append(np.ravel(results))
        print("  ".join(rows[-1]), flush=True)
    cells = [text for row in np.nanmean(values, axis=0).reshape(2, -1) for text in _cells(row)]
    print(f"\n{table(heads, [*rows, ['mean', '', '', '', *cells]])}")


def _cells(row: Sequence[float]) -> tuple[str, str, str]:
    return _joined(row[:3], ".1f"), _joined(row[3:6], ".2f"), _joined(row[6:], ".1f")


def _joined(values: Sequence[float], form: str) -> str:
    return " / ".join("-" if np.isnan(value) else f"{value:{form}}" for value in values)


if __name__ == "__main__":
    tyro.cli(main)
