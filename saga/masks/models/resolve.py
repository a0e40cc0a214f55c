"""From what a person gave to local files: a short name, an id of the hub, a folder, or a checkpoint file."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from saga.errors import SagaError
from saga.masks.models.files import OFFICIAL, check_size, kept_file, official_file
from saga.masks.models.folders import check_folder
from saga.masks.models.hub import hub_folder, is_hub_id, kept_folder
from saga.masks.models.registry import MODELS, KnownModel, Task, nearest_names

_FILES = (".pt", ".pth", ".ckpt", ".safetensors", ".bin")
"""Endings of paths that name a file, and no model of the hub."""


@dataclass(frozen=True)
class ResolvedModel:
    """A model whose files are on this machine."""

    name: str
    """What a person called it."""
    path: Path
    """A folder in the layout of transformers, or a checkpoint file for segment-anything."""

    @property
    def is_file(self) -> bool:
        """Whether it is one checkpoint file."""
        return self.path.is_file()


def resolve_model(given: str | Path, task: Task = "masks") -> ResolvedModel:
    """Returns the local files of a model, of any task, and downloads nothing without a yes at a terminal.

    Args:
        given: a short name (`saga.masks.models.MODELS`), a folder or file that is there, or an id of the hub
            (owner/name). A path that is there goes before an id.
        task: what is wanted, which the message says where there is no such model.

    Raises:
        SagaError: there is no such model; a folder lacks a file, or a file is truncated; or it would have to be
            downloaded, and the machine is offline, nobody can be asked, or the answer is no. The message shows what
            to copy.
    """
    text, path = str(given), Path(given).expanduser()
    known = MODELS.get(text)
    if known is not None:
        found = official_file(known.source) if known.is_file else hub_folder(known.source)
        return ResolvedModel(text, found)
    if path.is_dir():
        check_folder(path)
        return ResolvedModel(path.name or text, path)
    if path.is_file():
        check_size(path)
        return ResolvedModel(path.name, path)
    if is_hub_id(text) and path.suffix not in _FILES:
        return ResolvedModel(text, hub_folder(text))
    what, file = (
        ("mask model", f"a file (e.g. {OFFICIAL['vit_b'].facts}), ") if task == "masks" else ("model of words", "")
    )
    raise SagaError(
        f"{text}: expected a {what}, found no such file, folder or name; give {file}a folder, an id of the hub "
        f"(owner/name), or a name such as {nearest_names(text, task)}."
    )


def find_model(given: str | Path) -> ResolvedModel | None:
    """Returns the local files of a model as `resolve_model` does, None where they are not on this machine yet.

    Raises:
        SagaError: the files are there, and not whole.
    """
    known: KnownModel | None = MODELS.get(str(given))
    if known is not None and known.is_file:
        path = kept_file(known.source)
        return resolve_model(given) if path.is_file() else None
    hub_id = str(given) if known is None else known.source
    if known is None and (Path(given).expanduser().exists() or not is_hub_id(hub_id)):
        return resolve_model(given)
    try:
        folder = kept_folder(hub_id)
    except ImportError:
        return None
    return None if folder is None else ResolvedModel(str(given), folder)
