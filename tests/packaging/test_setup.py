"""How setup.py builds: for every Python, and without OpenMP where the compiler has none."""

from __future__ import annotations

import ctypes
import runpy
import shutil
from pathlib import Path
from typing import Any

import pytest
from setuptools import Extension
from setuptools.dist import Distribution

ROOT = Path(__file__).parents[2]


@pytest.fixture
def setup_script(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """The definitions of setup.py, which would set up at once."""
    monkeypatch.setattr("setuptools.setup", lambda **_: None)
    return runpy.run_path(str(ROOT / "setup.py"))


def test_a_wheel_is_for_one_platform_and_every_python_3(setup_script: dict[str, Any]) -> None:
    library = Extension("saga.native.libsaga_cpu", ["cpu/match.cpp"])
    command = setup_script["PlatformWheel"](Distribution({"name": "saga", "ext_modules": [library]}))
    command.finalize_options()

    python, abi, platform = command.get_tag()

    assert (python, abi) == ("py3", "none")
    assert platform != "any"


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("c++") is None, reason="no C++ compiler")
def test_a_compiler_without_openmp_builds_a_library_of_one_thread(
    setup_script: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    compiler = tmp_path / "c++"
    compiler.write_text('#!/bin/sh\ncase "$*" in *-fopenmp*) echo unsupported >&2; exit 1;; esac\nexec c++ "$@"\n')
    compiler.chmod(0o755)
    monkeypatch.setenv("CXX", str(compiler))
    library = Extension("saga.native.libsaga_cpu", setup_script["sources"]("cpu", ".cpp"))

    setup_script["build_cpu"](library, tmp_path / "library.so")

    assert ctypes.CDLL(str(tmp_path / "library.so")).saga_threads() == 1
    assert "library.so is built without OpenMP and uses one thread." in capfd.readouterr().err


def test_a_missing_compiler_is_said_and_nothing_is_built(
    setup_script: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("CXX", raising=False)
    monkeypatch.setenv("PATH", str(tmp_path))

    with pytest.raises(setup_script["BuildError"], match=r"^no C\+\+ compiler found"):
        setup_script["build_cpu"](Extension("saga.native.libsaga_cpu", []), tmp_path / "library.so")
