"""How well what a hand draws selects objects: lassos that are off, rectangles, and strokes of a brush.

    saga-demo --masks scene --gaussians 80000 --seed 1 --out demo && saga-train demo/scene.ply
    python benchmarks/drawing.py demo

Each object that shows as one piece is drawn on from free cameras around the scene. The IoU is that of the rendered
selection with the rendered object in the same view, and that of their Gaussians, which counts hidden ones too.
"""

from __future__ import annotations

import argparse
import contextlib
import json
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
from scipy import ndimage
from skimage.measure import find_contours

from saga.errors import SagaError
from saga.export import render_masks
from saga.methods import Segmenter
from saga.raster import DeviceScene
from saga.scene import Camera, load_scene
from saga.scene.orbit import orbit_cameras
from saga.session import Session
from saga.session.preparing import open_beside

OFF = 0.05
"""How far a line runs beside an object's outline, to the square root of the object's area."""


def outline(mask: np.ndarray, kind: str, rng: np.random.Generator) -> list[tuple[float, float]]:  # mask: [H, W] bool
    """A closed line around an object: inside its outline, outside of it, or in waves along it."""
    off = OFF * np.sqrt(mask.sum())
    depths = ndimage.distance_transform_edt(mask) - ndimage.distance_transform_edt(~mask)
    level = {"inside": off, "outside": -off}.get(kind, 0.0)
    line = max(find_contours(np.pad(depths, 1, constant_values=-99), level), key=len)[:, ::-1] - 1
    if kind == "wobbly":
        turns = np.linspace(0, 2 * np.pi, len(line))
        waves = [np.cos(n * turns + rng.uniform(0, 6)) * rng.normal(size=(2, 1)) / n**0.5 for n in range(1, 6)]
        line = line + off * (np.sum(waves, 0) / np.std(np.sum(waves, 0))).T
    return [(float(x), float(y)) for x, y in line[:: max(1, len(line) // 60)]]


def drawings(
    session: Session, camera: Camera, mask: np.ndarray, rng: np.random.Generator
) -> Iterator[tuple[str, Callable[[], object]]]:
    """Everything that is tried on one object, by name."""
    depths = ndimage.distance_transform_edt(mask)
    y, x = np.unravel_index(depths.argmax(), mask.shape)
    yield "click", lambda: session.click(camera, (x + 0.5, y + 0.5))
    for kind in ("inside", "outside", "wobbly"):
        line = outline(mask, kind, rng)
        low, high = np.clip(np.min(line, 0), 0, None), np.max(line, 0)
        yield f"lasso, {kind}", lambda line=line: session.lasso(camera, line)
        yield f"rectangle, {kind}", lambda low=low, high=high: session.box(camera, (*low, *high))
    inner = np.argwhere(depths > 0.5 * depths.max())[:, ::-1].astype(float)
    along = (inner - inner.mean(0)) @ np.linalg.svd(inner - inner.mean(0), full_matrices=False)[2][0]
    ends = [tuple(inner[along.argmin()]), tuple(inner[along.argmax()])]
    for share in (0.25, 0.7, 1.1):
        width = 2 * share * depths.max()
        yield f"brush, {share:.2f} as wide", lambda width=width: session.scribble(camera, ends, width)


def main() -> None:
    """Prints a table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("demo", type=Path)
    parser.add_argument("--cameras", type=int, default=3)
    parser.add_argument("--features-alone", action="store_true")
    options = parser.parse_args()
    placed = DeviceScene(load_scene(options.demo / "scene.ply"))
    method = open_beside(placed)
    if options.features_alone:
        method = Segmenter(placed, method.field, regions=False)
    session = Session(placed, method, keep=False)
    labels, names = np.load(options.demo / "labels.npy"), json.loads((options.demo / "objects.json").read_text())
    found: dict[str, list[tuple[float, float]]] = {}
    rng = np.random.default_rng(0)
    for camera in orbit_cameras(placed.scene.gaussians, options.cameras, 960, 720):
        for member in (labels == label for name, label in names.items() if name != "table"):
            shown = next(iter(render_masks(placed, [camera], member)))
            pieces, count = ndimage.label(shown)
            if not count:
                continue
            whole = pieces == 1 + np.argmax(ndimage.sum(shown, pieces, range(1, count + 1)))
            if whole.sum() < 400:
                continue
            for name, draw in drawings(session, camera, whole, rng):
                session.clear()
                with contextlib.suppress(SagaError):
                    draw()
                selected = session.selection
                seen = next(iter(render_masks(placed, [camera], selected)))
                pairs = (seen, shown), (selected, member)
                found.setdefault(name, []).append(tuple((a & b).sum() / (a | b).sum() for a, b in pairs))
    for name, values in found.items():
        flat, solid = np.mean(values, 0)
        least = np.quantile([value for value, _ in values], 0.1)
        print(
            f"{name:24s} {len(values):4d}   2D {flat:6.1%}   a tenth below {least:6.1%}   3D {solid:6.1%}", flush=True
        )


if __name__ == "__main__":
    main()
