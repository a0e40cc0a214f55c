"""The manifest of a batch: scenes, what belongs to them, and what is wanted of each; YAML, or CSV in simple cases."""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from saga.batch.manifest_files import Row, brief, read_csv, read_yaml
from saga.config import NonNegativeInt, describe, either, fits, parse
from saga.errors import SagaError
from saga.files.names import folded, safe_name
from saga.masks.config import MaskKind

EVERYTHING = "everything"
RESERVED = ("batch",)
"""Names that no scene has: folders of the batch itself."""
_Pixels = tuple[tuple[float, float], ...]
_SCENE_KEYS: dict[str, Any] = {
    "name": str, "scene": str, "images": str, "cameras": str, "align": str, "masks": str, "masks_kind": MaskKind,
    "sam": str, "propagate": bool, "device": Literal["auto", "cpu", "cuda"], "blocks": NonNegativeInt,
}  # fmt: skip
_OBJECT_KEYS: dict[str, Any] = {
    "name": str, "view": str, "text": str, "scribble": str, "mask": str, "points": "pixels", "negative": "pixels",
    "also": "views", "also_negative": "views", "box": "box",
}  # fmt: skip
_STEPS = ("clean", "train", "segment", "discover", "export")
_GENERIC = ("scene", "point_cloud", "splat", "exports")
"""Names of files and folders that say nothing of the scene."""


@dataclass(frozen=True)
class ObjectEntry:
    """An object that is wanted of a scene, and how it is pointed at; pixels are those of the photograph on disk."""

    name: str
    """Names the folder of the result."""
    view: str | None = None
    """The photograph that the prompt is drawn on."""
    text: str | None = None
    """What it is called, instead of a prompt."""
    points: _Pixels = ()
    """Pixels on it."""
    negative: _Pixels = ()
    """Pixels that are not."""
    also: Mapping[str, _Pixels] = field(default_factory=dict)
    """Pixels on it in other views."""
    also_negative: Mapping[str, _Pixels] = field(default_factory=dict)
    """Pixels in other views that are not on it."""
    box: tuple[float, ...] | None = None
    """A box around it: x0, y0, x1, y1."""
    scribble: str | None = None
    """A PNG with strokes on it."""
    mask: str | None = None
    """A PNG with its mask."""
    segment: Mapping[str, Any] = field(default_factory=dict)
    """Options of saga-segment for this object alone."""


@dataclass(frozen=True)
class SceneEntry:
    """A scene, what belongs to it, and what is wanted of it; paths are absolute or URLs."""

    where: str
    """The place in the manifest, for messages."""
    name: str
    """Names the folder of the results."""
    scene: str
    """The trained Gaussian splatting scene."""
    images: str | None = None
    """Folder of its photographs."""
    cameras: str | None = None
    """Its cameras; found near the scene by default."""
    align: str | None = None
    """As --align of saga-train."""
    masks: str | None = None
    """A person's own masks."""
    masks_kind: str | None = None
    """What gray levels of pictures of masks are."""
    sam: str | None = None
    """A mask model."""
    propagate: bool = False
    """Whether a video model carries masks of a few photographs to all others."""
    device: str | None = None
    """Where to compute."""
    blocks: int | None = None
    """Parts that the extraction of masks is divided into; None leaves that to the plan."""
    objects: tuple[ObjectEntry, ...] = ()
    """The objects wanted of it."""
    everything: bool = False
    """Whether all of its objects are wanted, without prompts."""
    options: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    """Options of the steps that are named: clean, train, segment, discover and export."""


@dataclass(frozen=True)
class Manifest:
    """What a batch is to do."""

    path: Path
    """The file."""
    scenes: tuple[SceneEntry, ...]
    """The scenes, in their order."""
    out: str | None = None
    """Folder of the results, a path or URL."""


def read_manifest(path: str | Path) -> Manifest:
    """Reads a manifest, and holds every key and value of it against what a batch knows.

    Files that it names are not looked at: one that is missing is a matter of its scene alone.

    Args:
        path: A .yaml, .yml or .csv file. Paths in it are relative to its folder.

    Raises:
        SagaError: The file cannot be read, or something in it is not understood; the message names the place.
    """
    path = Path(path)
    if path.suffix.lower() == ".csv":
        out, rows = None, read_csv(path)
    elif path.suffix.lower() in (".yaml", ".yml"):
        out, rows = read_yaml(path)
    else:
        raise SagaError(f"{path}: expected a manifest that ends with .yaml, .yml or .csv, found another; rename it.")
    folder = path.absolute().parent
    scenes = [_scene(row, folder) for row in rows]
    known: dict[str, str] = {}
    for scene in scenes:
        other = known.setdefault(folded(scene.name), scene.where)
        if other != scene.where:
            raise SagaError(
                f"{scene.where}.name: expected a name of its own, found {scene.name!r} as in {other}; give another."
            )
    return Manifest(path, tuple(scenes), None if out is None else _place(out, folder))


