"""What was written, on its way to the person who looks at the page, who may sit at another machine."""

from __future__ import annotations

import tempfile
import threading
import zipfile
from pathlib import Path
from typing import Any

from saga.errors import SagaError
from saga.files.disk import require_room, writing
from saga.runtime.progress import ticking
from saga.viewer.front import File

_PART = 8 << 20
"""Bytes that one request gets: so much is in memory at a time, however large the file is."""
_MOST_OFFERED = 4
"""Files that can be fetched; older ones are forgotten, and archives made for them removed."""


class Downloads:
    """Offers files, and folders as archives, until they are closed."""

    def __init__(self) -> None:
        """Offers nothing yet."""
        self._temporary: tempfile.TemporaryDirectory[str] | None = None
        self._offered: dict[int, tuple[str, Path]] = {}
        self._number, self._lock = 0, threading.Lock()

    def close(self) -> None:
        """Removes what was made to be fetched."""
        with self._lock:
            self._offered.clear()
            if self._temporary is not None:
                self._temporary.cleanup()
                self._temporary = None

    @property
    def folder(self) -> Path:
        """A folder for what is only fetched: it goes when the downloads are closed."""
        with self._lock:
            if self._temporary is None:
                self._temporary = tempfile.TemporaryDirectory(prefix="saga-view-")
            return Path(self._temporary.name)

    def offer(self, place: Path) -> dict[str, Any]:
        """Offers a file as it is, or a folder as a ZIP archive, which is made now.

        Returns:
            What the page needs to fetch it: "id", "name" and "bytes".

        Raises:
            SagaError: it is gone, or there is no room for the archive.
        """
        if not place.exists():
            raise SagaError(f"{place}: expected files to download, found that they are gone; write them again.")
        made = self._packed(place) if place.is_dir() else place
        with self._lock:
            self._number += 1
            self._offered[self._number] = (f"{place.name}.zip" if place.is_dir() else place.name, made)
            while len(self._offered) > _MOST_OFFERED:
                _, old = self._offered.pop(next(iter(self._offered)))
                if self._temporary is not None and old.is_relative_to(self._temporary.name):
                    old.unlink(missing_ok=True)
            return {"id": self._number, "name": self._offered[self._number][0], "bytes": made.stat().st_size}

    def part(self, number: int, start: int) -> File | None:
        """Returns the next bytes of a file that is offered, from `start` on; None where there are none."""
        with self._lock:
            _, path = self._offered.get(number, ("", None))
        if path is None or not path.is_file() or not 0 <= start < max(path.stat().st_size, 1):
            return None
        with path.open("rb") as file:
            file.seek(start)
            return File("application/octet-stream", file.read(_PART))

    def _packed(self, place: Path) -> Path:
        """Writes a folder into an archive, in which it is a folder too."""
        files = sorted(each for each in place.rglob("*") if each.is_file())
        sizes = [each.stat().st_size for each in files]
        archive = self.folder / f"{self._number + 1}.zip"
        require_room(archive, sum(sizes))
        steps = sum(size // _PART + 1 for size in sizes)
        try:
            with writing(archive), zipfile.ZipFile(archive, "w") as packed, ticking(False, "packing", steps) as tick:
                for each in files:
                    inside = zipfile.ZipInfo.from_file(each, Path(place.name, each.relative_to(place)).as_posix())
                    with each.open("rb") as source, packed.open(inside, "w", force_zip64=True) as target:
                        while data := source.read(_PART):
                            target.write(data)
                            tick()
        except BaseException:
            archive.unlink(missing_ok=True)
            raise
        return archive
