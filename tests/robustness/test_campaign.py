"""A little of the campaign of malformed inputs, and whether it would see a fault."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

import saga

ROOT = Path(__file__).parent.parent.parent
pytestmark = pytest.mark.skipif(not hasattr(os, "pidfd_open"), reason="forks are watched as Linux can")

FAULTS = """
import json, os, sys, time
from pathlib import Path
from tests.robustness import inputs, sandbox

def raises(): raise ValueError("x")
def escapes(): Path("../x.png").write_text("y"); print("error: x", file=sys.stderr); return 2
def writes_elsewhere(): Path(sys.argv[1], "elsewhere").write_text("y"); return 0
def leaves(): Path(".saga-partial-out-12345678").write_text("y"); print("error: x", file=sys.stderr); return 2
def half(): Path("out").mkdir(); print("error: x", file=sys.stderr); return 2
def changes(): Path("scene.ply").write_text("y"); return 0
def loops():
    while True: pass
def waits(): time.sleep(100)
def dies(): os.kill(os.getpid(), 11)
def silent(): return 2
def says_twice(): print("error: x\\nerror: y", file=sys.stderr); return 2
def refuses(): print("error: x", file=sys.stderr); return 2
def takes_all(): bytearray(1 << 40)
def keeps_a_process():
    if os.fork() == 0: time.sleep(100)
    os._exit(0)

found = {}
for work in (raises, escapes, writes_elsewhere, leaves, half, changes, loops, waits, dies, silent, says_twice, refuses,
             takes_all, keeps_a_process):
    box = sandbox.Box(Path(sys.argv[1], "box"))
    (box.case / "scene.ply").write_text("x")
    sandbox.run_command = lambda name, arguments: work()
    sandbox.require_single_thread()
    before, given = box.contents(), inputs.Input("x", "", [("segment", [])], ())
    ending = sandbox.run(box, given.steps, sandbox.Limits(seconds=1, waiting=3))
    found[work.__name__] = inputs.judged(given, ending, before, box.contents())
print(json.dumps(found))
"""
EXPECTED = {
    "raises": "exit code 97",
    "escapes": "x.png was changed",
    "writes_elsewhere": "elsewhere",
    "leaves": "is left over",
    "half": "case/out is new",
    "changes": "case/scene.ply was changed",
    "loops": "took too long",
    "waits": "took too long",
    "dies": "exit code -11",
    "silent": "0 lines of errors",
    "says_twice": "2 lines of errors",
    "takes_all": "MemoryError",
    "keeps_a_process": "a process of its own is still there",
}


def _python(*arguments: str) -> subprocess.CompletedProcess[str]:
    alone = {name: "1" for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NO_COLOR")}
    environment = os.environ | alone | {"PYTHONPATH": os.pathsep.join([str(Path(saga.__file__).parents[1]), str(ROOT)])}
    return subprocess.run([sys.executable, *arguments], cwd=ROOT, env=environment, capture_output=True, text=True)


def test_malformed_inputs_are_refused_in_one_line_or_give_whole_results(tmp_path: Path) -> None:
    done = _python("-m", "tests.robustness.inputs", "--count", "20", "--seed", "3", "--work", str(tmp_path / "work"))
    assert done.returncode == 0, done.stdout + done.stderr
    total = next(line for line in done.stdout.splitlines() if line.startswith("all ")).split()[1:]
    tried, refused, accepted, *_ = map(int, total)
    assert tried == 20 and refused > 5 and accepted > 2


def test_every_kind_of_fault_would_be_seen(tmp_path: Path) -> None:
    done = _python("-c", FAULTS, str(tmp_path))
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout.splitlines()[-1])
    assert found.pop("refuses") == ["refused", []]
    assert {name: column for name, (column, _) in found.items()} == dict.fromkeys(EXPECTED, "fault")
    missed = {name: faults for name, (_, faults) in found.items() if EXPECTED[name] not in " ".join(faults)}
    assert not missed
