"""The commands that results are made with, over an earlier result or over none, and what each must end in."""

from __future__ import annotations

import argparse
import io
import shutil
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Sequence
from contextlib import redirect_stdout
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, NoReturn

from tests.robustness.kinds import check, clean, discover, evaluate, segment, views, whole_batch
from tests.robustness.results import contents_of
from tests.robustness.sandbox import Box, Ending, Limits, Step, begin_in_one_thread, require_single_thread, run
from tests.robustness.world import SMALL, hurry, write_world

SCENE = ("scene.ply", "images", "transforms.json", "instances", "scene.saga", "scene.regions")
LEFTOVER = ".saga-partial-"


def _train(*more: str) -> Step:
    return "train", ["scene.ply", "--masks", "instances", *SMALL, *more, "--out", "out.saga"]


@dataclass
class Command:
    """A command with a result, and what the result is when nothing disturbs it."""

    name: str
    step: Step
    outs: tuple[str, ...]
    """The files or folders that it writes."""
    earlier: Step | None = None
    """What made the result that is there before."""
    in_parts: bool = False
    """Whether the result grows, part by part, where nothing is there before."""
    files: tuple[str, ...] = SCENE
    """Files of the scene that it is given."""
    stages: tuple[Step, ...] = ()
    """What leaves a part of the result that is whole by itself, as every autosave does."""
    before: dict[str, Any] = field(default_factory=dict)
    """Contents of `outs` before, by their names; None where there is none."""
    after: dict[str, Any] = field(default_factory=dict)
    """The same after an undisturbed run."""
    between: list[dict[str, Any]] = field(default_factory=list)
    """The same after each of `stages`."""
    listing: set[str] = field(default_factory=set)
    """All that is in the box after an undisturbed run."""
    seconds: float = 0.0
    """How long an undisturbed run takes."""

    def start(self, world: Path, box: Box) -> None:
        """Puts the inputs and the earlier result into an empty box."""
        for name in self.files:
            copy = shutil.copytree if (world / name).is_dir() else shutil.copy
            copy(world / name, box.case / name)
        kept = world.parent / "earlier" / self.name
        if kept.is_dir():
            shutil.copytree(kept, box.case, dirs_exist_ok=True)

    def found(self, box: Box) -> dict[str, Any]:
        """Returns the contents of the results that are there now."""
        return {out: contents_of(box.case / out) for out in self.outs}


COMMANDS = (
    Command("train", _train("--iterations", "8"), ("out.saga", "out.regions")),
    Command("train again", _train("--iterations", "8"), ("out.saga", "out.regions"),
            _train("--iterations", "0", "--seed", "9")),
    Command("segment", segment(), ("out",)),
    Command("segment again", segment("--split-boundary"), ("out",), segment("--negative", "10,40")),
    Command("discover", discover(), ("out",)),
    Command("discover again", discover(), ("out",), discover("--labels-in-ply", "--set", "smallest=60")),
    Command("session", ("session", ["6"]), ("scene.session",), files=("scene.ply",),
            stages=tuple(("session", [str(actions)]) for actions in range(1, 6))),
    Command("session again", ("session", ["6"]), ("scene.session",), ("session", ["2"]), files=("scene.ply",),
            stages=tuple(("session", [str(actions)]) for actions in range(3, 6))),
    Command("clean", clean("--apply"), ("out",)),
    Command("clean again", clean("--strength", "0.9"), ("out",), clean("--apply")),
    Command("batch", whole_batch(), ("out",), in_parts=True, files=(*SCENE, "small.yaml")),
    Command("check", check("images"), ("out.png",)),
    Command("views", views(), ("out",)),
    Command("eval", evaluate(), ("out",), in_parts=True, files=("data", "fields")),
    Command("demo", ("demo", ["--out", "out", "--gaussians", "2000", "--device", "cpu"]), ("out",), in_parts=True,
            files=()),
)  # fmt: skip
"""Each kind of command; those that are run again find an earlier result of other settings."""


