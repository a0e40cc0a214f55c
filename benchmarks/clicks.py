"""What one click, three nested answers, and corrections are worth on scenes with a truth.

    saga-train DATA/SCENE/scene.ply DATA/SCENE/images          # once a scene: here with the masks of the scene itself
    python benchmarks/clicks.py DATA/SCENE... [--views 8] [--clicks 4] [--ablate] [--each]

SCENE is a folder as `saga-eval folder` reads it, with what saga-train left in it. Every object is clicked once in the
middle of its largest view, then, as a person corrects, in the middle of the largest error in that view, inside or
outside. Overlaps are 2D IoU in %, means over evenly spread views that show the object and over objects. With --ablate,
the same with parts of the answer left out.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import tyro
from scipy.ndimage import distance_transform_edt, label

from saga import FeatureField, Segmenter
from saga.evaluate.cases import PromptConfig, Task
from saga.evaluate.metrics import iou
from saga.evaluate.paths import DatasetPaths
from saga.evaluate.protocols.folder import open_case
from saga.evaluate.tables import table
from saga.export import render_masks
from saga.masks.open import scene_generator
from saga.raster import DeviceScene
from saga.regions import SceneRegions, build_regions, worth
from saga.regions.beside import usable_regions

_LEAST_PX = 2
"""An error nobody of whose pixels is farther than this from its border is not clicked on."""


@dataclass(frozen=True)
class Trained:
    """A scene with all that answers clicks on it, and the objects to click on."""

    name: str
    scene: DeviceScene
    field: FeatureField
    regions: SceneRegions
    tasks: Sequence[Task]


@dataclass(frozen=True)
class Row:
    """What clicks on one object gave."""

    first: float
    """IoU of the default answer to one click."""
    best: float
    """IoU of the best of its nested answers."""
    corrected: list[float]
    """IoU after 2, 3, ... clicks."""


def opened(folder: Path) -> Trained:
    """Reads a scene folder, and the field and the regions beside its PLY."""
    case = open_case(DatasetPaths(folder.parent), folder.name, PromptConfig(views=1))
    placed, path = DeviceScene(case.scene, "cpu"), folder / "scene.ply"
    field = FeatureField.load(path.with_suffix(".saga"), case.scene)
    regions = loaded_regions(path, placed)
    return Trained(folder.name, placed, field, regions, case.tasks)


def loaded_regions(path: Path, placed: DeviceScene) -> SceneRegions:
    """The regions beside a PLY, made again where they are none of this version."""
    beside = path.with_suffix(".regions")
    found = usable_regions(beside, placed.scene)
    if found is None:
        generator = scene_generator(placed)
        structure = generator.structure(False)
        found = build_regions(placed, structure=structure, surface=generator.surface, progress=False)
        found.save(beside)
    return found


def clicked(segmenter: Segmenter, task: Task, views: int, clicks: int) -> Row:
    """Clicks on one object, and corrects."""
    view, point = task.prompts[0].prompt.view, task.prompts[0].prompt.points[0]
    names = list(task.truth)
    scored = [names[i] for i in np.unique(np.linspace(0, len(names) - 1, min(views, len(names))).round().astype(int))]
    cameras = [segmenter.scene.camera(name) for name in scored]

    def score(member: np.ndarray) -> float:  # [N] bool
        shown = render_masks(segmenter.device_scene, cameras, member)
        return float(np.mean([iou(mask, task.truth[name]) for mask, name in zip(shown, scored, strict=True)]))

    answers = segmenter.candidates(view, [point])
    ious = [score(answer.mask) for answer in answers]
    first = next(index for index, answer in enumerate(answers) if answer.report["default"])
    inside, outside, selected = [point], [], answers[first].mask
    corrected = []
    for _ in range(clicks - 1):
        shown = next(iter(render_masks(segmenter.device_scene, [segmenter.scene.camera(view)], selected)))
        missed, pixel = _largest_error(shown, task.truth[view])
        if pixel is not None:
            (inside if missed else outside).append(pixel)
            selected = segmenter.segment(view, points=inside, negative=outside).mask
        corrected.append(score(selected))
    return Row(ious[first], max(ious), corrected)


def _largest_error(
    shown: np.ndarray,  # [H, W] bool
    truth: np.ndarray,  # [H, W] bool
) -> tuple[bool, tuple[int, int] | None]:
    """Whether the largest piece of the error is missed or too much, and its middle; None where none is wide."""
    found: tuple[int, bool, tuple[int, int] | None] = (0, True, None)
    for missed, wrong in ((True, truth & ~shown), (False, shown & ~truth)):
        pieces, _ = label(wrong)
        sizes = np.bincount(pieces.ravel())
        sizes[0] = 0
        largest = pieces == sizes.argmax()
        inside = distance_transform_edt(np.pad(largest & wrong, 1))[1:-1, 1:-1]
        if inside.max() > _LEAST_PX and sizes.max() > found[0]:
            y, x = np.unravel_index(inside.argmax(), inside.shape)
            found = int(sizes.max()), missed, (int(x), int(y))
    return found[1], found[2]


@contextmanager
def _constant(name: str, value: float) -> Iterator[None]:
    kept = getattr(worth, name)
    setattr(worth, name, value)
    try:
        yield
    finally:
        setattr(worth, name, kept)


@contextmanager
def _nothing() -> Iterator[None]:
    yield


def _without_own(regions: SceneRegions) -> SceneRegions:
    return replace(regions, members=regions.members[~regions.own], own=np.zeros((~regions.own).sum(), bool))


ABLATIONS: dict[str, tuple[Callable[[Trained], Segmenter], Callable[[], object]]] = {
    "all": (lambda t: Segmenter(t.scene, t.field, regions=t.regions), _nothing),
    "features alone": (lambda t: Segmenter(t.scene, t.field, regions=False), _nothing),
    "regions alone": (lambda t: Segmenter(t.scene, None, regions=t.regions), _nothing),
    "one scale of features": (
        lambda t: Segmenter(t.scene, _coarse(t.field), regions=t.regions), _nothing,
    ),
    "no objects of the scene's own": (lambda t: Segmenter(t.scene, t.field, regions=_without_own(t.regions)), _nothing),
    "the scene's own worth no more": (
        lambda t: Segmenter(t.scene, t.field, regions=t.regions), lambda: _constant("OWN", 0.0),
    ),
    "groups worth as much": (
        lambda t: Segmenter(t.scene, t.field, regions=t.regions), lambda: _constant("_EXPLAINED", 0.0),
    ),
}  # fmt: skip
"""What answers, and what is changed meanwhile."""


def _coarse(field: FeatureField) -> FeatureField:
    features = field.scales[0].contiguous()
    return replace(field, stored=features, config=replace(field.config, scales=1, dimensions=features.shape[1]))


def main(
    folders: tyro.conf.Positional[tuple[Path, ...]],
    views: int = 8,
    clicks: int = 4,
    ablate: bool = False,
    each: bool = False,
) -> None:
    """Prints a row for each scene (and each thing that is left out)."""
    heads = ["scene", "objects", "1 click", "best of three", *(f"{count} clicks" for count in range(2, clicks + 1))]
    for name, (make, changed) in ABLATIONS.items():
        rows, everything = [], []
        for folder in folders:
            trained = opened(folder)
            segmenter, found = make(trained), []
            with changed():  # type: ignore[attr-defined]
                for task in trained.tasks:
                    found.append(clicked(segmenter, task, views, clicks))
                    if each:
                        print(f"{folder.name:12} {task.object:24} {_cells(found[-1:])}", flush=True)
            rows.append([folder.name, str(len(found)), *_cells(found)])
            everything.append([row for row in rows[-1][2:]])
            print("  ".join(rows[-1]), flush=True)
        mean = np.mean(np.array(everything, float), axis=0)
        print(f"\n{name}\n\n{table(heads, [*rows, ['mean', '', *(f'{value:.1f}' for value in mean)]])}\n", flush=True)
        if not ablate:
            return


def _cells(found: Sequence[Row]) -> list[str]:
    values = np.mean([[row.first, row.best, *row.corrected] for row in found], axis=0)
    return [f"{100 * value:.1f}" for value in values]


if __name__ == "__main__":
    tyro.cli(main)
