"""saga-discover: every object of a scene, without a prompt."""

from __future__ import annotations

import sys
import time
from collections.abc import Sequence
from dataclasses import asdict, fields
from pathlib import Path
from typing import Annotated, Any

import tyro

from saga.cli.assets import AssetInputs
from saga.cli.inputs import CameraInputs, MaskInputs, refuse
from saga.cli.options import (
    Assignments,
    Flattened,
    FormatName,
    ImageFolder,
    MethodName,
    OptionalPath,
    SceneFile,
    flattened,
    given,
    joined,
)
from saga.cli.places import require_folder
from saga.cli.prompted import require_discovery
from saga.cli.run import beside, config_of, free_name, require_format, run, say
from saga.cli.words import NameInputs, named_objects
from saga.config import Config, with_assignments
from saga.errors import EmptySelectionError
from saga.files.disk import require_room
from saga.methods.registry import method_names
from saga.query.config import DiscoveryConfig


def discover(
    scene: SceneFile,
    images: ImageFolder = None,
    *,
    out: OptionalPath = None,
    method: MethodName = "disconerf",
    field: OptionalPath = None,
    format: FormatName = None,
    labels_in_ply: bool = False,
    assignments: Annotated[Assignments, tyro.conf.arg(name="set")] = (),
    cameras: Flattened[CameraInputs] = CameraInputs(),  # noqa: B008 (frozen)
    masks: Flattened[MaskInputs] = MaskInputs(),  # noqa: B008 (frozen)
    words: Flattened[NameInputs] = NameInputs(),  # noqa: B008 (frozen)
    engines: Flattened[AssetInputs] = AssetInputs(),  # noqa: B008 (frozen)
    config: Config,
) -> None:
    """Cut a whole scene into objects.

    Args:
        scene: The trained Gaussian splatting scene.
        images: Folder of the photographs it was trained from.
        out: Folder for objects/* (PLYs), labels.npy, objects.json, label_maps of every view, overview.png and
            report.json; the first free of objects-1, objects-2, ... by default.
        method: disconerf fits object slots to the masks of all views; saga clusters the features of saga-train. Without
            masks of your own both are joined with the scene's supports and objects, and its regions.
            --method NAME --help lists the options of another method.
        field: With saga, the feature field; beside the scene, with the suffix .saga, by default.
        format: Format of the objects; the one that the scene came in, by default. usd is one stage and
            needs the package usd-core, all others but ply need gaussforge.
        labels_in_ply: Also write labeled.ply, the whole scene with the property object_id: the number of each
            Gaussian's object, 0 for none.
        assignments: Values of the method's config by their names, e.g. iterations=300.
    """
    from saga.export import ObjectsConfig, write_objects
    from saga.methods import DiscoveringMethod, Segmenter
    from saga.methods.registry import open_method

    require_folder("discover", out)
    began, device = time.perf_counter(), cameras.choose_device()
    require_format(format)
    export = ObjectsConfig(format=format, labels_in_ply=labels_in_ply, asset=engines.config())
    if method == "saga":
        masks.refuse(method, "masks", "sam", "cache")
        refuse("--propagate", masks.propagate or None, method)
    else:
        refuse("--field", field, method)
    require_discovery(method)
    names = words.read()
    config = with_assignments(config, joined(assignments), "--set")
    loaded = cameras.load(scene, images)
    require_room(out or Path("objects"), 4 * len(loaded.gaussians))  # labels.npy alone
    if isinstance(config, DiscoveryConfig):
        from saga.raster import DeviceScene
        from saga.regions.beside import regions_beside
        from saga.train import FeatureField

        path, placed = field or beside(scene, ".saga"), DeviceScene(loaded, device)
        trained = FeatureField.load(path, loaded)
        opened: Any = Segmenter(placed, trained, regions=regions_beside(placed, path) or False)
        found = opened.discover(**asdict(config))
    else:
        opened = open_method(method, loaded, config, masks=masks.open(loaded, device), device=device)
        assert isinstance(opened, DiscoveringMethod)
        found = opened.discover()
    if not found:
        raise EmptySelectionError(
            f"{scene}: expected objects, found none; give masks that cover them with --masks or --sam."
        )
    ranking, said = None, None
    if names:
        named, said, ranking = words.call(opened, found, names)
    else:
        named = named_objects(found, [None] * len(found))
    seconds = round(time.perf_counter() - began, 2)
    sizes = {name: len(each) for name, each in named.items()}
    report = {"method": method, "config": asdict(config), "seconds": seconds, "gaussians": sizes}  # type: ignore[call-overload]
    if said is not None:
        report["words"] = said
    folder = out or free_name("objects")
    write_objects(named, loaded, folder, export, report, ranking)
    shared = sum(sizes.values()) / max(1, len(loaded.gaussians))
    supports = sum(each.report["kind"] == "support" for each in named.values())
    counted = f"{len(named) - supports} objects"
    if supports:
        counted += f" and {supports} support{'s' * (supports != 1)}"
    say(f"{folder}: {counted} with {shared:.0%} of {len(loaded.gaussians):,} Gaussians ({seconds:.1f} s)")


def command_line(args: Sequence[str]) -> tuple[str, dict[str, Any]]:
    """Returns what the command is called with some arguments, and the types of its options that depend on them."""
    method = given("--method", args, "disconerf")
    method = method if method in method_names() else "disconerf"
    own = DiscoveryConfig if method == "saga" else config_of(method)
    prog = "saga-discover" if method == "disconerf" else f"saga-discover --method {method}"
    taken = {each.name for inputs in (CameraInputs, MaskInputs, NameInputs, AssetInputs) for each in fields(inputs)}
    clashes = any(each.name in taken for each in fields(own))  # such options keep the prefix of the config
    return prog, {"config": own if clashes else flattened(own)}


def main() -> None:
    """Runs saga-discover."""
    run(discover, *command_line(sys.argv))
