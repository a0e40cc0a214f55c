"""saga-segment: a prompt in one view to an object in 3D."""

from __future__ import annotations

import math
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import tyro

from saga.cli.assets import AssetInputs
from saga.cli.inputs import CameraInputs, MaskInputs, refuse
from saga.cli.options import (
    Assignments,
    Flattened,
    FormatName,
    Lists,
    MethodName,
    OptionalPath,
    OptionalText,
    SceneFile,
    flattened,
    given,
    joined,
    prefixed,
)
from saga.cli.places import require_folder
from saga.cli.prompted import open_other, open_segmenter, require_discovery, require_fill, show_views
from saga.cli.run import config_of, free_name, require_format, run, say
from saga.cli.words import TextInputs
from saga.config import Config, with_assignments
from saga.errors import SagaError
from saga.files.disk import require_room
from saga.methods.registry import method_names
from saga.query.config import LEVELS

if TYPE_CHECKING:
    from saga.query import Prompt

_Pixels = Annotated[Lists[str], tyro.conf.arg(metavar="X,Y ...")]
_ViewPixels = Annotated[Lists[str], tyro.conf.arg(metavar="VIEW:X,Y ...")]


def segment(
    scene: SceneFile,
    *,
    view: OptionalText = None,
    out: OptionalPath = None,
    points: _Pixels = (),
    negative: _Pixels = (),
    also: _ViewPixels = (),
    also_negative: _ViewPixels = (),
    box: Annotated[OptionalText, tyro.conf.arg(metavar="X0,Y0,X1,Y1")] = None,
    scribble: OptionalPath = None,
    mask: OptionalPath = None,
    method: MethodName = "saga",
    field: OptionalPath = None,
    region: Annotated[OptionalText, tyro.conf.arg(metavar="X0,Y0,Z0,X1,Y1,Z1")] = None,
    images: OptionalPath = None,
    split_boundary: bool = False,
    prune: bool = False,
    refit_boundary: bool = False,
    fill: bool = False,
    inpainter: Annotated[str, tyro.conf.arg(metavar="NAME")] = "patches",
    keep_shadow: bool = False,
    all_levels: bool = False,
    format: FormatName = None,
    assignments: Annotated[Assignments, tyro.conf.arg(name="set")] = (),
    cameras: Flattened[CameraInputs] = CameraInputs(),  # noqa: B008 (frozen)
    masks: Flattened[MaskInputs] = MaskInputs(),  # noqa: B008 (frozen)
    words: Flattened[TextInputs] = TextInputs(),  # noqa: B008 (frozen)
    engines: Flattened[AssetInputs] = AssetInputs(),  # noqa: B008 (frozen)
    config: Config,
) -> None:
    """Segment one object: from a prompt in one view to the object's Gaussians and its mask in every view.

    Args:
        scene: The trained Gaussian splatting scene.
        view: The photograph that the prompt is drawn on, by its file's name. Without it, pictures of all views with
            pixel coordinates are written, to choose from.
        out: Folder for object and rest (PLYs), masks, preview.png and report.json; the first free of object-1,
            object-2, ... by default.
        points: Pixels on the object.
        negative: Pixels that do not belong to it.
        also: Pixels on the object in other views.
        also_negative: Pixels in other views that do not belong to it.
        box: A box around it in pixels.
        scribble: A PNG of the view's size with strokes on the object.
        mask: A PNG of the view's size with the object's mask.
        method: saga matches the features of saga-train; the others need no training, but masks of the views.
            --method NAME --help lists the options of another method.
        field: Feature field of saga-train; beside the scene, with the suffix .saga, by default.
        region: The part of the scene that saga-train --region trained: two corners of a box, in the scene's units.
        images: Folder of the photographs; with saga, those that the field was trained with by default.
        split_boundary: Split Gaussians that stick out of the object, and give the rest what lies outside.
        prune: Leave out of the object what is hidden inside it or floats apart from it.
        refit_boundary: Fit colors and opacities at the object's border to what the photographs show inside it, for
            less of a halo where it is shown alone.
        fill: Close the surfaces that the object leaves open in the rest: the table under it, the wall behind it.
        inpainter: What fills their pictures: patches of what is around, or what an installed package brings.
        keep_shadow: Leave the shadow where it is that the object casts on them.
        all_levels: Write all of the nested answers, into the folders part, object and group in --out.
        format: Format of object and rest; the one that the scene came in, by default. usd needs the package
            usd-core, all others but ply gaussforge.
        assignments: Values of the method's config by their names, e.g. ball_query=false.
    """
    from saga.export import ExportConfig
    from saga.query import Prompt
    from saga.raster import DeviceScene
    from saga.runtime.memory import give_back

    levels = [None if out is None else out / name for name in LEVELS] if all_levels else [out]
    require_folder("segment", *levels)
    device = cameras.choose_device()
    if region is not None and field is not None:
        raise SagaError(f"--field and --region: expected one of them, found {field} and {region}; leave one out.")
    require_format(format)
    require_fill(fill, inpainter, keep_shadow)
    export = ExportConfig(
        format=format, split_boundary=split_boundary, refit_boundary=refit_boundary, prune=prune, fill=fill,
        inpainter=inpainter, keep_shadow=keep_shadow, asset=engines.config(),
    )  # fmt: skip
    masks.refuse_propagation()
    if words.text is not None:
        require_discovery(method)
    if format is None and scene.is_file():
        require_room(out or Path("object"), scene.stat().st_size)  # object and rest share the scene's rows
    clicks, excluded = _pixels("--points", joined(points)), _pixels("--negative", joined(negative))
    corners = None if box is None else _numbers("--box", box, 4)
    further = _further({"--also": joined(also), "--also-negative": joined(also_negative)})
    words.refuse_prompts(
        view=view, points=clicks, negative=excluded, also=further, box=corners, scribble=scribble, mask=mask,
        all_levels=all_levels,
    )  # fmt: skip
    words.check()
    if view is None and words.text is None:
        show_views(scene, images, cameras)
    prompts = [Prompt(view or "", clicks, excluded, scribble, mask, corners), *further]
    config = with_assignments(config, joined(assignments), "--set")
    if method == "saga":
        masks.refuse(method, "masks", "cache")
        loaded, opened = open_segmenter(scene, field, images, cameras, masks.load_sam(device), config, region)
    else:
        refuse("--field", field, method)
        refuse("--region", region, method)
        refuse("--all-levels", True if all_levels else None, method)
        loaded, opened = open_other(method, scene, images, cameras, masks, config)
    ranking = None
    if words.text is not None:
        found, ranking = words.answer(opened, scene)
        results = [found]
    else:
        results = opened.candidates_of(prompts) if all_levels else [opened.segment_prompts(prompts)]
    del opened  # what answers prompts is not needed to write files; of a large scene it is gigabytes
    for result in results:
        if isinstance(result.scene, DeviceScene):
            result.scene.forget()
    give_back()
    folder = out or free_name("object")
    for warning in results[0].report["warnings"]:
        say(f"warning: {warning}")
    for result in [each for each in results if len(each)] or results[:1]:
        own = folder / result.report["name"] if all_levels else folder
        result.save(own, config=export, ranking=ranking)
        times = ", ".join(f"{name} {value:.1f}" for name, value in result.report["timings_ms"].items())
        default = " the default," if all_levels and result.report["default"] else ""
        say(f"{own}:{default} {len(result):,} of {len(loaded.gaussians):,} Gaussians ({times} ms)")


