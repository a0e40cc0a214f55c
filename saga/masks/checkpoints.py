"""Segment Anything checkpoints: the official files, where they are kept, how they are fetched and read."""

from __future__ import annotations

import hashlib
import http.client
import os
import sys
import urllib.error
import urllib.request
import warnings
from dataclasses import dataclass
from pathlib import Path

import torch
from rich.console import Console
from rich.progress import (
    BarColumn,
    DownloadColumn,
    Progress,
    TextColumn,
    TimeRemainingColumn,
    TransferSpeedColumn,
)
from torch import Tensor

from saga.errors import SagaError
from saga.files.reading import reading

_CHUNK = 1 << 20
_TIMEOUT = 30.0


@dataclass(frozen=True)
class OfficialCheckpoint:
    """One checkpoint file as its authors publish it."""

    file: str
    """File name. The six characters in it are the start of the file's MD5, not of its SHA-256."""
    size: int
    """Bytes."""
    sha256: str
    """SHA-256 of the whole file, hexadecimal."""
    url: str
    """Address to download from."""

    @property
    def facts(self) -> str:
        """What a person needs to fetch the file by hand."""
        return f"{self.file} ({self.size:,} bytes) from {self.url}"


_ADDRESS = "https://dl.fbaipublicfiles.com/segment_anything/"
OFFICIAL = {
    name: OfficialCheckpoint(file, size, sha256, _ADDRESS + file)
    for name, file, size, sha256 in (
        (
            "vit_h", "sam_vit_h_4b8939.pth", 2564550879,
            "a7bf3b02f3ebf1267aba913ff637d9a2d5c33d3173bb679e46d9f338c26f262e",
        ),
        (
            "vit_l", "sam_vit_l_0b3195.pth", 1249524607,
            "3adcc4315b642a4d2101128f611684e8734c41232a17c648ed1693702a49a622",
        ),
        (
            "vit_b", "sam_vit_b_01ec64.pth", 375042383,
            "ec2df62732614e57411cdcf32a23ffdf28910380d03139ee0f4fcbe91eb8c912",
        ),
    )
}  # fmt: skip
"""The checkpoints of "Segment Anything" (Kirillov et al., 2023) by the name that `--sam` takes."""


def cache_folder() -> Path:
    """Tells where checkpoints are kept: SAGA_CACHE when set, else ~/.cache/saga."""
    return Path(os.environ.get("SAGA_CACHE") or Path.home() / ".cache" / "saga")


def resolve_checkpoint(checkpoint: str | Path) -> Path:
    """Returns the file of `checkpoint`: a path, or "vit_h", "vit_l" or "vit_b".

    A name is looked up in the cache folder and, when it is not there, downloaded after asking on a terminal.
    Raises SagaError when there is no such file, when an official file is incomplete, when nobody can be
    asked, or when the download fails.
    """
    if str(checkpoint) in OFFICIAL:
        official = OFFICIAL[str(checkpoint)]
        path = cache_folder() / official.file
        if not path.exists():
            _ask(official, path)
            _download(official, path)
        _check_size(path)
        return path
    path = Path(checkpoint).expanduser()
    if not path.is_file():
        offer = "; or ".join(f"{name}: {official.facts}" for name, official in OFFICIAL.items())
        raise SagaError(f"{path}: no such SAM checkpoint; give a file, or one of these names: {offer}")
    _check_size(path)
    return path


def checkpoint_digest(path: Path) -> str:
    """Tells checkpoints apart without reading gigabytes: SHA-256 of the size and of the file's two ends.

    The end of a PyTorch file is its directory, which holds a checksum of every tensor.
    """
    size = path.stat().st_size
    digest = hashlib.sha256(str(size).encode())
    with path.open("rb") as file:
        digest.update(file.read(_CHUNK))
        file.seek(max(0, size - _CHUNK))
        digest.update(file.read())
    return digest.hexdigest()


def load_state_dict(path: Path) -> dict[str, Tensor]:
    """Returns the tensors of a checkpoint on the CPU; no code in the file is run.

    Raises SagaError when the file is truncated or no PyTorch state dict.
    """
    advice = f"give e.g. {OFFICIAL['vit_b'].facts}"
    with reading(path, "a SAM checkpoint", advice), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the error says all there is to say
        loaded = torch.load(path, map_location="cpu", weights_only=True)
    if not isinstance(loaded, dict) or not all(isinstance(value, Tensor) for value in loaded.values()):
        raise SagaError(
            f"{path}: holds no state dict of tensors as SAM checkpoints do; expected e.g. {OFFICIAL['vit_b'].facts}"
        )
    return loaded


def _check_size(path: Path) -> None:
    for official in OFFICIAL.values():
        if path.name == official.file and path.stat().st_size != official.size:
            raise SagaError(
                f"{path}: is {path.stat().st_size:,} bytes, {official.size:,} expected (truncated?); "
                f"delete it and download it again from {official.url}"
            )


def _ask(official: OfficialCheckpoint, path: Path) -> None:
    by_hand = f"download {official.facts} and put it at {path}"
    if not sys.stdin.isatty():
        raise SagaError(f"{path}: the SAM checkpoint is not there; {by_hand}")
    answer = input(f"Download {official.facts} to {path.parent}? [y/N] ")
    if answer.strip().lower() not in ("y", "yes"):
        raise SagaError(f"{path}: the SAM checkpoint is not there and was not downloaded; {by_hand}")


def _download(official: OfficialCheckpoint, path: Path) -> None:
    """Fetches the file beside `path`, going on where an earlier try stopped; it gets its name when right."""
    part = path.with_name(path.name + ".part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        _fetch(official, part)
        digest = _sha256(part)
        if digest != official.sha256:
            part.unlink()
            raise SagaError(
                f"{path}: the download has SHA-256 {digest}, {official.sha256} expected; try again, "
                f"or download {official.facts} and put it there"
            )
        os.replace(part, path)
    except (OSError, http.client.HTTPException) as error:
        reason = getattr(error, "reason", None) or getattr(error, "strerror", None) or error
        raise SagaError(
            f"{path}: the download failed ({reason}); try again to go on where it stopped, "
            f"or download {official.facts} and put it there"
        ) from error


def _fetch(official: OfficialCheckpoint, part: Path) -> None:
    done = part.stat().st_size if part.exists() else 0
    if done >= official.size:
        return
    request = urllib.request.Request(official.url, headers={"Range": f"bytes={done}-"} if done else {})
    columns = (
        TextColumn("{task.description}"), BarColumn(), DownloadColumn(),
        TransferSpeedColumn(), TimeRemainingColumn(),
    )  # fmt: skip
    with urllib.request.urlopen(request, timeout=_TIMEOUT) as response:
        resumed = response.status == http.client.PARTIAL_CONTENT
        with (
            part.open("ab" if resumed else "wb") as file,
            Progress(*columns, console=Console(stderr=True)) as bar,
        ):
            task = bar.add_task(official.file, total=official.size, completed=done if resumed else 0)
            while chunk := response.read(_CHUNK):
                file.write(chunk)
                bar.update(task, advance=len(chunk))
    if part.stat().st_size < official.size:
        raise urllib.error.URLError(f"connection closed after {part.stat().st_size:,} bytes")


def _sha256(path: Path) -> str:
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while chunk := file.read(_CHUNK):
            digest.update(chunk)
    return digest.hexdigest()
