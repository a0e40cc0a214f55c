"""PNG files, written by threads while the next picture is being rendered."""

from __future__ import annotations

from collections import deque
from concurrent.futures import Future
from pathlib import Path
from types import TracebackType

import numpy as np
from PIL import Image

from saga.runtime.background import Background

_COMPRESSION = 1
"""zlib's fastest: masks hardly get smaller with more."""

_QUEUED = 8
"""Pictures in flight: enough to keep the threads busy, little enough to hold in memory."""


class PngWriter:
    """Writes pictures in the background; leaving the `with` block waits for all and raises what failed."""

    def __init__(self, threads: int = 2) -> None:
        """Starts so many threads."""
        self._pool = Background(threads)
        self._pending: deque[Future[None]] = deque()

    def write(
        self,
        path: Path,
        picture: np.ndarray,  # [H, W] bool, uint8 or uint16, or [H, W, 3] uint8
    ) -> None:
        """Queues one picture: bool becomes 0 / 255, other [H, W] stay as they are, [H, W, 3] is RGB."""
        while len(self._pending) >= _QUEUED:
            self._pending.popleft().result()
        self._pending.append(self._pool.submit(_save, path, picture))

    def __enter__(self) -> PngWriter:
        """Returns the writer itself."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Waits for all pictures and raises what failed; after another error, drops those not begun."""
        self._pool.__exit__(kind, error, trace)
        if kind is None:
            for job in self._pending:
                job.result()


def _save(path: Path, picture: np.ndarray) -> None:
    if picture.dtype == bool:
        picture = picture.astype(np.uint8) * np.uint8(255)
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(picture).save(path, compress_level=_COMPRESSION)