class Bench:
    """A scene, and commands whose undisturbed results are known."""

    def __init__(self, work: Path, names: Sequence[str] | None = None, small_pictures: bool = True) -> None:
        """Makes the scene, and runs each of the commands twice: what ends otherwise the second time is no reference.

        Args:
            work: an empty folder.
            names: of the commands; all by default.
            small_pictures: whether to make pictures small; processes of their own do not.
        """
        self.world, self.box_root = work / "world", work / "box"
        self.commands = [command for command in COMMANDS if names is None or command.name in names]
        _hurry(small_pictures)
        with redirect_stdout(io.StringIO()):
            case = Box(self.box_root).case
            write_world(case)
            case.rename(self.world)
        require_single_thread()
        for command in self.commands:
            self._learn(command)

    def fresh(self, command: Command) -> Box:
        """Returns a new box with the command's inputs and the earlier result."""
        box = Box(self.box_root)
        command.start(self.world, box)
        return box

    def _learn(self, command: Command) -> None:
        if command.earlier is not None:
            box = self.fresh(command)
            _require_success(command, run(box, [command.earlier], Limits()))
            kept = self.world.parent / "earlier" / command.name
            for out in command.outs:
                copy, target = shutil.copytree if (box.case / out).is_dir() else shutil.copy, kept / out
                kept.mkdir(parents=True, exist_ok=True)
                copy(box.case / out, target)
        results = []
        for _ in range(2):
            box = self.fresh(command)
            command.before, began = command.found(box), time.monotonic()
            _require_success(command, run(box, [command.step], Limits()))
            command.seconds, command.listing = time.monotonic() - began, set(box.contents())
            results.append(command.found(box))
        command.after = results[0]
        for stage in command.stages:
            box = self.fresh(command)
            _require_success(command, run(box, [stage], Limits()))
            command.between.append(command.found(box))
        if results[0] != results[1] or command.after == command.before:
            raise RuntimeError(f"{command.name}: two undisturbed runs differ, or nothing is made")


def _require_success(command: Command, ending: Ending) -> None:
    if ending.code != 0 or ending.problems:
        raise RuntimeError(f"{command.name}: {ending.code} {ending.problems} {ending.said}")


def _hurry(small_pictures: bool) -> None:
    """Makes pictures, where asked for, and the demo small, and training keep its state after every step."""
    import saga.demo
    import saga.train
    from saga.train import TrainConfig, trainer

    if small_pictures:
        hurry()
    trainer._CHECKPOINT_SECONDS = 0.0
    saga.demo.make_scene = partial(saga.demo.make_scene, views=3, size=(64, 48))
    sys.modules["saga.train"].TrainConfig = partial(TrainConfig, iterations=5)  # type: ignore[attr-defined]


def options_of(doc: str | None, names: Sequence[str], count: int | None = None, of: str = "") -> argparse.Namespace:
    """Reads the command line of a campaign, and begins anew in one thread where that is not so yet.

    Args:
        doc: what the campaign says of itself.
        names: of the commands that it knows.
        count: how often each is tried by default; None for a campaign that tries all there is.
        of: what is counted, in words.
    """
    parser = argparse.ArgumentParser(description=doc, formatter_class=argparse.RawDescriptionHelpFormatter)
    if count is None:
        parser.add_argument("--every", type=int, default=1, help="let only each so many-th change fail")
    else:
        parser.add_argument("--count", type=int, default=count, help=of)
        parser.add_argument("--seed", type=int, default=1, help="of everything that is drawn")
    parser.add_argument("--only", nargs="*", choices=names, default=names, help="commands; all by default")
    parser.add_argument("--work", type=Path, help="folder to work in; a temporary one by default")
    options = parser.parse_args()
    begin_in_one_thread()
    options.temporary = options.work is None
    options.work = options.work or Path(tempfile.mkdtemp(prefix="saga-campaign-"))
    return options


def end(report: str, faults: Counter[str], options: argparse.Namespace) -> NoReturn:
    """Prints what a campaign found, and ends with 1 where there were faults."""
    print("\n".join([report, *(f"{count} x {fault}" for fault, count in sorted(faults.items()))]))
    if options.temporary:
        shutil.rmtree(options.work)
    sys.exit(bool(faults))


def differences(command: Command, box: Box) -> list[str]:
    """Returns what is wrong after the same command has come to its end: the result is another, or files are left."""
    faults = [] if command.found(box) == command.after else ["another result than without the disturbance"]
    more = sorted(set(box.contents()) - command.listing)
    return faults + [f"{path} is left over" for path in more]


def torn(command: Command, box: Box) -> list[str]:
    """Returns which results are neither the earlier nor the new one."""
    faults = []
    for out, found in command.found(box).items():
        before, after = command.before[out], command.after[out]
        part = command.in_parts and found is not None and found.items() <= after.items()
        whole = [before, after, *(each[out] for each in command.between)]
        if found not in whole and not part:
            faults.append(f"{out} is neither the earlier nor the new result")
    return faults
