"""Ctrl-C and SIGTERM at any time: one line, an exit code of their own, and nothing half-written."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from saga.cli import interruption
from saga.cli.run import run
from saga.errors import SagaError

SIGNALS = pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])

AT_IMPORT = """
import os, signal, sys, importlib.abc
class Sends(importlib.abc.MetaPathFinder):
    def find_spec(self, name, path, target=None):
        if name == {module!r}:
            sys.meta_path.remove(self)
            os.kill(os.getpid(), {number})
sys.meta_path.insert(0, Sends())
sys.argv = ["saga-segment", *{arguments!r}]
from saga.cli import entry
entry.segment()
"""


def _ended(code: str, folder: Path) -> subprocess.CompletedProcess[str]:
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(path for path in sys.path if path), "NO_COLOR": "1"}
    return subprocess.run([sys.executable, "-c", code], cwd=folder, env=environment, capture_output=True, text=True)


@SIGNALS
@pytest.mark.parametrize(
    ("module", "said"), [("tyro", "nothing was begun."), ("plyfile", "earlier results are intact.")]
)
def test_while_modules_load(tmp_path: Path, tiny_folder: Path, module: str, said: str, number: int) -> None:
    arguments = [str(tiny_folder / "scene.ply"), "--view", "000.png", "--points", "8,8", "--device", "cpu"]
    done = _ended(AT_IMPORT.format(module=module, number=int(number), arguments=arguments), tmp_path)
    assert done.returncode == 128 + number
    # It may come a moment later, when a bar has begun, which ends its own line first.
    assert done.stderr.lstrip("\n") == f"saga-segment: interrupted; {said}\n"
    assert not list(tmp_path.iterdir())


def _run(command, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> tuple[int, str]:
    monkeypatch.setattr(sys, "argv", ["saga-test"])
    with pytest.raises(SystemExit) as end:
        run(command, "saga-test")
    return end.value.code, capsys.readouterr().err


@SIGNALS
def test_what_a_library_makes_of_it_is_still_an_interruption(capsys, monkeypatch, number: int) -> None:
    def command() -> None:
        """Fails otherwise when it is interrupted."""
        try:
            os.kill(os.getpid(), number)
            time.sleep(5)
        except BaseException as error:
            raise ImportError("initialization failed") from error

    assert _run(command, capsys, monkeypatch) == (128 + number, "saga-test: interrupted; earlier results are intact.\n")


@SIGNALS
def test_an_interruption_that_is_lost_comes_again(capsys, monkeypatch, number: int) -> None:
    class Loses:
        def __del__(self) -> None:
            os.kill(os.getpid(), number)
            time.sleep(5)

    def command() -> None:
        """Loses the exception in a destructor."""
        began = time.monotonic()
        Loses()
        time.sleep(5)
        raise AssertionError(f"not interrupted for {time.monotonic() - began} s")

    assert _run(command, capsys, monkeypatch) == (128 + number, "saga-test: interrupted; earlier results are intact.\n")


@SIGNALS
def test_a_module_that_loads_meanwhile_is_loaded_first(tmp_path: Path, capsys, monkeypatch, number: int) -> None:
    (tmp_path / "slow_to_load.py").write_text(
        f"import os, time\nos.kill(os.getpid(), {int(number)})\ntime.sleep(0.2)\nis_loaded = True\n"
    )
    monkeypatch.syspath_prepend(tmp_path)

    def command() -> None:
        """Loads a module in the middle of its work."""
        import slow_to_load

        assert slow_to_load.is_loaded
        time.sleep(5)
        raise AssertionError("not interrupted")

    monkeypatch.delitem(sys.modules, "slow_to_load", raising=False)
    assert _run(command, capsys, monkeypatch) == (128 + number, "saga-test: interrupted; earlier results are intact.\n")
    assert sys.modules.pop("slow_to_load").is_loaded


@SIGNALS
def test_a_thread_that_begins_is_not_lost(capsys, monkeypatch, number: int) -> None:
    done = []

    def wait_interrupted(event: threading.Event, timeout: float | None = None) -> bool:
        monkeypatch.undo()
        os.kill(os.getpid(), number)
        return event.wait(timeout)

    def command() -> None:
        """Is interrupted while it begins a thread."""
        with ThreadPoolExecutor(1) as pool:
            monkeypatch.setattr(threading.Event, "wait", wait_interrupted)
            pool.submit(lambda: (time.sleep(0.1), done.append(True)))
            time.sleep(5)
            raise AssertionError("not interrupted")

    assert _run(command, capsys, monkeypatch) == (128 + number, "saga-test: interrupted; earlier results are intact.\n")
    assert done == [True]


def test_the_impatient_do_not_stop_the_cleaning_up(capsys, monkeypatch) -> None:
    cleaned = []

    def command() -> None:
        """Cleans up."""
        try:
            os.kill(os.getpid(), signal.SIGINT)
            time.sleep(5)
        finally:
            os.kill(os.getpid(), signal.SIGINT)
            os.kill(os.getpid(), signal.SIGTERM)
            cleaned.append(True)

    code, said = _run(command, capsys, monkeypatch)
    assert (code, said.count("\n"), cleaned) == (130, 1, [True])


def test_handlers_are_those_of_before() -> None:
    before = [signal.getsignal(number) for number in interruption.SIGNALS], sys.unraisablehook
    with interruption.raising():
        assert signal.getsignal(signal.SIGTERM) is not before[0][1]
    assert ([signal.getsignal(number) for number in interruption.SIGNALS], sys.unraisablehook) == before


def test_a_mistake_is_one_line_whatever_names_hold(capsys, monkeypatch) -> None:
    def command() -> None:
        """Names a file that is no text."""
        raise SagaError("a\nb\0\udcff.png: expected x,\n  found y.")

    assert _run(command, capsys, monkeypatch) == (2, "error: a b?.png: expected x, found y.\n")


def test_what_the_system_refuses_is_one_line_and_a_bug_is_not(tmp_path: Path, capsys, monkeypatch) -> None:
    def too_long() -> None:
        """Asks for a name that no disk has."""
        (tmp_path / ("x" * 300)).is_dir()

    def missing() -> None:
        """Forgets to look whether a file is there."""
        (tmp_path / "nothing").read_text()

    code, said = _run(too_long, capsys, monkeypatch)
    assert code == 2 and said.startswith(f"error: {tmp_path}/xxx") and said.count("\n") == 1
    assert said.endswith("cannot be used (File name too long); choose another path.\n")
    code, said = _run(missing, capsys, monkeypatch)
    assert code == 1 and "Traceback" in said
