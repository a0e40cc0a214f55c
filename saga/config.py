"""Configs: frozen dataclasses that say which values their fields take, and refuse all others.

A field declares its range in its annotation in the terms of annotated-types, e.g. `rays: Annotated[int, Ge(1)] = 4096`.
`Config` holds every value against it when a config is made, and `with_assignments` reads values from text.
"""

from __future__ import annotations

import ast
import difflib
import inspect
import numbers
import operator
import sys
import textwrap
import types
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, fields, is_dataclass, replace
from functools import lru_cache
from typing import Annotated, Any, Literal, TypeVar, Union, get_args, get_origin, get_type_hints

from annotated_types import Ge, Gt, Interval

from saga.errors import SagaError

PositiveInt = Annotated[int, Ge(1)]
NonNegativeInt = Annotated[int, Ge(0)]
PositiveFloat = Annotated[float, Gt(0)]
NonNegativeFloat = Annotated[float, Ge(0)]
Fraction = Annotated[float, Interval(ge=0, le=1)]
Seed = Annotated[int, Interval(ge=0, le=2**32 - 1)]
"""What a sequence of random numbers begins with; the range is NumPy's."""

_TYPE_NAMES = {bool: "true or false", int: "a whole number", float: "a number", str: "text", type(None): "none"}
_COMPARISONS: dict[str, Callable[[Any, Any], bool]] = {
    "ge": operator.ge,
    "gt": operator.gt,
    "le": operator.le,
    "lt": operator.lt,
    "multiple_of": lambda value, factor: value % factor == 0,
}
_LARGEST = sys.float_info.max
"""Numbers beyond it, and those that are none, fit no field."""
_BOUNDS = {
    "ge": "{} or more",
    "gt": "above {}",
    "le": "{} or less",
    "lt": "below {}",
    "multiple_of": "a multiple of {}",
}


@dataclass(frozen=True)
class Names:
    """Part of an annotation: words that stand for numbers where a field is set from text."""

    values: Mapping[str, float] = field(hash=False)
    """The number of each word."""


class ConfigError(SagaError):
    """A value that a config does not take."""

    def __init__(self, name: str, expected: str, found: str, advice: str) -> None:
        """Makes the message, `<name>: expected <expected>, found <found>; <advice>`.

        Args:
            name: The field, or the option that sets it.
            expected: The values it takes.
            found: What was given.
            advice: What to do.
        """
        super().__init__(f"{name}: expected {expected}, found {found}; {advice}.")


class Config:
    """Base class of all configs, which are frozen dataclasses; a value out of its field's range raises ConfigError."""

    def __post_init__(self) -> None:
        """Holds every value against its field's annotation.

        Raises:
            ConfigError: The first value of another type, not finite, or out of its range.
        """
        kinds = field_types(type(self))  # type: ignore[arg-type]
        for each in fields(self):  # type: ignore[arg-type]
            value, kind = getattr(self, each.name), kinds[each.name]
            if not fits(value, kind):
                raise ConfigError(each.name, describe(kind), repr(value), _advice(each.default))


C = TypeVar("C", bound=Config)
D = TypeVar("D")


def with_assignments(config: C, assignments: Sequence[str], option: str) -> C:
    """Returns a copy of a config with some fields set from text, e.g. "ball_query=false".

    Args:
        config: The config to begin with.
        assignments: name=value each; of several for one field the last counts.
        option: The option that they were given with, for messages.

    Returns:
        A config of the same class.

    Raises:
        ConfigError: A text without "=", a name that is no field, or a value that the field does not take.
    """
    kinds = field_types(type(config))  # type: ignore[arg-type]
    defaults = {each.name: each.default for each in fields(config)}  # type: ignore[arg-type]
    values = {}
    for assignment in assignments:
        name, equals, text = (part.strip() for part in assignment.partition("="))
        if not equals:
            raise ConfigError(option, "name=value", repr(assignment), f"give e.g. {option} {next(iter(kinds))}=...")
        if name not in kinds:
            near = difflib.get_close_matches(name, kinds, n=3, cutoff=0.0)
            expected = f"the name of a field of {type(config).__name__}"
            raise ConfigError(f"{option} {assignment}", expected, repr(name), f"the nearest are {', '.join(near)}")
        try:
            values[name] = parse(text, kinds[name])
        except ValueError:
            expected = describe(kinds[name])
            raise ConfigError(f"{option} {assignment}", expected, repr(text), _advice(defaults[name])) from None
    return replace(config, **values)  # type: ignore[type-var]


def from_values(config: type[D], values: Mapping[str, Any], where: str) -> D:
    """Makes a dataclass of values by the names of its fields, as a YAML file or a table has them.

    A text stands for what `parse` makes of it. A field that is a dataclass itself, or None, takes a mapping of its own
    fields; true stands for its defaults, false for None.

    Args:
        config: The class.
        values: By the names of fields; fields that are left out have their defaults.
        where: What the values are called, for messages.

    Raises:
        ConfigError: A name that is no field's, or a value that the field does not take.
    """
    cls: Any = config
    kinds, found = field_types(cls), {}
    defaults = {each.name: each.default for each in fields(cls)}
    for name, value in values.items():
        if name not in kinds:
            near = difflib.get_close_matches(name, kinds, n=1, cutoff=0.5)
            advice = f"try {near[0]}" if near else "leave it out"
            raise ConfigError(where, either(list(kinds)), repr(name), advice)
        inner: Any = next((each for each in (kinds[name], *get_args(kinds[name])) if is_dataclass(each)), None)
        if inner is not None and isinstance(value, bool | Mapping):
            given = value if isinstance(value, Mapping) else {}
            found[name] = None if value is False else from_values(inner, given, f"{where}.{name}")
        elif fits(value, kinds[name]):
            found[name] = value
        else:
            try:
                found[name] = parse(value if isinstance(value, str) else "", kinds[name])
            except ValueError:
                expected = describe(kinds[name]) if inner is None else f"true, false or values of {inner.__name__}"
                raise ConfigError(f"{where}.{name}", expected, repr(value), _advice(defaults[name])) from None
    try:
        return config(**found)
    except SagaError as error:
        raise SagaError(f"{where}: {error}") from error


