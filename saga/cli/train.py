"""saga-train: features for a scene, once."""

from __future__ import annotations

import time

import tyro

from saga.cli.options import Device, ImageFolder, NonNegative, OptionalPath, OptionalText, SceneFile
from saga.cli.run import beside, require_writable, run, say
from saga.train.config import TrainConfig


def train(
    scene: SceneFile,
    images: ImageFolder = None,
    *,
    cameras: OptionalPath = None,
    masks: OptionalPath = None,
    sam: OptionalText = None,
    out: OptionalPath = None,
    cache: OptionalPath = None,
    align: str = "auto",
    device: Device = "auto",
    render_views: NonNegative = 24,
    strict: bool = False,
    config: tyro.conf.OmitArgPrefixes[TrainConfig] = TrainConfig(),  # noqa: B008 (frozen)
) -> None:
    """Train the features that saga-segment needs: once a scene.

    Args:
        scene: The trained Gaussian splatting scene, a PLY.
        images: Folder of the photographs it was trained from.
        cameras: COLMAP sparse folder, cameras.json or transforms.json; found near the scene by default.
        masks: Folder of your own masks, one label PNG, folder, npz or amg JSON an image.
        sam: Segment Anything checkpoint: a file, or vit_h, vit_l or vit_b.
        out: Feature field to write; beside the scene, with the suffix .saga, by default.
        cache: Folder where masks that are made are kept; beside the scene, or in your own cache, by default.
        align: auto checks that photographs and scene agree and tries the frames that trainers use; none takes the
            cameras as they are; a file (dataparser_transforms.json, or a 4x4 matrix) is the frame to use.
        device: Where to compute.
        render_views: Views to make from the scene itself where there are neither cameras nor photographs; 0 makes none.
        strict: Fail on Gaussians that are not finite instead of leaving them out.
    """
    from saga.masks import open_masks
    from saga.opening import load_scene
    from saga.runtime.device import choose_device
    from saga.train import train as train_field

    began = time.perf_counter()
    chosen = choose_device(device)
    target = out or beside(scene, ".saga")
    loaded = load_scene(
        scene, images, cameras, strict, align_frames=align, views=render_views, seed=config.seed, device=chosen, say=say
    )
    require_writable(target)
    say(f"{scene}: {len(loaded.gaussians):,} Gaussians, {len(loaded.cameras)} views")
    source = open_masks(loaded, masks, sam, cache, chosen)
    say(source.description)
    field = train_field(loaded, source, config, chosen, target.with_name(f"{target.name}.checkpoint"))
    field.save(target)
    report = field.report or {}
    stages = ", ".join(f"{name} {value:.1f} s" for name, value in report["seconds"].items())
    say(
        f"{target}: trained in {time.perf_counter() - began:.1f} s ({stages}), "
        f"peak memory {report['peak_memory_megabytes'] / 1e3:.1f} GB"
    )


def main() -> None:
    """Entry point of saga-train."""
    run(train, "saga-train")
