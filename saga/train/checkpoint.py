"""The state of an interrupted run, kept on disk until it is finished."""

from __future__ import annotations

import copy
import json
import os
import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from torch import nn

from saga.errors import SagaError
from saga.files.leftovers import remove_leftovers
from saga.files.reading import reading
from saga.files.tensors import is_whole
from saga.train.tensor_file import read_tensors, write_tensors

if TYPE_CHECKING:
    from saga.train.trainer import Trainer


class Checkpoint:
    """One safetensors file with everything that decides the steps to come."""

    def __init__(self, path: Path, identity: dict[str, Any]) -> None:
        """Takes the file; `identity` holds what decides the run: no other run's state is gone on with."""
        self.path, self._identity = path, json.loads(json.dumps(identity))

    def save(self, trainer: Trainer) -> None:
        """Replaces the file; an interruption while writing leaves the earlier one."""
        adam = trainer.adam
        tensors = {
            "features": trainer.features,
            "first": adam.first,
            "second": adam.second,
            "steps": adam.steps,
            "random": trainer.random.get_state(),
        }
        for name, network, optimizer in _networks(trainer):
            tensors |= {f"{name}.{k}": v for k, v in network.state_dict().items()}
            for index, state in optimizer.state_dict()["state"].items():
                tensors |= {f"{name}_adam.{index}.{k}": v for k, v in state.items()}
        state = {"identity": self._identity, "iteration": trainer.iteration, "losses": trainer.losses}
        write_tensors(self.path, tensors, state)

    def restore(self, trainer: Trainer) -> bool:
        """Continues the run in the file; False when there is none.

        A file that was cut off or overwritten, and the state of a run that something else decides, are as good as none,
        which a warning says. One that is whole, but not the state of a run, may be somebody's: it is refused. Nothing
        of the trainer has changed then.

        Raises:
            SagaError: the file is whole and holds something else than the state of a run, or there is no file.
        """
        if not os.path.lexists(self.path):
            return False
        if not self.path.is_file():
            raise SagaError(
                f"{self.path}: expected a file for the state of an interrupted run, found something else; move it away."
            )
        whole = is_whole(self.path)
        advice = "delete it to start afresh" if whole else "the run starts afresh"
        try:
            with reading(self.path, "the state of an interrupted run", advice):
                tensors, state = read_tensors(self.path)
                identity, iteration = state["identity"], state["iteration"]
                losses = {str(name): float(mean) for name, mean in state["losses"].items()}
                if type(iteration) is not int or iteration < 0:
                    raise TypeError(f"iteration {iteration!r}")
                other = self._other(identity)
                if not other:
                    if iteration > trainer.config.iterations:
                        raise ValueError(f"iteration {iteration}")
                    _check_state(trainer, tensors)
        except SagaError as error:
            if whole:
                raise
            warnings.warn(str(error), stacklevel=2)
            return False
        if other:
            warnings.warn(
                f"{self.path}: expected the state of this run, found that of one with {other}; the run starts afresh.",
                stacklevel=2,
            )
            return False
        _restore_state(trainer, tensors)
        trainer.iteration, trainer.losses = iteration, losses
        return True

    def _other(self, identity: dict[str, Any]) -> str:
        """Says what decided the run in the file and is another here; nothing where all is the same."""
        if identity.keys() != self._identity.keys():
            return "what another release of saga goes by"
        found = [name for name, value in self._identity.items() if identity[name] != value]
        if len(found) > 1 and "masks" in found:  # the masks of pixels that were drawn otherwise are no news
            found.remove("masks")
        return " and ".join(f"{'another' if name == 'scene' else 'other'} {name}" for name in found)

    def remove(self) -> None:
        """Deletes the file once the run is finished, and what dead runs left of it."""
        self.path.unlink(missing_ok=True)
        remove_leftovers(self.path)


def _networks(trainer: Trainer) -> list[tuple[str, nn.Module, torch.optim.Adam]]:
    """Tells what is trained beside the features: names in the file, modules, optimizers."""
    networks: list[tuple[str, nn.Module, torch.optim.Adam]] = []
    if trainer.phi is not None and trainer.phi_adam is not None:
        networks.append(("phi", trainer.phi, trainer.phi_adam))
    return networks


def _targets(trainer: Trainer) -> dict[str, torch.Tensor]:
    """Tells which tensors of a trainer are kept, by their names in the file."""
    adam = trainer.adam
    return {"features": trainer.features, "first": adam.first, "second": adam.second, "steps": adam.steps}


def _check_state(trainer: Trainer, tensors: dict[str, torch.Tensor]) -> None:
    """Tries the state on copies: a trainer is never left half restored. Raises what PyTorch raises."""
    for name, target in _targets(trainer).items():
        if target.shape != tensors[name].shape:  # copying would spread one row over all
            raise ValueError(f"{name} of shape {list(tensors[name].shape)}")
    if any((tensors[name] < 0).any() for name in ("second", "steps")):
        raise ValueError("moments or counts of steps below 0")
    torch.Generator().set_state(tensors["random"])
    for name, network, optimizer in _networks(trainer):
        network, optimizer = copy.deepcopy((network, optimizer))
        _restore_network(tensors, name, network, optimizer)
        for parameter, state in optimizer.state.items():
            if any(state[moment].shape != parameter.shape for moment in ("exp_avg", "exp_avg_sq")):
                raise ValueError(f"moments of {name} of other shapes than its weights")


def _restore_state(trainer: Trainer, tensors: dict[str, torch.Tensor]) -> None:
    trainer.random.set_state(tensors["random"])
    for name, target in _targets(trainer).items():
        target.copy_(tensors[name])
    for name, network, optimizer in _networks(trainer):
        _restore_network(tensors, name, network, optimizer)


def _restore_network(
    tensors: dict[str, torch.Tensor], name: str, network: nn.Module, optimizer: torch.optim.Adam
) -> None:
    prefix = f"{name}."
    network.load_state_dict({k.removeprefix(prefix): v for k, v in tensors.items() if k.startswith(prefix)})
    state: dict[int, dict[str, torch.Tensor]] = {}
    for entry, value in tensors.items():
        if entry.startswith(f"{name}_adam."):
            _, index, key = entry.split(".")
            state.setdefault(int(index), {})[key] = value
    groups = optimizer.state_dict()["param_groups"]
    optimizer.load_state_dict({"state": state, "param_groups": groups})
