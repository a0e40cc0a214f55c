"""Figures as Markdown."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from saga.evaluate.record import SceneResult
from saga.evaluate.summary import Summary, by_object, by_scene

_COLUMNS = (
    "prompt", "objects", "mIoU", "accuracy", "boundary IoU", "object alone", "3D IoU", "least view", "where",
    "± seeds", "± clicks", "query ms", "no answer",
)  # fmt: skip
_NOTE = (
    "Overlaps in %. mIoU, accuracy and boundary IoU: rendered masks against true ones, mean over views, then over "
    "objects. Object alone: silhouette of the selected Gaussians rendered by themselves. 3D IoU: Gaussians, weighted "
    "by opacity. ± seeds and ± clicks: standard deviations of the IoU over seeds and over displaced clicks."
)


def report(results: Sequence[SceneResult], title: str, settings: dict[str, Any]) -> str:
    """table.md: one row a scene and prompt, cost, the decomposition if there is one, and one row an object."""
    parts = [f"# {title}", _NOTE, overview("scene", by_scene(results)), "## Cost", _cost(results)]
    if any(result.decomposition for result in results):
        parts += ["## Decomposition without prompts", _decomposition(results)]
    for result in results:
        parts += [f"## {result.scene}, object by object", overview("object", by_object(result))]
    parts += ["## Settings", "\n".join(f"* {line}" for line in _flat(settings))]
    return "\n\n".join(parts) + "\n"


def overview(first: str, rows: Sequence[Summary]) -> str:
    """One row a summary."""
    return table((first, *_COLUMNS), [cells(row) for row in rows])


def overview_heads() -> tuple[str, ...]:
    """Heads of the columns of `cells`, without the first."""
    return _COLUMNS


def cells(row: Summary) -> list[str]:
    """The columns of `overview`."""
    return [
        row.name, row.prompt, str(row.objects), percent(row.iou), percent(row.accuracy), percent(row.boundary_iou),
        percent(row.object_iou), percent(row.solid_iou), percent(row.least), row.least_where,
        percent(row.seed_deviation, 2), percent(row.click_deviation, 2), f"{row.milliseconds:.0f}",
        str(row.unanswered),
    ]  # fmt: skip


def percent(value: float | None, digits: int = 1) -> str:
    """0.9312 -> 93.1; nothing where nothing is known."""
    return "" if value is None else f"{100 * value:.{digits}f}"


def table(heads: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A Markdown table."""
    lines = [heads, ["---"] * len(heads), *rows]
    return "\n".join(f"| {' | '.join(cell.replace('|', '/') for cell in line)} |" for line in lines)


def _cost(results: Sequence[SceneResult]) -> str:
    rows = []
    parts = [(part, kind) for part in ("prepare", "query") for kind in ("process", "gpu")]
    for result in results:
        for run in result.runs:
            peaks = run["peak_megabytes"]
            stages = run["prepare"].get("seconds", {})
            rows.append(
                [
                    result.scene, str(run["seed"]), f"{sum(stages.values()):.1f}" if stages else "",
                    f"{run['load_seconds']:.2f}", f"{run['first_mask_seconds']:.2f}",
                    *(f"{peaks[part].get(kind, 0):.0f}" for part, kind in parts),
                ]
            )  # fmt: skip
    memory = ("training MB", "GPU MB", "query MB", "GPU MB")
    return table(("scene", "seed", "training s", "load field s", "first mask s", *memory), rows)


def _decomposition(results: Sequence[SceneResult]) -> str:
    rows, means = [], []
    for result in results:
        for each in result.decomposition:
            figures = (each.area_weighted_iou, each.best_dice, each.symmetric_best_dice)
            counts = (str(each.seed), str(each.objects), str(each.found))
            rows.append([result.scene, each.view, *counts, *map(percent, figures)])
        if result.decomposition:
            figures_of = [(d.area_weighted_iou, d.best_dice, d.symmetric_best_dice) for d in result.decomposition]
            means.append(np.mean(figures_of, axis=0))
    rows.append(["all", "", "", "", "", *(percent(float(value)) for value in np.mean(means, axis=0))])
    return table(("scene", "view", "seed", "objects", "found", "area-weighted IoU", "BD", "SBD"), rows)


def _flat(settings: dict[str, Any], prefix: str = "") -> list[str]:
    lines = []
    for key, value in settings.items():
        if isinstance(value, dict):
            lines += _flat(value, f"{prefix}{key}.")
        elif value is not None:
            lines.append(f"{prefix}{key} = {value}")
    return lines
