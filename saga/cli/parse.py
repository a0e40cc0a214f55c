"""From a command line to a call, and every mistake in it to one line."""

from __future__ import annotations

import contextlib
import difflib
import functools
import inspect
import io
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, get_type_hints

import tyro

from saga.cli.options import SHORTHANDS, config_registry
from saga.config import either
from saga.errors import SagaError

_CONTINUED = re.compile(r"\n {12}(?=\S)")
"""The break before a further line about a parameter in a docstring; the help has line breaks of its own."""
_BOX = re.compile(r"[─-╿]+")


def parse(
    command: Callable[..., None],
    prog: str,
    args: Sequence[str],
    annotations: Mapping[str, Any] | None = None,
) -> Callable[[], None]:
    """Reads a command line.

    Args:
        command: The function that is the command; its parameters are the options.
        prog: The command's name.
        args: The command line without the name.
        annotations: Types of parameters that depend on the command line, by the parameter's name.

    Returns:
        The function with its arguments, ready to be called.

    Raises:
        SagaError: The command line is not one of the command's.
        SystemExit: With code 0, after help was asked for and printed.
    """

    def bound(*positional: Any, **named: Any) -> Callable[[], None]:
        return functools.partial(command, *positional, **named)

    bound.__doc__ = _CONTINUED.sub(" ", command.__doc__ or "")
    bound.__name__, bound.__module__ = command.__name__, command.__module__
    bound.__signature__ = inspect.signature(command)  # type: ignore[attr-defined]
    bound.__annotations__ = {**get_type_hints(command, include_extras=True), **(annotations or {})}
    read = functools.partial(tyro.cli, bound, prog=prog, registry=config_registry())
    box = io.StringIO()
    try:
        with contextlib.redirect_stderr(box), _on_mistake(lambda mistake: _explain(mistake, prog, read)):
            parsed: Callable[[], None] = read(args=[each for arg in args for each in SHORTHANDS.get(arg, (arg,))])
            return parsed
    except SystemExit as end:
        if not end.code:
            raise
    raise SagaError(f"{_unboxed(box.getvalue())}; see {prog} --help.")


@contextlib.contextmanager
def _on_mistake(handle: Callable[[Any], None]) -> Iterator[None]:
    """Calls `handle` with what tyro knows of a mistake before tyro prints it.

    This part of tyro is not stable: without it, and for mistakes that `handle` does not know, tyro's own words serve.
    """
    try:
        from tyro._errors import on_parse_error
    except ImportError:
        yield
        return
    with on_parse_error(handle):
        yield


def _explain(mistake: Any, prog: str, read: Callable[..., Any]) -> None:
    """Raises SagaError with one line about a mistake. Returns for a kind that it does not know."""
    see = f"see {prog} --help"
    unknown = getattr(mistake, "tokens", None) or getattr(mistake, "unrecognized_tokens", None)
    if unknown:
        _refuse_unknown(unknown[0], prog, read)
    kind, argument = type(mistake).__name__, getattr(mistake, "argument", None)
    if kind == "MissingArgs":
        argument = mistake.missing_arguments[0].arg
        raise SagaError(f"{_name(argument, prog)}: expected a value, found nothing; give it, {see}.")
    if kind == "BadValue" and mistake.reason == "too_few_values":
        raise SagaError(f"{_name(argument, prog)}: expected a value, found nothing; give it, {see}.")
    if kind == "InvalidChoice":
        expected = either(mistake.choices)
        raise SagaError(f"{_name(argument, prog)}: expected {expected}, found {mistake.value!r}; give one of them.")
    if kind == "InstantiationFailure" and argument is not None:
        raise SagaError(f"{_name(argument, prog)}: {mistake.message}; {see}.")


def _refuse_unknown(token: str, prog: str, read: Callable[..., Any]) -> None:
    if not token.startswith("-"):
        raise SagaError(f"{prog}: expected no further argument, found {token!r}; see {prog} --help.")
    given = token.partition("=")[0]
    page = io.StringIO()
    with contextlib.redirect_stdout(page), contextlib.suppress(SystemExit):
        read(args=["--help"])
    options = sorted(set(re.findall(r"(?<![\w-])--[a-z0-9][\w.-]*", page.getvalue())))
    near = difflib.get_close_matches(given, options, n=3, cutoff=0.6)
    advice = f"try {either(near)}, or see {prog} --help" if near else f"see {prog} --help"
    raise SagaError(f"{given}: expected an option of {prog}, found an unknown one; {advice}.")


def _name(argument: Any, prog: str) -> str:
    """Returns how a person writes an option; the command's name for a place that has choices instead of a name."""
    if argument.is_positional():
        return prog if argument.lowered.choices else str(argument.lowered.metavar)
    return min(map(str, argument.lowered.name_or_flags), key=len)


def _unboxed(text: str) -> str:
    """Returns the words of a message that tyro draws a box around, without its advice to read the help."""
    words = " ".join(_BOX.sub(" ", text).split())
    return words.partition("For full helptext")[0].strip().rstrip(".")
