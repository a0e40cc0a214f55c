"""saga-segment: a prompt in one view to an object in 3D."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import tyro

from saga.cli.run import free_folder, run, say
from saga.errors import SagaError

if TYPE_CHECKING:
    from saga.scene import Scene


def segment(
    scene: Annotated[Path, tyro.conf.Positional],
    view: str,
    out: Path | None = None,
    points: tuple[str, ...] = (),
    negative: tuple[str, ...] = (),
    also: tuple[str, ...] = (),
    also_negative: tuple[str, ...] = (),
    box: str | None = None,
    scribble: Path | None = None,
    mask: Path | None = None,
    method: Literal["saga", "sa3d", "sanerf-hq", "sgisrf"] = "saga",
    masks: Path | None = None,
    settings: Annotated[tuple[str, ...], tyro.conf.UseAppendAction, tyro.conf.arg(name="set")] = (),
    field: Path | None = None,
    cameras: Path | None = None,
    images: Path | None = None,
    sam: str | None = None,
    threshold: str | None = None,
    granularity: str | None = None,
    filter: bool = True,
    ball_query: bool = True,
    split_boundary: bool = False,
    prune: bool = False,
    device: Literal["auto", "cpu", "cuda"] = "auto",
) -> None:
    """Segment one object.

    Args:
        scene: The scene, a PLY.
        view: The photograph that the prompt is drawn on, e.g. 0003.jpg.
        out: Folder for object.ply, rest.ply, masks, preview.png and report.json; the first free of object-1,
            object-2, ... by default.
        points: Pixels on the object, x,y [x,y ...].
        negative: Pixels that do not belong to it, x,y [x,y ...].
        also: Points on the object in other views, VIEW:x,y [VIEW:x,y ...].
        also_negative: The same of pixels that do not belong to it.
        box: A box around it, x0,y0,x1,y1.
        scribble: A PNG of the view's size with strokes on the object.
        mask: A PNG of the view's size with the object's mask.
        method: saga matches the features of saga-train; the others need no training, but masks of the views.
        masks: Masks of the views for the other methods, as for saga-train; made from the photographs by default.
        settings: Setting of the method, name=value; may be repeated.
        field: Feature field; beside the scene, with the suffix .saga, by default.
        cameras: As for saga-train; the views the field was trained with by default.
        images: Folder of the photographs.
        sam: Segment Anything checkpoint: for a field that was trained with one, or for another method.
        threshold: Least score of a selected Gaussian, e.g. 0.6; higher is tighter. adaptive, or paper.
        granularity: part, object, group, or a number from 0 to 1, for a field trained with --granularity.
        filter: Statistical filter and region growing.
        ball_query: Add Gaussians close to the selection.
        split_boundary: Split Gaussians that stick out of the object, and give rest.ply what lies outside.
        prune: Leave out of object.ply what is hidden inside it or floats apart from it.
        device: Where to compute.
    """
    from saga.export import write_segmentation
    from saga.query import Prompt
    from saga.runtime.device import choose_device

    chosen = choose_device(device)
    prompt = Prompt(
        view,
        [_numbers("--points", p, 2) for p in points],
        [_numbers("--negative", p, 2) for p in negative],
        scribble,
        mask,
        None if box is None else _numbers("--box", box, 4),
    )
    prompts = [prompt, *_further(also, also_negative)]
    if method == "saga":
        _refuse(method, {"--masks": masks is not None})
        changes: dict[str, Any] = {"statistical_filter": filter, "region_growing": filter, "ball_query": ball_query}
        changes |= {} if threshold is None else {"score_threshold": _threshold(threshold)}
        changes |= {} if granularity is None else {"granularity": _granularity(granularity)}
        loaded, segmenter = _saga(scene, field, images, cameras, sam, changes, settings, chosen)
    else:
        given = {"--field": field, "--threshold": threshold, "--granularity": granularity}
        given |= {"--no-filter": None if filter else "", "--no-ball-query": None if ball_query else ""}
        _refuse(method, {option: value is not None for option, value in given.items()})
        loaded, segmenter = _other(method, scene, images, cameras, masks, sam, settings, chosen)
    result = segmenter.segment_prompts(prompts)
    folder = out or free_folder("object")
    for warning in result.report["warnings"]:
        say(f"warning: {warning}")
    write_segmentation(result, loaded, folder, split_boundary=split_boundary, prune=prune)
    times = ", ".join(f"{name} {value:.1f}" for name, value in result.report["timings_ms"].items())
    say(f"{folder}: {len(result):,} of {len(loaded.gaussians):,} Gaussians ({times} ms)")


def _refuse(method: str, given: dict[str, bool]) -> None:
    """Raises SagaError for the first option given that a method does not take."""
    for option in (option for option, present in given.items() if present):
        advice = "the masks are those of saga-train" if method == "saga" else "its settings are given with --set"
        raise SagaError(f"{option}: --method {method} does not take it ({advice}); leave it out.")


def _saga(
    scene: Path,
    field: Path | None,
    images: Path | None,
    cameras: Path | None,
    sam: str | None,
    changes: dict[str, Any],
    settings: tuple[str, ...],
    device: str,
) -> tuple[Scene, Any]:
    """The scene and the Segmenter of its trained field."""
    from saga.config import with_assignments
    from saga.masks import Sam, resolve_checkpoint
    from saga.query import QueryConfig, Segmenter
    from saga.scene import Gaussians, Scene, load_scene
    from saga.train import FeatureField

    path = field or scene.with_suffix(".saga")
    config = with_assignments(replace(QueryConfig(), **changes), settings, "--set")
    if cameras is None and images is None and path.is_file():
        trained = FeatureField.load(path)
        loaded = Scene(Gaussians.read(scene), trained.cameras, scene)
    else:
        loaded = load_scene(scene, images, cameras)
    model = None if sam is None else Sam.load(resolve_checkpoint(sam), device)
    return loaded, Segmenter(loaded, FeatureField.load(path, loaded), config, device, model)


def _other(
    method: str,
    scene: Path,
    images: Path | None,
    cameras: Path | None,
    masks: Path | None,
    sam: str | None,
    settings: tuple[str, ...],
    device: str,
) -> tuple[Scene, Any]:
    """The scene and another method, opened on it; without masks or SAM, masks are made from the photographs."""
    from saga.config import with_assignments
    from saga.masks import Sam, open_masks, resolve_checkpoint
    from saga.methods.registry import config_class, open_method
    from saga.scene import load_scene

    if masks is not None and sam is not None:
        raise SagaError(f"--masks and --sam: expected one of them, found {masks} and {sam}.")
    config = with_assignments(config_class(method)(), settings, "--set")
    loaded = load_scene(scene, images, cameras)
    if sam is not None:
        model = Sam.load(resolve_checkpoint(sam), device)
        return loaded, open_method(method, loaded, config, sam=model, device=device)
    source = open_masks(loaded, masks, device=device)
    say(source.description)
    return loaded, open_method(method, loaded, config, masks=source, device=device)


def _further(also: tuple[str, ...], also_negative: tuple[str, ...]) -> list[Any]:
    """Prompts in other views, from VIEW:x,y each."""
    from saga.query import Prompt

    views: dict[str, tuple[list[Any], list[Any]]] = {}
    for index, (option, entries) in enumerate((("--also", also), ("--also-negative", also_negative))):
        for entry in entries:
            view, _, point = entry.rpartition(":")
            if not view:
                raise SagaError(f"{option}: expected VIEW:x,y, e.g. 0007.jpg:512,300, found {entry!r}.")
            views.setdefault(view, ([], []))[index].append(_numbers(option, point, 2))
    return [Prompt(view, points, negative) for view, (points, negative) in views.items()]


def _numbers(option: str, text: str, count: int) -> Any:
    try:
        values = tuple(float(v) for v in text.split(","))
    except ValueError:
        values = ()
    if len(values) != count or not all(math.isfinite(value) for value in values):
        expected = "x,y" if count == 2 else "x0,y0,x1,y1"
        raise SagaError(f"{option}: expected {expected} in pixels, e.g. 512,300, found {text!r}.")
    return values


def _threshold(text: str) -> Any:
    if text in ("adaptive", "paper"):
        return text
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not math.isfinite(value):
        raise SagaError(f"--threshold: expected a number, adaptive or paper, found {text!r}.")
    return value


def _granularity(text: str) -> float:
    from saga.query import GRANULARITIES

    try:
        value = GRANULARITIES[text] if text in GRANULARITIES else float(text)
    except ValueError:
        value = math.nan
    if not 0 <= value <= 1:
        expected = f"{', '.join(GRANULARITIES)} or a number from 0 to 1"
        raise SagaError(f"--granularity: expected {expected}, found {text!r}.")
    return value


def main() -> None:
    """Entry point of saga-segment."""
    run(segment, "saga-segment")
