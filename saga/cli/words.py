"""Words on the command line: one object by a text, and names for all of them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from saga.cli.options import OptionalPath, OptionalText
from saga.cli.run import say
from saga.errors import EmptySelectionError, SagaError
from saga.files.names import safe_name

if TYPE_CHECKING:
    import numpy as np

    from saga.query import Segmentation
    from saga.words import Named, ObjectFinder

_MOST_NAMES = 1000


@dataclass(frozen=True)
class TextInputs:
    """What the object is called, and the model that knows words."""

    text: OptionalText = None
    """What the object is called or looks like, e.g. "red mug", instead of a prompt in a view. Says so when nothing
    in the scene is like it; ranking.png and report.json show what came next."""
    text_model: OptionalText = None
    """The model that knows words: a short name, a folder, or an id of the hub; siglip2 by default."""

    def refuse_prompts(self, **given: object) -> None:
        """Raises SagaError for a prompt beside a text, or a model without one."""
        if self.text is None:
            if self.text_model is not None:
                raise SagaError(f"--text-model: expected --text too, found {self.text_model!r} alone; give both.")
            return
        for name, value in given.items():
            if value:
                option = f"--{name.replace('_', '-')}"
                raise SagaError(f"{option}: expected no prompt beside --text, found one; leave one of them out.")

    def check(self) -> None:
        """Raises SagaError for a text that is none, or a model that is not to be had: known before the scene is read.

        A model that is not here yet is downloaded, if somebody at a terminal says yes.
        """
        if self.text is not None:
            from saga.words.ask import require_model
            from saga.words.finder import checked

            checked(self.text)
            require_model(self.text_model)

    def answer(self, opened: Any, scene: Path) -> tuple[Segmentation, np.ndarray]:
        """Returns the object that the text describes, and the contact sheet.

        Args:
            opened: A method that finds objects.
            scene: The scene's file.

        Raises:
            EmptySelectionError: Nothing in the scene is like it.
            SagaError: The model cannot be loaded, or as the method raises it.
        """
        from saga.words.ask import as_object, finder_of
        from saga.words.kept import objects_of

        finder = finder_of(opened, self.text_model, lambda: objects_of(opened))
        answer = finder.rank(self.text or "")
        if not answer.found:
            raise EmptySelectionError(f"{scene}: {answer.verdict()}; try other words, or click on it.")
        say(answer.verdict())
        result = as_object(answer, answer.found[0], ranking=True)
        equals = len(answer.equals) - 1
        if equals:
            others = ", ".join(f"rank {answer.matches.index(each) + 1}" for each in answer.equals[1:])
            result.report["warnings"] = [
                *result.report.get("warnings", []),
                f"{equals} other{'s' * (equals > 1)} fit as well, as far as can be told: {others} in ranking.png",
            ]
        return result, answer.sheet()


@dataclass(frozen=True)
class NameInputs:
    """What the objects are called."""

    text: OptionalText = None
    """Names, with commas between them, e.g. "mug, plate, lamp": only objects that are one of these are written."""
    names: OptionalPath = None
    """A text file with a name in each line: objects that are one of these are called so, all are written."""
    text_model: OptionalText = None
    """The model that knows words: a short name, a folder, or an id of the hub; siglip2 by default."""

    def read(self) -> list[str]:
        """Returns the names; none where none were given. Raises SagaError for a file that holds no names."""
        if self.text is not None and self.names is not None:
            raise SagaError(f"--text and --names: expected one of them, found both ({self.names}); leave one out.")
        if self.text is not None:
            return _checked(self.text.split(","), "--text")
        if self.names is not None:
            from saga.files.reading import reading

            with reading(self.names, "a text file with a name in each line"):
                lines = self.names.read_text("utf-8").splitlines()
            return _checked([line for line in lines if not line.startswith("#")], str(self.names))
        if self.text_model is not None:
            raise SagaError(f"--text-model: expected --text or --names too, found {self.text_model!r} alone.")
        return []

    def call(
        self, opened: Any, found: Sequence[Segmentation], names: Sequence[str]
    ) -> tuple[dict[str, Segmentation], dict[str, Any], np.ndarray]:
        """Returns the objects by their names, what is known of the names, as JSON values, and the contact sheet.

        Raises:
            EmptySelectionError: With a text, no object is called so.
            SagaError: The model cannot be loaded.
        """
        from saga.words.ask import object_finder_of
        from saga.words.sheet import draw_sheet

        finder = object_finder_of(opened, self.text_model, found)
        given = {each.index: each for each in finder.name(names)}
        called = [each for each in given.values() if each.name is not None]
        listed = names[0] if len(names) == 1 else f"{len(names)} names"
        verdict = f"{len(called)} of {len(found)} objects are one of {listed}"
        if self.text is not None and not called:
            best = max(given.values(), key=lambda each: each.total, default=None)
            sure = "" if best is None else f" (the best has {best.total:.0%})"
            raise EmptySelectionError(f'nothing like "{self.text}" among {len(found)} objects{sure}; try other words.')
        called.sort(key=lambda each: (names.index(str(each.name)), -each.probability))
        wanted = [each.index for each in called]  # numbers of a name go by how well it fits
        if self.names is not None:
            wanted += [index for index in range(len(found)) if index not in set(wanted)]
        named = named_objects([found[i] for i in wanted], [_name(given.get(i)) for i in wanted])
        facts = {
            key: {name: value for name, value in asdict(given[index]).items() if name != "index"}
            for key, index in zip(named, wanted, strict=True)
            if index in given
        }
        say(verdict)
        entries = [_entry(key, given.get(index), finder, index) for key, index in zip(named, wanted, strict=True)]
        about = f"{finder.model.name}; probability of the name against other words and names"
        return named, {"model": finder.model.name, "names": facts}, draw_sheet(verdict, about, entries, most=60)


def named_objects(found: Sequence[Segmentation], names: Sequence[str | None]) -> dict[str, Segmentation]:
    """Names objects by their name, else by their kind, and a number of that name, in their order."""
    digits, counts, named = max(3, len(str(len(found)))), Counter[str](), {}
    for each, name in zip(found, names, strict=True):
        stem = str(each.report["kind"]) if name is None else safe_name(name.replace(" ", "_"))
        counts[stem.casefold()] += 1
        named[f"{stem}_{counts[stem.casefold()]:0{digits}d}"] = each
    return named


def _checked(names: Sequence[str], where: str) -> list[str]:
    stripped = [" ".join(name.split()) for name in names]
    found = list(dict.fromkeys(name for name in stripped if name))
    if not found or len(found) > _MOST_NAMES:
        raise SagaError(f"{where}: expected 1 to {_MOST_NAMES:,} names, found {len(found):,}; give names, e.g. mug.")
    return found


def _name(given: Named | None) -> str | None:
    return None if given is None else given.name


def _entry(key: str, given: Named | None, finder: ObjectFinder, index: int) -> Any:
    from saga.words.sheet import Entry

    if given is None:
        return Entry(finder.pictures.thumbnails[index], key, "no view shows it", False)
    if given.name is None:
        detail = f"no name fits ({given.total:.0%} together); rather {given.likest}"
    else:
        detail = f"{given.probability:.0%}"
        detail += "" if given.runner_up is None else f", else {given.runner_up} {given.runner_up_probability:.0%}"
    return Entry(finder.pictures.thumbnails[index], key, detail, given.name is not None)
