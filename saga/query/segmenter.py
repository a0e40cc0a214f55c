"""The Segmenter by its earlier name: it is one of the methods now, `saga.methods.saga`."""

from __future__ import annotations

from importlib import import_module
from typing import Any

__all__ = ["Segmenter"]  # noqa: F822


def __getattr__(name: str) -> Any:
    """Looks the class up when it is asked for: methods are a floor above queries, which import none of them."""
    if name == "Segmenter":
        return import_module("saga.methods.saga.segmenter").Segmenter
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
