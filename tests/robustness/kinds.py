"""What is damaged, and which commands are given it: one line for each kind of file that is read."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from random import Random

from tests.robustness import containers, mutations, programs
from tests.robustness.sandbox import Limits, Step
from tests.robustness.world import EVALUATION, FORMATS, SMALL

Change = Callable[[Random, bytes], tuple[bytes, str]]
SCENE = ("scene.ply", "images", "transforms.json")


@dataclass(frozen=True)
class Kind:
    """A kind of input."""

    name: str
    files: tuple[str, ...]
    """Files and folders of the world that a case has."""
    damage: Callable[[Random, Path], str]
    """Damages files in a case's folder, and returns what it did."""
    steps: tuple[tuple[Step, ...], ...]
    """Commands that are given it; one of these lines is drawn, and cheap ones are there several times."""
    kept: tuple[str, ...] = ()
    """Files that commands keep for later, and may make again or remove."""
    is_accepted: bool = True
    """Whether commands accept it where it is not damaged."""
    limits: Limits = Limits()
    """What a command may take."""


def train(*more: str) -> Step:
    """saga-train without a step of training."""
    return "train", ["scene.ply", *more, "--iterations", "0", "--no-regions", *SMALL, "--out", "out.saga"]


def resumed() -> Step:
    """saga-train with the settings of the run that was interrupted."""
    given = ["--masks", "instances", "--iterations", "6", "--no-regions", *SMALL]
    return "train", ["scene.ply", *given, "--out", "out.saga"]


def check(*more: str) -> Step:
    """saga-check."""
    return "check", ["scene.ply", *more, "--device", "cpu", "--out", "out.png"]


def views(*more: str) -> Step:
    """saga-views."""
    return "views", ["scene.ply", *more, "--device", "cpu", "--out", "out"]


def segment(*more: str, field: str = "scene.saga") -> Step:
    """saga-segment with a click on a field."""
    click = ["--field", field, "--view", "000.png", "--points", "48,24"]
    return "segment", ["scene.ply", *click, *more, "--device", "cpu", "--out", "out"]


def prompted(*more: str) -> Step:
    """saga-segment with a method that takes masks."""
    click = ["--method", "sa3d", "--view", "000.png", "--points", "48,24"]
    return "segment", ["scene.ply", *click, *more, "--device", "cpu", "--out", "out"]


def discover(*more: str) -> Step:
    """saga-discover on a field."""
    given = ["--method", "saga", "--field", "scene.saga"]
    return "discover", ["scene.ply", *given, *more, "--device", "cpu", "--out", "out"]


def batch(manifest: str) -> Step:
    """saga-batch, as far as it goes without doing anything."""
    return "batch", [manifest, "--dry-run"]


def whole_batch() -> Step:
    """saga-batch of one scene, with a step of each kind."""
    return "batch", ["small.yaml", "--engine", "here", "--retries", "0", "--device", "cpu", "--out", "out"]


def clean(*more: str) -> Step:
    """saga-clean."""
    return "clean", ["scene.ply", *more, "--device", "cpu", "--out", "out"]


def evaluate(*more: str) -> Step:
    """saga-eval on the one scene that there is."""
    return "eval", [*EVALUATION, *more, "--out", "out"]


def one_of(pattern: str, change: Change) -> Callable[[Random, Path], str]:
    """Returns what damages one of the files that fit a pattern; seldom, what is no file takes its place."""

    def damage(random: Random, case: Path) -> str:
        path = random.choice(sorted(found for found in case.glob(pattern) if found.is_file()))
        if random.random() < 0.03:
            return f"{path.relative_to(case)} is {_no_file(random, path)}"
        data = path.read_bytes()
        made, said = change(random, data)
        if random.random() < 0.03:
            other = random.choice([each for each in sorted(case.rglob("*")) if each.is_file()])
            made, said = mutations.damaged_bytes(random, data, other.read_bytes())
        path.unlink()
        path.write_bytes(made)
        return f"{path.relative_to(case)}: {said}"

    return damage


def _no_file(random: Random, path: Path) -> str:
    path.unlink()
    kind = random.choice(("a folder", "gone", "a link to itself", "a link to nothing", "a pipe", "endless", "huge"))
    match kind:
        case "a folder":
            path.mkdir()
        case "a link to itself":
            path.symlink_to(path.name)
        case "a link to nothing":
            path.symlink_to("nowhere")
        case "a pipe":
            os.mkfifo(path)
        case "endless":
            path.symlink_to("/dev/zero")
        case "huge":
            with path.open("wb") as file:
                file.truncate(random.choice((1 << 32, 1 << 36)))
    return kind


