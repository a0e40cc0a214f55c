"""Names of photographs, and of the files that are made of them."""

from __future__ import annotations

import unicodedata
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from functools import lru_cache
from pathlib import Path, PurePosixPath

from saga.files.names import folded, quoted_name, safe_name

IMAGE_SUFFIXES = (".jpg", ".jpeg", ".png", ".webp", ".bmp", ".tif", ".tiff")
"""File name suffixes of photographs that can be read, lower case."""
_OTHER_SUFFIXES = (".heic", ".heif", ".avif", ".gif", ".jxl", ".jp2", ".exr", ".hdr", ".ppm", ".pgm", ".tga")
_RAW_SUFFIXES = (".dng", ".arw", ".cr2", ".cr3", ".nef", ".orf", ".raf", ".rw2", ".raw")
_PICTURE_SUFFIXES = (*IMAGE_SUFFIXES, *_OTHER_SUFFIXES, *_RAW_SUFFIXES)


def without_suffix(name: str) -> str:
    """Return a name or path without the suffix of a picture format.

    What follows the last dot of "1305031102.175304" is none, so that name stays as it is.
    """
    suffix = PurePosixPath(name).suffix
    return name[: -len(suffix)] if suffix.lower() in _PICTURE_SUFFIXES else name


@lru_cache(8192)
def comparable(name: str) -> str:
    """Return a name as names are compared: "/" between folders, letters and their accents composed (NFC).

    A folder that came from a Mac has "ü" as "u" and two dots, which looks the same and is another string.
    """
    return unicodedata.normalize("NFC", str(PurePosixPath(name.replace("\\", "/"))))


def flat_stem(name: str) -> str:
    """Return a view's name without its suffix, folders joined by "_", as one that can name a file."""
    return _flat(without_suffix(name))


def _flat(name: str) -> str:
    return safe_name("_".join(PurePosixPath(name).parts))


def unique_stems(names: Sequence[str]) -> dict[str, str]:
    """Return view name -> the name, without suffix, of files that are made of the view; no two are the same.

    It is the view's own without its suffix, folders joined by "_" ("left/0003.jpg" gives "left_0003"). Names that
    would collide keep their suffix ("a.jpg", "a.png"), and if they still do, their folders ("left%2F0003.jpg"). Names
    that differ only in case or in how their accents are stored collide too: not every disk keeps them apart.
    """
    chosen: dict[str, str] = {}
    taken: set[str] = set()
    forms: list[Callable[[str], str]] = [
        flat_stem,
        _flat,
        quoted_name,
    ]
    pending = list(names)
    for form in forms:
        counts = Counter(folded(form(name)) for name in pending)
        fits = [name for name in pending if counts[folded(form(name))] == 1 and folded(form(name)) not in taken]
        chosen |= {name: form(name) for name in fits}
        taken |= {folded(form(name)) for name in fits}
        pending = [name for name in pending if name not in chosen]
    for name in pending:
        number = 2
        while folded(f"{quoted_name(name)}-{number}") in taken:
            number += 1
        chosen[name] = f"{quoted_name(name)}-{number}"
        taken.add(folded(chosen[name]))
    return {name: chosen[name] for name in names}


def existing(path: Path) -> Path | None:
    """Return `path` as the disk spells it, whichever way the accents of its names are stored; None when not there."""
    if path.exists():
        return path
    parent = existing(path.parent) if path.parent != path else None
    if parent is None or not parent.is_dir():
        return None
    if path.name.isascii():
        plain = parent / path.name
        return plain if plain.exists() else None
    wanted = comparable(path.name)
    return next((entry for entry in parent.iterdir() if comparable(entry.name) == wanted), None)


def tails(name: str) -> Iterable[str]:
    """Returns the path, then the path without some of its leading folders, longest first."""
    parts = PurePosixPath(name).parts
    return (str(PurePosixPath(*parts[start:])) for start in range(len(parts)))