def _scene(row: Row, folder: Path) -> SceneEntry:
    allowed = {**_SCENE_KEYS, "objects": None, **dict.fromkeys(_STEPS)}
    _require_known(row.where, row.values, allowed)
    given = {
        key: _value(f"{row.where}.{key}", row.values[key], kind, row.is_text)
        for key, kind in _SCENE_KEYS.items()
        if row.values.get(key) is not None
    }
    if "scene" not in given:
        raise SagaError(f"{row.where}: expected the key scene, found none; name the scene's file.")
    for key in ("scene", "images", "cameras", "masks"):
        if key in given:
            given[key] = _place(given[key], folder)
    for key in ("sam", "align"):  # names, or files
        if key in given and (folder / given[key]).exists():
            given[key] = _place(given[key], folder)
    name = given.pop("name", None) or _own_name(given["scene"])
    _require_file_name(f"{row.where}.name", name)
    if folded(name) in RESERVED:
        raise SagaError(f"{row.where}.name: expected another name than {name!r}, which is the batch's own; rename it.")
    if "masks" in given and "sam" in given:
        raise SagaError(f"{row.where}: expected masks or sam, found both; leave one of them out.")
    if given.get("propagate") and "sam" not in given:
        raise SagaError(f"{row.where}.propagate: expected a video model with it, found none; give one as sam.")
    options = {
        step: _options(f"{row.where}.{step}", row.values[step])
        for step in _STEPS
        if row.values.get(step) not in (None, False)
    }
    objects, everything = _objects(f"{row.where}.objects", row.values.get("objects"), folder, row.is_text)
    everything = everything or "discover" in options
    return SceneEntry(row.where, name, objects=objects, everything=everything, options=options, **given)


def _objects(where: str, given: Any, folder: Path, is_text: bool) -> tuple[tuple[ObjectEntry, ...], bool]:
    """Returns the objects wanted of a scene, and whether all are."""
    if given is None or given == EVERYTHING:
        return (), given == EVERYTHING
    if not isinstance(given, list):
        raise _unexpected(where, f"a list of objects, or {EVERYTHING}", given)
    found = []
    for number, each in enumerate(given):
        if each != EVERYTHING:
            own = where if is_text else f"{where}[{number}]"
            found.append(_object(own, each, folder, is_text))
    known: dict[str, str] = {}
    for each in found:
        if known.setdefault(folded(each.name), each.name) != each.name or sum(o.name == each.name for o in found) > 1:
            raise SagaError(f"{where}: expected objects of different names, found {each.name!r} twice; rename one.")
    return tuple(found), len(found) < len(given)


def _object(where: str, given: Any, folder: Path, is_text: bool) -> ObjectEntry:
    if not isinstance(given, dict):
        raise _unexpected(where, f"an object with name and view or text, or {EVERYTHING}", given)
    where = given.pop("where", where)  # rows of a table know theirs
    _require_known(where, given, {**_OBJECT_KEYS, "segment": None})
    values = {
        key: _value(f"{where}.{key}", given[key], kind, is_text)
        for key, kind in _OBJECT_KEYS.items()
        if given.get(key) is not None
    }
    for key in ("scribble", "mask"):
        if key in values:
            values[key] = _place(values[key], folder)
    if "name" not in values:
        raise SagaError(f"{where}: expected the object's name, found none; its folder is called by it.")
    _require_file_name(f"{where}.name", values["name"])
    if ("view" in values) == ("text" in values):
        found = "both" if "view" in values else "neither"
        raise SagaError(f"{where}: expected a view with a prompt in it, or a text, found {found}; give one of them.")
    prompts = [
        key for key in ("points", "negative", "box", "scribble", "mask", "also", "also_negative") if key in values
    ]
    if "text" in values and prompts:
        raise SagaError(f"{where}: expected no prompt beside a text, found {prompts[0]}; leave one of them out.")
    if "view" in values and not {"points", "box", "scribble", "mask"} & set(prompts):
        raise SagaError(f"{where}: expected points, a box, a scribble or a mask in the view, found none; give some.")
    return ObjectEntry(segment=_options(f"{where}.segment", given.get("segment")), **values)


