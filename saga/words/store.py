"""What was embedded once, beside the scene: crops by scene, objects and model, texts by model."""

from __future__ import annotations

import hashlib
import json
import os
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from safetensors.numpy import save_file

from saga.errors import SagaError
from saga.files.json_values import json_text
from saga.files.reading import reading
from saga.files.tensors import read_tensors
from saga.files.transaction import atomic_path
from saga.masks.open import can_hold_files, user_cache
from saga.words.source import TextImageModel

_HEADER = "saga_words"
_VERSION = 1


def words_folder(scene: Path) -> Path:
    """Returns where embeddings of a scene are kept: `<scene>.words` beside it, else in the user's own cache."""
    beside = scene.absolute().with_name(f"{scene.stem}.words")
    return beside if can_hold_files(beside) else user_cache(scene).with_suffix(".words")


def key_of(*facts: object) -> str:
    """Returns a digest of JSON values."""
    return hashlib.sha256(json.dumps([_VERSION, *facts], sort_keys=True).encode()).hexdigest()[:32]


def stamp(path: Path | None) -> list[object]:
    """Returns what tells that a file is another: its name, size and time; nothing for one that is not there."""
    if path is None or not path.exists():
        return []
    found = os.stat(path)
    return [path.name, found.st_size, found.st_mtime_ns]


@dataclass(frozen=True)
class Pictures:
    """Crops of objects as a model has embedded them."""

    embeddings: np.ndarray  # [K, D]
    """Of all crops, float32 of unit length."""
    owners: np.ndarray  # [K]
    """The object of each crop, int32."""
    thumbnails: np.ndarray  # [M, h, w, 3]
    """A picture of each object for people, uint8."""

    def of_objects(self) -> list[np.ndarray]:  # each [K', D]
        """Returns the embeddings of each object; none for one that no view shows."""
        return [self.embeddings[self.owners == index] for index in range(len(self.thumbnails))]


class EmbeddingStore:
    """A folder of embeddings; without a folder they are remembered while the store lives.

    Files are whole or not there; one that is damaged is made again, with a warning.
    """

    def __init__(self, folder: Path | None) -> None:
        """Takes the folder, which is made when something is written."""
        self.folder = folder
        self._remembered: dict[str, tuple[dict[str, np.ndarray], dict[str, Any]]] = {}

    def pictures(self, key: str, make: Callable[[], Pictures]) -> Pictures:
        """Returns the embedded crops of a key, made where they are missing. Raises SagaError as `write`."""
        found = self.read(f"crops-{key}", ("embeddings", "owners", "thumbnails"))
        if found is not None:
            return Pictures(**found[0])
        made = make()
        self.write(f"crops-{key}", dict(vars(made)), {})
        return made

    def texts(self, model: TextImageModel, texts: Sequence[str]) -> tuple[np.ndarray, float]:  # [K, D]
        """Returns the embeddings of texts, and the model's scale; the model embeds those that are not there yet.

        Raises:
            SagaError: as `write`, and as the model does.
        """
        name = f"texts-{key_of(model.identity)}"
        found = self.read(name, ("embeddings",))
        known, scale = self._known(found)
        missing = [text for text in dict.fromkeys(texts) if text not in known]
        if missing or scale is None:
            scale = model.scale
            known |= dict(zip(missing, model.embed_texts(missing), strict=True))
            self.write(name, {"embeddings": np.stack(list(known.values()))}, {"texts": list(known), "scale": scale})
        return np.stack([known[text] for text in texts]), scale

    @staticmethod
    def _known(
        found: tuple[dict[str, np.ndarray], dict[str, Any]] | None,
    ) -> tuple[dict[str, np.ndarray], float | None]:
        if found is None:
            return {}, None
        tensors, facts = found
        rows, texts = tensors["embeddings"], facts.get("texts")
        if not isinstance(texts, list) or len(texts) != len(rows) or not isinstance(facts.get("scale"), float):
            return {}, None
        return dict(zip(map(str, texts), rows, strict=True)), facts["scale"]

    def read(self, name: str, arrays: Sequence[str]) -> tuple[dict[str, np.ndarray], dict[str, Any]] | None:
        """Returns the arrays and facts of a file; None where there is none, or a damaged one, which is warned of."""
        if self.folder is None:
            return self._remembered.get(name)
        path = self.folder / f"{name}.safetensors"
        if not path.exists():
            return None
        try:
            with reading(path, "what words need of a scene", "it is made again"):
                tensors, facts = read_tensors(path, _HEADER, "np")
                if set(tensors) != set(arrays):
                    raise ValueError(f"arrays {sorted(tensors)}")
                return tensors, facts
        except SagaError as error:
            warnings.warn(str(error), stacklevel=3)
            return None

    def write(self, name: str, arrays: dict[str, np.ndarray], facts: dict[str, Any]) -> None:
        """Keeps arrays and JSON values. Raises SagaError when the folder cannot be written."""
        if self.folder is None:
            self._remembered[name] = arrays, facts
            return
        with atomic_path(self.folder / f"{name}.safetensors") as temporary:
            rows = {key: np.ascontiguousarray(value) for key, value in arrays.items()}
            save_file(rows, temporary, {_HEADER: json_text(facts)})
