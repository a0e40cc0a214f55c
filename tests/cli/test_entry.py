"""How the process of a command ends."""

from __future__ import annotations

import os
import subprocess
import sys

ENDS = """
import sys, types

class Found:
    def __del__(self):
        print("a search for garbage found it")

command = types.ModuleType("saga.cli.nothing")
command.main = lambda: print("done")
sys.modules[command.__name__] = command
garbage = Found()
garbage.itself = garbage
{run}
"""
RUN = "from saga.cli import entry\nentry._run('nothing', 'saga-nothing')"


def _said(run: str) -> list[str]:
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(path for path in sys.path if path)}
    code = ENDS.format(run=run)
    done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True)
    return done.stdout.splitlines()


def test_no_search_for_garbage_when_a_command_has_ended() -> None:
    assert _said("command.main()") == ["done", "a search for garbage found it"]  # as Python does by itself
    assert _said(RUN) == ["done"]
