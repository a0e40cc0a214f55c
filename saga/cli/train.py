"""saga-train: features for a scene, once."""

from __future__ import annotations

import time
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any, Literal

import tyro

from saga.cli.run import require_positive, require_writable, run, say
from saga.errors import SagaError

_RENDERED_SIZE = (800, 600)


def train(
    scene: Annotated[Path, tyro.conf.Positional],
    images: Annotated[Path | None, tyro.conf.Positional] = None,
    cameras: Path | None = None,
    masks: Path | None = None,
    sam: str | None = None,
    out: Path | None = None,
    iterations: int | None = None,
    seed: int = 0,
    device: Literal["auto", "cpu", "cuda"] = "auto",
    render_views: int = 0,
    pixels_per_view: int | None = None,
    cached_pixels: int | None = None,
    sam_guidance: float | None = None,
    correspondence: float | None = None,
    correspondence_form: Literal["relu", "paper"] | None = None,
    start: Literal["random", "spectral"] | None = None,
    granularity: bool = False,
    strict: bool = False,
) -> None:
    """Train the features that saga-segment needs: once a scene.

    Args:
        scene: The trained Gaussian splatting scene, a PLY.
        images: Folder of the photographs it was trained from.
        cameras: COLMAP sparse folder, cameras.json or transforms.json; found near the scene by default.
        masks: Folder of your own masks, one label PNG, folder, npz or amg JSON an image.
        sam: Segment Anything checkpoint: a file, or vit_h, vit_l or vit_b.
        out: Feature field to write; beside the scene, with the suffix .saga, by default.
        iterations: Training steps.
        seed: Seed of everything random.
        device: Where to compute.
        render_views: Without photographs: make this many views from the scene itself.
        pixels_per_view: Sampled pixels of a view.
        cached_pixels: Sampled pixels in all: lower it when memory is short.
        sam_guidance: Weight of the SAM-guidance loss, 0 switches it off.
        correspondence: Weight of the correspondence loss, 0 switches it off.
        correspondence_form: The loss as saga's default has it (relu), or as the paper has it.
        start: Features before the first step; spectral with --iterations 0 is the instant field, no training at all.
        granularity: Also learn what saga-segment --granularity chooses between: parts, objects, groups.
        strict: Fail on Gaussians that are not finite instead of leaving them out.
    """
    from saga.export import render_views as render
    from saga.masks import open_masks
    from saga.runtime.device import choose_device
    from saga.scene import load_scene, orbit_cameras
    from saga.train import TrainConfig
    from saga.train import train as train_field

    began = time.perf_counter()
    chosen = choose_device(device)
    target = out or scene.with_suffix(".saga")
    if iterations is not None and iterations < 0:
        raise SagaError(f"--iterations: expected 0 or more, found {iterations}.")
    require_positive("--pixels-per-view", pixels_per_view)
    require_positive("--cached-pixels", cached_pixels)
    options: dict[str, Any] = {
        "iterations": iterations,
        "pixels_per_view": pixels_per_view,
        "cached_pixels": cached_pixels,
        "sam_guidance": sam_guidance,
        "correspondence": correspondence,
        "correspondence_form": correspondence_form,
        "start": start,
        "granularity": granularity or None,
    }
    config = replace(TrainConfig(seed=seed), **{k: v for k, v in options.items() if v is not None})
    if render_views > 0:
        from saga.scene import Gaussians

        folder = scene.with_name(f"{scene.stem}_views")
        if folder.exists():
            say(f"using the views in {folder}, made earlier; delete it to make others")
        else:
            gaussians = Gaussians.read(scene, strict)
            render(gaussians, orbit_cameras(gaussians, render_views, *_RENDERED_SIZE), folder, device=chosen)
            say(f"rendered {render_views} views into {folder}")
        images, cameras = folder / "images", folder / "transforms.json"
    loaded = load_scene(scene, images, cameras, strict)
    require_writable(target)
    say(f"{scene}: {len(loaded.gaussians):,} Gaussians, {len(loaded.cameras)} views")
    source = open_masks(loaded, masks, sam, device=chosen)
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
