"""From records to figures: means, the least, and the spread over seeds and displaced clicks."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from saga.evaluate.record import Record, SceneResult


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
    """What was asked with."""
    if record.clicks == 0:
        return record.kind
    return f"{record.clicks} click{'' if record.clicks == 1 else 's'}"


def by_scene(results: Sequence[SceneResult]) -> list[Summary]:
    """One row a scene and prompt, and "all", their mean over scenes, when there are several."""
    rows = [row for result in results for row in _by_prompt(result.scene, result.records)]
    labels = list(dict.fromkeys(row.prompt for row in rows))
    if len(results) > 1:
        rows += [_over_scenes([row for row in rows if row.prompt == label]) for label in labels]
    return rows


def by_object(result: SceneResult) -> list[Summary]:
    """One row an object and prompt."""
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
    """Mean over objects of the mean over an object's records; None where nothing is known."""
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
