"""examples/check_models.py, with a model of random weights in a folder, and without one."""

from __future__ import annotations

import importlib.util
import io
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import pytest

pytest.importorskip("transformers")
pytest.importorskip("segment_anything")
ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT / "tests" / "masks" / "models"))
from hub_models import small_folder  # noqa: E402


@pytest.fixture(scope="module")
def script() -> ModuleType:
    """The script, in this process: another would only import the libraries again."""
    spec = importlib.util.spec_from_file_location("check_models", ROOT / "examples" / "check_models.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # dataclasses look their module up
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def check(script: ModuleType, monkeypatch: pytest.MonkeyPatch) -> Callable[..., int]:
    """Runs the script with arguments; returns its code."""

    def run(*arguments: object) -> int:
        monkeypatch.setattr(sys, "argv", ["check_models.py", *map(str, arguments)])
        monkeypatch.setattr(sys, "stdin", io.StringIO())
        code: int = script.main()
        return code

    return run


def test_every_model_gets_a_row_and_one_that_sees_nothing_is_doubtful(
    check: Callable[..., int], capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    folder = small_folder("sam", tmp_path / "small")
    assert check(folder, tmp_path / "nothing.pth", "--device", "cpu", "--points-per-side", 2) == 1
    said = capsys.readouterr().out
    rows = [line.split(" | ") for line in said.splitlines() if line.startswith("| /")]
    assert len(rows) == 2 and all(len(row) == 8 for row in rows)
    assert rows[0][1] == "sam" and rows[0][2] == "**doubtful**" and "of 3" in rows[0][3]
    assert rows[0][5] == "256x64x64" and len(rows[0][6].split(" / ")) == 4
    assert rows[1][2].startswith("not opened:") and "expected a mask model" in rows[1][2]
    assert "transformers 5" in said


def test_the_names_are_listed(check: Callable[..., int], capsys: pytest.CaptureFixture[str]) -> None:
    assert check("--list") == 0
    said = capsys.readouterr().out
    assert "mobile (41 MB, Apache-2.0)" in said and "sam3" in said
