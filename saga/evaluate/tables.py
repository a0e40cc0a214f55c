"""Records as figures and tables: means, the least, and the spread over seeds and displaced clicks, in Markdown."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from saga.evaluate.records import Record, SceneResult

_COLUMNS = (
    "prompt", "objects", "mIoU", "accuracy", "boundary IoU", "object alone", "3D IoU", "least view", "where",
    "± seeds", "± clicks", "query ms", "no answer",
)  # fmt: skip
_NOTE = (
    "Overlaps in %. mIoU, accuracy and boundary IoU: rendered masks against true ones, mean over views, then over "
    "objects. Object alone: silhouette of the selected Gaussians rendered by themselves. 3D IoU: Gaussians, weighted "
    "by opacity. ± seeds and ± clicks: standard deviations of the IoU over seeds and over displaced clicks."
)


@dataclass(frozen=True)
class Summary:
    """Figures of one kind of prompt: of an object, of a scene, or (a mean over scenes) of all."""

    name: str
    prompt: str
    """"1 click", "3 clicks", "points", "scribble" or "mask"."""
    objects: int
    iou: float
    """Means over objects of the means over prompt views and seeds; likewise the next four."""
    accuracy: float
    boundary_iou: float
    object_iou: float | None
    solid_iou: float | None
    least: float
    """Least IoU of a single view, and where."""
    least_where: str
    seed_deviation: float | None
    """Standard deviation over seeds of `iou`; None with one seed."""
    click_deviation: float | None
    """Standard deviation over displaced clicks of the IoU, averaged over objects, views and seeds; None with fewer
    than two displacements."""
    milliseconds: float
    """Median time of a query."""
    unanswered: int
    """Prompts without an answer."""


def prompt_label(record: Record) -> str:
    """Tells what was asked with."""
    if record.clicks == 0:
        return record.kind
    return f"{record.clicks} click{'' if record.clicks == 1 else 's'}"


def by_scene(results: Sequence[SceneResult]) -> list[Summary]:
    """Returns one row per scene and prompt, and "all", their mean over scenes, when there are several."""
    rows = [row for result in results for row in _by_prompt(result.scene, result.records)]
    labels = list(dict.fromkeys(row.prompt for row in rows))
    if len(results) > 1:
        rows += [_over_scenes([row for row in rows if row.prompt == label]) for label in labels]
    return rows


def by_object(result: SceneResult) -> list[Summary]:
    """Returns one row per object and prompt."""
    names = list(dict.fromkeys(record.object for record in result.records))
    return [row for name in names for row in _by_prompt(name, [each for each in result.records if each.object == name])]


def _by_prompt(name: str, records: Sequence[Record]) -> list[Summary]:
    labels = list(dict.fromkeys(prompt_label(record) for record in records))
    return [_summary(name, label, [r for r in records if prompt_label(r) == label]) for label in labels]


def _summary(name: str, label: str, records: Sequence[Record]) -> Summary:
    placed = [record for record in records if record.repeat == 0]
    least, view, worst = min((*record.least, record.object) for record in placed)
    seeds = sorted({record.seed for record in placed})
    over_seeds = [_mean([r for r in placed if r.seed == seed], lambda r: r.iou) for seed in seeds]
    return Summary(
        name,
        label,
        len({record.object for record in placed}),
        _mean(placed, lambda r: r.iou) or 0.0,
        _mean(placed, lambda r: r.accuracy) or 0.0,
        _mean(placed, lambda r: r.boundary_iou) or 0.0,
        _mean(placed, lambda r: r.object_iou),
        _mean(placed, lambda r: r.solid_iou),
        least,
        f"{worst} in {view}",
        _deviation([value for value in over_seeds if value is not None]),
        _click_deviation(records),
        float(np.median([record.milliseconds for record in records])),
        sum(record.error is not None for record in placed),
    )


def _mean(records: Iterable[Record], value: Callable[[Record], float | None]) -> float | None:
    """Returns the mean over objects of the mean over an object's records; None where nothing is known."""
    of_objects: dict[str, list[float]] = {}
    for record in records:
        known = value(record)
        if known is not None:
            of_objects.setdefault(record.object, []).append(known)
    return float(np.mean([np.mean(values) for values in of_objects.values()])) if of_objects else None


def _click_deviation(records: Iterable[Record]) -> float | None:
    groups: dict[tuple[str, str, int], list[float]] = {}
    for record in records:
        if record.repeat > 0:
            groups.setdefault((record.object, record.view, record.seed), []).append(record.iou)
    known = [value for value in map(_deviation, groups.values()) if value is not None]
    return float(np.mean(known)) if known else None


def _deviation(values: Sequence[float]) -> float | None:
    return float(np.std(values, ddof=1)) if len(values) > 1 else None


def _over_scenes(rows: Sequence[Summary]) -> Summary:
    def mean(values: Iterable[float | None]) -> float | None:
        known = [value for value in values if value is not None]
        return float(np.mean(known)) if known else None

    worst = min(rows, key=lambda row: row.least)
    return Summary(
        "all",
        rows[0].prompt,
        sum(row.objects for row in rows),
        mean(row.iou for row in rows) or 0.0,
        mean(row.accuracy for row in rows) or 0.0,
        mean(row.boundary_iou for row in rows) or 0.0,
        mean(row.object_iou for row in rows),
        mean(row.solid_iou for row in rows),
        worst.least,
        f"{worst.name}, {worst.least_where}",
        mean(row.seed_deviation for row in rows),
        mean(row.click_deviation for row in rows),
        float(np.median([row.milliseconds for row in rows])),
        sum(row.unanswered for row in rows),
    )


def report(results: Sequence[SceneResult], title: str, settings: dict[str, Any]) -> str:
    """table.md: one row per scene and prompt, cost, the decomposition if there is one, and one row per object."""
    parts = [f"# {title}", _NOTE, overview("scene", by_scene(results)), "## Cost", _cost(results)]
    if any(result.decomposition for result in results):
        parts += ["## Decomposition without prompts", _decomposition(results)]
    for result in results:
        parts += [f"## {result.scene}, object by object", overview("object", by_object(result))]
    parts += ["## Settings", "\n".join(f"* {line}" for line in _flat(settings))]
    return "\n\n".join(parts) + "\n"


def overview(first: str, rows: Sequence[Summary]) -> str:
    """Returns one row per summary."""
    return table((first, *_COLUMNS), [cells(row) for row in rows])


def overview_heads() -> tuple[str, ...]:
    """Heads of the columns of `cells`, without the first."""
    return _COLUMNS


def cells(row: Summary) -> list[str]:
    """Returns the columns of `overview`."""
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
    """Returns a Markdown table."""
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
