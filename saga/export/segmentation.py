"""The files of a segmentation."""

from __future__ import annotations

import time
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor

from saga.assets.config import AssetConfig
from saga.cleaning.pruning import floating_members, hidden_members
from saga.errors import EmptySelectionError, SagaError
from saga.export import boundary
from saga.export.config import ExportConfig, ObjectsConfig
from saga.export.folders import (
    FACTS,
    LABELED,
    OBJECTS,
    RANKING,
    REPORT,
    SEGMENTATION,
    STAGE,
    is_objects,
    is_segmentation,
)
from saga.export.labeled import describe_objects, merge_labels, with_labels
from saga.export.png import PngWriter
from saga.export.preview import best_view, draw_overview, draw_preview
from saga.export.rendering import render_labels, render_masks
from saga.export.splats import usable_format, write_splats
from saga.export.usd import write_usd
from saga.files.disk import require_room
from saga.files.json_values import write_json
from saga.files.names import folded, safe_name
from saga.files.transaction import staged_folder
from saga.raster import DeviceScene
from saga.runtime.background import Background
from saga.runtime.progress import tracked
from saga.scene import Camera, Gaussians, Scene
from saga.scene.format_names import ExportFormat

if TYPE_CHECKING:
    from saga.filling import Filling
    from saga.query.segmentation import Segmentation


def write_segmentation(
    segmentation: Segmentation,
    scene: Scene | DeviceScene,
    out: str | Path,
    config: ExportConfig = ExportConfig(),  # noqa: B008 (frozen)
    ranking: np.ndarray | None = None,  # [h, w, 3] uint8
) -> None:
    """Writes one segmentation into the folder `out`.

    object.* and rest.* in the format of `config` (a PLY has every property of the scene's, bit for bit; other formats
    may order Gaussians anew); segmentation.npz (mask bool [N] and scores float32 [N] in the scene's order);
    masks/<view's stem>.png for every view (0 / 255, in pixels of its photograph as it is on disk); preview.png;
    `ranking`, the contact sheet of what words found, as ranking.png; report.json, with the milliseconds of writing
    beside those of segmenting.

    A selection of the whole scene has no rest, and of nothing no files at all. The two files share the scene's rows
    between them, unless `config` asks for a clean object or a filled rest. Neither touches the other files; report.json
    says what they did under "export". With an `asset` in `config`, there is also the folder asset/: the object for
    engines (`asset_files.write_asset`).

    The files appear together when all are written; until then an earlier segmentation in `out` stays, and
    other files there are never touched. Renders on the device of the scene, else on that of the segmentation.

    Raises EmptySelectionError when nothing is selected, or nothing is left of it; SagaError when `out` holds anything
    but an earlier segmentation, or cannot be written, when a package is missing that writes the format, and with
    `split_boundary`, `refit_boundary` or `fill` when the scene has no cameras.
    """
    device_scene = DeviceScene.of(scene, segmentation.tensor.mask.device)
    scene = device_scene.scene
    member, rows = segmentation.tensor.mask.to(device_scene.device), segmentation.mask
    if config.asset is not None:
        _require_mesh_writer(config.asset)
    _require_members(out, rows, "prompt where the object is in full view, or lower the threshold")
    written = usable_format(config.format, scene.gaussians)
    timings: dict[str, float] = {}
    require_room(out, _bytes(scene.gaussians, written, len(rows)) + rows.nbytes + segmentation.scores.nbytes)
    with staged_folder(out, SEGMENTATION, is_segmentation) as stage, Background(1) as background:
        # The files of Gaussians are a matter of the disk, the pictures of the processor: both at once.
        parts, kept, cleaned = _clean(member, device_scene, config, timings)
        _require_members(out, kept, "the object is gone when it is cleaned, write it as it was selected")
        if parts.member.all():
            warnings.warn(f"{out}: the whole scene is selected, so there is no rest", stacklevel=2)
        filling = None
        if config.fill and not parts.member.all():
            filling = _fill(parts, device_scene, config, timings)
        plys = background.submit(_write_both, parts, kept, filling, stage, written, scene, timings)
        np.savez(stage / "segmentation.npz", mask=rows, scores=segmentation.scores)
        if config.masks:
            with _timed(timings, "write_masks"), PngWriter() as pictures:
                (stage / "masks").mkdir()
                rendered, stems = render_masks(device_scene, scene.cameras, member), scene.stems
                for camera, mask in zip(scene.cameras, rendered, strict=True):
                    pictures.write(stage / "masks" / f"{stems[camera.name]}.png", mask)
        if ranking is not None:
            with PngWriter(1) as pictures:
                pictures.write(stage / RANKING, ranking)
        if scene.cameras:
            with _timed(timings, "write_preview"), PngWriter() as pictures:
                camera = _asked_in(segmentation.report, scene) or best_view(
                    scene.cameras, scene.gaussians.means, rows.astype(int)
                )
                prompt = segmentation.report.get("prompt") or {}
                rest = None
                if filling is not None:
                    rest = DeviceScene(replace(scene, gaussians=filling.gaussians), str(device_scene.device))
                pictures.write(stage / "preview.png", draw_preview(device_scene, camera, member, prompt, rest))
        if config.asset is not None:
            from saga.export import asset_files  # loaded when needed, as for all objects below

            with _timed(timings, "write_asset"):
                asset_files.write_asset(device_scene, parts.gaussians, kept, stage / "asset", written, config.asset)
        plys.result()
        facts = {**cleaned, **({} if filling is None else {"fill": filling.report})}
        _write_report(segmentation, timings, facts, stage / REPORT)


