"""saga-demo: the whole way from a scene to its objects, on a scene that comes with the package."""

from __future__ import annotations

import shlex
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import numpy as np

from saga.cli.options import Device, NonNegative
from saga.cli.places import require_folder
from saga.cli.run import run, say
from saga.cli.train import write_regions
from saga.demo.names import CaptureName, LayoutName
from saga.errors import SagaError

if TYPE_CHECKING:
    from saga.query import Segmentation, Segmenter

_LEAST_GAUSSIANS = 2000
_SHOWN = ("mug", "bottle")
"""Objects that get a folder of their own."""


@dataclass(frozen=True)
class _Click:
    """Where an object is clicked."""

    name: str
    label: int
    view: str
    point: tuple[int, int]


@dataclass(frozen=True)
class _Score:
    """How well the object of one click agrees with the truth."""

    milliseconds: float
    gaussians: int
    overlap_3d: float
    overlap_2d: float


def demo(
    out: Path = Path("saga-demo-out"),
    gaussians: int = 100_000,
    masks: Literal["exact", "scene"] = "exact",
    scene: LayoutName = "table",
    capture: CaptureName = "perfect",
    seed: NonNegative = 0,
    device: Device = "auto",
) -> None:
    """Make a scene, train on it, click every object once and compare with the truth.

    Args:
        out: Folder for the scene, the objects and the pictures.
        gaussians: About how many Gaussians the scene gets.
        masks: exact trains with the true masks of the objects; scene does what saga-train does without masks: they
            come from the scene itself, and so do regions.
        scene: What stands where: a table of objects, a shelf, a room, a crowded table, a wall with pictures, a garden,
            a single object, dark things on a dark cloth, a toy on a table in a kitchen, a table outdoors, a bicycle
            at a bench, or a fern.
        capture: perfect, or handheld with blur, changing exposure, noise, pose errors and floaters; and handheld from
            one side (forward), with nine views (sparse), or so near that the pictures' borders cut things (close).
        seed: Seed of everything random.
        device: Where to compute.
    """
    from saga.demo import make_scene, write_scene
    from saga.export import ObjectsConfig, write_objects, write_segmentation
    from saga.masks import open_masks
    from saga.masks.own import generator_of
    from saga.query import Segmenter
    from saga.runtime.device import choose_device
    from saga.scene import load_scene
    from saga.train import TrainConfig, train

    start = time.perf_counter()
    chosen = choose_device(device)
    if gaussians < _LEAST_GAUSSIANS:
        raise SagaError(f"--gaussians: expected {_LEAST_GAUSSIANS} or more, found {gaussians}; give more.")
    made = make_scene(gaussians, seed, layout=scene, capture=capture)
    write_scene(made, out)
    ply = out / "scene.ply"
    loaded = load_scene(ply)
    say(f"{ply}: {len(loaded.gaussians):,} Gaussians, {len(loaded.cameras)} views, made for this demo")
    truth = _read_instances(out, [camera.stem for camera in loaded.cameras])
    clicks = _choose_clicks(truth, [camera.name for camera in loaded.cameras], made.names)
    shown = [click for click in clicks if click.name in _SHOWN] or clicks[:1]
    require_folder("discover", out / "all")
    require_folder("segment", *(out / click.name for click in shown))
    source = open_masks(loaded, out / "instances" if masks == "exact" else None, None, out / "scene.masks", chosen)
    say(source.description)
    clock = time.perf_counter()
    field = train(loaded, source, TrainConfig(seed=seed), chosen)
    field.save(ply.with_suffix(".saga"))
    if masks == "scene":
        write_regions(loaded, generator_of(source), ply, chosen)
    say(f"{ply.with_suffix('.saga')}: trained in {time.perf_counter() - clock:.1f} s")

    segmenter = Segmenter(loaded, field, device=chosen)
    found, scores = {}, {}
    segmenter.segment(clicks[0].view, points=[clicks[0].point])  # what is loaded at first use is nobody's click
    for click in clicks:
        found[click.name], scores[click.name] = _ask(segmenter, click, truth, made.labels)
    _print_table(clicks, scores)
    write_objects(found, loaded, out / "all", ObjectsConfig(label_maps=False))
    for click in shown:
        write_segmentation(found[click.name], loaded, out / click.name)
    _print_guide(out, ply, masks, shown)
    say(f"All of it took {time.perf_counter() - start:.0f} s.")


