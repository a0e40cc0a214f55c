"""saga-train: features for a scene, once."""

from __future__ import annotations

import time
import warnings
from pathlib import Path
from typing import TYPE_CHECKING

from saga.cli.inputs import PLANNED_VIEWS, CameraInputs, MaskInputs
from saga.cli.options import Flattened, ImageFolder, NonNegative, OptionalPath, SceneFile
from saga.cli.places import require_file
from saga.cli.run import field_beside, run, say
from saga.errors import SagaError
from saga.files.disk import require_room
from saga.train.config import TrainConfig

if TYPE_CHECKING:
    from saga.masks.scene.generator import SceneGenerator
    from saga.masks.source import MaskSource
    from saga.raster import DeviceScene
    from saga.regions import SceneRegions
    from saga.scene import Scene


def train(
    scene: SceneFile,
    images: ImageFolder = None,
    *,
    out: OptionalPath = None,
    render_views: NonNegative = PLANNED_VIEWS,
    strict: bool = False,
    regions: bool = True,
    join: bool = True,
    cameras: Flattened[CameraInputs] = CameraInputs(),  # noqa: B008 (frozen)
    masks: Flattened[MaskInputs] = MaskInputs(),  # noqa: B008 (frozen)
    config: Flattened[TrainConfig] = TrainConfig(),  # noqa: B008 (frozen)
) -> None:
    """Train the features that saga-segment needs: once per scene.

    Args:
        scene: The trained Gaussian splatting scene.
        images: Folder of the photographs it was trained from.
        out: Feature field to write; beside the scene, with the suffix .saga, by default, and of a region with its box
            before that.
        render_views: Views to make from the scene itself where there are neither cameras nor photographs; 0 makes none.
        strict: Fail on Gaussians that are not finite instead of leaving them out.
        regions: Find the scene's regions too, which give a prompt nested answers; they are written beside the field.
        join: Have objects that the scene's geometry shows join --masks, or those of --sam, where these miss them.
    """
    target = out or field_beside(scene, config.region)
    require_file("train", target)
    cameras.choose_device()
    loaded = cameras.load(scene, images, strict=strict, views=render_views, seed=config.seed)
    train_opened(loaded, target, cameras, masks, config, regions, join)


def train_opened(
    scene: Scene,
    target: Path,
    cameras: CameraInputs,
    masks: MaskInputs,
    config: TrainConfig,
    regions: bool = True,
    join: bool = True,
) -> None:
    """Trains the features of a scene that is open, and writes them and its regions; the rest is as in `train`."""
    from saga.masks.own import are_given, generator_of
    from saga.raster import DeviceScene
    from saga.train import train as train_field
    from saga.train.part import within

    began, device = time.perf_counter(), cameras.choose_device()
    say(f"{scene.path}: {len(scene.gaussians):,} Gaussians, {len(scene.cameras)} views")
    if config.box is not None:
        scene = within(DeviceScene(scene, device), config.box)
        say(f"region {config.box}: {len(scene.cameras)} of the views show it")
    # The field, and beside it the state of the run: the features and the two moments of each.
    numbers = len(scene.gaussians) * config.dimensions
    require_room(target, 4 * numbers * (4 if config.iterations else 1))
    placed = DeviceScene(scene, device)  # one for all: what it lets go of, nobody else holds
    with warnings.catch_warnings():
        if config.box is not None:  # views that do not show it are left out, and their masks are no mistake
            warnings.filterwarnings("ignore", message=".*masks that belong to no view are left out")
        source = masks.open(placed, device, join)
    checkpoint = target.with_name(f"{target.name}.checkpoint")
    field = train_field(placed, source, config, checkpoint=checkpoint, let_go=True)
    field.save(target)
    if regions:
        write_regions(placed, generator_of(source), target, device, source if are_given(source) else None)
    report = field.report or {}
    stages = ", ".join(f"{name} {value:.1f} s" for name, value in report["seconds"].items())
    say(
        f"{target}: trained in {time.perf_counter() - began:.1f} s ({stages}), "
        f"peak memory {report['peak_memory_megabytes'] / 1e3:.1f} GB"
    )


def write_regions(
    scene: Scene | DeviceScene,
    own: SceneGenerator | None,
    field: Path,
    device: str,
    given: MaskSource | None = None,
) -> SceneRegions | None:
    """Writes the regions of a scene beside its field; says so where a scene has none.

    Args:
        scene: The scene.
        own: What finds the supports and objects of the scene, which become regions too; None leaves them out.
        field: The field's file.
        device: Where to render.
        given: Masks of the views that come from a person or a model; they say which regions are things.
    """
    from saga.regions import build_regions
    from saga.regions.scene_regions import SUFFIX

    began, path = time.perf_counter(), field.with_suffix(SUFFIX)
    structure = None if own is None else own.structure()
    surface = None if own is None else own.surface
    try:
        found = build_regions(scene, structure=structure, surface=surface, device=device, masks=given)
    except SagaError as error:
        path.unlink(missing_ok=True)
        say(f"warning: no regions, so a prompt has one answer: {error}")
        return None
    found.save(path)
    say(f"{path}: {len(found.members)} regions of {found.count} cells in {time.perf_counter() - began:.1f} s")
    return found


def main() -> None:
    """Runs saga-train."""
    run(train, "saga-train")