def write_objects(
    segmentations: Mapping[str, Segmentation],
    scene: Scene | DeviceScene,
    out: str | Path,
    config: ObjectsConfig = ObjectsConfig(),  # noqa: B008 (frozen)
    report: Mapping[str, Any] | None = None,
    ranking: np.ndarray | None = None,  # [h, w, 3] uint8
) -> None:
    """Writes a batch of segmentations, name -> segmentation, into the folder `out`.

    objects/<name>.* in the format of `config`, as `write_segmentation` writes an object, but for USD, which has all in
    one stage, objects.usd (`write_usd`); labels.npy (int32 [N] in the PLY's order; 0 = none, k = the k-th name; a
    Gaussian of several objects belongs to the one that scores it highest); objects.json (each name's label, color,
    count and bounding box: `describe_objects`); overview.png. A `report` of JSON values becomes report.json, and
    `ranking`, a contact sheet of what words say of the objects, ranking.png.

    What else `config` asks for: `labels_in_ply`, labeled.ply: the whole scene with the labels as a property
    (`write_labeled`); `label_maps`, label_maps/<view's stem>.png for every view: the label that makes up most of each
    pixel of its photograph, 8 bits, or 16 with more than 255 objects; an `asset`, each object for engines too, in
    assets/<name>/ (`asset_files.write_asset`).

    Appears together, as `write_segmentation` does. An object without Gaussians has no file, which a warning says.
    Raises EmptySelectionError when there is nothing to write at all, SagaError when a name is no file name, `out` holds
    anything but an earlier batch, or cannot be written.
    """
    empty = [name for name, segmentation in segmentations.items() if not segmentation.mask.any()]
    if len(empty) == len(segmentations):
        raise EmptySelectionError(f"{out}: expected at least one object to write, found none; select something first.")
    if empty:
        warnings.warn(f"{out}: nothing is selected of {', '.join(empty)}, so there is no file of it", stacklevel=2)
    _check_names(list(segmentations))
    if config.asset is not None:
        _require_mesh_writer(config.asset)
    device_scene = DeviceScene.of(scene, next(iter(segmentations.values())).tensor.mask.device)
    scene = device_scene.scene
    written = usable_format(config.format, scene.gaussians)
    labels = merge_labels(segmentations, len(scene.gaussians))
    members = sum(int(np.count_nonzero(segmentation.mask)) for segmentation in segmentations.values())
    require_room(out, _bytes(scene.gaussians, written, members) + labels.nbytes)
    with staged_folder(out, OBJECTS, is_objects) as stage, PngWriter() as pictures:
        if written == "usd":
            write_usd(scene, segmentations, stage / STAGE)
        for name, segmentation in segmentations.items() if written != "usd" else ():
            write_splats(scene.gaussians, segmentation.mask, stage / "objects" / name, written)
        if config.asset is not None:
            from saga.assets.upright import Uprights
            from saga.export import asset_files

            uprights = Uprights(device_scene, config.asset)
            filled = [each for each in segmentations if each not in empty]
            for name in tracked(filled, False, "objects for engines", "objects"):
                place, own = stage / "assets" / name, segmentations[name].mask
                asset_files.write_asset(device_scene, scene.gaussians, own, place, written, config.asset, uprights)
        np.save(stage / "labels.npy", labels)
        write_json(stage / FACTS, describe_objects(segmentations, scene.gaussians))
        if config.labels_in_ply:
            with_labels(scene.gaussians, labels).write(stage / LABELED)
        if scene.cameras:
            camera = best_view(scene.cameras, scene.gaussians.means, labels)
            overview = draw_overview(device_scene, camera, labels, list(segmentations))
            pictures.write(stage / "overview.png", overview)
            if config.label_maps:
                stems, depth = scene.stems, np.uint8 if len(segmentations) < 256 else np.uint16
                for camera in scene.cameras:
                    shown = render_labels(device_scene, camera, labels).astype(depth)
                    pictures.write(stage / "label_maps" / f"{stems[camera.name]}.png", shown)
        if ranking is not None:
            pictures.write(stage / RANKING, ranking)
        if report is not None:
            write_json(stage / REPORT, dict(report))


