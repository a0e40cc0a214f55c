"""What every command shares: exit codes, errors without tracebacks, and names of what it writes."""

from __future__ import annotations

import errno
import io
import os
import sys
import traceback
import warnings
from collections.abc import Callable, Mapping
from itertools import count
from pathlib import Path
from typing import Any, NoReturn

from saga.cli import interruption
from saga.cli.parse import parse
from saga.errors import EmptySelectionError, SagaError
from saga.methods.registry import config_class
from saga.runtime.shortage import memory_shortage
from saga.scene.box import Box

_OF_THE_SYSTEM = {
    errno.EACCES, errno.EPERM, errno.EROFS, errno.ENAMETOOLONG, errno.ELOOP, errno.EIO, errno.ENOSPC, errno.EFBIG,
    errno.EDQUOT, errno.EMFILE, errno.ENFILE, errno.EBUSY, errno.ESTALE,
}  # fmt: skip
"""What the system refuses about a path that a person gave, wherever that is noticed; never a mistake of ours."""
EXIT_USER, EXIT_BUG, EXIT_EMPTY, EXIT_INTERRUPTED, EXIT_UNREAD = 2, 1, 3, 130, 141


def run(command: Callable[..., None], prog: str, annotations: Mapping[str, Any] | None = None) -> NoReturn:
    """Reads the command line into the arguments of a command and runs it.

    Exit code 0 is success, 2 a person's mistake (one line on standard error), 3 a selection of
    nothing (one line too), 1 a bug of ours, 130 Ctrl-C, 143 SIGTERM, 141 that nobody reads the output any more.

    Args:
        command: The function that is the command.
        prog: The command's name.
        annotations: Types of parameters that depend on the command line, by the parameter's name.
    """
    warnings.showwarning = _show_warning
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")  # names of files may be no text
    failure: BaseException | None = None
    with interruption.raising() as interrupted:
        try:
            parse(command, prog, sys.argv[1:], annotations)()
        except BaseException as error:
            failure = interrupted() or error  # libraries make errors of their own of what interrupts them
    _end(prog, failure)


def _end(prog: str, failure: BaseException | None) -> NoReturn:
    """Ends the process as `run` says."""
    match failure:
        case None:
            sys.exit(0)
        case SystemExit():
            raise failure
        case KeyboardInterrupt():
            _print_error(f"{prog}: interrupted; earlier results are intact.")
            sys.exit(getattr(failure, "code", EXIT_INTERRUPTED))
        case EmptySelectionError():
            fail(str(failure), EXIT_EMPTY)
        case BrokenPipeError() if failure.filename is None:  # as `| head` does when it has enough
            os.dup2(os.open(os.devnull, os.O_WRONLY), 1)  # Python empties its buffer into it when it ends
            sys.exit(EXIT_UNREAD)
        case SagaError():
            fail(str(failure))
        case OSError() if failure.errno in _OF_THE_SYSTEM and failure.filename is not None:
            fail(f"{failure.filename}: cannot be used ({failure.strerror}); choose another path.")
        case MemoryError() | RuntimeError() if (advice := _memory_advice(failure)) is not None:
            fail(advice)
    traceback.print_exception(failure)
    _print_error(f"{prog}: this is a bug in saga; please report it with the lines above.")
    sys.exit(EXIT_BUG)


def fail(message: str, code: int = EXIT_USER) -> NoReturn:
    """Prints one line on standard error and ends with an exit code, that of a person's mistake by default."""
    _print_error(f"error: {' '.join(message.split())}", "red")
    sys.exit(code)


def config_of(method: str) -> type[Any]:
    """Returns the config class of a method; ends the command when it cannot be loaded, as `run` does."""
    try:
        return config_class(method)
    except SagaError as error:
        fail(str(error))


def say(message: str) -> None:
    """Prints one line on standard output."""
    print(message, flush=True)


def free_name(stem: str, ending: str = "") -> Path:
    """Returns the first of stem-1, stem-2, ... in the current folder that does not exist: nothing is overwritten."""
    return next(path for path in (Path(f"{stem}-{number}{ending}") for number in count(1)) if not path.exists())


def beside(scene: Path, ending: str) -> Path:
    """Returns the place beside a scene that has the scene's name with another ending."""
    return scene.parent / f"{scene.stem}{ending}"


def field_beside(scene: Path, region: str | None = None) -> Path:
    """Returns the place of a scene's features, which for a part of the scene (`TrainConfig.region`) has its box in it.

    Raises:
        SagaError: the region is no box.
    """
    return beside(scene, ".saga" if region is None else f".{str(Box.read(region, '--region')).replace(',', '_')}.saga")


def require_format(format: str | None) -> None:
    """Raises SagaError when a format cannot be written here: known before the work, not after it."""
    if format is not None:
        from saga.export.splats import require_writer_of

        require_writer_of(format)


def require_writable(path: Path) -> None:
    """Raises SagaError when `path` cannot become a file: known before the work, not after it."""
    if path.is_dir():
        raise SagaError(f"{path}: expected a file to write, found a folder; give the file's name too.")
    parent = next(folder for folder in path.absolute().parents if folder.exists())
    if not parent.is_dir() or not os.access(parent, os.W_OK):
        found = "is no folder" if not parent.is_dir() else "may not be written to"
        raise SagaError(
            f"{path}: expected a file that can be written, found that {parent} {found}; choose another place."
        )


def _memory_advice(error: MemoryError | RuntimeError) -> str | None:
    """Says in one line what to do when memory was short; returns None for every other error."""
    less = "lower --cached-pixels or --pixels-per-view (training), or use smaller photographs"
    match memory_shortage(error):
        case "gpu":
            return f"the GPU is out of memory: {less}, end other programs that use it, or run with --device cpu."
        case "host":
            return f"out of memory: {less}."
        case "threads":
            return f"out of memory, or of threads: {less}, or end other programs."
    return None


def _show_warning(message: Warning | str, *_: Any, **__: Any) -> None:
    _print_error(f"warning: {' '.join(str(message).split())}", "yellow")


def _print_error(line: str, style: str = "") -> None:
    """Prints one line on standard error, in color on a terminal."""
    from rich.console import Console  # takes 0.05 s to import, and a run without messages does without it

    Console(stderr=True, highlight=False, soft_wrap=True).print(line, markup=False, style=style)
