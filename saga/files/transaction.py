"""The one way in which results get to disk: complete in a temporary place beside the target, then swapped in."""

from __future__ import annotations

import ctypes
import os
import shutil
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from saga.errors import SagaError
from saga.files.disk import writing
from saga.files.leftovers import LOCK, is_leftover, temporary_folder
from saga.files.special import real_path

_AT_FDCWD, _RENAME_EXCHANGE = -100, 2


@contextmanager
def atomic_path(path: str | Path) -> Iterator[Path]:
    """Yields a temporary name to write to; the file becomes `path` when the block ends without an error.

    The temporary name keeps the suffix, because some writers choose the format by it. It is in a folder of its own
    beside `path`: some libraries write to another name first, and what they leave there when they are killed is found
    with it. They also make files that only their owner may read, and these become like all others. Missing parent
    folders are made. A link at `path` is replaced, not followed.

    Raises:
        SagaError: the file system refuses, or is full.
    """
    path = Path(path)
    with writing(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        with temporary_folder(path, path.parent) as folder:
            temporary = folder / f"new{path.suffix}"
            yield temporary
            shutil.copymode(folder / LOCK, temporary)
            os.replace(temporary, path)


@contextmanager
def staged_folder(
    out: str | Path,
    owned: Sequence[str],
    is_earlier: Callable[[Path], bool],
) -> Iterator[Path]:
    """Yields a folder to write results into, which takes the place of `out` when the block ends well.

    An earlier result stays whole until then, and at any moment `out` is the old result or the new one: both folders
    change places in one step, and what a person keeps in `out` beside the result is in both before. Where that is not
    possible (no such step on this system, a mount point, or somebody's current folder), files are moved one by one.

    Args:
        out: the result folder; made when missing. A link to a folder is followed, links inside of it are not.
        owned: glob patterns, relative to `out`, of what such a result consists of. Files of an earlier
            result that match are replaced or, when there is no new one, removed; others are not touched.
        is_earlier: whether a folder with content holds an earlier result of the same kind.

    Raises:
        SagaError: `out` is a file, holds something else than an earlier result, or cannot be written.
    """
    out = real_path(Path(out))
    require_place(out, is_earlier)
    with writing(out):
        out.parent.mkdir(parents=True, exist_ok=True)
        swapped = not out.is_dir() or _may_swap(out)
        with temporary_folder(out, out.parent if swapped else out) as stage:
            fresh = stage / "new"
            fresh.mkdir()
            yield fresh
            if not out.is_dir():
                os.replace(fresh, out)
                return
            earlier = _owned_files(out, owned)
            if swapped and _carry_others(out, fresh, earlier) and _exchange(fresh, out):
                _carry_others(fresh, out, earlier, move=True)  # what was added meanwhile
            else:
                _move_in(fresh, out, stage / "old", earlier)


def require_place(out: str | Path, is_earlier: Callable[[Path], bool]) -> None:
    """Refuses a place that `staged_folder` would refuse: to be called before long work, not after it.

    Args:
        out: the result folder.
        is_earlier: as `staged_folder` has it.

    Raises:
        SagaError: `out` is a file, or holds something else than an earlier result.
    """
    out = real_path(Path(out))
    if out.exists() and not out.is_dir():
        raise SagaError(f"{out}: expected a folder for the results, found a file; choose another name.")
    if not out.is_dir():
        return
    content = sorted(entry.name for entry in out.iterdir() if not is_leftover(entry.name))
    if content and not is_earlier(out):
        listed = ", ".join(content[:3]) + (", ..." if len(content) > 3 else "")
        raise SagaError(
            f"{out}: expected a new folder or an earlier result of the same kind, found {listed}; "
            "choose another folder."
        )


def _may_swap(out: Path) -> bool:
    """Whether `out` may become another folder: not when it is a mount point, or somebody stands in it."""
    here = Path.cwd()
    return not (os.path.ismount(out) or out == here or out in here.parents) and os.access(out.parent, os.W_OK)


def _owned_files(out: Path, owned: Sequence[str]) -> set[Path]:
    """Returns the files of an earlier result, relative to `out`; never through a link to another folder."""
    files = set()
    for pattern in owned:
        for path in out.glob(pattern):
            inside = [parent for parent in path.relative_to(out).parents if parent != Path(".")]
            if not any((out / parent).is_symlink() for parent in inside) and (path.is_symlink() or path.is_file()):
                files.add(path.relative_to(out))
    return files


def _carry_others(source: Path, target: Path, earlier: set[Path], move: bool = False) -> bool:
    """Brings what is no part of the earlier result from one folder to the other; False when a name is taken by both."""
    for folder, subfolders, files in os.walk(source):
        inside = Path(folder).relative_to(source)
        links = [name for name in subfolders if (Path(folder) / name).is_symlink()]
        subfolders[:] = [name for name in subfolders if name not in links and not is_leftover(name)]
        others = [name for name in [*files, *links] if inside / name not in earlier and not is_leftover(name)]
        keep_folder = others or (not files and not subfolders and inside != Path("."))
        if keep_folder and not (target / inside).exists():
            (target / inside).mkdir(parents=True)
        for name in others:
            path = target / inside / name
            if move and not path.is_symlink() and not path.exists():
                os.replace(Path(folder) / name, path)
            elif not move and (path.is_symlink() or path.exists()):
                return False
            elif not move:
                _link_or_copy(Path(folder) / name, path)
    return True


def _link_or_copy(source: Path, target: Path) -> None:
    try:
        os.link(source, target, follow_symlinks=False)
    except OSError:
        shutil.copy2(source, target, follow_symlinks=False)


def _exchange(one: Path, other: Path) -> bool:
    """Swaps two folders in one step where the system can; False where it cannot."""
    try:
        rename = ctypes.CDLL(None, use_errno=True).renameat2
    except (AttributeError, OSError):
        return False
    return bool(rename(_AT_FDCWD, os.fsencode(one), _AT_FDCWD, os.fsencode(other), _RENAME_EXCHANGE) == 0)


def _move_in(fresh: Path, out: Path, old: Path, earlier: set[Path]) -> None:
    """Moves earlier files out of `out` and the new ones in; undoes both when a move fails."""
    moves = [(out / path, old / path) for path in sorted(earlier)]
    moves += [(path, out / path.relative_to(fresh)) for path in sorted(fresh.rglob("*")) if path.is_file()]
    done: list[tuple[Path, Path]] = []
    try:
        for source, target in moves:
            target.parent.mkdir(parents=True, exist_ok=True)
            os.replace(source, target)
            done.append((source, target))
    except BaseException:
        for source, target in reversed(done):
            os.replace(target, source)
        raise
    for folder in {(out / path).parent for path in earlier} - {out}:
        if not any(folder.iterdir()):
            folder.rmdir()