def _further(options: dict[str, Sequence[str]]) -> list[Prompt]:
    """Reads prompts in other views, VIEW:x,y each; those of the second option exclude."""
    from saga.query import Prompt

    views: dict[str, tuple[list[Any], list[Any]]] = {}
    for index, (option, entries) in enumerate(options.items()):
        for entry in entries:
            view, _, point = entry.rpartition(":")
            if not view:
                raise SagaError(f"{option}: expected VIEW:x,y, found {entry!r}; give e.g. 0007.jpg:512,300.")
            views.setdefault(view, ([], []))[index].append(_numbers(option, point, 2))
    return [Prompt(view, points, negative) for view, (points, negative) in views.items()]


def _pixels(option: str, texts: Sequence[str]) -> list[Any]:
    return [_numbers(option, text, 2) for text in texts]


def _numbers(option: str, text: str, count: int) -> Any:
    try:
        values = tuple(float(v) for v in text.split(","))
    except ValueError:
        values = ()
    if len(values) != count or not all(math.isfinite(value) for value in values):
        expected, example = ("x,y", "512,300") if count == 2 else ("x0,y0,x1,y1", "400,200,620,420")
        raise SagaError(f"{option}: expected {expected} in pixels, found {text!r}; give e.g. {example}.")
    return values


def command_line(args: Sequence[str]) -> tuple[str, dict[str, Any]]:
    """Returns what the command is called with some arguments, and the types of its options that depend on them."""
    method = given("--method", args, "saga")
    if method == "saga" or method not in method_names():
        return "saga-segment", {"config": flattened(config_of("saga"))}
    return f"saga-segment --method {method}", {"config": prefixed(config_of(method), method)}


def main() -> None:
    """Runs saga-segment."""
    run(segment, *command_line(sys.argv))
