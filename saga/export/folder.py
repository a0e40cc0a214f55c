"""Result folders that change all at once, and never at the cost of a person's own files."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from saga.errors import SagaError

_STAGE = ".saga-partial-"


@contextmanager
def staged_folder(
    out: str | Path,
    owned: Sequence[str],
    is_earlier: Callable[[Path], bool],
) -> Iterator[Path]:
    """A folder to write results into, whose files move to `out` together when the block ends well.

    When the block raises, or is interrupted, `out` stays as it was.

    Args:
        out: the result folder; made when missing.
        owned: glob patterns, relative to `out`, of what such a result consists of. Files of an earlier
            result that match are replaced or, when there is no new one, removed; others are not touched.
        is_earlier: whether a folder with content holds an earlier result of the same kind.

    Raises:
        SagaError: `out` is a file, holds something else than an earlier result, or cannot be written.
    """
    out = Path(out).resolve()
    _refuse_foreign(out, is_earlier)
    existed = out.is_dir()
    stage: Path | None = None
    try:
        # The stage shares the file system with `out`, which may be a mount point, so that moving is renaming.
        parent = out if existed else out.parent
        parent.mkdir(parents=True, exist_ok=True)
        stage = Path(tempfile.mkdtemp(prefix=_STAGE, dir=parent))
        fresh = stage / "new"
        fresh.mkdir()
        yield fresh
        if existed:
            _exchange(fresh, out, stage / "old", owned)
        else:
            os.replace(fresh, out)
    except OSError as error:
        raise SagaError(
            f"{out}: cannot be written ({error.strerror or error}); choose another folder or make room"
        ) from error
    finally:
        if stage is not None:
            shutil.rmtree(stage, ignore_errors=True)


def _refuse_foreign(out: Path, is_earlier: Callable[[Path], bool]) -> None:
    if out.exists() and not out.is_dir():
        raise SagaError(f"{out}: expected a folder for the results, found a file; choose another name")
    if not out.is_dir():
        return
    content = sorted(entry.name for entry in out.iterdir() if not entry.name.startswith(_STAGE))
    if content and not is_earlier(out):
        listed = ", ".join(content[:3]) + (", ..." if len(content) > 3 else "")
        raise SagaError(
            f"{out}: expected a new folder or an earlier result of the same kind, found {listed}; choose another folder"
        )


def _exchange(fresh: Path, out: Path, old: Path, owned: Sequence[str]) -> None:
    """Moves earlier files out of `out` and the new ones in; undoes both when a move fails."""
    earlier = [path for pattern in owned for path in out.glob(pattern) if path.is_file()]
    moves = [(path, old / path.relative_to(out)) for path in earlier]
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
    for folder in {path.parent for path in earlier} - {out}:
        if not any(folder.iterdir()):
            folder.rmdir()
