"""The converter of compressed formats in a process of its own: it may crash on a damaged file, and it prints."""

from __future__ import annotations

import subprocess
import sys
import tempfile
from pathlib import Path

_CODE = """
import os, sys
from pathlib import Path
answer = os.dup(1)
for number in (1, 2):
    os.dup2(os.open(os.devnull, os.O_WRONLY), number)
from gaussforge import GaussForge
source, given, made = sys.argv[1:]
result = GaussForge().convert(Path(given).read_bytes(), source, "ply")
if result.get("error") or not result.get("data"):
    os.write(answer, str(result.get("error") or "nothing that can be read").encode(errors="replace"))
else:
    Path(made).write_bytes(result["data"])
"""


def convert_to_ply(data: bytes, source: str) -> bytes:
    """Returns a compressed scene as the bytes of a PLY.

    Args:
        data: the contents of a file, not to be trusted.
        source: what gaussforge, which has to be there, calls its format.

    Raises:
        ValueError: the converter refuses the contents, or does not survive them.
        OSError: there is no room for temporary files.
    """
    with tempfile.TemporaryDirectory() as folder:
        given, made = Path(folder, "given"), Path(folder, "made")
        given.write_bytes(data)
        done = subprocess.run([sys.executable, "-c", _CODE, source, given, made], capture_output=True)
        if not made.is_file():
            said = (
                done.stdout.decode(errors="replace") or f"contents that end the converter (exit code {done.returncode})"
            )
            raise ValueError(said)
        return made.read_bytes()