def _model(random: Random, case: Path) -> str:
    """Damages a binary COLMAP model."""
    folder = case / "cams/colmap"
    files = {path.name: path.read_bytes() for path in sorted(folder.iterdir())}
    said = ""
    for name, (made, what) in containers.odd_model(random, files).items():
        (folder / name).write_bytes(made)
        said = f"{name}: {what}"
    return said


def _cameras(name: str, pattern: str, change: Change, images: Sequence[str] = ("images",)) -> Kind:
    given = [*images, "--cameras", f"cams/{name}"]
    cheap = ((train(*given, "--masks", "instances"),), (views(*given),))
    lines = (*cheap, *cheap, (check(*given),))
    return Kind(name, ("scene.ply", "images", "instances", f"cams/{name}"), one_of(pattern, change), lines)


def _masks(name: str, path: str, pattern: str, change: Change) -> Kind:
    lines = (*[(train("--masks", path),)] * 4, (check("--masks", path),), (prompted("--masks", path),))
    return Kind(name, (*SCENE, path.partition("/")[0]), one_of(pattern, change), lines)


def _program(name: str, pattern: str, change: Change | None, program: str) -> Kind:
    """A kind of input for one of the programs that stay: what it is sent, or one of the files that it opens."""
    files = (*EARLIER, "instances", "scene.session", "requests" if program == "serve" else "messages")
    kept = ("scene*.session", ".scene.session.lock", "scene.regions", "scene.saga*", "scene.masks*", "out*")
    damage = _opened if change is None else one_of(pattern, change)
    # Threads take address space that they do not use.
    return Kind(name, files, damage, (((program, []),),), kept, limits=Limits(memory=8 << 30))


def _opened(random: Random, case: Path) -> str:
    """Damages one of the files that a program opens."""
    pattern, change = random.choice((
        ("scene.ply", containers.damaged_ply), ("scene.saga", containers.damaged_tensors),
        ("scene.regions", containers.damaged_tensors), ("scene.session", containers.damaged_tensors),
        ("transforms.json", mutations.damaged_json), ("images/*", containers.damaged_picture),
    ))  # fmt: skip
    return one_of(pattern, change)(random, case)


def _compressed(ending: str) -> Kind:
    file = f"scene.{ending}"
    given = (check(), *[train("--masks", "instances"), views()] * 2)
    lines = tuple((name, [file, *rest]) for name, (_, *rest) in given)
    change = containers.damaged_archive if ending == "sog" else mutations.damaged_bytes
    files = (file, "images", "transforms.json", "instances")
    return Kind(ending, files, one_of(file, change), tuple((line,) for line in lines))


