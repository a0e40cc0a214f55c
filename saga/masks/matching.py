"""Which mask file belongs to which view, by their names."""

from __future__ import annotations

import os
import re
from collections import Counter, defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from saga.errors import SagaError
from saga.masks.formats import PICTURES, SUFFIXES
from saga.scene.names import comparable, tails, unique_stems, without_suffix

_WORDS = r"(?:mask|masks|label|labels|seg|segmentation|instance|instances|gt)"
_AFFIXES = re.compile(rf"^{_WORDS}[-_. ]|[-_. ]{_WORDS}$", re.IGNORECASE)


@dataclass(frozen=True)
class Matches:
    """Which masks belong to which views."""

    files: dict[str, Path]
    """View name -> its mask file, or folder of masks."""
    assumed: tuple[str, ...]
    """What had to be assumed, for people."""


def match_names(folder: Path, views: Sequence[str]) -> Matches:
    """Return the mask file or folder of masks below `folder` of each view that has one.

    A mask goes by its path in `folder` without the suffix of its type, with or without that of the photograph. Of
    these rules the first that finds one for a view counts: the view's path; its path with "_" between the folders,
    as saga writes masks; its path below further folders; its file name alone, where no other view shares it; the
    same with a word as "mask" before or after it ("0003_mask.png"); the same number ("003.png" for "000003.jpg").
    Once masks were found, later rules look only into the folders that hold them, since other folders may hold the
    masks of one photograph each. Accents may be stored composed or decomposed.

    Raises:
        SagaError: two files belong to a view by the same rule.
    """
    strict = _matched(folder, views, SUFFIXES)
    # Pictures of other types may be the photographs, so they count only where nothing else is there.
    return strict if strict.files else _matched(folder, views, PICTURES)


def _matched(folder: Path, views: Sequence[str], suffixes: tuple[str, ...]) -> Matches:
    index = _index(folder, suffixes)
    stems = unique_stems(views)
    known = {view: without_suffix(comparable(view)) for view in views}
    bare, alone = Counter(known.values()), _alone(known)
    rules: list[tuple[Callable[[str], list[str]], str]] = [
        # Of "a.jpg" and "a.png" each has the mask that keeps its suffix.
        (lambda view: [f"/{comparable(view)}"] if bare[known[view]] > 1 else [], ""),
        (lambda view: [f"/{known[view]}"] if bare[known[view]] == 1 else [], ""),
        (lambda view: [f"/{comparable(stems[view])}", f"/{'_'.join(PurePosixPath(known[view]).parts)}"], ""),
        (lambda view: [known[view]], ""),
        (lambda view: alone.get(view, []), "matched by file name, whatever their folders"),
        (lambda view: [f"word:{name}" for name in (known[view], *alone.get(view, []))], "matched without their affix"),
        (lambda view: [f"number:{number}" for number in _numbers(view, known)], "matched by their numbers"),
    ]
    matched: dict[str, Path] = {}
    assumed: list[str] = []
    for rule, assumption in rules:
        parents, taken = {path.parent for path in matched.values()}, set(matched.values())
        for view in (view for view in views if view not in matched):
            found = sorted({path for key in rule(view) for path in index.get(key, ()) if not _used(path, taken)})
            found = [path for path in found if not parents or path.parent in parents]
            if found and assumption and assumption not in assumed:
                assumed.append(assumption)
            if len(found) > 1:
                one, other = (path.relative_to(folder).as_posix() for path in found[:2])
                raise SagaError(f"{folder}: {one} and {other} both hold masks of {view}; keep one")
            if found:
                matched[view] = found[0]
                taken.add(found[0])
    return Matches(matched, tuple(assumed))


def _index(folder: Path, suffixes: tuple[str, ...]) -> dict[str, list[Path]]:
    """Returns the mask files and folders by all that they may be called.

    "/a/b" is a whole path in the folder and "b" its end; "word:" and "number:" stand before looser names.
    """
    index: dict[str, list[Path]] = defaultdict(list)
    for parent, subfolders, files in os.walk(folder, followlinks=True):
        subfolders[:] = sorted(name for name in subfolders if not name.startswith("."))
        entries = [(name, name) for name in subfolders]
        entries += [(name, name[: -len(Path(name).suffix)]) for name in sorted(files) if _is_mask(name, suffixes)]
        for entry, stem in entries:
            path = Path(parent, entry)
            whole = comparable((Path(parent).relative_to(folder) / stem).as_posix())
            for name in dict.fromkeys((whole, without_suffix(whole))):
                for key in _keys(name):
                    index[key].append(path)
    return index


def _keys(name: str) -> list[str]:
    file = PurePosixPath(name).name
    bare = _AFFIXES.sub("", file)
    keys = [f"/{name}", *tails(name)]
    if bare != file:
        keys += [f"word:{end}" for end in tails(str(PurePosixPath(name).with_name(bare)))] if bare else []
    if bare.isdecimal():
        keys.append(f"number:{int(bare)}")
    return keys


def _alone(known: dict[str, str]) -> dict[str, list[str]]:
    """Returns the file name without folders of each view that shares it with no other."""
    views: dict[str, list[str]] = defaultdict(list)
    for view, name in known.items():
        views[PurePosixPath(name).name].append(view)
    return {shared[0]: [file] for file, shared in views.items() if len(shared) == 1}


def _numbers(view: str, known: dict[str, str]) -> list[int]:
    """Returns the number that a view is called, when it is called by a number that no other view has."""
    called = {other: PurePosixPath(name).name for other, name in known.items()}
    if not called[view].isdecimal():
        return []
    number = int(called[view])
    return [number] if sum(name.isdecimal() and int(name) == number for name in called.values()) == 1 else []


def _is_mask(name: str, suffixes: tuple[str, ...]) -> bool:
    return not name.startswith(".") and name.lower().endswith(suffixes)


def _used(path: Path, matched: set[Path]) -> bool:
    """Whether a path is, or lies in, what another view has."""
    return path in matched or any(parent in matched for parent in path.parents)
