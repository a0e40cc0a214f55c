"""One command, or several after each other, in a fork that has limits, a folder of its own and a watch on its writing.

Forks of a process with threads may wait for ever on a lock that a thread held. `require_single_thread` refuses to begin
then: torch, OpenMP and BLAS make no threads where they are told to compute with one, as `begin_in_one_thread` does.
"""

from __future__ import annotations

import gc
import json
import os
import resource
import select
import shutil
import signal
import sys
import tempfile
import traceback
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, nullcontext, suppress
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

from tests.robustness.results import problems_of
from tests.robustness.world import run_command

Step = tuple[str, list[str]]
"""A command without "saga-", and its arguments."""
ONE_THREAD = {
    "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "MKL_NUM_THREADS": "1", "NO_COLOR": "1",
    "MALLOC_ARENA_MAX": "2",
}  # fmt: skip
"""Environment in which libraries make no threads of their own, and those of others take little address space."""


@dataclass(frozen=True)
class Limits:
    """What a command may take."""

    seconds: int = 20
    """Of the processor."""
    waiting: int = 120
    """Seconds by the clock, after which something waits for ever."""
    memory: int = 4 << 30
    """Bytes of address space."""
    file: int = 1 << 28
    """Bytes of a file."""


@dataclass
class Ending:
    """How the commands ended."""

    code: int | None
    """Exit code of the last command, negative for a signal; None when it took too long."""
    said: str
    """All that was printed."""
    done: int = 0
    """Commands that ended well."""
    problems: list[str] = field(default_factory=list)
    """What is wrong with results, or was written elsewhere."""
    megabytes: int = 0
    """Most memory in use."""
    value: Any = None
    """What was yielded around the last command."""


def begin_in_one_thread() -> None:
    """Starts this program anew with libraries that make no threads; returns when that has been done."""
    if any(os.environ.get(name) != value for name, value in ONE_THREAD.items()):
        os.environ.update(ONE_THREAD)
        os.execv(sys.executable, sys.orig_argv)


def require_single_thread() -> None:
    """Raises RuntimeError where forks would be unsafe; sets aside what exists, so that forks share it for longer."""
    threads = os.listdir("/proc/self/task")
    if len(threads) > 1:
        raise RuntimeError(f"expected a process of one thread, found {len(threads)}: its forks could hang")
    gc.collect()
    gc.freeze()


class Box:
    """A folder `case` for the inputs of one run, with a home, a folder of temporary files, and files that must stay."""

    def __init__(self, root: Path) -> None:
        """Empties the folder `root`, or makes it."""
        shutil.rmtree(root, ignore_errors=True)
        self.root, self.case = root, root / "case"
        for name in ("case", "home", "temporary", "x"):
            (root / name).mkdir(parents=True)
        (root / "x.png").write_text("not saga's")
        (root / "x/y.png").write_text("not saga's")

    def contents(self) -> dict[str, Any]:
        """Returns everything in the box by its path: the bytes of files, where links lead, None for folders."""
        return _contents(self.root)


def _contents(root: Path) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for folder, folders, files in os.walk(root):
        for name in (*folders, *files):
            path = Path(folder, name)
            relative = str(path.relative_to(root))
            if path.is_symlink():
                found[relative] = f"to {os.readlink(path)}"
            elif path.is_file():
                large = path.stat().st_size > 1 << 24  # of a file with holes only the size
                found[relative] = path.stat().st_size if large else path.read_bytes()
            else:
                found[relative] = None
    return found


Around = Callable[[], AbstractContextManager[Any]]


def run(
    box: Box,
    steps: Sequence[Step],
    limits: Limits,
    around: Around = nullcontext,
    kill_after: float | None = None,
    signal_number: int = signal.SIGKILL,
) -> Ending:
    """Runs commands one after the other, until one does not end well, in a fork that stands in the box.

    Args:
        box: where; inputs are in its folder `case`.
        steps: the commands.
        limits: what they may take.
        around: made in the fork, and entered around each of them; what it yields becomes the ending's value.
        kill_after: seconds after which the fork is sent a signal.
        signal_number: which signal that is.
    """
    log = box.root.with_suffix(".txt")
    answer, give = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(answer)
        _be_child(box, steps, limits, around, log, give)
    os.close(give)
    with suppress(OSError):  # it has done so itself, or has ended
        os.setpgid(child, child)
    if kill_after is not None:
        _wait(child, kill_after, signal_number)
    ended = _wait(child, limits.waiting, signal.SIGKILL)
    _, status, usage = os.wait4(child, 0)
    problems = []
    with suppress(ProcessLookupError):
        os.killpg(child, signal.SIGKILL)
        problems.append("a process of its own is still there")
    with os.fdopen(answer, "rb") as stream:  # at its end, because nobody is left who could write
        report = json.loads(stream.read() or b"{}")
    code = os.waitstatus_to_exitcode(status)
    said, megabytes = log.read_text(errors="replace"), usage.ru_maxrss >> 10
    if code == -signal.SIGXCPU or ended is None:
        return Ending(None, said, megabytes=megabytes)
    problems += report.get("problems", [])
    return Ending(code, said, report.get("done", 0), problems, megabytes, report.get("value"))


Here = Callable[[Box, Sequence[Step], Limits], Ending]


