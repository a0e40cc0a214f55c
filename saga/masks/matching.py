"""Which masks belong to which view, by their names."""

from __future__ import annotations

import os
import re
from collections import Counter, defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

from saga.errors import SagaError
from saga.masks.numbering import check_numbering, number_of, shared_ends
from saga.scene.names import comparable, tails, unique_stems, without_suffix

_WORD = (
    r"(?:masks?|labels?|labelids|seg|segm|segmentations?|semantic|instances?|instanceids|inst|panoptic|annotations?|"
    r"anno|gt|gtfine|ids?|objects?|obj|alpha|matte|silhouettes?|binary|foreground|fg|sam|colou?r|pred)"
)
_AFFIXES = re.compile(rf"^{_WORD}(?:[-_. ]+|(?=\d))|(?:[-_. ]+|(?<=\d)){_WORD}$", re.IGNORECASE)
_SEPARATOR = re.compile(r"[-_. ]")
_INSTANCES = ("segmentationobject",)
"""Folders of masks of objects, which VOC and its descendants have beside those of classes."""
_BEGINNINGS = "matched by what their names begin with"
_CLASSES = ("segmentationclass", "segmentationclassraw", "segmentationclassaug")


@dataclass(frozen=True)
class Candidate:
    """What may hold the masks of a view: a file, a folder of pictures, or an entry of an annotation file."""

    path: PurePosixPath
    """Its path below the folder of masks, or what the annotation file calls the photograph."""
    name: str
    """The path without the suffix of its own type."""
    is_picture: bool = False
    """Whether it is a picture, which may show one object of several."""
    is_folder: bool = False
    """Whether it is a folder of pictures."""


@dataclass
class Matches:
    """Which candidates belong to which views."""

    found: dict[str, tuple[int, ...]]
    """View name -> its candidates by number; several where each folder has one object."""
    assumed: list[str]
    """What had to be assumed, for people."""
    unused: list[int] = field(default_factory=list)
    """Candidates beside those that were found which belong to no view."""


def match_names(candidates: Sequence[Candidate], views: Sequence[str]) -> Matches:
    """Return which of the candidates each view has.

    A mask goes by its path without the suffix of its type, with or without that of the photograph. Of these rules the
    first that finds one for a view counts: the view's path; its path with "_" between the folders, as saga writes
    masks; its path below further folders; its file name alone, where no other view shares it; the same whatever the
    case of its letters; with words as "mask" before or after it ("0003_mask.png"); what a name begins with
    ("0003_mug.png"), where each file is an object; the same number ("003.png" for "000003.jpg"). Once masks were found,
    later rules look only into the folders that hold them, since others may hold the masks of one photograph each.
    Accents may be stored composed or decomposed. Where files differ in one folder alone ("mug/0003.png",
    "plate/0003.png"), each folder is an object.

    Raises:
        SagaError: two files belong to a view by the same rule, or numbers begin elsewhere than the photographs'.
    """
    assumed: list[str] = []
    candidates = _without_numbered_objects(candidates, views, assumed)
    index = _index(candidates)
    nested = any(candidate.is_folder for candidate in candidates)
    matched: dict[str, tuple[int, ...]] = {}
    for keys_of, assumption in _rules(views):
        parents = {candidates[number].path.parent for numbers in matched.values() for number in numbers if nested}
        taken = {candidates[number].path for numbers in matched.values() for number in numbers}
        claims = {
            view: [(key, number) for key in keys_of(view) for number in index.get(key, ())]
            for view in views
            if view not in matched
        }
        for view, numbers in _granted(claims, candidates, parents, taken, assumed).items():
            if assumption and assumption not in assumed:
                assumed.append(assumption)
            matched[view] = tuple(_one_or_objects(view, numbers, candidates, assumption, assumed))
    _check_numbers(matched, candidates, views, assumed)
    return Matches(matched, assumed, _unused(matched, candidates))


def _without_numbered_objects(
    candidates: Sequence[Candidate], views: Sequence[str], assumed: list[str]
) -> Sequence[Candidate]:
    """Decides what folders are that are called like photographs and hold pictures that are called so too.

    Each may hold the masks of one photograph, numbered, or one object in all photographs, objects numbered. Whichever
    gives more photographs masks is taken; folders of objects can then not be those of photographs.
    """
    called = {f"/{without_suffix(comparable(view))}" for view in views}
    inside: dict[PurePosixPath, set[str]] = defaultdict(set)
    for candidate in candidates:
        if candidate.is_picture:
            inside[candidate.path.parent].add(f"/{PurePosixPath(without_suffix(comparable(candidate.name))).name}")
    folders = {c.path for c in candidates if f"/{comparable(str(c.path))}" in called and c.path in inside}
    if not folders or not all(inside[folder] <= called for folder in folders):
        return candidates
    if len(set().union(*(inside[folder] for folder in folders))) <= len(folders):
        assumed.append("a folder is the photograph of its name, though its files are called like photographs too")
        return candidates
    assumed.append("a folder is an object, though called like a photograph: its files are called like more of them")
    gone = Candidate(PurePosixPath("/"), "/")  # keeps the numbers of the others
    return [gone if candidate.path in folders else candidate for candidate in candidates]