@lru_cache
def field_types(config: type) -> Mapping[str, Any]:
    """Returns the annotation of every field of a config class, ranges included, by the field's name."""
    return get_type_hints(config, include_extras=True)


@lru_cache
def field_docs(config: type) -> Mapping[str, str]:
    """Returns the docstring below every field of a config class, on one line, by name; none without its source."""
    try:
        source = inspect.getsource(config)
    except (OSError, TypeError):
        return {}
    (tree,) = ast.parse(textwrap.dedent(source)).body
    assert isinstance(tree, ast.ClassDef)
    docs = {}
    for node, below in zip(tree.body, tree.body[1:], strict=False):
        match node, below:
            case ast.AnnAssign(target=ast.Name(id=name)), ast.Expr(value=ast.Constant(value=str(text))):
                docs[name] = " ".join(text.split())
    return docs


def fits(value: Any, kind: Any) -> bool:
    """Tells whether a value is of an annotation's type, finite, and in its range."""
    bare, extras = annotation(kind)
    if _is_union(bare):
        return any(fits(value, each) for each in get_args(bare))
    if get_origin(bare) is Literal:
        return any(value == each and type(value) is type(each) for each in get_args(bare))
    if bare is int or bare is float:
        number = numbers.Integral if bare is int else numbers.Real
        if not isinstance(value, number) or isinstance(value, bool):
            return False
        size: Any = abs(value)
        if not size <= _LARGEST:
            return False
        return all(_COMPARISONS[name](value, bound) for name, bound in _bounds(extras))
    return isinstance(value, get_origin(bare) or bare)


def parse(text: str, kind: Any) -> Any:
    """Returns the value of an annotation that a text stands for. Raises ValueError when it stands for none."""
    for value in _readings(text, kind):
        if fits(value, kind):
            return value
    raise ValueError(f"expected {describe(kind)}, found {text!r}")


def describe(kind: Any) -> str:
    """Returns the values of an annotation in words, e.g. "a whole number, 1 or more"."""
    return either(list(_descriptions(kind)))


def describe_bounds(kind: Any) -> str:
    """Returns the range of an annotation in words, e.g. "1 or more"; empty where it has none."""
    bounds = dict(_bounds(annotation(kind)[1]))
    if bounds.keys() == {"ge", "le"}:
        return f"from {bounds['ge']} to {bounds['le']}"
    return " and ".join(_BOUNDS[name].format(bound) for name, bound in bounds.items())


def either(words: Sequence[str]) -> str:
    """Lists alternatives as a person does: "a, b or c"."""
    return " or ".join([", ".join(words[:-1]), words[-1]] if len(words) > 1 else words)


def _descriptions(kind: Any) -> Iterator[str]:
    """Yields the alternatives of an annotation in words."""
    bare, extras = annotation(kind)
    for extra in extras:
        yield from extra.values if isinstance(extra, Names) else ()
    if _is_union(bare):
        for each in get_args(bare):
            yield from _descriptions(each)
    elif get_origin(bare) is Literal:
        yield from map(str, get_args(bare))
    else:
        name, bounds = _TYPE_NAMES.get(bare, getattr(bare, "__name__", str(bare))), describe_bounds(kind)
        yield f"{name} {bounds}" if bounds.startswith("from") else f"{name}, {bounds}" if bounds else name


def _advice(default: Any) -> str:
    return f"leave it out for the default, {default}"


def _readings(text: str, kind: Any) -> Iterator[Any]:
    """Yields every value that a text could stand for, of the types of a union in turn."""
    bare, extras = annotation(kind)
    yield from (extra.values[text] for extra in extras if isinstance(extra, Names) and text in extra.values)
    if _is_union(bare):
        for each in get_args(bare):
            yield from _readings(text, each)
    elif get_origin(bare) is Literal:
        yield from (each for each in get_args(bare) if str(each) == text)
    elif bare is bool:
        yield from (value for value in (True, False) if str(value).lower() == text.lower())
    elif bare is type(None):
        yield from [None] if text.lower() == "none" else []
    else:
        try:
            yield bare(text)
        except (TypeError, ValueError):
            return


def _is_union(bare: Any) -> bool:
    return get_origin(bare) in (Union, types.UnionType)


def annotation(kind: Any) -> tuple[Any, tuple[Any, ...]]:
    """An annotation's type and what is annotated."""
    if get_origin(kind) is not Annotated:
        return kind, ()
    bare, *extras = get_args(kind)
    return bare, tuple(extras)


def _bounds(extras: Sequence[Any]) -> Iterator[tuple[str, Any]]:
    """The bounds among what is annotated: "ge", "gt", "le", "lt" or "multiple_of", and the number."""
    for extra in extras:
        for name in _COMPARISONS:
            if (bound := getattr(extra, name, None)) is not None:
                yield name, bound