PLY_STEPS = (
    (train("--masks", "instances"),), (train("--masks", "instances", "--strict"),), (views(),), (check(),),
    (prompted("--masks", "instances", "--split-boundary", "--prune"),),
    (train("--masks", "instances"), segment(field="out.saga")),
)  # fmt: skip
EARLIER = (*SCENE, "scene.saga", "scene.regions")
PROGRAMS = (
    _program("requests", "requests/*", mutations.damaged_json, "serve"),
    _program("messages", "messages/*", mutations.damaged_json, "view"),
    _program("what is served", "", None, "serve"),
    _program("what is viewed", "", None, "view"),
)
FILES: tuple[Kind, ...] = (
    Kind("ply", (*SCENE, "instances"), one_of("scene.ply", containers.damaged_ply), PLY_STEPS),
    *(_compressed(ending) for ending in FORMATS),
    _cameras("colmap", "cams/colmap/*", mutations.damaged_bytes),
    _cameras("text", "cams/text/*", mutations.damaged_text),
    _cameras("inria", "cams/inria/*", mutations.damaged_json),
    _cameras("llff", "cams/llff/*", containers.damaged_array),
    _cameras("polycam", "cams/polycam/*", mutations.damaged_json),
    _cameras("record3d", "cams/record3d/*.json", mutations.damaged_json, images=()),
    _cameras("metashape", "cams/metashape/*", mutations.damaged_xml),
    _cameras("realitycapture", "cams/realitycapture/*", mutations.damaged_text),
    Kind("colmap numbers", ("scene.ply", "images", "instances", "cams/colmap"), _model,
         ((check("images", "--cameras", "cams/colmap"),), *[(views("--cameras", "cams/colmap"),)] * 3)),
    Kind("nerfstudio", (*SCENE, "instances"), one_of("transforms.json", mutations.damaged_json),
         ((check(),), (train("--masks", "instances"),), (views(),), (prompted("--masks", "instances"),))),
    Kind("frame", (*SCENE, "frame.txt"), one_of("frame.txt", mutations.damaged_text),
         ((check("--align", "frame.txt"),), (views("--align", "frame.txt"),))),
    Kind("frame as JSON", (*SCENE, "dataparser_transforms.json"),
         one_of("dataparser_transforms.json", mutations.damaged_json),
         ((check("--align", "dataparser_transforms.json"),), (check(),))),
    Kind("photographs", (*SCENE, "instances"), one_of("images/*", containers.damaged_picture),
         ((check(),), (train("--masks", "instances"),), (train("images"),), (prompted("--masks", "instances"),)),
         ("scene.masks*",)),
    _masks("pictures", "instances", "instances/*", containers.damaged_picture),
    _masks("pictures of one mask", "masks/folders", "masks/folders/*/*", containers.damaged_picture),
    _masks("npz", "masks/npz", "masks/npz/*", containers.damaged_archive),
    _masks("npy", "masks/npy", "masks/npy/*", containers.damaged_array),
    _masks("run lengths", "masks/json", "masks/json/*", mutations.damaged_json),
    _masks("yolo", "masks/yolo", "masks/yolo/*", mutations.damaged_text),
    _masks("coco", "annotations/instances.json", "annotations/instances.json", mutations.damaged_json),
    _masks("panoptic", "annotations/panoptic.json", "annotations/panoptic.json", mutations.damaged_json),
    _masks("panoptic pictures", "annotations/panoptic.json", "annotations/panoptic/*", containers.damaged_picture),
    _masks("sa-v", "annotations/sav.json", "annotations/sav.json", mutations.damaged_json),
    _masks("labelme", "annotations/labelme", "annotations/labelme/*", mutations.damaged_json),
    _masks("cvat", "annotations/cvat.xml", "annotations/cvat.xml", mutations.damaged_xml),
    Kind("field", (*SCENE, "scene.saga"), one_of("scene.saga", containers.damaged_tensors),
         ((segment(),), (discover(),))),
    Kind("regions", EARLIER, one_of("scene.regions", containers.damaged_tensors),
         ((segment(),), (segment("--all-levels"),), (discover(),)), ("scene.regions", "scene.masks*")),
    Kind("session", ("scene.ply", "scene.session"), one_of("scene.session", containers.damaged_tensors),
         ((("session", ["6"]),),), ("scene*.session", ".scene.session.lock")),
    *(PROGRAMS if programs.are_there() else ()),
    Kind("masks of the scene", (*SCENE, "scene.masks"), one_of("scene.masks/*/*", containers.damaged_archive),
         ((train(),), (prompted(),)), ("scene.masks*",)),
    Kind("state of a run", (*SCENE, "instances", "out.saga.checkpoint"),
         one_of("out.saga.checkpoint", containers.damaged_tensors),
         ((resumed(),),),
         ("out.saga.checkpoint",)),
    # A checkpoint of Segment Anything takes too long to run: this is a part of one.
    Kind("sam", (*SCENE, "sam.pth"), one_of("sam.pth", containers.damaged_archive), ((train("--sam", "sam.pth"),),),
         ("scene.masks*",), is_accepted=False),
    Kind("strokes", (*EARLIER, "strokes.png"), one_of("strokes.png", containers.damaged_picture),
         tuple(((name, [each for each in words if each not in ("--points", "48,24")]),)
               for name, words in (segment("--scribble", "strokes.png"), segment("--mask", "strokes.png")))),
    Kind("manifest", (*SCENE, "batch.yaml"), one_of("batch.yaml", mutations.damaged_text), ((batch("batch.yaml"),),)),
    Kind("table of scenes", (*SCENE, "batch.csv"), one_of("batch.csv", mutations.damaged_text),
         ((batch("batch.csv"),),)),
    Kind("earlier object", (*EARLIER, "earlier/object"), one_of("earlier/object/**/*", mutations.damaged_bytes),
         ((("segment", [*segment()[1][:-1], "earlier/object"]),),), ("earlier*",)),
    Kind("earlier objects", (*EARLIER, "earlier/objects"), one_of("earlier/objects/*.json", mutations.damaged_json),
         ((("discover", [*discover()[1][:-1], "earlier/objects"]),),), ("earlier*",)),
    Kind("earlier evaluation", ("data", "fields", "earlier/evaluation"),
         one_of("earlier/evaluation/**/*.json", mutations.damaged_json),
         ((("eval", [*EVALUATION, "--out", "earlier/evaluation"]),),), ("earlier*", "fields*")),
    Kind("objects of a dataset", ("data", "fields"), one_of("data/small/objects.json", mutations.damaged_json),
         ((evaluate(),),), ("fields*", "out*")),
    Kind("labels of a dataset", ("data", "fields"), one_of("data/small/labels.npy", containers.damaged_array),
         ((evaluate(),),), ("fields*", "out*")),
    Kind("truth of a dataset", ("data", "fields"), one_of("data/small/instances/*", containers.damaged_picture),
         ((evaluate(),),), ("fields*", "out*")),
    Kind("field of a dataset", ("data", "fields"), one_of("fields/*", containers.damaged_tensors),
         ((evaluate(),),), ("fields*", "out*")),
)  # fmt: skip
