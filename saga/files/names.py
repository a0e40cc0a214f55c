"""File names of what is made of things that others named: safe on every system, and told apart on every disk."""

from __future__ import annotations

import hashlib
import re
import unicodedata
from urllib.parse import quote

_LONGEST = 180
"""Bytes of a name: file systems take 255, of which suffixes and the names of temporary files need some."""
_UNSAFE = re.compile('[\x00-\x1f\x7f\ud800-\udfff<>:"/\\\\|?*]')
_RESERVED = re.compile(r"(con|prn|aux|nul|conin\$|conout\$|(com|lpt)[0-9\u00b9\u00b2\u00b3])(\.|$)")


def safe_name(name: str) -> str:
    """Returns a name that can name a file, without a suffix, on every system; the name itself where it is one.

    Separators and what no system takes become "_"; so do a dot that would hide the file and an end that Windows cuts
    off. Names of its devices get "_" in front; one that is too long ends in a digest of the whole.
    """
    safe = _UNSAFE.sub("_", name)
    safe = re.sub(r"^\.|[. ]$", "_", safe) or "_"
    if _RESERVED.match(safe.casefold()):
        safe = f"_{safe}"
    if len(safe.encode()) > _LONGEST:
        digest = hashlib.sha256(name.encode(errors="surrogatepass")).hexdigest()[:12]
        safe = f"{safe.encode()[: _LONGEST - 13].decode(errors='ignore')}-{digest}"
    return safe


def quoted_name(name: str) -> str:
    """Returns a name that can name a file, without a suffix, and from which no other name makes the same."""
    text = quote(name, safe=" ", errors="surrogatepass") or "%"
    if text[0] == "." or _RESERVED.match(text.casefold()):
        text = f"%{ord(text[0]):02X}{text[1:]}"
    if text[-1] in ". ":
        text = f"{text[:-1]}%{ord(text[-1]):02X}"
    if len(text) <= _LONGEST:
        return text
    return f"{text[: _LONGEST - 33]}-{hashlib.sha256(text.encode()).hexdigest()[:32]}"


def folded(name: str) -> str:
    """Returns a name as disks compare names that ignore case, and how accents are stored."""
    return unicodedata.normalize("NFC", name).casefold()


def printable(name: str) -> str:
    """Returns a name as people can be shown it: what no font has becomes a question mark."""
    return re.sub("[\x00-\x1f\x7f\ud800-\udfff]", "?", name)
