"""Checkpoints that are one file at an address: the official ones, where they are kept, and how they are fetched."""

from __future__ import annotations

import hashlib
import http.client
import os
import urllib.error
import urllib.request
from dataclasses import dataclass
from pathlib import Path

from saga.errors import SagaError
from saga.masks.models.asking import ask

_CHUNK = 1 << 20
_TIMEOUT = 30.0


@dataclass(frozen=True)
class OfficialFile:
    """One checkpoint file as its authors publish it."""

    file: str
    """File name. The six characters in SAM's are the start of the file's MD5, not of its SHA-256."""
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
_MOBILE = "https://github.com/ChaoningZhang/MobileSAM/raw/master/weights/"
OFFICIAL = {
    name: OfficialFile(file, size, sha256, address + file)
    for name, file, size, sha256, address in (
        (
            "mobile", "mobile_sam.pt", 40728226,
            "6dbb90523a35330fedd7f1d3dfc66f995213d81b29a5ca8108dbcdd4e37d6c2f", _MOBILE,
        ),
        (
            "vit_h", "sam_vit_h_4b8939.pth", 2564550879,
            "a7bf3b02f3ebf1267aba913ff637d9a2d5c33d3173bb679e46d9f338c26f262e", _ADDRESS,
        ),
        (
            "vit_l", "sam_vit_l_0b3195.pth", 1249524607,
            "3adcc4315b642a4d2101128f611684e8734c41232a17c648ed1693702a49a622", _ADDRESS,
        ),
        (
            "vit_b", "sam_vit_b_01ec64.pth", 375042383,
            "ec2df62732614e57411cdcf32a23ffdf28910380d03139ee0f4fcbe91eb8c912", _ADDRESS,
        ),
    )
}  # fmt: skip
"""The files of "Segment Anything" (Kirillov et al., 2023) and MobileSAM (Zhang et al., 2023), by the name of each."""


def cache_folder() -> Path:
    """Tells where such files are kept: SAGA_CACHE when set, else ~/.cache/saga."""
    return Path(os.environ.get("SAGA_CACHE") or Path.home() / ".cache" / "saga")


def kept_file(name: str) -> Path:
    """Returns where the official file of a name is, or would be, kept."""
    return cache_folder() / OFFICIAL[name].file


def official_file(name: str) -> Path:
    """Returns the official file of a name; it is downloaded after a question when it is not there.

    Raises:
        SagaError: it is not there and nobody can be asked or says yes, the download fails, or it is incomplete.
    """
    official, path = OFFICIAL[name], kept_file(name)
    if not path.exists():
        ask(f"{path}", official.facts, f"download {official.facts} and put it at {path}")
        _download(official, path)
    check_size(path)
    return path


def check_size(path: Path) -> None:
    """Holds a file that is named like an official one against its size. Raises SagaError."""
    for official in OFFICIAL.values():
        if path.name == official.file and path.stat().st_size != official.size:
            raise SagaError(
                f"{path}: expected {official.size:,} bytes, found {path.stat().st_size:,} bytes (truncated?); "
                f"delete it and download it again from {official.url}."
            )


def _download(official: OfficialFile, path: Path) -> None:
    """Fetches the file beside `path`, going on where an earlier try stopped; it gets its name when right."""
    part = path.with_name(path.name + ".part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        _fetch(official, part)
        digest = _sha256(part)
        if digest != official.sha256:
            part.unlink()
            raise SagaError(
                f"{path}: expected a download with SHA-256 {official.sha256}, found {digest}; try again, "
                f"or download {official.facts} and put it there."
            )
        os.replace(part, path)
    except (OSError, http.client.HTTPException) as error:
        reason = getattr(error, "reason", None) or getattr(error, "strerror", None) or error
        raise SagaError(
            f"{path}: expected to download it, found {reason}; try again to go on where it stopped, "
            f"or download {official.facts} and put it there."
        ) from error


def _fetch(official: OfficialFile, part: Path) -> None:
    from rich.console import Console
    from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn, TransferSpeedColumn

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