def screen(root: Path, work: Callable[[Here], Iterator[Any]], seconds: float) -> Iterator[Any]:
    """Has many commands run in one fork, which is quicker than a fork for each.

    What one command does may change how the next one ends, and a fork that dies takes the rest with it: what is not
    well here is to be looked at again with `run`.

    Args:
        root: the folder of the boxes.
        work: called in the fork with what runs commands in a box there; yields what is handed over as JSON.
        seconds: how long the next answer may take.

    Yields:
        What `work` yields, until the fork ends.
    """
    answer, give = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(answer)
        log = root.with_suffix(".txt")
        try:
            os.setpgid(0, 0)
            _redirect(log)
            for value in work(partial(_run_here, log, _watch(root))):
                os.write(give, json.dumps(value).encode() + b"\n")
        finally:
            os._exit(0)
    os.close(give)
    with suppress(OSError):
        os.setpgid(child, child)
    try:
        with os.fdopen(answer, "rb", buffering=0) as stream:
            while select.select([stream], [], [], seconds)[0] and (line := stream.readline()):
                yield json.loads(line)
    finally:
        with suppress(ProcessLookupError):
            os.killpg(child, signal.SIGKILL)
        os.waitpid(child, 0)


def _run_here(log: Path, written: set[str], box: Box, steps: Sequence[Step], limits: Limits) -> Ending:
    """Runs commands in this process, as `run` does in a fork."""
    for stream in (sys.stdout, sys.stderr):
        stream.flush()
    os.lseek(1, 0, os.SEEK_SET)
    os.ftruncate(1, 0)
    _stand_in(box)
    written.clear()
    report: dict[str, Any] = {"done": 0, "problems": []}
    try:
        code = _run_steps(steps, limits, nullcontext, report)
    except Exception:
        traceback.print_exc()
        code = 97
    finally:
        for what in (resource.RLIMIT_CPU, resource.RLIMIT_AS, resource.RLIMIT_FSIZE):
            _limit(what, resource.RLIM_INFINITY)
    for stream in (sys.stdout, sys.stderr):
        stream.flush()
    problems = report["problems"] + [f"changed {path}, which is elsewhere" for path in sorted(written)]
    return Ending(code, log.read_text(errors="replace"), report["done"], problems)


def _wait(child: int, seconds: float, number: int) -> int | None:
    """Waits for a process without reaping it; sends it, and all it began, a signal when that takes too long."""
    handle = os.pidfd_open(child)
    try:
        if select.select([handle], [], [], seconds)[0]:
            return child
        os.killpg(child, number)
        return None
    finally:
        os.close(handle)


def _be_child(box: Box, steps: Sequence[Step], limits: Limits, around: Around, log: Path, give: int) -> None:
    """The fork's whole life."""
    report: dict[str, Any] = {"done": 0, "problems": []}
    code = 97
    try:
        os.setpgid(0, 0)
        _redirect(log)
        _stand_in(box)
        written = _watch(box.root)
        code = _run_steps(steps, limits, around, report)
        report["problems"] += [f"changed {path}, which is elsewhere" for path in sorted(written)]
    except BaseException:
        traceback.print_exc()
    finally:
        for stream in (sys.stdout, sys.stderr):
            stream.flush()
        _limit(resource.RLIMIT_FSIZE, resource.RLIM_INFINITY)
        os.write(give, json.dumps(report).encode()[:60_000])
        os._exit(code)


def _stand_in(box: Box) -> None:
    """Makes a box the place where this process is, lives and keeps what is temporary."""
    os.chdir(box.case)
    home, temporary = str(box.root / "home"), str(box.root / "temporary")
    os.environ.update(HOME=home, XDG_CACHE_HOME=home, TMPDIR=temporary)
    tempfile.tempdir = temporary


def _run_steps(steps: Sequence[Step], limits: Limits, around: Around, report: dict[str, Any]) -> int:
    code = 0
    for name, arguments in steps:
        _limit(resource.RLIMIT_CPU, int(sum(os.times()[:2])) + limits.seconds)
        _limit(resource.RLIMIT_AS, limits.memory)
        _limit(resource.RLIMIT_FSIZE, limits.file)
        with around() as report["value"]:
            code = run_command(name, arguments)
        if code:
            break
        _limit(resource.RLIMIT_AS, resource.RLIM_INFINITY)
        report["problems"] += problems_of(name, arguments)
        report["done"] += 1
    return code


def _limit(what: int, most: int) -> None:
    resource.setrlimit(what, (most, resource.getrlimit(what)[1]))


def _redirect(log: Path) -> None:
    """Nothing is read from the terminal, and everything is printed into a file."""
    nothing = os.open(os.devnull, os.O_RDONLY)
    output = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
    os.dup2(nothing, 0)
    for number in (1, 2):
        os.dup2(output, number)
    _limit(resource.RLIMIT_CORE, 0)
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_DFL)


_CHANGES = ("os.rename", "os.remove", "os.mkdir", "os.rmdir", "os.link", "os.symlink", "os.chmod")


def _watch(root: Path) -> set[str]:
    """Returns the set of paths outside `root` that this process changes from now on, as it grows."""
    inside, written = os.path.realpath(root), set()

    def hook(event: str, values: tuple[Any, ...]) -> None:
        if event == "open":
            if not (values[2] or 0) & (os.O_WRONLY | os.O_RDWR | os.O_CREAT):
                return
            paths = [(values[0], -1)]
        elif event in ("os.rename", "os.link", "os.symlink"):
            paths = [(values[1], values[-1])]
        elif event in _CHANGES:
            paths = [(values[0], values[-1])]
        else:
            return
        for path, folder in paths:
            if isinstance(path, (str, bytes, os.PathLike)):
                opened = isinstance(folder, int) and folder > 2
                start = os.readlink(f"/proc/self/fd/{folder}") if opened else os.getcwd()
                whole = os.path.join(start, os.fsdecode(path))
                real = os.path.join(os.path.realpath(os.path.dirname(whole)), os.path.basename(whole))
                if not real.startswith((f"{inside}/", "/dev/", "/proc/")):
                    written.add(real)

    sys.addaudithook(hook)
    return written