def _rules(views: Sequence[str]) -> list[tuple[Callable[[str], list[str]], str]]:
    """Returns the rules: what a view may be called, and what that assumes."""
    stems = unique_stems(views)
    known = {view: without_suffix(comparable(view)) for view in views}
    bare, alone = Counter(known.values()), _alone(known)
    numbers = _numbers(known)
    return [
        # Of "a.jpg" and "a.png" each has the mask that keeps its suffix.
        (lambda view: [f"/{comparable(view)}"] if bare[known[view]] > 1 else [], ""),
        (lambda view: [f"/{known[view]}"] if bare[known[view]] == 1 else [], ""),
        (lambda view: [f"/{comparable(stems[view])}", f"/{'_'.join(PurePosixPath(known[view]).parts)}"], ""),
        (lambda view: [known[view]] if bare[known[view]] == 1 else [], ""),
        (lambda view: alone.get(view, []), "matched by file name, whatever their folders"),
        (
            lambda view: [f"case:{name.casefold()}" for name in (known[view], *alone.get(view, []))],
            "matched whatever the case of letters",
        ),
        (lambda view: [f"word:{name}" for name in (known[view], *alone.get(view, []))], "matched without their affix"),
        (lambda view: [f"begins:{name}" for name in (known[view], *alone.get(view, []))], _BEGINNINGS),
        (lambda view: [f"number:{number}" for number in numbers.get(view, [])], "matched by their numbers"),
    ]


def _granted(
    claims: dict[str, list[tuple[str, int]]],
    candidates: Sequence[Candidate],
    parents: set[PurePosixPath],
    taken: set[PurePosixPath],
    assumed: list[str],
) -> dict[str, list[int]]:
    """Returns what each view gets by one rule: what two views claim goes to the longer path, or to neither."""
    claimants: dict[int, dict[str, int]] = defaultdict(dict)
    for view, claimed in claims.items():
        for key, number in claimed:
            path = candidates[number].path
            if not _used(path, taken) and (not parents or path.parent in parents):
                # Of "1" and "1_2" the latter's is what begins with it, and of "0" and "cam1/0" what lies in its folder.
                claimants[number][view] = max(claimants[number].get(view, 0), len(key))
    granted: dict[str, list[int]] = defaultdict(list)
    for number, lengths in sorted(claimants.items()):
        best = [view for view, length in lengths.items() if length == max(lengths.values())]
        if len(best) == 1:
            granted[best[0]].append(number)
        else:
            assumed.append(f"{candidates[number].path} left out: it may belong to {best[0]} or {best[1]}")
    return granted


def _one_or_objects(
    view: str, numbers: list[int], candidates: Sequence[Candidate], assumption: str, assumed: list[str]
) -> list[int]:
    """Returns the one candidate of a view, or one for each object. Raises SagaError when it is neither."""
    if len(numbers) == 1:
        return numbers
    several = [candidates[number] for number in numbers]
    folders = _differing_folders(several)
    if folders is not None:
        objects = [n for n, folder in zip(numbers, folders, strict=True) if folder.lower() in _INSTANCES]
        rest = [folder for folder in folders if folder.lower() not in _INSTANCES]
        if len(objects) == 1 and all(folder.lower() in _CLASSES for folder in rest):
            _say(assumed, "objects and not classes: SegmentationObject")
            return objects
        if not objects and not any(folder.lower() in _CLASSES for folder in rest):
            _say(assumed, "each folder is an object")
            return numbers
    elif assumption == _BEGINNINGS and all(one.is_picture for one in several):
        _say(assumed, "each file is an object")
        return numbers
    one, other = (str(candidate.path) for candidate in several[:2])
    raise SagaError(f"{one} and {other} both hold masks of {view}; keep one")


def _differing_folders(several: Sequence[Candidate]) -> list[str] | None:
    """Returns the one folder in which the paths of pictures differ, or None when they differ otherwise."""
    parts = [candidate.path.parts for candidate in several]
    if not all(candidate.is_picture for candidate in several) or len({len(path) for path in parts}) != 1:
        return None
    differing = [place for place in range(len(parts[0])) if len({path[place] for path in parts}) > 1]
    if len(differing) != 1 or differing[0] == len(parts[0]) - 1:
        return None
    folders = [path[differing[0]] for path in parts]
    return folders if len(set(folders)) == len(folders) else None


