"""The command that verifies the CUDA backend, where there is no GPU."""

from __future__ import annotations

import os
import runpy
import subprocess
import sys
from pathlib import Path

import pytest

FOLDER = Path(__file__).parent
ROOT = FOLDER.parents[1]


def test_without_a_gpu_it_refuses_in_one_line() -> None:
    known = os.environ | {"CUDA_VISIBLE_DEVICES": "", "PYTHONPATH": str(ROOT)}
    done = subprocess.run([sys.executable, FOLDER / "verify.py"], env=known, capture_output=True, text=True)
    assert done.returncode == 2
    assert done.stdout == ""
    assert done.stderr.startswith("error: ") and done.stderr.count("\n") == 1 and "GPU" in done.stderr


def test_its_tables_replace_only_what_stands_between_the_markers() -> None:
    verify = runpy.run_path(str(FOLDER / "verify.py"))
    document = verify["DOCUMENT"].read_text()
    start, end = verify["MARKERS"]
    once = verify["between_markers"](document, "first table")
    twice = verify["between_markers"](once, "second table")
    before, after = document.split(start)[0], document.split(end)[1]
    assert twice == f"{before}{start}\nsecond table\n{end}{after}"


def test_the_small_case_runs_every_kernel(emulated: None, monkeypatch: pytest.MonkeyPatch) -> None:
    """What the sanitizer looks at works, on the emulation."""
    case = runpy.run_path(str(FOLDER / "small_case.py"))
    for part in ("rasterize", "search", "match"):
        case[part]("cpu")
