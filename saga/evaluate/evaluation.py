"""Evaluations: a method is made ready for a scene, asked for its objects, and scored; scene by scene into a folder."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import torch

from saga.errors import SagaError
from saga.evaluate.cases import Case, PromptConfig, Task, TaskPrompt
from saga.evaluate.contact_sheets import WorstAnswer, WorstAnswers
from saga.evaluate.paths import DatasetPaths
from saga.evaluate.preparation import Preparation
from saga.evaluate.protocols import open_case, scene_names
from saga.evaluate.records import Record, SceneResult
from saga.evaluate.results_folder import ResultsFolder
from saga.evaluate.scoring import score_decomposition, score_selection
from saga.files.special import real_path
from saga.methods.base import DiscoveringMethod, Method
from saga.query import Segmentation
from saga.raster.device_scene import DeviceScene
from saga.runtime.device import choose_device, synchronize
from saga.runtime.memory import PeakMemory
from saga.runtime.progress import tracked

_DETAILS = ("timings_ms", "counts", "thresholds", "losses", "warnings")
"""Parts of a method's report that records keep."""


def evaluate_dataset(
    protocol: str,
    paths: DatasetPaths,
    preparation: Preparation,
    out: str | Path,
    scenes: Sequence[str] = (),
    prompting: PromptConfig | None = None,
    seeds: Sequence[int] = (0,),
    device: str = "auto",
    alone: bool = True,
    progress: bool = True,
    say: Callable[[str], None] = lambda line: None,
) -> list[SceneResult]:
    """Evaluates a method on scenes of a dataset and writes `out`, scene by scene.

    A scene that `out` holds already is not evaluated again, as long as all settings are the same, so an interrupted
    evaluation goes on where it stopped.

    Args:
        protocol: one of `protocol_names()`.
        paths: the dataset and its trained scenes.
        preparation: the method, and how it is made ready.
        out: folder of results: results.json, table.md, scenes/*.json, worst/*.png.
        scenes: names; all of the dataset by default.
        prompting: kinds and numbers of prompts.
        seeds: seeds of the method.
        device: "auto", "cpu" or "cuda".
        alone: also score the selected Gaussians rendered by themselves.
        progress: whether to show progress bars on standard error.
        say: gets one line for every scene.

    Returns:
        The result of each scene, in the order of `scenes`.

    Raises:
        SagaError: a missing file (with the paths looked for), or an `out` with something else or other settings.
    """
    prompting, out, device = prompting or PromptConfig(), Path(out), choose_device(device)
    names = list(scenes) or scene_names(protocol, paths)
    paths = replace(paths, cache=paths.cache or out / "masks", device=device)
    settings = {
        "protocol": protocol,
        "data": str(real_path(paths.data)),
        "masks": paths.masks,
        "sam": paths.sam,
        "images": paths.images,
        "prompting": asdict(prompting),
        "method": preparation.settings,
        "seeds": list(seeds),
        "device": device,
        "alone": alone,
    }
    folder = ResultsFolder(out, f"{protocol}: {paths.data.name}", settings)
    results: list[SceneResult] = []
    for name in names:
        result = folder.load(name)
        if result is not None:
            say(f"{name}: taken from {out}, where it is finished")
            results.append(result)
            continue
        case = open_case(protocol, paths, name, prompting)
        counts = f"{len(case.tasks)} objects, {case.prompt_count} prompts a seed"
        say(f"{name}: {len(case.scene.gaussians):,} Gaussians, {counts}")
        worst = WorstAnswers()
        results.append(evaluate_case(case, preparation, seeds, device, alone, progress, worst))
        folder.save(results, case.scene.path, worst.draw(DeviceScene(case.scene, device)))
    folder.summarize(results)
    return results


