"""The file of an interrupted run."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import save_file

from saga.errors import SagaError
from saga.train import train
from saga.train.trainer import Trainer


@pytest.fixture
def interrupted(tiny_scene, instances, quick, tmp_path, monkeypatch) -> Path:
    """The checkpoint of a run that stopped after three steps."""
    path, step = tmp_path / "run.checkpoint", Trainer.step

    def stop(trainer: Trainer) -> None:
        if trainer.iteration == 3:
            raise KeyboardInterrupt
        step(trainer)

    monkeypatch.setattr(Trainer, "step", stop)
    with pytest.raises(KeyboardInterrupt):
        train(tiny_scene, instances(), quick(), checkpoint=path, progress=False)
    monkeypatch.setattr(Trainer, "step", step)
    return path


DAMAGES = {
    "null": lambda meta, kept: (None, kept),
    "no iteration": lambda meta, kept: ({k: v for k, v in meta.items() if k != "iteration"}, kept),
    "iteration is text": lambda meta, kept: (meta | {"iteration": "3"}, kept),
    "losses": lambda meta, kept: (meta | {"losses": [1]}, kept),
    "no random state": lambda meta, kept: (meta, {k: v for k, v in kept.items() if k != "random"}),
    "one row for all": lambda meta, kept: (meta, kept | {"features": kept["features"][:1].clone()}),
    "other shape": lambda meta, kept: (meta, kept | {"features": kept["features"].reshape(-1, 16)}),
    "random state": lambda meta, kept: (meta, kept | {"random": torch.zeros(3, dtype=torch.uint8)}),
}


@pytest.mark.parametrize("name", DAMAGES)
def test_a_damaged_file_says_what_to_do(interrupted: Path, tiny_scene, instances, quick, name: str):
    with safe_open(interrupted, "pt") as file:
        metadata = json.loads(file.metadata()["saga"])
        kept = {key: file.get_tensor(key) for key in file.keys()}  # noqa: SIM118
    metadata, kept = DAMAGES[name](metadata, kept)
    save_file(kept, interrupted, {"saga": json.dumps(metadata)})
    with pytest.raises(SagaError, match="run.checkpoint: expected the state of an interrupted run, .* delete it"):
        train(tiny_scene, instances(), quick(), checkpoint=interrupted, progress=False)


def test_nested_json_is_no_state(interrupted: Path, tiny_scene, instances, quick):
    save_file({"features": torch.zeros(1)}, interrupted, {"saga": "[" * 100_000 + "]" * 100_000})
    with pytest.raises(SagaError, match="delete it"):
        train(tiny_scene, instances(), quick(), checkpoint=interrupted, progress=False)
