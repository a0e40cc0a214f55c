"""File names made from what people and other programs call things."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable

_LONGEST_BYTES = 200
"""Below what file systems take (255 bytes), so that endings and temporary names fit."""
_FORBIDDEN = '<>:"/\\|?*'
_RESERVED = {"con", "prn", "aux", "nul", *(f"{port}{n}" for port in ("com", "lpt") for n in range(1, 10))}


def file_name(text: str) -> str:
    """Returns a name that can name one file on any system, as like the text as possible.

    Separators, control characters, what Windows forbids or reserves, surrogates, leading dots and trailing dots and
    spaces are replaced; long names are cut.
    """
    clean = "".join("_" if c in _FORBIDDEN or unicodedata.category(c) in ("Cc", "Cs") else c for c in text)
    clean = clean.strip(" ").rstrip(". ")
    while clean.startswith("."):
        clean = "_" + clean[1:]
    if clean.split(".")[0].lower() in _RESERVED:
        clean = f"_{clean}"
    encoded = clean.encode()[:_LONGEST_BYTES]
    return encoded.decode(errors="ignore").rstrip(". ") or "_"


def file_names(texts: Iterable[str]) -> dict[str, str]:
    """Returns a file name for each text, no two of which are the same on any system, in a stable order.

    Names that differ only in case, or in the normalization of Unicode, collide on some file systems: the later ones get
    a number.
    """
    names: dict[str, str] = {}
    taken: set[str] = set()
    for text in texts:
        name = base = file_name(text)
        number = 1
        while _folded(name) in taken:
            number += 1
            name = f"{base}-{number}"
        taken.add(_folded(name))
        names[text] = name
    return names


def _folded(name: str) -> str:
    return unicodedata.normalize("NFC", name).casefold()
