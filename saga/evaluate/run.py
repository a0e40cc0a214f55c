"""A whole evaluation: a dataset, a method, a folder of results."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, replace
from pathlib import Path

from saga.evaluate.contact_sheets import WorstCases
from saga.evaluate.method import Method
from saga.evaluate.paths import DatasetPaths
from saga.evaluate.protocols import open_case, scene_names
from saga.evaluate.record import SceneResult
from saga.evaluate.runner import evaluate_case
from saga.evaluate.store import ResultStore
from saga.evaluate.task import Prompting
from saga.raster import Geometry


def evaluate_dataset(
    protocol: str,
    paths: DatasetPaths,
    method: Method,
    out: str | Path,
    scenes: Sequence[str] = (),
    prompting: Prompting | None = None,
    seeds: Sequence[int] = (0,),
    device: str = "cpu",
    alone: bool = True,
    progress: bool = True,
    say: Callable[[str], None] = lambda line: None,
) -> list[SceneResult]:
    """Evaluates a method on scenes of a dataset and writes `out`, scene by scene.

    A scene that `out` holds already is not evaluated again, as long as all settings are the same, so an interrupted
    evaluation goes on where it stopped.

    Args:
        protocol: one of `PROTOCOLS`.
        paths: the dataset and its trained scenes.
        method: what is evaluated.
        out: folder of results: results.json, table.md, scenes/*.json, worst/*.png.
        scenes: names; all of the dataset by default.
        prompting: kinds and numbers of prompts.
        seeds: seeds of the method.
        device: "cpu" or "cuda".
        alone: also judge the selected Gaussians rendered by themselves.
        progress: whether to show progress bars on standard error.
        say: gets one line for every scene.

    Raises:
        SagaError: a missing file (with the paths looked for), or an `out` with something else or other settings.
    """
    prompting, out = prompting or Prompting(), Path(out)
    names = list(scenes) or scene_names(protocol, paths)
    paths = replace(paths, cache=paths.cache or out / "masks", device=device)
    settings = {
        "protocol": protocol,
        "data": str(paths.data.resolve()),
        "masks": paths.masks,
        "sam": paths.sam,
        "images": paths.images,
        "prompting": asdict(prompting),
        "method": method.settings,
        "seeds": list(seeds),
        "device": device,
        "alone": alone,
    }
    store = ResultStore(out, f"{protocol}: {paths.data.name}", settings)
    results: list[SceneResult] = []
    for name in names:
        result = store.load(name)
        if result is not None:
            say(f"{name}: taken from {out}, where it is finished")
            results.append(result)
            continue
        case = open_case(protocol, paths, name, prompting)
        asked = sum(len(task.variants) for task in case.tasks)
        say(f"{name}: {len(case.scene.gaussians):,} Gaussians, {len(case.tasks)} objects, {asked} prompts a seed")
        worst = WorstCases()
        result = evaluate_case(case, method, seeds, device, alone, progress, worst)
        results.append(result)
        sheet = worst.draw(case.scene, Geometry.from_gaussians(case.scene.gaussians, device))
        store.save(results, case.scene.path, sheet)
    store.summarize(results)
    return results
