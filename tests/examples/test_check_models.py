"""examples/check_models.py, with a model of random weights in a folder, and without one."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("transformers")
pytest.importorskip("segment_anything")
ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT / "tests" / "masks" / "models"))
from hub_models import small_folder  # noqa: E402


def check(*arguments: object) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(ROOT / "examples" / "check_models.py"), *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, stdin=subprocess.DEVNULL)


def test_every_model_gets_a_row_and_one_that_sees_nothing_is_doubtful(tmp_path: Path) -> None:
    folder = small_folder("sam", tmp_path / "small")
    done = check(folder, tmp_path / "nothing.pth", "--device", "cpu", "--points-per-side", 2)
    assert done.returncode == 1, done.stderr
    rows = [line.split(" | ") for line in done.stdout.splitlines() if line.startswith("| /")]
    assert len(rows) == 2 and all(len(row) == 8 for row in rows)
    assert rows[0][1] == "sam" and rows[0][2] == "**doubtful**" and "of 3" in rows[0][3]
    assert rows[0][5] == "256x64x64" and len(rows[0][6].split(" / ")) == 4
    assert rows[1][2].startswith("not opened:") and "expected a mask model" in rows[1][2]
    assert "transformers 5" in done.stdout


def test_the_names_are_listed() -> None:
    done = check("--list")
    assert done.returncode == 0 and "mobile (41 MB, Apache-2.0)" in done.stdout and "sam3" in done.stdout