def _check_numbers(
    matched: dict[str, tuple[int, ...]], candidates: Sequence[Candidate], views: Sequence[str], assumed: list[str]
) -> None:
    parents = {candidates[number].path.parent for numbers in matched.values() for number in numbers}
    beside = [c.name for c in candidates if c.path.parent in parents and not c.is_folder]
    check_numbering(beside, views, "matched by their numbers" in assumed, lambda line: _say(assumed, line))


def _unused(matched: dict[str, tuple[int, ...]], candidates: Sequence[Candidate]) -> list[int]:
    used = {number for numbers in matched.values() for number in numbers}
    parents = {candidates[number].path.parent for number in used}
    folders = all(candidates[number].is_folder for number in used)
    return [
        number
        for number, candidate in enumerate(candidates)
        if number not in used and candidate.path.parent in parents and candidate.is_folder == folders
    ]


def _index(candidates: Sequence[Candidate]) -> dict[str, list[int]]:
    """Returns the candidates by all that they may be called.

    "/a/b" is a whole path and "b" its end; "case:", "word:" and "number:" stand before looser names.
    """
    index: dict[str, list[int]] = defaultdict(list)
    siblings: dict[PurePosixPath, list[str]] = defaultdict(list)
    for candidate in candidates:
        siblings[candidate.path.parent].append(_bare(without_suffix(PurePosixPath(candidate.name).name)))
    ends = {parent: shared_ends(names) for parent, names in siblings.items()}
    for number, candidate in enumerate(candidates):
        whole = comparable(candidate.name)
        names = list(dict.fromkeys((whole, without_suffix(whole))))
        for key in dict.fromkeys(key for name in names for key in _keys(name, ends[candidate.path.parent])):
            index[key].append(number)
    return index


def _keys(name: str, ends: tuple[str, str]) -> list[str]:
    file = PurePosixPath(name).name
    bare = _bare(file)
    keys = [f"/{name}", *tails(name), *(f"case:{end.casefold()}" for end in tails(name))]
    if bare != file and bare:
        keys += [f"word:{end}" for end in tails(str(PurePosixPath(name).with_name(bare)))]
    for cut in _SEPARATOR.finditer(file):
        if cut.start():
            keys += [f"begins:{end}" for end in tails(str(PurePosixPath(name).with_name(file[: cut.start()])))]
    number = number_of(bare, ends)
    return keys if number is None else [*keys, f"number:{number}"]


def _bare(file: str) -> str:
    """Returns a file name without words as "mask" at its ends."""
    while (shorter := _AFFIXES.sub("", file)) != file:
        file = shorter
    return file


def _alone(known: dict[str, str]) -> dict[str, list[str]]:
    """Returns the file name without folders of each view that shares it with no other."""
    views: dict[str, list[str]] = defaultdict(list)
    for view, name in known.items():
        views[PurePosixPath(name).name].append(view)
    return {shared[0]: [file] for file, shared in views.items() if len(shared) == 1}


def _numbers(known: dict[str, str]) -> dict[str, list[int]]:
    """Returns the number of each view that is called by one which no other view has."""
    files = {view: PurePosixPath(name).name for view, name in known.items()}
    ends = shared_ends(list(files.values()))
    numbers = {view: number_of(file, ends) for view, file in files.items()}
    counts = Counter(numbers.values())
    return {view: [number] for view, number in numbers.items() if number is not None and counts[number] == 1}


def _used(path: PurePosixPath, matched: set[PurePosixPath]) -> bool:
    """Whether a path is, or lies in, what another view has."""
    return path in matched or any(parent in matched for parent in path.parents)


def _say(assumed: list[str], line: str) -> None:
    if line not in assumed:
        assumed.append(line)


def candidates_in(folder: Path, suffixes: tuple[str, ...], pictures: tuple[str, ...]) -> list[Candidate]:
    """Return the files with one of some suffixes and the folders below a folder; hidden ones are passed over.

    Args:
        folder: the folder of masks.
        suffixes: file types of masks, in lower case.
        pictures: those of them that are pictures.
    """
    found = []
    for parent, subfolders, files in os.walk(folder, followlinks=True):
        subfolders[:] = sorted(name for name in subfolders if not name.startswith("."))
        inside = PurePosixPath(Path(parent).relative_to(folder).as_posix())
        found += [Candidate(inside / name, str(inside / name), is_folder=True) for name in subfolders]
        for name in sorted(files):
            if name.startswith(".") or not name.lower().endswith(suffixes):
                continue
            stem = str(inside / name[: -len(PurePosixPath(name).suffix)])
            found.append(Candidate(inside / name, stem, name.lower().endswith(pictures)))
    return found
