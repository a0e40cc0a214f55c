"""Models of the Hugging Face hub: what is in its cache, and downloads after a question.

`huggingface_hub` resumes and verifies downloads, and knows its own settings: HF_HUB_OFFLINE, HF_HOME, HF_TOKEN and the
others of its documentation.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

from saga.errors import SagaError
from saga.masks.models.asking import ask
from saga.masks.models.folders import CONFIG, check_folder, is_complete, layout
from saga.masks.models.registry import MODELS

_ID = re.compile(r"[A-Za-z0-9][\w.-]*/[A-Za-z0-9][\w.-]*")
_SMALL_FILES = ("*.json", "*.txt", "*.model")
"""Configurations and vocabularies; weights are asked for by name."""
_WEIGHTS = (".safetensors", ".bin")
"""Endings of weights, the better one first; a repository often has the same weights in both."""


def is_hub_id(text: str) -> bool:
    """Whether a text has the form owner/name."""
    return _ID.fullmatch(text) is not None


def hub_folder(hub_id: str) -> Path:
    """Returns the local folder of a model on the hub; it is downloaded after a question when it is not there.

    Raises:
        SagaError: huggingface_hub is not installed; the model is not there, and the machine is offline, nobody can be
            asked or says no; or the download fails.
    """
    try:
        from huggingface_hub import constants
    except ImportError as error:
        raise SagaError(
            f'{hub_id}: expected the package huggingface_hub, found none ({error}); pip install "saga-splat[sam]".'
        ) from error
    kept = kept_folder(hub_id)
    if kept is not None:
        return kept
    if constants.HF_HUB_OFFLINE:
        raise SagaError(
            f"{hub_id}: expected the model in the cache of the hub, found nothing, and HF_HUB_OFFLINE forbids to "
            f"download it; {_by_hand(hub_id)}."
        )
    known = next((model for model in MODELS.values() if model.source == hub_id), None)
    size = "" if known is None else f" ({known.megabytes:,} MB, {known.license})"
    ask(hub_id, f"{hub_id}{size} from the Hugging Face hub", _by_hand(hub_id))
    return _download(hub_id)


def kept_folder(hub_id: str) -> Path | None:
    """Returns the folder of a model in the hub's cache, None when it is not there whole; nothing is downloaded."""
    from huggingface_hub import snapshot_download

    try:
        # Only a part of each repository was ever wanted, so its own test of completeness would refuse.
        folder = Path(snapshot_download(hub_id, local_files_only=True, allow_patterns=[CONFIG]))
    except (OSError, ValueError):  # not there, or no id
        return None
    return folder if is_complete(folder) else None


def _download(hub_id: str) -> Path:
    from huggingface_hub import HfApi, snapshot_download

    try:
        names = HfApi().list_repo_files(hub_id)
        wanted = [*_SMALL_FILES, *_weights_of(names)]
        folder = Path(snapshot_download(hub_id, allow_patterns=wanted, ignore_patterns=["*/*"]))
    except Exception as error:  # the library raises what its HTTP library does, which is another in each version
        raise _failed(hub_id, error) from error
    check_folder(folder)
    return folder


def _weights_of(names: Sequence[str]) -> list[str]:
    """Returns the files of a repository that hold its weights, in the one format that serves best."""
    for ending in _WEIGHTS:
        stem = "model" if ending == ".safetensors" else "pytorch_model"
        found = [name for name in names if re.fullmatch(rf"{stem}(-\d+-of-\d+)?{re.escape(ending)}", name)]
        if found:
            return found
    return []


def _failed(hub_id: str, error: Exception) -> SagaError:
    """Returns what to say of a failed download."""
    kinds = {kind.__name__ for kind in type(error).__mro__}
    page = f"https://huggingface.co/{hub_id}"
    if "GatedRepoError" in kinds:
        return SagaError(
            f"{hub_id}: expected leave to download it, found that its authors want their license accepted first; "
            f"accept it at {page}, run `hf auth login`, and try again."
        )
    if "RepositoryNotFoundError" in kinds:
        return SagaError(
            f"{hub_id}: expected a model on the hub, found none of this name that may be read; look it up at {page}."
        )
    reason = " ".join(str(error).split())[:160] or type(error).__name__
    return SagaError(
        f"{hub_id}: expected to download it, found {reason}; try again to go on where it stopped, or "
        f"{_by_hand(hub_id)}."
    )


def _by_hand(hub_id: str) -> str:
    name = hub_id.split("/")[1]
    return (
        f"on a machine with a network run `hf download {hub_id} --local-dir {name}`, copy the folder here and give "
        f"its path: {layout(name)}"
    )
