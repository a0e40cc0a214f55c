"""The two kinds of manifests as files: rows with the places that messages name."""

from __future__ import annotations

import copy
import csv
import reprlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from saga.config import either
from saga.errors import SagaError
from saga.files.reading import reading

_KEYS = ("scenes", "defaults", "out")
_OBJECT_COLUMNS = ("view", "text", "points", "negative", "box", "scribble", "mask")
_OPTIONS = ("clean", "train", "segment", "discover", "export")


@dataclass(frozen=True)
class Row:
    """What a manifest says of one scene, as it stands there."""

    where: str
    """The place, for messages."""
    values: dict[str, Any]
    """By their keys; those of the defaults are among them."""
    is_text: bool = False
    """Whether values are text that is still to be read."""


def read_yaml(path: Path) -> tuple[str | None, list[Row]]:
    """Returns the folder of results and the scenes of a YAML file.

    Raises:
        SagaError: The file is no YAML, or has other keys than a manifest.
    """
    contents = _parsed(path)
    if not isinstance(contents, dict):
        raise SagaError(f"{path}: expected the keys {either(_KEYS)}, found none of them; see the documentation.")
    for key in contents:
        if key not in _KEYS:
            raise SagaError(f"{path}: expected the keys {either(_KEYS)}, found {str(key)!r}; rename it.")
    scenes, defaults, out = contents.get("scenes"), contents.get("defaults") or {}, contents.get("out")
    if not isinstance(scenes, list) or not scenes:
        raise SagaError(f"{path}: scenes: expected a list of scenes, found {brief(scenes)}; list them.")
    if not isinstance(defaults, dict) or {"scene", "name"} & set(defaults):
        raise SagaError(f"{path}: defaults: expected keys that many scenes share, found {brief(defaults)}; list these.")
    if out is not None and not isinstance(out, str):
        raise SagaError(f"{path}: out: expected a folder, found {brief(out)}; give its name.")
    rows = []
    for number, each in enumerate(scenes):
        where = f"{path}: scenes[{number}]"
        each = {"scene": each} if isinstance(each, str) else each
        if not isinstance(each, dict):
            raise SagaError(f"{where}: expected a scene with its keys, found {brief(each)}; give e.g. scene: a.ply.")
        rows.append(Row(where, _merged(copy.deepcopy(defaults), each)))
    return out, rows


def _parsed(path: Path) -> Any:
    import yaml

    class Loader(yaml.SafeLoader):  # type: ignore[misc]
        """Refuses a key that stands twice in one mapping, of which YAML would silently take the last."""

        def construct_mapping(self, node: Any, deep: bool = False) -> dict[Any, Any]:
            keys = [self.construct_object(key, deep=True) for key, _ in node.value]
            twice = next((key for number, key in enumerate(keys) if key in keys[:number]), None)
            if twice is not None:
                line = node.start_mark.line + 1
                raise SagaError(f"{path}: line {line}: expected each key once, found {twice!r} twice; leave one out.")
            return dict(super().construct_mapping(node, deep))

    with reading(path, "a manifest in YAML", "write it again"):
        text = path.read_text(encoding="utf-8-sig")
        try:
            return yaml.load(text, Loader)
        except yaml.YAMLError as error:
            raise SagaError(f"{path}: expected YAML, found {' '.join(str(error).split())}; mend it.") from error


def _merged(defaults: dict[str, Any], own: Mapping[str, Any]) -> dict[str, Any]:
    """Returns the keys of a scene over the defaults; options of one step are merged by their names."""
    merged = dict(defaults)
    for key, value in own.items():
        both = key in _OPTIONS and isinstance(value, dict) and isinstance(defaults.get(key), dict)
        merged[key] = {**defaults[key], **value} if both else value
    # A model of the defaults and masks of the scene's own exclude each other: the scene's own count.
    for one, other in (("masks", "sam"), ("sam", "masks")):
        if one in own and other not in own:
            merged.pop(other, None)
    return merged


def read_csv(path: Path) -> list[Row]:
    """Returns the scenes of a CSV file, which has a row for each object; rows of one scene are joined.

    The columns are the keys of a scene, "object" and the keys of an object, and options such as "train.iterations".

    Raises:
        SagaError: The file is no CSV, or rows of one scene disagree.
    """
    with reading(path, "a manifest in CSV", "write it again"), path.open(encoding="utf-8-sig", newline="") as file:
        table = list(csv.DictReader(file, strict=True))
    if not table:
        raise SagaError(f"{path}: expected a line of column names and a row for each object, found none; write them.")
    rows: dict[str, Row] = {}
    for number, cells in enumerate(table, 2):
        where = f"{path}: row {number}"
        if None in cells or None in cells.values():
            raise SagaError(f"{where}: expected as many cells as there are columns, found others; mend the row.")
        given = {key.strip(): value.strip() for key, value in cells.items() if value.strip()}
        if given:
            _add(rows, where, given)
    return list(rows.values())


def _add(rows: dict[str, Row], where: str, given: dict[str, str]) -> None:
    """Adds a row of the table to the scene that it is of."""
    wanted = {key: given.pop(key) for key in _OBJECT_COLUMNS if key in given}
    name = given.pop("object", None)
    values: dict[str, Any] = {key: value for key, value in given.items() if "." not in key}
    for key, value in given.items():
        step, dot, option = key.partition(".")
        if dot:
            values.setdefault(step, {})[option] = _option(value)
    key = given.get("name") or given.get("scene", where)
    row = rows.setdefault(key, Row(where, {}, is_text=True))
    for column, value in values.items():
        if row.values.setdefault(column, value) != value:
            raise SagaError(
                f"{where}.{column}: expected what {row.where} says of the same scene, found {value!r}; make them agree."
            )
    if name == "everything":
        row.values.setdefault("objects", []).append(name)
    elif name is not None or wanted:
        row.values.setdefault("objects", []).append({"name": name, **wanted, "where": where})


def brief(value: Any) -> str:
    """Returns a value as people can be shown it, however large it is."""
    return reprlib.repr(value)


def _option(text: str) -> Any:
    """Returns the value of an option of a step: true and false are that, all else is for the command to read."""
    return {"true": True, "false": False}.get(text.lower(), text)
