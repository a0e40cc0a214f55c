"""Settings of a dataclass given as text, name=value."""

from __future__ import annotations

import dataclasses
import difflib
import math
import types
from collections.abc import Sequence
from typing import Any, Literal, TypeVar, Union, get_args, get_origin, get_type_hints

from saga.errors import SagaError

T = TypeVar("T")


def with_settings(config: T, assignments: Sequence[str], option: str) -> T:
    """A copy of a dataclass with some fields set, e.g. "ball_query=false".

    Raises SagaError, naming `option`, for a name that is no field and for a value of another type.
    """
    kinds = get_type_hints(type(config))
    values: dict[str, Any] = {}
    for assignment in assignments:
        name, equals, text = assignment.partition("=")
        if not equals:
            raise SagaError(f"{option} {assignment}: expected name=value, e.g. {next(iter(kinds))}=...")
        if name not in kinds:
            near = difflib.get_close_matches(name, kinds, n=3, cutoff=0.0)
            raise SagaError(f"{option} {assignment}: no setting {name}; the nearest are {', '.join(near)}.")
        parsed = _parse(text, kinds[name])
        if parsed is None:
            raise SagaError(f"{option} {assignment}: expected {_describe(kinds[name])}, found {text!r}.")
        values[name] = parsed
    return dataclasses.replace(config, **values)  # type: ignore[type-var]


def _parse(text: str, kind: Any) -> Any:
    """The value, None when the text is none of this kind."""
    if get_origin(kind) in (Union, types.UnionType):
        return next((value for each in get_args(kind) if (value := _parse(text, each)) is not None), None)
    if get_origin(kind) is Literal:
        return text if text in get_args(kind) else None
    if kind is bool:
        return {"true": True, "false": False}.get(text.lower())
    if kind is str:
        return text
    try:
        value = kind(text)
    except (TypeError, ValueError):
        return None
    return value if math.isfinite(value) else None


def _describe(kind: Any) -> str:
    if get_origin(kind) in (Union, types.UnionType):
        return " or ".join(_describe(each) for each in get_args(kind))
    if get_origin(kind) is Literal:
        return " or ".join(map(str, get_args(kind)))
    return {bool: "true or false", int: "a whole number", float: "a number"}.get(kind, "text")