def _require_mesh_writer(asset: AssetConfig) -> None:
    """Raises SagaError when objects for engines cannot be written here: known before the work, not after it."""
    from saga.assets.glb import require_packages

    require_packages(asset)


def _asked_in(report: Mapping[str, Any], scene: Scene) -> Camera | None:
    """Returns the camera that the prompt was given in; None for an object that nobody pointed at."""
    if report.get("camera"):
        return scene.camera(Camera.described(report["camera"]))
    return scene.camera(report["view"]) if report.get("view") else None


def _bytes(gaussians: Gaussians, format: ExportFormat, rows: int) -> int:
    """Returns the bytes that some rows of a scene take at least; formats that compress are taken to need none."""
    return rows * gaussians.vertices.dtype.itemsize if format == "ply" and not gaussians.ply.text else 0


def _check_names(names: Sequence[str]) -> None:
    """Raises SagaError for names that cannot be those of files everywhere, or that some disks do not tell apart."""
    known: dict[str, str] = {}
    for name in names:
        if safe_name(name) != name:
            raise SagaError(
                f"{name!r}: expected a name that can name a file, such as {safe_name(name)!r}; leave out "
                '/ \\ : * ? " < > |, dots at its ends, and names of devices'
            )
        other = known.setdefault(folded(name), name)
        if other != name:
            raise SagaError(f"{name!r}: expected names that every disk tells apart, found {other!r} too; rename one")


def _require_members(
    out: str | Path,
    member: np.ndarray,  # [N] bool
    advice: str,
) -> None:
    if not member.any():
        raise EmptySelectionError(f"{out}: expected Gaussians to write, found that nothing is selected; {advice}.")


def _clean(
    member: Tensor,  # [N] bool
    scene: DeviceScene,
    config: ExportConfig,
    timings: dict[str, float],
) -> tuple[boundary.Parts, np.ndarray, dict[str, int]]:
    """Tells what goes into the PLYs, which of it into object.ply, and the counts for the report."""
    parts = boundary.Parts(scene.scene.gaussians, member.cpu().numpy(), 0, 0)
    kept, counts = parts.member, {}
    if config.split_boundary:
        with _timed(timings, "split_boundary"):
            parts = boundary.split_boundary(scene, member)
        kept, counts = parts.member, {"split": parts.split, "moved": parts.moved}
    if config.refit_boundary:
        with _timed(timings, "refit_boundary"):
            from saga.export import refitting  # loaded when needed: it takes a twentieth of a click

            parts, changed = refitting.refit_boundary(scene, parts)
        counts["refit"] = changed
    if config.prune:
        with _timed(timings, "prune"):
            whole = replace(scene.scene, gaussians=parts.gaussians)
            same = parts.gaussians is scene.scene.gaussians
            everything = scene if same else DeviceScene(whole, str(scene.device))
            own = everything.geometry.of_rows(torch.from_numpy(parts.member).to(scene.device))
            hidden = hidden_members(own, scene.scene.cameras)
            floating = floating_members(own.of_rows(~hidden))
            kept = parts.member.copy()
            for useless in (hidden, floating):
                kept[kept] = ~useless.cpu().numpy()
        counts |= {"hidden": int(hidden.sum()), "floating": int(floating.sum())}
    return parts, kept, counts


def _fill(parts: boundary.Parts, scene: DeviceScene, config: ExportConfig, timings: dict[str, float]) -> Filling:
    """Returns the rest of what is written, filled."""
    from saga.filling import fill  # loaded when needed: it takes a part of a second

    whole = replace(scene.scene, gaussians=parts.gaussians)
    placed = scene if parts.gaussians is scene.scene.gaussians else DeviceScene(whole, str(scene.device))
    with _timed(timings, "fill"):
        return fill(placed, torch.from_numpy(parts.member), config.inpainter, keep_shadow=config.keep_shadow)


def _write_both(
    parts: boundary.Parts,
    kept: np.ndarray,  # [M] bool
    filling: Filling | None,
    folder: Path,
    format: ExportFormat,
    scene: Scene,
    timings: dict[str, float],
) -> None:
    with _timed(timings, "write_plys"):
        write_splats(parts.gaussians, kept, folder / "object", format, scene.cameras)
        rest = (
            (parts.gaussians, ~parts.member) if filling is None else (filling.gaussians, np.ones_like(filling.filled))
        )
        write_splats(*rest, folder / "rest", format, scene.cameras)


def _write_report(
    segmentation: Segmentation, timings: Mapping[str, float], cleaned: Mapping[str, Any], path: Path
) -> None:
    report = dict(segmentation.report)
    report["timings_ms"] = {**report.get("timings_ms", {}), **timings}
    if cleaned:
        report["export"] = dict(cleaned)
    write_json(path, report)


@contextmanager
def _timed(timings: dict[str, float], stage: str) -> Iterator[None]:
    """Milliseconds of a block."""
    start = time.perf_counter()
    yield
    timings[stage] = round(1000 * (time.perf_counter() - start), 1)