def evaluate(
    cases: Iterable[Case],
    preparation: Preparation,
    seeds: Sequence[int] = (0,),
    device: str = "auto",
    alone: bool = True,
    progress: bool = True,
) -> list[SceneResult]:
    """Asks a method with every prompt of every case, for every seed, and scores the answers.

    Args:
        cases: scenes and their tasks, e.g. from `open_case`; opened one at a time when this is a generator.
        preparation: the method, and how it is made ready.
        seeds: seeds of the method, one run each.
        device: "auto", "cpu" or "cuda".
        alone: also score the selected Gaussians rendered by themselves, which about doubles the time of scoring.
        progress: whether to show a progress bar on standard error.

    Returns:
        The result of each case.

    Raises:
        SagaError: a scene cannot be made ready. A prompt without an answer is no error: it is recorded as empty.
    """
    return [evaluate_case(case, preparation, seeds, device, alone, progress) for case in cases]


def evaluate_case(
    case: Case,
    preparation: Preparation,
    seeds: Sequence[int] = (0,),
    device: str = "auto",
    alone: bool = True,
    progress: bool = True,
    worst: WorstAnswers | None = None,
) -> SceneResult:
    """Evaluates one scene, as `evaluate` does; `worst` collects the worst answers."""
    result = SceneResult(case.name)
    for seed in seeds:
        memory, start = PeakMemory(), time.perf_counter()
        scene = DeviceScene(case.scene, device)
        transfer_seconds = time.perf_counter() - start
        prepared = preparation.prepare(case.name, scene, case.masks, seed)
        synchronize(scene.device)
        prepare_seconds, peak_prepare, memory = time.perf_counter() - start, memory.megabytes(), PeakMemory()
        run = _Run(case, seed, prepared.method, scene, alone)
        records = run.records(progress, worst)
        load_seconds = transfer_seconds + prepared.load_seconds
        first_mask_seconds = case.load_seconds + load_seconds + records[0].milliseconds / 1e3
        result.records += records
        result.runs.append(
            {
                "seed": seed,
                "prepare": dict(prepared.report),
                "prepare_seconds": round(prepare_seconds, 3),
                "load_seconds": round(load_seconds, 3),
                "first_mask_seconds": round(first_mask_seconds, 3),
                "peak_megabytes": {"prepare": peak_prepare, "query": memory.megabytes()},
            }
        )
        if case.decomposition is not None and isinstance(prepared.method, DiscoveringMethod):
            found = prepared.method.discover()
            result.decomposition += score_decomposition(case.name, seed, scene, case.decomposition, found)
    return result


@dataclass(frozen=True)
class _Run:
    """One case and one seed, with the method made ready for it."""

    case: Case
    seed: int
    method: Method[Any]
    scene: DeviceScene
    alone: bool

    def records(self, progress: bool, worst: WorstAnswers | None) -> list[Record]:
        """Asks with every prompt, in the tasks' order, and scores the answers."""
        asked = [(task, prompt) for task in self.case.tasks for prompt in task.prompts]
        records = []
        for task, prompt in tracked(asked, progress, f"{self.case.name}, seed {self.seed}", "prompts"):
            records.append(self._record(task, prompt, worst))
        return records

    def _record(self, task: Task, asked: TaskPrompt, worst: WorstAnswers | None) -> Record:
        start = time.perf_counter()
        found, error = self._answer(asked)
        synchronize(self.scene.device)
        milliseconds = (time.perf_counter() - start) * 1e3
        scores = score_selection(self.scene, task, found.tensor.mask, self.alone)
        details: dict[str, Any] = {key: found.report[key] for key in _DETAILS if key in found.report}
        record = Record(
            task.scene,
            task.object,
            self.seed,
            self.scene.scene.camera(asked.prompt.view).name,
            asked.kind,
            asked.clicks,
            asked.repeat,
            asked.prompt.describe(),
            scores.iou,
            scores.accuracy,
            scores.boundary_iou,
            scores.object_iou,
            scores.solid_iou,
            scores.views,
            len(found),
            round(milliseconds, 3),
            error,
            details,
        )
        if worst is not None:
            worst.offer(WorstAnswer(record, task, asked, scores.worst))
        return record

    def _answer(self, asked: TaskPrompt) -> tuple[Segmentation, str | None]:
        """Returns the method's answer; an empty one, and why, when it has none."""
        try:
            return self.method.segment_prompt(asked.prompt), None
        except SagaError as error:
            nothing = torch.zeros(len(self.scene.geometry), dtype=torch.bool)
            return Segmentation(nothing, nothing.float()), str(error)
