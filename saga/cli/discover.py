"""saga-discover: every object of a scene, without a prompt."""

from __future__ import annotations

import sys
import time
from dataclasses import asdict
from typing import Annotated, Any

import tyro

from saga.cli.options import (
    Assignments,
    Device,
    ImageFolder,
    MethodName,
    OptionalPath,
    OptionalText,
    SceneFile,
    flattened,
    given,
    joined,
)
from saga.cli.run import beside, config_of, free_folder, run, say
from saga.config import Config, either, with_assignments
from saga.errors import SagaError
from saga.methods.registry import method_names
from saga.query.config import DiscoveryConfig

_VIEWS = 24
"""Views to make of a scene without cameras."""


def discover(
    scene: SceneFile,
    images: ImageFolder = None,
    *,
    out: OptionalPath = None,
    method: MethodName = "disconerf",
    cameras: OptionalPath = None,
    masks: OptionalPath = None,
    sam: OptionalText = None,
    cache: OptionalPath = None,
    field: OptionalPath = None,
    align: str = "auto",
    device: Device = "auto",
    assignments: Annotated[Assignments, tyro.conf.arg(name="set")] = (),
    config: Config,
) -> None:
    """Cut a whole scene into objects.

    Args:
        scene: The trained Gaussian splatting scene.
        images: Folder of the photographs it was trained from.
        out: Folder for objects/*.ply, labels.npy, objects.json, label_maps of every view, overview.png and report.json;
            the first free of objects-1, objects-2, ... by default.
        method: disconerf fits object slots to the masks of all views; saga clusters the features of saga-train.
            --method NAME --help lists the options of another method.
        cameras: COLMAP sparse folder, cameras.json or transforms.json; found near the scene by default.
        masks: Folder of your own masks, as for saga-train; made from the photographs by default.
        sam: Segment Anything checkpoint to make the masks with: a file, or vit_h, vit_l or vit_b.
        cache: Folder where masks that are made are kept; beside the scene, or in your own cache, by default.
        field: With saga, the feature field; beside the scene, with the suffix .saga, by default.
        align: As for saga-train.
        device: Where to compute.
        assignments: Values of the method's config by their names, e.g. iterations=300.
    """
    from saga.export import write_objects
    from saga.methods import DiscoveringMethod, Segmenter
    from saga.methods.registry import open_method
    from saga.opening import load_scene
    from saga.runtime.device import choose_device

    began, chosen = time.perf_counter(), choose_device(device)
    own: dict[str, Any] = {"--masks": masks, "--sam": sam, "--cache": cache} if method == "saga" else {"--field": field}
    for option, value in own.items():
        if value is not None:
            raise SagaError(f"{option}: expected nothing with --method {method}, found {value}; leave it out.")
    _require_discovery(method)
    config = with_assignments(config, joined(assignments), "--set")
    loaded = load_scene(scene, images, cameras, align_frames=align, views=_VIEWS, device=chosen, say=say)
    if isinstance(config, DiscoveryConfig):
        from saga.train import FeatureField

        trained = FeatureField.load(field or beside(scene, ".saga"), loaded)
        clusters = open_method("saga", loaded, field=trained, device=chosen)
        assert isinstance(clusters, Segmenter)
        found = clusters.discover(**asdict(config))
    else:
        from saga.masks import open_masks

        source = open_masks(loaded, masks, sam, cache, chosen)
        say(source.description)
        opened = open_method(method, loaded, config, masks=source, device=chosen)
        assert isinstance(opened, DiscoveringMethod)
        found = opened.discover()
    if not found:
        raise SagaError(f"{scene}: expected objects, found none; give masks that cover them with --masks or --sam.")
    digits = len(str(len(found)))
    named = {f"object_{number:0{max(3, digits)}d}": each for number, each in enumerate(found, 1)}
    seconds = round(time.perf_counter() - began, 2)
    sizes = {name: len(each) for name, each in named.items()}
    report = {"method": method, "config": asdict(config), "seconds": seconds, "gaussians": sizes}  # type: ignore[call-overload]
    folder = out or free_folder("objects")
    write_objects(named, loaded, folder, label_maps=True, report=report)
    shared = sum(sizes.values()) / max(1, len(loaded.gaussians))
    say(f"{folder}: {len(found)} objects with {shared:.0%} of {len(loaded.gaussians):,} Gaussians ({seconds:.1f} s)")


def _require_discovery(method: str) -> None:
    """Raises SagaError for a method that finds no objects without a prompt."""
    from saga.methods.registry import method_class

    able = [name for name in method_names() if hasattr(method_class(name), "discover")]
    if method not in able:
        raise SagaError(f"--method: expected {either(able)}, found {method!r}; the others need a prompt.")


def main() -> None:
    """Entry point of saga-discover."""
    method = given("--method", sys.argv, "disconerf")
    method = method if method in method_names() else "disconerf"
    own = DiscoveryConfig if method == "saga" else config_of(method)
    prog = "saga-discover" if method == "disconerf" else f"saga-discover --method {method}"
    run(discover, prog, {"config": flattened(own)})
