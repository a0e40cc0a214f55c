"""The datasets a method is measured on, one module each: from a dataset's files to cases.

A protocol is a module of this folder with a line in `BUILTIN`, or anything like it that `register` was given. Its
module is imported when it is first used, so that its name is known without loading torch.
"""

from __future__ import annotations

from collections.abc import Sequence
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Protocol, cast

from saga.errors import SagaError

if TYPE_CHECKING:  # the command line lists protocols without loading what they need
    from saga.evaluate.cases import Case, PromptConfig, PromptKind
    from saga.evaluate.paths import DatasetPaths


class DatasetProtocol(Protocol):
    """How one dataset is read: what a protocol's module holds."""

    KINDS: Sequence[PromptKind]
    """Kinds of prompts it knows, its own first."""

    def scene_names(self, data: Path) -> list[str]:
        """Returns the scenes in the dataset's folder. Raises SagaError when there are none."""
        ...

    def open_case(self, paths: DatasetPaths, name: str, prompting: PromptConfig) -> Case:
        """Reads one of these scenes. Raises SagaError for files that are missing."""
        ...


BUILTIN = {
    "folder": "saga.evaluate.protocols.folder",
    "nvos": "saga.evaluate.protocols.nvos",
    "spin-nerf": "saga.evaluate.protocols.spin_nerf",
    "lerf-mask": "saga.evaluate.protocols.lerf_mask",
    "replica": "saga.evaluate.protocols.replica",
    "mipnerf360": "saga.evaluate.protocols.mipnerf360",
}
"""Name and module of each protocol of this package."""

_registered: dict[str, DatasetProtocol] = {}


def register(name: str, protocol: DatasetProtocol) -> None:
    """Adds a protocol from outside this package: a module or an object, see DatasetProtocol.

    Raises:
        SagaError: the name is taken by another protocol.
    """
    if name in BUILTIN or _registered.get(name, protocol) is not protocol:
        raise SagaError(f"protocol {name}: expected a name that is free, found one that is taken; choose another.")
    _registered[name] = protocol


def protocol_names() -> tuple[str, ...]:
    """Returns the names of all protocols."""
    return (*BUILTIN, *_registered)


def dataset_protocol(name: str) -> DatasetProtocol:
    """Returns a protocol. Raises SagaError when there is none of this name."""
    if name in _registered:
        return _registered[name]
    if name not in BUILTIN:
        raise SagaError(f"{name}: no such protocol; expected one of {', '.join(protocol_names())}.")
    return cast(DatasetProtocol, import_module(BUILTIN[name]))


def scene_names(protocol: str, paths: DatasetPaths) -> list[str]:
    """Returns the scenes of a dataset. Raises SagaError when there are none."""
    if not paths.data.is_dir():
        raise SagaError(f"{paths.data}: expected the folder of the dataset, found none there; give it.")
    return dataset_protocol(protocol).scene_names(paths.data)


def open_case(protocol: str, paths: DatasetPaths, name: str, prompting: PromptConfig) -> Case:
    """Reads one scene of a dataset, ready to be evaluated.

    Raises:
        SagaError: a kind of prompt that the protocol does not know, a scene that is not there, or files that are
            missing, with the paths looked for.
    """
    names, reader = scene_names(protocol, paths), dataset_protocol(protocol)
    if prompting.kind is not None and prompting.kind not in reader.KINDS:
        raise SagaError(f"--prompt {prompting.kind}: {protocol} knows {' and '.join(reader.KINDS)}.")
    if name not in names:
        raise SagaError(
            f"{paths.data / name}: expected a scene of {protocol}, found {', '.join(names)}; give one of these."
        )
    case = reader.open_case(paths, name, prompting)
    if case.prompt_count == 0:
        raise SagaError(
            f"{paths.data / name}: expected an object to ask for, found empty or tiny true masks; mend them."
        )
    return case
