"""Where files are: paths of this machine, and URLs of shared or object storage, which are staged to a local cache."""

from __future__ import annotations

import hashlib
import json
import os
import posixpath
import stat
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from saga.errors import SagaError
from saga.files.leftovers import is_leftover, temporary_folder
from saga.files.transaction import atomic_path

_VERSIONS = ("ETag", "etag", "md5Hash", "crc32c", "generation", "mtime", "LastModified", "last_modified", "created")
"""What kinds of storage tell of the version of a file, beside its size."""


def is_remote(place: str) -> bool:
    """Whether a place is a URL such as s3://bucket/scene.ply, and not a path of this machine."""
    return "://" in place


def join(place: str, *names: str) -> str:
    """Returns a place below another one."""
    return posixpath.join(place, *names) if is_remote(place) else str(Path(place, *names))


def name_of(place: str) -> str:
    """Returns the last part of a place."""
    return posixpath.basename(place.rstrip("/")) if is_remote(place) else Path(place).name


def identity(place: str) -> str | None:
    """Returns what tells a file or folder from another version of it; None where there is none.

    Of local files that is the size and the time of the last change, of others the size and what their storage says of
    the version; of folders that of all files in them. Nothing is read but listings.

    Raises:
        SagaError: The storage cannot be reached, or no library for it is installed.
    """
    found = _remote_files(place) if is_remote(place) else _local_files(Path(place))
    return None if found is None else hashlib.sha256(json.dumps(found, default=str).encode()).hexdigest()


def _local_files(path: Path) -> list[list[object]] | None:
    try:
        found = path.stat()
    except (OSError, ValueError):  # names with zero bytes are none
        return None
    if not stat.S_ISDIR(found.st_mode):
        return [["", found.st_size, found.st_mtime_ns]]
    files = []
    for folder, folders, names in os.walk(path):
        folders[:] = sorted(name for name in folders if not is_leftover(name))
        for name in sorted(names):
            file = os.path.join(folder, name)
            try:
                each = os.stat(file, follow_symlinks=os.path.exists(file))  # a link to nothing is one too
            except OSError:  # it has just been removed, or may not be looked at
                continue
            files.append([os.path.relpath(file, path), each.st_size, each.st_mtime_ns])
    return files


def _remote_files(url: str) -> list[list[object]] | None:
    with _storage(url) as (system, path):
        if not system.exists(path):
            return None
        if not system.isdir(path):
            return [["", *_version(system.info(path))]]
        found = system.find(path, detail=True)
        return [[posixpath.relpath(name, path), *_version(found[name])] for name in sorted(found)]


def _version(info: Mapping[str, Any]) -> list[object]:
    return [info.get("size"), *(str(info[key]) for key in _VERSIONS if info.get(key) is not None)]


@contextmanager
def _storage(url: str) -> Iterator[tuple[Any, str]]:
    """Yields the storage of a URL and the path in it; what goes wrong there becomes a SagaError."""
    try:
        import fsspec

        system, path = fsspec.core.url_to_fs(url)
        system.invalidate_cache()  # other processes write there too
        yield system, path
    except SagaError:
        raise
    except (ImportError, ValueError) as error:
        raise SagaError(
            f"{url}: expected a storage that fsspec knows, found none ({error}); install its library."
        ) from error
    except Exception as error:  # every storage has errors of its own
        raise SagaError(f"{url}: the storage refuses ({error}); look whether it can be reached.") from error


