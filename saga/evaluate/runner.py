"""Runs a method over the tasks of scenes and judges every answer."""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence
from typing import Any

import torch

from saga.errors import SagaError
from saga.evaluate.contact_sheets import WorstCase, WorstCases
from saga.evaluate.method import Method, Promptable
from saga.evaluate.record import Record, SceneResult
from saga.evaluate.scoring import judge, judge_decomposition
from saga.evaluate.task import Case, Task, Variant
from saga.query import Segmentation
from saga.raster import Geometry
from saga.runtime.device import synchronize
from saga.runtime.memory import PeakMemory
from saga.runtime.progress import tracked


def evaluate(
    cases: Iterable[Case],
    method: Method,
    seeds: Sequence[int] = (0,),
    device: str = "cpu",
    alone: bool = True,
    progress: bool = True,
) -> list[SceneResult]:
    """Every task of every case, for every seed.

    Args:
        cases: scenes and their tasks, e.g. from `open_case`; opened one at a time when this is a generator.
        method: what is evaluated.
        seeds: seeds of the method, one run each.
        device: "cpu" or "cuda".
        alone: also judge the selected Gaussians rendered by themselves, which about doubles the time of judging.
        progress: whether to show a progress bar on standard error.

    Raises:
        SagaError: a scene cannot be made ready. A prompt without an answer is no error: it is recorded as empty.
    """
    return [evaluate_case(case, method, seeds, device, alone, progress) for case in cases]


def evaluate_case(
    case: Case,
    method: Method,
    seeds: Sequence[int] = (0,),
    device: str = "cpu",
    alone: bool = True,
    progress: bool = True,
    worst: WorstCases | None = None,
) -> SceneResult:
    """As `evaluate`, for one scene; `worst` collects the worst answers."""
    result = SceneResult(case.name)
    geometry = Geometry.from_gaussians(case.scene.gaussians, device)
    for seed in seeds:
        memory, start = PeakMemory(), time.perf_counter()
        prepared = method(case.name, case.scene, case.masks, seed, device)
        synchronize(device)
        run = _Run(case, seed, prepared.segmenter, geometry, device, alone)
        prepare_seconds = time.perf_counter() - start
        peak_prepare, memory = memory.megabytes(), PeakMemory()
        records = run.records(progress, worst)
        result.records += records
        first = case.load_seconds + prepared.load_seconds + records[0].milliseconds / 1e3
        result.runs.append(
            {
                "seed": seed,
                "prepare": dict(prepared.report),
                "prepare_seconds": round(prepare_seconds, 3),
                "load_seconds": round(prepared.load_seconds, 3),
                "first_mask_seconds": round(first, 3),
                "peak_megabytes": {"prepare": peak_prepare, "query": memory.megabytes()},
            }
        )
        discover = getattr(prepared.segmenter, "discover", None)
        if case.decomposition is not None and discover is not None:
            result.decomposition += judge_decomposition(
                case.name, seed, case.scene, geometry, case.decomposition, discover()
            )
    return result


class _Run:
    """One scene, one seed."""

    def __init__(
        self, case: Case, seed: int, segmenter: Promptable, geometry: Geometry, device: str, alone: bool
    ) -> None:
        self.case, self.seed, self.segmenter = case, seed, segmenter
        self.geometry, self.device, self.alone = geometry, device, alone

    def records(self, progress: bool, worst: WorstCases | None) -> list[Record]:
        """Asks and judges everything, in the tasks' order."""
        asked = [(task, variant) for task in self.case.tasks for variant in task.variants]
        records = []
        for task, variant in tracked(asked, progress, f"{self.case.name}, seed {self.seed}", "prompts"):
            records.append(self._record(task, variant, worst))
        return records

    def _record(self, task: Task, variant: Variant, worst: WorstCases | None) -> Record:
        start = time.perf_counter()
        found, error = self._ask(variant)
        synchronize(self.device)
        milliseconds = (time.perf_counter() - start) * 1e3
        scores = judge(self.case.scene, self.geometry, task, found.mask, self.alone)
        facts: dict[str, Any] = {
            key: found.report[key] for key in ("timings_ms", "counts", "thresholds", "warnings") if key in found.report
        }
        record = Record(
            task.scene,
            task.object,
            self.seed,
            variant.prompt.view,
            variant.kind,
            variant.clicks,
            variant.repeat,
            variant.prompt.describe(),
            scores.iou,
            scores.accuracy,
            scores.boundary_iou,
            scores.object_iou,
            scores.solid_iou,
            scores.views,
            len(found),
            round(milliseconds, 3),
            error,
            facts,
        )
        if worst is not None:
            worst.offer(WorstCase(record, task, variant, scores.worst))
        return record

    def _ask(self, variant: Variant) -> tuple[Segmentation, str | None]:
        try:
            return self.segmenter.segment_prompt(variant.prompt), None
        except SagaError as error:
            nothing = torch.zeros(len(self.case.scene.gaussians), dtype=torch.bool)
            return Segmentation(nothing, nothing.float()), str(error)
