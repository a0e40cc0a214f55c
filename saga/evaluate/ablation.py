"""Ablations: named lists of settings, each evaluated with what training it needs, in one table."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from saga.errors import SagaError
from saga.evaluate.cases import PromptConfig
from saga.evaluate.evaluation import evaluate_dataset
from saga.evaluate.paths import DatasetPaths
from saga.evaluate.preparation import Preparation
from saga.evaluate.records import SceneResult
from saga.evaluate.results_folder import is_results
from saga.evaluate.tables import by_scene, cells, overview_heads, percent, table
from saga.files.transaction import staged_folder

DEFAULT = "default"
_TABLE, _MARK = "ablation.md", "default"


@dataclass(frozen=True)
class Ablation:
    """One change against the settings of the base."""

    group: str
    name: str
    train: Mapping[str, Any] = field(default_factory=dict)
    """Changed fields of TrainConfig; without any, the base's field serves."""
    query: Mapping[str, Any] = field(default_factory=dict)
    """Changed fields of QueryConfig."""
    prompting: Mapping[str, Any] = field(default_factory=dict)
    """Changed fields of PromptConfig."""


ABLATIONS = (
    Ablation("losses", "no SAM guidance", {"sam_guidance": 0.0}),
    Ablation("losses", "no correspondence", {"correspondence": 0.0}),
    Ablation("losses", "correspondence as in eq. 10", {"correspondence_form": "paper"}),
    Ablation("losses", "no smoothing", {"smooth_every": 0}),
    Ablation("post-processing", "no statistical filter", query={"statistical_filter": False}),
    Ablation("post-processing", "statistical filter at 1 deviation", query={"filter_deviations": 1.0}),
    Ablation("post-processing", "no ball query", query={"ball_query": False}),
    Ablation("post-processing", "no post-processing", query={"statistical_filter": False, "ball_query": False}),
    Ablation("post-processing", "queries as the prompt gives them", query={"query_shifts": 0}),
    Ablation("post-processing", "threshold as in the paper", query={"score_threshold": "paper"}),
    Ablation("post-processing", "true mask as prompt", prompting={"kind": "mask"}),
    Ablation(
        "post-processing", "true mask, no region growing", query={"region_growing": False}, prompting={"kind": "mask"}
    ),
    Ablation("pixels", "256 pixels a step", {"pixels": 256}),
    Ablation("pixels", "1024 pixels a step", {"pixels": 1024}),
    Ablation("pixels", "4096 pixels a step", {"pixels": 4096}),
    Ablation("iterations", "250 iterations", {"iterations": 250}),
    Ablation("iterations", "500 iterations", {"iterations": 500}),
    Ablation("iterations", "1000 iterations", {"iterations": 1000}),
    Ablation("iterations", "2000 iterations", {"iterations": 2000}),
    Ablation("start", "instant field, no training", {"iterations": 0}),
    Ablation("start", "random start", {"start": "random"}),
    Ablation("start", "random start, 1000 iterations", {"start": "random", "iterations": 1000}),
    Ablation("options", "norm regularization 0.2", {"norm_regularization": 0.2}),
    Ablation("options", "graph cut 0.3", query={"graph_smoothness": 0.3}),
    Ablation(
        "options",
        "graph cut 0.3, no post-processing",
        query={"graph_smoothness": 0.3, "statistical_filter": False, "ball_query": False},
    ),
    Ablation("clicks", "clicks", prompting={"clicks": (1, 2, 3, 5)}),
)
"""Every ablation there is, in groups."""

GROUPS = tuple(dict.fromkeys(each.group for each in ABLATIONS))


def ablate(
    paths: DatasetPaths,
    base: Preparation,
    out: str | Path,
    scenes: Sequence[str] = (),
    groups: Sequence[str] = GROUPS,
    protocol: str = "folder",
    prompting: PromptConfig | None = None,
    seeds: Sequence[int] = (0,),
    device: str = "cpu",
    alone: bool = True,
    progress: bool = True,
    say: Callable[[str], None] = lambda line: None,
) -> str:
    """Evaluates the base and every ablation of some groups; returns the table, and writes it.

    `out` gets ablation.md, and for each setting a folder as of `evaluate_dataset`, with its own resumption. Fields
    are trained once for all settings that train alike, and kept in `fields`; masks that are made, in `masks`.

    Raises SagaError as `evaluate_dataset` does, and for a group that is not there.
    """
    unknown = [group for group in groups if group not in GROUPS]
    if unknown:
        raise SagaError(f"--groups {unknown[0]}: no such group; expected some of {', '.join(GROUPS)}.")
    out, prompting = Path(out), prompting or PromptConfig()
    fields = base.fields or out / "fields"
    paths = replace(paths, cache=paths.cache or out / "masks")
    chosen = [Ablation("", DEFAULT), *(each for each in ABLATIONS if each.group in groups)]
    found: list[tuple[Ablation, list[SceneResult]]] = []
    known: dict[tuple[Preparation, PromptConfig], list[SceneResult]] = {}
    with staged_folder(out, (), _is_ablation):
        pass  # refuses a folder of something else before the work
    for ablation in chosen:
        say(f"-- {ablation.name}")
        trained = replace(base.train, **ablation.train)
        method = replace(
            base,
            train=trained,
            config=replace(base.config, **ablation.query),
            fields=fields if trained == base.train else fields / _slug(ablation.name),
        )
        asked = replace(prompting, **ablation.prompting)
        key = method, asked
        if key not in known:
            known[key] = evaluate_dataset(
                protocol, paths, method, out / _slug(ablation.name), scenes, asked, seeds, device, alone, progress, say
            )
        found.append((ablation, known[key]))
        with staged_folder(out, (_TABLE,), _is_ablation) as stage:
            (stage / _TABLE).write_text(comparison(found), encoding="utf-8")
    return comparison(found)


def comparison(found: Sequence[tuple[Ablation, Sequence[SceneResult]]]) -> str:
    """One row a setting and prompt: means over the scenes, and the change of mIoU against the default's first row."""
    base: float | None = None
    rows = []
    for ablation, results in found:
        summaries = by_scene(results)
        last = [row for row in summaries if row.name == "all"] or summaries
        for row in last:
            base = row.iou if base is None else base
            training = [sum(run["prepare"].get("seconds", {}).values()) for result in results for run in result.runs]
            change = f"{100 * (row.iou - base):+.1f}"
            rows.append([ablation.group, ablation.name, change, f"{sum(training):.1f}", *cells(row)[1:]])
    heads = ("group", "setting", "change of mIoU", "training s", *overview_heads())
    names = ", ".join(dict.fromkeys(result.scene for _, results in found for result in results))
    note = f"Scenes: {names}. Overlaps in %, changes in percentage points against the first row ({percent(base)})."
    return f"# Ablations\n\n{note}\n\n{table(heads, rows)}\n"


def _is_ablation(folder: Path) -> bool:
    return is_results(folder / _MARK)


def _slug(name: str) -> str:
    return "-".join("".join(c if c.isalnum() else " " for c in name.lower()).split())
