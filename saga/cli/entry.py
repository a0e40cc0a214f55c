"""Where the commands begin: signals are looked after before anything heavy is imported."""

from __future__ import annotations

import gc
import importlib

from saga.cli import interruption

_YOUNG_OBJECTS = 50_000
"""Objects made between two searches for garbage. Loading modules makes hundreds of thousands, none of which is garbage:
with Python's 700 a tenth of the time of a click goes there."""


def train() -> None:
    """Runs saga-train."""
    _run("train", "saga-train")


def segment() -> None:
    """Runs saga-segment."""
    _run("segment", "saga-segment")


def demo() -> None:
    """Runs saga-demo."""
    _run("demo", "saga-demo")


def evaluate() -> None:
    """Runs saga-eval."""
    _run("evaluate", "saga-eval")


def discover() -> None:
    """Runs saga-discover."""
    _run("discover", "saga-discover")


def views() -> None:
    """Runs saga-views."""
    _run("views", "saga-views")


def view() -> None:
    """Runs saga-view."""
    _run("view", "saga-view")


def serve() -> None:
    """Runs saga-serve."""
    _run("serve", "saga-serve")


def batch() -> None:
    """Runs saga-batch."""
    _run("batch", "saga-batch")


def check() -> None:
    """Runs saga-check."""
    _run("check", "saga-check")


def clean() -> None:
    """Runs saga-clean."""
    _run("clean", "saga-clean")


def _run(module: str, prog: str) -> None:
    interruption.leave_at_once(prog)
    gc.set_threshold(_YOUNG_OBJECTS, *gc.get_threshold()[1:])
    try:
        importlib.import_module(f"saga.cli.{module}").main()
    finally:
        interruption.ignore()
        gc.freeze()  # Python searches for garbage once more when it ends: as long as PyTorch's objects are many
