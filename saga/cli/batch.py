"""saga-batch: many scenes, from a manifest."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import tyro

from saga.batch.engine import EngineName
from saga.batch.manifest import Manifest, SceneEntry
from saga.cli.options import Device, Lists, NonNegative, OptionalPath, OptionalText, Positive, joined
from saga.cli.run import run, say
from saga.config import ConfigError
from saga.errors import SagaError

ManifestFile = Annotated[Path, tyro.conf.Positional, tyro.conf.arg(metavar="MANIFEST")]
_Slurm = Annotated[Lists[str], tyro.conf.arg(metavar="NAME=VALUE ...")]


def batch(
    manifest: ManifestFile,
    *,
    out: OptionalText = None,
    engine: EngineName = "pool",
    workers: Annotated[Positive | None, tyro.conf.arg(help_behavior_hint="")] = None,
    threads: Annotated[Positive | None, tyro.conf.arg(help_behavior_hint="")] = None,
    address: OptionalText = None,
    slurm: _Slurm = (),
    retries: NonNegative = 1,
    only: Lists[str] = (),
    dry_run: bool = False,
    device: Device = "auto",
    staging: OptionalPath = None,
) -> None:
    """Segment many scenes: masks, training, objects and exports of each, as a manifest says.

    What is finished is kept: after an interruption, or when something was mended, the same command goes on. Exit code 0
    means that all is well. docs/batch.md has the keys of a manifest.

    Args:
        manifest: A .yaml file, or a .csv file with a row for each object.
        out: Folder of the results, a path or a URL such as s3://bucket/results; that of the manifest, or a folder with
            the manifest's name, by default.
        engine: pool runs on the processes of this machine, ray on a cluster of Ray, slurm as jobs of SLURM, here in
            this process.
        workers: Processes of the pool; one for each GPU, or as many as cores and memory allow, by default.
        threads: Threads of each task; the pool divides the processor by default, the others take one.
        address: Of the cluster of Ray, such as auto or ray://head:10001; without it, one is begun on this machine.
        slurm: What each job asks SLURM for, by submitit's names, e.g. slurm_partition=gpu timeout_min=60.
        retries: How often what failed is tried again.
        only: Names of scenes; all by default.
        dry_run: Print what would be done, and what is missing, and do nothing.
        device: Where to compute, for scenes that do not say it.
        staging: Folder of each machine for copies of what lies in storage; in the user's own cache by default.
    """
    from saga.batch.engine import open_engine
    from saga.batch.manifest import read_manifest
    from saga.batch.runner import run as run_tasks
    from saga.batch.storage import is_remote
    from saga.batch.summary import summary_lines
    from saga.batch.table import counted, shown
    from saga.cli.batch_plan import plan, require_places

    wanted = _chosen(read_manifest(manifest), joined(only))
    place = out or wanted.out or str(manifest.with_suffix(""))
    place = place if is_remote(place) else str(Path(place).absolute())
    folder = _own_folder(place, manifest)
    asked = _assignments(joined(slurm))
    chosen = None if device == "auto" else device
    if dry_run:
        _print_plan(plan(wanted, place, workers or 1, chosen))
        return
    require_places(plan(wanted, place, 1, chosen))
    gpus = _gpus(device, engine)
    opened = open_engine(
        engine, workers=workers, threads=threads, gpus=gpus, address=address, folder=str(folder / "jobs"), options=asked
    )
    try:
        tasks = plan(wanted, place, opened.workers, chosen)
        say(f"{manifest}: {counted(len(wanted.scenes), 'scene')}, {counted(len(tasks), 'task')}; {opened.description}")
        with shown(tasks, opened.workers, opened.description, say) as watcher:
            report = run_tasks(
                tasks, engine=opened, folder=folder, retries=retries, staging=staging, watchers=[watcher]
            )
    finally:
        opened.close()
    lines = summary_lines(report)
    for line in lines:
        say(line)
    if not report.is_well:
        failed = ", ".join(dict.fromkeys(each.task.group for each in report.tasks if not each.is_well))
        raise SagaError(
            f"{manifest}: expected that all is well, found otherwise in {failed}; see {folder / 'summary.html'}, "
            "mend it, and give the same command again."
        )


def _chosen(manifest: Manifest, names: Sequence[str]) -> Manifest:
    """Returns a manifest with some of its scenes. Raises SagaError for a name that none has."""
    from dataclasses import replace

    known: dict[str, SceneEntry] = {scene.name: scene for scene in manifest.scenes}
    for name in names:
        if name not in known:
            raise SagaError(
                f"--only: expected names of scenes of {manifest.path}, found {name!r}; look at its --dry-run."
            )
    return manifest if not names else replace(manifest, scenes=tuple(known[name] for name in dict.fromkeys(names)))


def _own_folder(place: str, manifest: Path) -> Path:
    """Returns where events, summaries and records are kept: with the results, or beside the manifest."""
    from saga.batch.storage import is_remote

    return manifest.absolute().with_suffix(".batch") if is_remote(place) else Path(place) / "batch"


def _assignments(texts: Sequence[str]) -> dict[str, str | int]:
    found: dict[str, str | int] = {}
    for text in texts:
        name, equals, value = text.partition("=")
        if not equals:
            raise ConfigError("--slurm", "name=value", repr(text), "give e.g. --slurm slurm_partition=gpu")
        found[name] = int(value) if re.fullmatch(r"\d+", value) else value
    return found


def _gpus(device: str, engine: str) -> int:
    """Returns the GPUs of this machine for a pool, and those of a task for others; 0 on processors."""
    if device == "cpu":
        return 0
    from saga.runtime.device import choose_device

    if engine in ("ray", "slurm"):  # the machines that compute are others: a GPU is asked for by --device cuda
        return int(device == "cuda")
    if choose_device(device) != "cuda":
        return 0
    import torch

    return torch.cuda.device_count()


def _print_plan(tasks: Sequence[object]) -> None:
    from saga.batch.storage import identity
    from saga.batch.table import counted
    from saga.batch.task import Task, dependencies
    from saga.cli.batch_plan import described

    planned = [task for task in tasks if isinstance(task, Task)]
    needed = dependencies(planned)
    made = {place for task in planned for place in task.outputs.values()}
    missing: list[str] = []
    for task in planned:
        after = f"  after {', '.join(needed[task.name])}" if needed[task.name] else ""
        say(f"{task.name}{after}\n  {described(task)}")
        wanted = [place for name, place in task.inputs.items() if name not in task.optional and place not in made]
        missing += [place for place in wanted if place not in missing and identity(place) is None]
    for place in missing:
        say(f"missing: {place}")
    scenes = counted(len({task.group for task in planned}), "scene")
    say(f"{counted(len(planned), 'task')} of {scenes}; nothing was done.")


def main() -> None:
    """Runs saga-batch."""
    run(batch, "saga-batch")
