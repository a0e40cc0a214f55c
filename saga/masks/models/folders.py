"""A model's folder as `save_pretrained` and the hub have it, and what may be missing in it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

from saga.errors import SagaError
from saga.files.pointers import refuse_pointer

CONFIG = "config.json"
PROCESSORS = ("preprocessor_config.json", "processor_config.json")
"""Where the sizes and colors that a model takes are written: one of these."""
_WHOLE = ("model.safetensors", "pytorch_model.bin")
_INDEXES = ("model.safetensors.index.json", "pytorch_model.bin.index.json")
_HEADER = 8
"""Bytes before the header of a safetensors file: its length."""
_LARGEST_HEADER = 100_000_000


def layout(folder: str) -> str:
    """Returns the files that a folder of a model must hold, for a message."""
    return f"{folder}/ with config.json, preprocessor_config.json (or processor_config.json) and model.safetensors"


def check_folder(folder: Path) -> None:
    """Holds a local folder against the layout, without loading any weights.

    Raises:
        SagaError: a file is missing, truncated or a pointer of Git LFS; the message names it and the layout.
    """
    problems = list(_missing(folder))
    if problems:
        raise SagaError(
            f"{folder}: expected a model's folder, found no {', no '.join(problems)}; copy the model's whole folder "
            f"from its page on the hub: {layout(folder.name or '.')}."
        )
    for file in weight_files(folder):
        refuse_pointer(file)
        if file.suffix == ".safetensors":
            _check_safetensors(file)


def is_complete(folder: Path) -> bool:
    """Whether a folder holds all that a model needs, whole."""
    try:
        check_folder(folder)
    except SagaError:
        return False
    return True


def weight_files(folder: Path) -> list[Path]:
    """Returns the files of a folder that hold its weights, one or several parts; none when there are none."""
    for name in _WHOLE:
        if (folder / name).is_file():
            return [folder / name]
    for name in _INDEXES:
        if (folder / name).is_file():
            return [folder / part for part in _parts(folder / name)]
    return []


def model_type(folder: Path) -> str:
    """Returns what `config.json` says the model is, e.g. "sam2_video". Raises SagaError when it says nothing."""
    path = folder / CONFIG
    found = _json(path).get("model_type")
    if not isinstance(found, str):
        raise SagaError(
            f"{path}: expected a model_type, found none; give the folder of a model in the layout of transformers."
        )
    return found


def _missing(folder: Path) -> Iterator[str]:
    if not (folder / CONFIG).is_file():
        yield CONFIG
    weights = weight_files(folder)
    if not weights:
        yield "weights (model.safetensors, or its index and parts)"
    yield from (part.name for part in weights if not part.is_file())
    if not any((folder / name).is_file() for name in PROCESSORS):
        yield " and no ".join(PROCESSORS)


def _parts(index: Path) -> list[str]:
    """Returns the names of the parts that an index lists, in order."""
    parts = _json(index).get("weight_map")
    if not isinstance(parts, dict) or not all(isinstance(name, str) for name in parts.values()):
        raise SagaError(f"{index}: expected a weight_map of parts, found none; download the file again.")
    if any("/" in name or "\\" in name for name in parts.values()):
        raise SagaError(f"{index}: expected parts beside it, found one elsewhere; download the file again.")
    return sorted(set(parts.values()))


def _json(path: Path) -> dict[str, object]:
    try:
        found = json.loads(path.read_bytes())
    except (OSError, ValueError, RecursionError) as error:
        raise SagaError(f"{path}: expected JSON, found {str(error)[:160]}; download the file again.") from error
    if not isinstance(found, dict):
        raise SagaError(f"{path}: expected a JSON object, found a {type(found).__name__}; download the file again.")
    return found


def _check_safetensors(path: Path) -> None:
    """Holds the size of a safetensors file against what its header says. Raises SagaError."""
    size = path.stat().st_size
    try:
        with path.open("rb") as file:
            length = int.from_bytes(file.read(_HEADER), "little")
            header = json.loads(file.read(length)) if length <= min(size, _LARGEST_HEADER) else None
        if not isinstance(header, dict):
            raise ValueError("no header")
        ends = [int(entry["data_offsets"][1]) for name, entry in header.items() if name != "__metadata__"]
    except (OSError, ValueError, KeyError, TypeError, IndexError, RecursionError) as error:
        raise SagaError(
            f"{path}: expected weights as safetensors, found a file that is damaged or truncated; "
            "delete it and download it again."
        ) from error
    whole = _HEADER + length + max(ends, default=0)
    if size != whole:
        raise SagaError(
            f"{path}: expected {whole:,} bytes, found {size:,} (truncated?); delete it and download it again."
        )