def _options(where: str, given: Any) -> dict[str, Any]:
    """Returns the options of a step: a mapping of names to values; true takes the defaults.

    The value of an option may be a mapping itself: of options that go with it, as {asset: {scale: 2}}.
    """
    if given is None or given is True:
        return {}
    if not isinstance(given, dict) or not all(isinstance(key, str) for key in given):
        raise _unexpected(where, "options of the command by their names", given)
    found: dict[str, Any] = {}
    for key, value in given.items():
        name, values = key.replace("-", "_"), value if isinstance(value, list) else [value]
        if isinstance(value, dict):
            found[name] = _options(f"{where}.{key}", value)
            continue
        if not all(each is None or isinstance(each, str | int | float) for each in values):
            raise _unexpected(f"{where}.{key}", "a number, a text, true or false, or a list of these", value)
        found[name] = value
    return found


def _value(where: str, given: Any, kind: Any, is_text: bool) -> Any:
    if kind == "pixels":
        return _pixels(where, given, is_text)
    if kind == "views":
        if not isinstance(given, dict):
            raise _unexpected(where, "pixels by the names of views", given)
        return {str(view): _pixels(f"{where}.{view}", pixels, is_text) for view, pixels in given.items()}
    if kind == "box":
        values = given.split(",") if is_text and isinstance(given, str) else given
        return _numbers(where, values, 4, "x0, y0, x1, y1")
    if is_text and isinstance(given, str):
        try:
            return parse(given, kind)
        except ValueError:
            raise _unexpected(where, describe(kind), given) from None
    if not fits(given, kind):
        quoted = "; put it in quotes" if kind is str and isinstance(given, int | float) else ""
        raise _unexpected(where, describe(kind), given, quoted)
    return given


def _pixels(where: str, given: Any, is_text: bool) -> _Pixels:
    pairs = [pair.split(",") for pair in given.split()] if is_text and isinstance(given, str) else given
    if not isinstance(pairs, list) or not pairs or not all(isinstance(pair, list) for pair in pairs):
        raise _unexpected(where, "x,y x,y ..." if is_text else "a list of [x, y]", given)
    return tuple((values[0], values[1]) for values in (_numbers(where, pair, 2, "x, y") for pair in pairs))


def _numbers(where: str, given: Any, count: int, names: str) -> tuple[float, ...]:
    values = given if isinstance(given, list) else []
    try:
        found = tuple(parse(each.strip(), float) if isinstance(each, str) else each for each in values)
    except ValueError:
        found = ()
    if len(found) != count or not all(fits(each, float) for each in found):
        raise _unexpected(where, f"{names} in pixels", given)
    return found


def _require_known(where: str, given: Mapping[Any, Any], allowed: Mapping[str, Any]) -> None:
    for key in given:
        if key not in allowed:
            near = difflib.get_close_matches(str(key), allowed, n=2, cutoff=0.5)
            advice = f"try {either(near)}" if near else f"the keys are {', '.join(allowed)}"
            raise SagaError(f"{where}: expected a key of a manifest, found {str(key)!r}; {advice}.")


def _require_file_name(where: str, name: str) -> None:
    if safe_name(name) != name:
        raise SagaError(f"{where}: expected a name that can name a folder, found {name!r}; try {safe_name(name)!r}.")


def _unexpected(where: str, expected: str, found: Any, advice: str = "") -> SagaError:
    return SagaError(f"{where}: expected {expected}, found {brief(found)}{advice}.")


def _place(given: str, folder: Path) -> str:
    """Returns a URL as it is, and a path as an absolute one."""
    return given if "://" in given else str(folder / Path(given).expanduser())


def _own_name(scene: str) -> str:
    """Returns what a scene is called without a name: its file's, or its folder's where that says nothing."""
    parts = [part for part in scene.replace("\\", "/").split("/") if part]
    stem = parts[-1].partition(".")[0]
    for name in [stem, *reversed(parts[:-1])]:
        if name not in _GENERIC and not name.startswith("iteration_"):
            return safe_name(name)
    return safe_name(stem)
