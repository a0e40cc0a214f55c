"""The datasets a method is measured on: from files to cases."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from saga.errors import SagaError
from saga.evaluate.paths import DatasetPaths
from saga.evaluate.protocols import folder, lerf_mask, mipnerf360, nvos, replica, spin_nerf
from saga.evaluate.task import Case, Prompting


@dataclass(frozen=True)
class Protocol:
    """How one dataset is read."""

    kinds: Sequence[str]
    """Prompts it knows, its own first."""
    scene_names: Callable[[Path], list[str]]
    """The scenes in a dataset's folder."""
    open_case: Callable[[DatasetPaths, str, Prompting], Case]
    """One of them."""


PROTOCOLS = {
    "folder": Protocol(folder.KINDS, folder.scene_names, folder.open_case),
    "nvos": Protocol(nvos.KINDS, nvos.scene_names, nvos.open_case),
    "spin-nerf": Protocol(spin_nerf.KINDS, spin_nerf.scene_names, spin_nerf.open_case),
    "lerf-mask": Protocol(lerf_mask.KINDS, lerf_mask.scene_names, lerf_mask.open_case),
    "replica": Protocol(replica.KINDS, replica.scene_names, replica.open_case),
    "mipnerf360": Protocol(mipnerf360.KINDS, mipnerf360.scene_names, mipnerf360.open_case),
}


def scene_names(protocol: str, paths: DatasetPaths) -> list[str]:
    """The scenes of a dataset. Raises SagaError when there are none."""
    if not paths.data.is_dir():
        raise SagaError(f"{paths.data}: no such folder; give the folder of the dataset.")
    if protocol not in PROTOCOLS:
        raise SagaError(f"{protocol}: no such protocol; expected one of {', '.join(PROTOCOLS)}.")
    return PROTOCOLS[protocol].scene_names(paths.data)


def open_case(protocol: str, paths: DatasetPaths, name: str, prompting: Prompting) -> Case:
    """One scene of a dataset, ready to be evaluated.

    Raises SagaError for a prompt the protocol does not know, a scene that is not there, and files that are
    missing, with the paths looked for.
    """
    names = scene_names(protocol, paths)
    kinds = PROTOCOLS[protocol].kinds
    if prompting.kind is not None and prompting.kind not in kinds:
        raise SagaError(f"--prompt {prompting.kind}: {protocol} knows {' and '.join(kinds)}.")
    if name not in names:
        raise SagaError(f"{paths.data / name}: no such scene of {protocol}; found {', '.join(names)}.")
    case = PROTOCOLS[protocol].open_case(paths, name, prompting)
    if not any(task.variants for task in case.tasks):
        raise SagaError(f"{paths.data / name}: no object can be asked for; every true mask is empty or too small.")
    return case