def _read_instances(out: Path, stems: Sequence[str]) -> np.ndarray:  # [V, H, W]
    """Returns the label of what every pixel shows, uint8 [V, H, W]."""
    from PIL import Image

    return np.stack([np.asarray(Image.open(out / "instances" / f"{stem}.png")) for stem in stems])


def _choose_clicks(
    truth: np.ndarray,  # [V, H, W]
    views: Sequence[str],
    names: dict[str, int],
) -> list[_Click]:
    """Returns, for each object, the pixel farthest from its border, in the view where it is largest."""
    from scipy.ndimage import distance_transform_edt

    clicks = []
    for name, label in names.items():
        sizes = (truth == label).sum((1, 2))
        if label == 0 or not sizes.any():
            continue
        view = int(sizes.argmax())
        inside = np.pad(truth[view] == label, 1)
        y, x = np.unravel_index(distance_transform_edt(inside).argmax(), inside.shape)
        clicks.append(_Click(name, label, views[view], (int(x) - 1, int(y) - 1)))
    return clicks


def _ask(
    segmenter: Segmenter,
    click: _Click,
    truth: np.ndarray,  # [V, H, W]
    labels: np.ndarray,  # [N]
) -> tuple[Segmentation, _Score]:
    """Returns the object of a click, and how well it agrees with the truth in 3D and in the views that show either."""
    from saga.evaluate.metrics import iou, weighted_iou
    from saga.export import render_masks

    scene = segmenter.scene
    clock = time.perf_counter()
    result = segmenter.segment(click.view, points=[click.point])
    milliseconds = 1000 * (time.perf_counter() - clock)
    overlap_3d = weighted_iou(result.mask, labels == click.label, scene.gaussians.opacities)
    rendered = render_masks(segmenter.device_scene, scene.cameras, result.mask)
    pairs = [(mask, shown == click.label) for mask, shown in zip(rendered, truth, strict=True)]
    overlaps = [iou(mask, shown) for mask, shown in pairs if mask.any() or shown.any()]
    return result, _Score(milliseconds, len(result), overlap_3d, float(np.mean(overlaps)))


def _print_table(clicks: Sequence[_Click], scores: dict[str, _Score]) -> None:
    say(f"\n{'object':<12}{'click':<18}{'Gaussians':>10}{'3D IoU':>9}{'2D IoU':>9}{'ms':>8}")
    for click in clicks:
        score = scores[click.name]
        place = f"{click.view} {click.point[0]},{click.point[1]}"
        say(
            f"{click.name:<12}{place:<18}{score.gaussians:>10,}{score.overlap_3d:>9.1%}{score.overlap_2d:>9.1%}"
            f"{score.milliseconds:>8.1f}"
        )
    overlap_3d, overlap_2d, milliseconds = np.mean(
        [(s.overlap_3d, s.overlap_2d, s.milliseconds) for s in scores.values()], axis=0
    )
    say(f"{'mean':<40}{overlap_3d:>9.1%}{overlap_2d:>9.1%}{milliseconds:>8.1f}")
    say("3D IoU also counts Gaussians that no view shows, such as covers that lie on each other.\n")


def _print_guide(out: Path, ply: Path, masks: str, shown: Sequence[_Click]) -> None:
    pictures = ", ".join([str(out / "all" / "overview.png"), *(str(out / c.name / "preview.png") for c in shown)])
    by_hand: list[list[str | Path]] = [["saga-train", ply]]
    if masks == "exact":
        by_hand[0] += ["--masks", out / "instances"]
    for click in shown:
        point = f"{click.point[0]},{click.point[1]}"
        by_hand.append(["saga-segment", ply, "--view", click.view, "--points", point, "--out", out / click.name])
    say("The same by hand:")
    for command in by_hand:
        say(f"  {shlex.join(map(str, command))}")
    say(f"Pictures to look at: {pictures}")


def main() -> None:
    """Runs saga-demo."""
    run(demo, "saga-demo")
