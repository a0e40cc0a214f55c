"""The files of a cleaning: what is proposed and why, pictures of it, and the scene without it."""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image, ImageDraw, ImageFont

from saga.cleaning import KINDS, Cleaning, Likeness, Proposal, Strengths
from saga.errors import EmptySelectionError, SagaError
from saga.export.folders import CLEANING, REPORT, is_cleaning
from saga.export.png import PngWriter
from saga.export.preview import fit_panel, sheet
from saga.export.rendering import render_color
from saga.export.splats import usable_format, write_splats
from saga.files.disk import require_room
from saga.files.json_values import write_json
from saga.files.transaction import staged_folder
from saga.raster import BlendOperator, DeviceScene
from saga.scene import Camera
from saga.scene.format_names import ExportFormat
from saga.scene.lens import image_to_photograph, pinhole_around

_STEM = "clean"
_SHOWN = 3
"""Views that are drawn."""
_STRONGER = 3
"""Power of the transparency of what goes, in its colors: haze is faint."""
_INK = (40, 42, 46)


def write_cleaning(
    cleaning: Cleaning,
    proposal: Proposal,
    strengths: Strengths,
    change: Likeness,
    placed: DeviceScene,
    out: str | Path,
    apply: bool = False,
    format: ExportFormat | None = None,
    facts: Mapping[str, Any] | None = None,
) -> None:
    """Writes a cleaning into the folder `out`: report.json, preview-1.png and so on, and, applied, clean.*.

    The report has the count, the strength and the share of the views' weight of each kind, why others could not be
    told, and the PSNR before and after. The previews are of the views that change most: before, what goes in the
    colors of its kinds, and after. clean.* is the scene without it in a `format`, by default its own (in a PLY every
    property of the rows that stay, bit for bit). All appear together or not at all.

    Args:
        cleaning: the scene's.
        proposal: what goes.
        strengths: what it was made with.
        change: what it changes.
        placed: the scene on a device.
        out: the folder.
        apply: whether to write the scene without what goes.
        format: the format of the scene that is written.
        facts: JSON values that the report has too.

    Raises:
        EmptySelectionError: nothing would be left to write.
        SagaError: `out` holds anything but an earlier cleaning or the scene itself, or cannot be written.
    """
    gaussians, removed = placed.scene.gaussians, proposal.removed.cpu().numpy()
    written = usable_format(format, gaussians) if apply else None
    target = Path(out) / f"{_STEM}.{written}"
    if apply and placed.scene.path is not None and target.resolve() == placed.scene.path.resolve():
        raise SagaError(f"{target}: expected another file than the scene itself; give another folder with --out.")
    if apply and removed.all():
        raise EmptySelectionError(f"{out}: expected Gaussians that stay, found none; lower the strength.")
    room = int((~removed).sum()) * gaussians.vertices.dtype.itemsize if written == "ply" else 0
    require_room(out, room)
    with staged_folder(out, CLEANING, is_cleaning) as stage:
        with PngWriter() as pictures:
            for number, camera in enumerate(_most_changed(placed, change), 1):
                pictures.write(stage / f"preview-{number}.png", draw_cleaning(placed, camera, proposal))
        if written is not None:
            write_splats(gaussians, ~removed, stage / _STEM, written, placed.scene.cameras)
        write_json(stage / REPORT, {**describe_cleaning(cleaning, proposal, strengths, change), **(facts or {})})


def describe_cleaning(cleaning: Cleaning, proposal: Proposal, strengths: Strengths, change: Likeness) -> dict[str, Any]:
    """Returns what report.json says of a cleaning."""
    weight = cleaning.evidence.weight
    shares = torch.bincount(proposal.reason.long(), weight.double(), len(KINDS) + 1) / weight.double().sum().clamp_min(
        1e-12
    )
    kinds = {
        kind.name: {
            "count": proposal.counts[kind.name],
            "why": kind.why,
            "strength": strengths.of(kind.name),
            "weight_share": float(shares[number]),
            "color": list(kind.color),
        }
        for number, kind in enumerate(KINDS, 1)
        if kind.name in cleaning.scores
    }
    return {
        "gaussians": len(proposal.reason),
        "removed": int(proposal.removed.sum()),
        "kinds": kinds,
        "not_told": cleaning.untold,
        "psnr": {name: _finite(getattr(change, name)) for name in ("before", "after", "loss")},
    }


def draw_cleaning(placed: DeviceScene, camera: Camera, proposal: Proposal) -> np.ndarray:  # [h, w, 3]
    """Returns three labeled panels of a view, uint8 RGB: before, what goes in the colors of its kinds, and after."""
    small = fit_panel(camera)
    before, after = render_color(placed, small), render_color(placed, small, member=~proposal.removed)
    counts = {kind: count for kind in KINDS if (count := proposal.counts[kind.name])}
    painted = Image.fromarray(_painted(placed, small, proposal, after))
    draw, font = ImageDraw.Draw(painted), ImageFont.load_default(14)
    for line, (kind, count) in enumerate(counts.items()):
        top = 10 + 22 * line
        text = f"{kind.name} {count:,}"
        width = draw.textlength(text, font=font)
        draw.rectangle((8, top - 3, 36 + width, top + 18), fill=(255, 255, 255))
        draw.rectangle((12, top + 1, 26, top + 14), fill=kind.color)
        draw.text((31, top + 8), text, font=font, fill=_INK, anchor="lm")
    total = int(proposal.removed.sum())
    goes = f"proposed: {total:,} of {len(proposal.reason):,} Gaussians"
    return sheet([(before, f"{camera.name}: before"), (np.asarray(painted), goes), (after, "after")])


def _painted(
    placed: DeviceScene,
    camera: Camera,
    proposal: Proposal,
    after: np.ndarray,  # [H, W, 3] uint8
) -> np.ndarray:  # [H, W, 3] uint8
    """What goes, as if it were alone and less transparent, over a pale gray picture of what stays."""
    pinhole, rows = pinhole_around(camera), proposal.removed.nonzero()[:, 0]
    palette = torch.tensor([kind.color for kind in KINDS], dtype=torch.float32, device=placed.device) / 255
    colors = torch.nn.functional.pad(palette[proposal.reason[rows].long() - 1], (0, 1), value=1.0)
    image = BlendOperator(placed.geometry.of_rows(rows), pinhole).render(colors).cpu().numpy()
    color = image_to_photograph(camera, pinhole, image[..., :3] / np.maximum(image[..., 3:], 1e-6))
    alpha = image_to_photograph(camera, pinhole, 1 - (1 - image[..., 3]) ** _STRONGER)[..., None]
    gray = (0.35 * after.mean(axis=2, keepdims=True) + 160) / 255
    painted: np.ndarray = np.round(255 * np.clip(gray * (1 - alpha) + color * alpha, 0, 1)).astype(np.uint8)
    return painted


def _most_changed(placed: DeviceScene, change: Likeness) -> list[Camera]:
    """Returns the views whose pictures change most, the most first; none when nothing changes."""
    ranked = sorted((name for name, value in change.changes.items() if value > 0), key=lambda n: -change.changes[n])
    return [placed.scene.camera(name) for name in ranked[:_SHOWN]]


def _finite(value: float) -> float | None:
    return round(value, 3) if math.isfinite(value) else None
