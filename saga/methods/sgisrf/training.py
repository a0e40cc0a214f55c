"""python -m saga.methods.sgisrf.training: trains the model on procedural scenes, resumably."""

from __future__ import annotations

import sys
import time
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import torch
import tyro
from safetensors.torch import save_file

from saga.errors import SagaError
from saga.files.json_values import json_text
from saga.files.reading import reading
from saga.files.tensors import read_tensors
from saga.files.transaction import atomic_path
from saga.methods.sgisrf.trainer import SgisrfTraining, Trainer

_REPORT_EVERY = 50


def train(
    out: Path,
    config: SgisrfTraining = SgisrfTraining(),  # noqa: B008 (frozen)
    minutes: float = 40.0,
    iterations: int = 1_000_000,
    checkpoint_every: float = 2.0,
) -> None:
    """Trains the SGISRF model on random scenes; the same command goes on after an interruption.

    Args:
        out: Model to write (safetensors); the state of the run is kept beside it, in OUT.checkpoint, and goes when
            the run is finished.
        config: Config of the run.
        minutes: Time to train for, in all.
        iterations: Iterations to train for, if that is less.
        checkpoint_every: Minutes between checkpoints.
    """
    trainer, checkpoint = Trainer(config), out.with_name(f"{out.name}.checkpoint")
    spent = _restore(trainer, checkpoint)
    began, saved = time.perf_counter(), time.perf_counter()
    recent: list[dict[str, float]] = []
    while True:
        elapsed = spent + (time.perf_counter() - began) / 60
        progress = max(elapsed / minutes, trainer.iteration / iterations)
        if progress >= 1:
            break
        recent.append(trainer.step(progress))
        if trainer.iteration % _REPORT_EVERY == 0:
            print(_line(trainer.iteration, elapsed, recent), flush=True)
            recent = []
        if time.perf_counter() - saved > checkpoint_every * 60:
            _save(trainer, checkpoint, elapsed)
            saved = time.perf_counter()
    trainer.average.facts = trainer.facts(elapsed)
    trainer.average.save(out)
    checkpoint.unlink(missing_ok=True)


def _line(iteration: int, elapsed: float, recent: list[dict[str, float]]) -> str:
    means = {name: float(np.mean([each[name] for each in recent])) for name in recent[0]}
    return f"{iteration:6d}  {elapsed:6.1f} min  " + "  ".join(f"{name} {mean:.3f}" for name, mean in means.items())


def _save(trainer: Trainer, path: Path, elapsed: float) -> None:
    tensors: dict[str, torch.Tensor] = {}
    for name, model in (("model", trainer.model), ("average", trainer.average)):
        tensors |= {f"{name}.{key}": value.contiguous() for key, value in model.network.state_dict().items()}
    for index, state in trainer.optimizer.state_dict()["state"].items():
        tensors |= {f"adam.{index}.{key}": value.contiguous() for key, value in state.items()}
    facts = {
        "config": asdict(trainer.config),
        "iteration": trainer.iteration,
        "minutes": elapsed,
        "random": trainer.rng.bit_generator.state,
    }
    with atomic_path(path) as temporary:
        save_file(tensors, temporary, {"saga": json_text(facts)})


def _restore(trainer: Trainer, path: Path) -> float:
    """Continues the run in a checkpoint, if there is one, with new scenes; minutes spent. Raises SagaError."""
    if not path.is_file():
        return 0.0
    with reading(path, "the state of an interrupted run", "delete it"):
        tensors, facts = read_tensors(path, "saga")
        config = facts["config"]
    if config != asdict(trainer.config):
        raise SagaError(
            f"{path}: expected a run with these settings, found one with others; repeat those, or delete the file."
        )
    for name, model in (("model", trainer.model), ("average", trainer.average)):
        model.network.load_state_dict(_under(tensors, name))
    states: dict[int, dict[str, Any]] = {}
    for key, value in _under(tensors, "adam").items():
        index, _, entry = key.partition(".")
        states.setdefault(int(index), {})[entry] = value
    trainer.optimizer.load_state_dict(trainer.optimizer.state_dict() | {"state": states})
    trainer.rng.bit_generator.state = facts["random"]
    trainer.iteration = int(facts["iteration"])
    return float(facts["minutes"])


def _under(tensors: dict[str, torch.Tensor], prefix: str) -> dict[str, torch.Tensor]:
    return {key[len(prefix) + 1 :]: value for key, value in tensors.items() if key.startswith(f"{prefix}.")}


def main() -> None:
    """Runs the command: exit code 2 and one line for a person's mistake."""
    try:
        tyro.cli(train)
    except SagaError as error:
        print(f"error: {error}", file=sys.stderr)
        sys.exit(2)


if __name__ == "__main__":
    main()
