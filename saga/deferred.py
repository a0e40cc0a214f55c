"""Modules that are known by their name before they are loaded."""

from __future__ import annotations

import importlib.util
import sys
from types import ModuleType
from typing import Any


class _Deferred(ModuleType):
    """A module that runs when one of its names is asked for or set.

    Unlike `importlib.util.LazyLoader` it answers for its file and the like without running: `inspect` asks every known
    module for these, also while those that the module itself needs are only half loaded.
    """

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(f"module {self.__name__!r} has no attribute {name!r}")
        self._load()
        return getattr(self, name)

    def __setattr__(self, name: str, value: Any) -> None:
        if not name.startswith("__"):
            self._load()
        ModuleType.__setattr__(self, name, value)

    def _load(self) -> None:
        spec = self.__spec__
        assert spec is not None
        assert spec.loader is not None
        self.__class__ = ModuleType  # type: ignore[assignment]  # so that it runs once
        try:
            spec.loader.exec_module(self)
        except BaseException:
            self.__class__ = _Deferred
            raise


def defer(name: str) -> None:
    """Make a module known in sys.modules; it is loaded when one of its names is asked for or set."""
    spec = importlib.util.find_spec(name)
    if name in sys.modules or spec is None:
        return
    module = _Deferred(name)
    for attribute, value in vars(importlib.util.module_from_spec(spec)).items():
        module.__dict__[attribute] = value
    sys.modules[name] = module
    parent, _, child = name.rpartition(".")
    setattr(sys.modules[parent], child, module)  # as importing does
