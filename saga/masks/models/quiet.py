"""Loading models of transformers without the library's own bars and remarks."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any


@contextmanager
def quiet(library: Any) -> Iterator[None]:
    """Keeps `transformers` from showing bars beside those of the toolkit, and from remarking on what is meant.

    It remarks that parts of a model are left out, and on how to load faster; what is wrong is raised.
    """
    log: Any = library.utils.logging
    verbosity, bars = log.get_verbosity(), log.is_progress_bar_enabled()
    log.set_verbosity_error()
    log.disable_progress_bar()
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        log.set_verbosity(verbosity)
        if bars:
            log.enable_progress_bar()
