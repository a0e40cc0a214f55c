"""The CPU library touches nothing beyond the arrays it is given: random sizes between pages nobody may touch."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

import saga
from saga.native import bindings, host

SCRIPT = Path(__file__).with_name("guarded_calls.py")


def _run(*arguments: str) -> subprocess.CompletedProcess[str]:
    # The package that is tested, wherever it is installed.
    environment = os.environ | {"PYTHONPATH": str(Path(saga.__file__).parents[1])}
    return subprocess.run([sys.executable, *arguments], env=environment, capture_output=True, text=True)


def test_no_function_reads_or_writes_past_an_array() -> None:
    if bindings.library("cpu") is None:
        pytest.skip("the CPU library is not built")
    done = _run(str(SCRIPT), "25")
    assert done.returncode == 0 and done.stdout.endswith("done\n"), done.stdout[-300:] + done.stderr[-2000:]
    called = {line.split()[0] for line in done.stdout.splitlines()} - {"done"}
    assert called == (bindings._SIGNATURES.keys() | host.SIGNATURES) - {"saga_error_string", "saga_threads"}


@pytest.mark.parametrize(("at_end", "place"), [(True, "values.nbytes"), (False, "-1")])
def test_a_byte_past_either_end_is_noticed(at_end: bool, place: str) -> None:
    code = f"""
import ctypes, runpy
import numpy as np
made = runpy.run_path({str(SCRIPT)!r})
values = made["Guarded"]({at_end})(np.ones(5, np.float32))
print(values.sum(), flush=True)
ctypes.string_at(values.__array_interface__["data"][0] + {place}, 1)
"""
    done = _run("-c", code)
    assert done.stdout == "5.0\n" and done.returncode < 0
