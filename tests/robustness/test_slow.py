"""A little of each campaign: kills, interruptions, and failing writes of every command."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent.parent
CAMPAIGNS = {
    "kills": ("--count", "4"),
    "signals": ("--count", "4"),
    "writes": ("--every", "40"),
    "inputs": ("--count", "150", "--intact"),
}


@pytest.mark.slow
@pytest.mark.skipif(not hasattr(os, "pidfd_open"), reason="forks are watched as Linux can")
@pytest.mark.parametrize("name", CAMPAIGNS)
def test_a_little_of_a_campaign(tmp_path: Path, name: str) -> None:
    # The checkout comes last on the path, so that an installed package, with its native library, is the one tried.
    module = f"tests.robustness.{name}"
    start = f"import runpy, sys; sys.path.append({str(ROOT)!r}); runpy.run_module({module!r}, run_name='__main__')"
    words = [sys.executable, "-P", "-c", start, *CAMPAIGNS[name], "--work", str(tmp_path / "work")]
    done = subprocess.run(words, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
