"""What the commands' options have in common, and how tyro makes options of configs."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import fields, is_dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal, TypeAlias, TypeVar, get_args, get_origin

import tyro
from tyro.constructors import (
    ConstructorRegistry,
    PrimitiveConstructorSpec,
    StructConstructorSpec,
    StructFieldSpec,
    StructTypeInfo,
)

from saga.config import (
    Config,
    ConfigError,
    NonNegativeInt,
    PositiveInt,
    annotation,
    describe,
    describe_bounds,
    field_docs,
    field_types,
    fits,
    parse,
)
from saga.methods.registry import method_names
from saga.scene.format_names import ExportFormat

T = TypeVar("T")

NAMES = {"score_threshold": "threshold"}
"""Options of fields of configs that are shorter than the field's name; both are understood."""
SHORTHANDS = {"--no-filter": ("--no-statistical-filter", "--no-region-growing")}
"""Options that stand for others."""
_METAVARS = {int: "INT", float: "FLOAT", str: "STR", type(None): "none"}


def _option(name: str, kind: Any) -> Any:
    """Returns the annotation of a config's field for tyro, which reads flags and choices itself."""
    bare = annotation(kind)[0]
    option = bare if bare is bool or get_origin(bare) is Literal else Annotated[bare, _constructor(kind)]
    if name not in NAMES:
        return option
    return Annotated[option, tyro.conf.arg(name=NAMES[name], aliases=[f"--{name.replace('_', '-')}"])]


def _constructor(kind: Any) -> PrimitiveConstructorSpec[Any]:
    """Returns a rule that reads one value of an annotation from text, as `with_assignments` does."""
    return PrimitiveConstructorSpec(
        nargs=1,
        metavar="|".join(_metavars(kind)),
        instance_from_str=lambda texts: parse(texts[0], kind),
        is_instance=lambda value: fits(value, kind),
        str_from_instance=lambda value: ["none" if value is None else str(value)],
    )


def _optional(metavar: str, kind: Callable[[str], Any]) -> PrimitiveConstructorSpec[Any]:
    """Returns a rule for a path or text that may be left out; its help says what happens then."""
    return PrimitiveConstructorSpec(
        nargs=1,
        metavar=metavar,
        instance_from_str=lambda texts: kind(texts[0]),
        is_instance=lambda value: value is None or isinstance(value, str | Path),
        str_from_instance=lambda value: ["none" if value is None else str(value)],
    )


def _metavars(kind: Any) -> Iterable[str]:
    bare, extras = annotation(kind)
    for extra in extras:
        yield from getattr(extra, "values", ())
    if get_origin(bare) is Literal:
        yield from map(str, get_args(bare))
    elif get_origin(bare) is None:
        yield _METAVARS.get(bare, str(bare))
    else:
        for each in get_args(bare):
            yield from _metavars(each)


Device = Literal["auto", "cpu", "cuda"]
SceneFile = Annotated[Path, tyro.conf.Positional, tyro.conf.arg(metavar="SCENE.ply")]
SAYS_DEFAULT = tyro.conf.arg(help_behavior_hint="")
"""Marks options whose help says in words what happens without them."""
OptionalPath = Annotated[Path | None, _optional("PATH", Path), SAYS_DEFAULT]
OptionalText = Annotated[str | None, _optional("STR", str), SAYS_DEFAULT]
OptionalScene = Annotated[Path | None, tyro.conf.Positional, _optional("SCENE.ply", Path), SAYS_DEFAULT]
ImageFolder = Annotated[Path | None, tyro.conf.Positional, _optional("IMAGES", Path), SAYS_DEFAULT]
FormatName = Annotated[ExportFormat | None, SAYS_DEFAULT]
Positive = Annotated[int, _constructor(PositiveInt)]
NonNegative = Annotated[int, _constructor(NonNegativeInt)]
Lists: TypeAlias = tyro.conf.UseAppendAction[tuple[tuple[T, ...], ...]]
"""An option that takes several values, and more when it is repeated; `joined` makes one list of them."""
Flattened: TypeAlias = tyro.conf.OmitArgPrefixes[T]
"""A dataclass whose fields become options of the command's own, e.g. --ball-query."""
Assignments = Annotated[Lists[str], tyro.conf.arg(metavar="NAME=VALUE ...")]
if TYPE_CHECKING:
    MethodName: TypeAlias = str
else:
    MethodName = Literal[method_names()]


def joined(lists: Iterable[Sequence[T]]) -> tuple[T, ...]:
    """Returns all values of an option that may be repeated, in the order in which they were given."""
    return tuple(value for values in lists for value in values)


def numbers(option: str, lists: Iterable[Sequence[str]], kind: Any) -> tuple[Any, ...]:
    """Returns the numbers of an option that may be repeated. Raises ConfigError for a text of another kind."""
    values = []
    for text in joined(lists):
        try:
            values.append(parse(text, kind))
        except ValueError:
            raise ConfigError(option, describe(kind), repr(text), "give others") from None
    return tuple(values)


def given(option: str, args: Sequence[str], default: str) -> str:
    """Returns the last value of an option before the command line is parsed, for what depends on it."""
    found = default
    for arg, following in zip(args, [*args[1:], ""], strict=True):
        found = following if arg == option else arg.partition("=")[2] if arg.startswith(f"{option}=") else found
    return found


def flattened(config: type[Any]) -> Any:
    """Returns the type of a parameter whose fields become options of the command's own, e.g. --ball-query."""
    return Annotated[config, tyro.conf.OmitArgPrefixes]


def prefixed(config: type[Any], prefix: str) -> Any:
    """Returns the type of a parameter whose fields become options with a prefix, e.g. --sa3d.points."""
    return Annotated[config, tyro.conf.arg(name=prefix)]


def config_registry() -> ConstructorRegistry:
    """Returns the rules by which tyro makes an option of every field of a dataclass: its type, default and docstring.

    Of a config, ranges are shown and values are read as `with_assignments` reads them.
    """
    registry = ConstructorRegistry()

    @registry.struct_rule
    def rule(info: StructTypeInfo) -> StructConstructorSpec | None:
        if not (isinstance(info.type, type) and is_dataclass(info.type)):
            return None
        base = info.default if isinstance(info.default, info.type) else info.type()
        kinds, docs = field_types(info.type), field_docs(info.type)
        specs = []
        for each in fields(base):
            kind, doc = kinds[each.name], docs.get(each.name, "")
            if issubclass(info.type, Config):
                bounds, kind = describe_bounds(kind), _option(each.name, kind)
                doc = f"{doc} ({bounds})" if bounds else doc
            specs.append(StructFieldSpec(each.name, kind, getattr(base, each.name), doc))
        return StructConstructorSpec(info.type, tuple(specs))

    return registry