class Staging:
    """A folder of this machine with copies of what lies in storage: by digest, each downloaded once."""

    def __init__(self, folder: Path) -> None:
        """Takes the folder; nothing is made yet."""
        self.folder = folder

    @contextmanager
    def places(
        self,
        inputs: Mapping[str, str],
        outputs: Mapping[str, str],
        caches: Mapping[str, str],
    ) -> Iterator[dict[str, Path]]:
        """Yields where each input, output and cache of a task is on this machine; uploads in the end what is new.

        Local ones are where they are. Inputs of one folder of a storage lie in one folder here, because files of a
        scene are found by their names beside each other. Outputs are uploaded when the block ends well.

        Args:
            inputs: Places that are read; those that are not there are left out.
            outputs: Places that are written.
            caches: Folders that are read and filled.

        Raises:
            SagaError: The storage refuses.
        """
        remote = [each for each in (*inputs.values(), *outputs.values(), *caches.values()) if is_remote(each)]
        if not remote:
            for place in outputs.values():
                Path(place).parent.mkdir(parents=True, exist_ok=True)
            yield {name: Path(place) for name, place in {**inputs, **outputs, **caches}.items()}
            return
        self.folder.mkdir(parents=True, exist_ok=True)
        with temporary_folder(self.folder / "task", self.folder) as scratch:
            found = {}
            for name, place in inputs.items():
                found[name] = self._linked(place, scratch) if is_remote(place) else Path(place)
            for name, place in outputs.items():
                found[name] = _beside(place, scratch / "made") if is_remote(place) else Path(place)
                found[name].parent.mkdir(parents=True, exist_ok=True)
            for name, place in caches.items():
                found[name] = self._filled(place) if is_remote(place) else Path(place)
            before = {name: _sizes(found[name]) for name, place in caches.items() if is_remote(place)}
            yield found
            for name in before:
                _upload_new(found[name], caches[name], before[name])
            for name, place in outputs.items():
                if is_remote(place) and found[name].exists():
                    _upload(found[name], place)

    def _linked(self, url: str, scratch: Path) -> Path:
        link = _beside(url, scratch / "given")
        link.parent.mkdir(parents=True, exist_ok=True)
        if not link.exists():
            link.symlink_to(self._copy(url).absolute())
        return link

    def _copy(self, url: str) -> Path:
        """Returns the copy of a file or folder, which is made if there is none of its present version."""
        version = identity(url)
        if version is None:
            raise SagaError(f"{url}: expected a file or folder, found nothing; look at its name.")
        target = self.folder / hashlib.sha256(f"{url} {version}".encode()).hexdigest()[:24] / name_of(url)
        if target.exists():
            return target
        target.parent.mkdir(parents=True, exist_ok=True)
        with temporary_folder(target, target.parent) as stage:
            fresh = stage / target.name
            with _storage(url) as (system, path):
                if system.isdir(path):
                    _download_folder(system, path, fresh)
                else:
                    system.get_file(path, str(fresh))
            if not target.exists():
                os.replace(fresh, target)
        return target

    def _filled(self, url: str) -> Path:
        """Returns the folder of this machine that stands for a cache, with what the storage has and it has not."""
        folder = self.folder / f"cache-{hashlib.sha256(url.encode()).hexdigest()[:24]}"
        folder.mkdir(parents=True, exist_ok=True)
        with _storage(url) as (system, path):
            for name in system.find(path) if system.exists(path) else ():
                target = folder / posixpath.relpath(name, path)
                if not target.exists():
                    with atomic_path(target) as temporary:
                        system.get_file(name, str(temporary))
        return folder


def read_bytes(place: str) -> bytes | None:
    """Returns what a file holds, wherever it is; None where there is none."""
    if not is_remote(place):
        return Path(place).read_bytes() if Path(place).is_file() else None
    with _storage(place) as (system, path):
        return bytes(system.cat_file(path)) if system.isfile(path) else None


def _beside(url: str, folder: Path) -> Path:
    """Returns a name in a folder that is the same for all files of one folder of a storage."""
    parent = posixpath.dirname(url.rstrip("/"))
    return folder / hashlib.sha256(parent.encode()).hexdigest()[:16] / name_of(url)


def _download_folder(system: Any, path: str, target: Path) -> None:
    target.mkdir(parents=True)
    for name in system.find(path):
        file = target / posixpath.relpath(name, path)
        file.parent.mkdir(parents=True, exist_ok=True)
        system.get_file(name, str(file))


def _sizes(folder: Path) -> dict[str, tuple[int, int]]:
    files = (path for path in folder.rglob("*") if path.is_file() and not any(map(is_leftover, path.parts)))
    return {str(path.relative_to(folder)): (path.stat().st_size, path.stat().st_mtime_ns) for path in files}


def _upload_new(folder: Path, url: str, before: Mapping[str, tuple[int, int]]) -> None:
    for name, size in _sizes(folder).items():
        if before.get(name) != size:
            _upload(folder / name, join(url, *Path(name).parts))


def _upload(source: Path, url: str) -> None:
    """Copies a file, or a folder in the place of the one that is there, to a storage."""
    with _storage(url) as (system, path):
        if source.is_file():
            system.makedirs(posixpath.dirname(path), exist_ok=True)
            system.put_file(str(source), path)
            return
        new = {
            posixpath.join(path, *each.relative_to(source).parts): each for each in source.rglob("*") if each.is_file()
        }
        earlier = set(system.find(path)) if system.exists(path) else set()
        for name, file in new.items():
            system.makedirs(posixpath.dirname(name), exist_ok=True)
            system.put_file(str(file), name)
        for name in earlier - set(new):
            system.rm_file(name)
