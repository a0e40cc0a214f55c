"""saga-discover: every object of a scene, without a prompt."""

from __future__ import annotations

import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import tyro

from saga.cli.run import free_folder, run, say
from saga.config import Config, Fraction, NonNegativeInt, Seed
from saga.errors import SagaError

if TYPE_CHECKING:
    from saga.query import Segmentation
    from saga.scene import Scene


@dataclass(frozen=True)
class _Clustering(Config):
    """What Segmenter.discover takes."""

    similarity: Fraction = 0.6
    smallest: NonNegativeInt = 50
    seed: Seed = 0


def discover(
    scene: Annotated[Path, tyro.conf.Positional],
    images: Annotated[Path | None, tyro.conf.Positional] = None,
    *,
    out: Path | None = None,
    method: Literal["disconerf", "saga"] = "disconerf",
    cameras: Path | None = None,
    masks: Path | None = None,
    sam: str | None = None,
    field: Path | None = None,
    settings: Annotated[tuple[str, ...], tyro.conf.UseAppendAction, tyro.conf.arg(name="set")] = (),
    seed: int = 0,
    device: Literal["auto", "cpu", "cuda"] = "auto",
) -> None:
    """Cut a whole scene into objects.

    Args:
        scene: The trained Gaussian splatting scene, a PLY.
        images: Folder of the photographs it was trained from.
        out: Folder for objects/*.ply, labels.npy, objects.json, label_maps of every view, overview.png and report.json;
            the first free of objects-1, objects-2, ... by default.
        method: disconerf fits object slots to the masks of all views; saga clusters the features of saga-train.
        cameras: COLMAP sparse folder, cameras.json or transforms.json; found near the scene by default.
        masks: Folder of your own masks, as for saga-train; made from the photographs by default.
        sam: Segment Anything checkpoint to make the masks with: a file, or vit_h, vit_l or vit_b.
        field: With saga, the feature field; beside the scene, with the suffix .saga, by default.
        settings: Setting of the method, name=value; may be repeated.
        seed: Seed of everything random.
        device: Where to compute.
    """
    from saga.export import write_objects
    from saga.runtime.device import choose_device
    from saga.scene import load_scene

    began, chosen = time.perf_counter(), choose_device(device)
    given = {"--masks": masks, "--sam": sam} if method == "saga" else {"--field": field}
    for option in (option for option, value in given.items() if value is not None):
        raise SagaError(f"{option}: --method {method} does not take it; leave it out.")
    config = _config(method, settings, seed)
    loaded = load_scene(scene, images, cameras)
    if method == "saga":
        found = _clusters(loaded, field or scene.with_suffix(".saga"), config, chosen)
    else:
        found = _slots(loaded, masks, sam, config, chosen)
    if not found:
        raise SagaError(f"{scene}: no object was found; give masks that cover the objects with --masks or --sam.")
    digits = len(str(len(found)))
    named = {f"object_{number:0{max(3, digits)}d}": each for number, each in enumerate(found, 1)}
    seconds = round(time.perf_counter() - began, 2)
    sizes = {name: len(each) for name, each in named.items()}
    report = {"method": method, "settings": asdict(config), "seconds": seconds, "gaussians": sizes}
    folder = out or free_folder("objects")
    write_objects(named, loaded, folder, label_maps=True, report=report)
    shared = sum(sizes.values()) / max(1, len(loaded.gaussians))
    say(f"{folder}: {len(found)} objects with {shared:.0%} of {len(loaded.gaussians):,} Gaussians ({seconds:.1f} s)")


def _config(method: str, settings: tuple[str, ...], seed: int) -> Any:
    from saga.config import with_assignments
    from saga.methods.disconerf import DiscoNerfConfig

    base = DiscoNerfConfig(seed=seed) if method == "disconerf" else _Clustering(seed=seed)
    return with_assignments(base, settings, "--set")


def _clusters(scene: Scene, path: Path, config: Any, device: str) -> list[Segmentation]:
    from saga.query import Segmenter
    from saga.train import FeatureField

    segmenter = Segmenter(scene, FeatureField.load(path, scene), device=device)
    return segmenter.discover(**asdict(config))


def _slots(scene: Scene, masks: Path | None, sam: str | None, config: Any, device: str) -> list[Segmentation]:
    from saga.masks import open_masks
    from saga.methods.disconerf import discover_objects

    source = open_masks(scene, masks, sam, device=device)
    say(source.description)
    return discover_objects(scene, source, config, device).discover()


def main() -> None:
    """Entry point of saga-discover."""
    run(discover, "saga-discover")
