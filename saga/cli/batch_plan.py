"""From a manifest to tasks: the steps of each scene, the commands that do them, and what they need."""

from __future__ import annotations

import os
import shlex
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from saga.batch.manifest import Manifest, ObjectEntry, SceneEntry
from saga.batch.steps import export_objects, extract_masks, find_structure
from saga.batch.storage import is_remote, join
from saga.batch.task import Task
from saga.cli.batch_options import check_command, words_of
from saga.cli.calling import Argument, call_command, words_in
from saga.cli.inputs import PLANNED_VIEWS
from saga.cli.places import has_folder, require_folder
from saga.config import from_values
from saga.errors import SagaError
from saga.export.config import ObjectsConfig
from saga.scene.camera_files import cameras_near
from saga.scene.formats import format_of


def plan(manifest: Manifest, out: str, workers: int, device: str | None = None) -> list[Task]:
    """Returns the tasks of a batch, each after those that it waits for.

    Args:
        manifest: What is wanted.
        out: Folder of the results, a path or URL: a folder in it for each scene.
        workers: How many tasks run at a time: into so many parts the masks of one scene by a model are divided, where
            the manifest does not say it.
        device: Where to compute, for scenes that do not say it.

    Raises:
        SagaError: A step has an option that its command does not take, or a scene lacks what its steps need.
    """
    checked: set[tuple[str, ...]] = set()
    return [
        task
        for entry in manifest.scenes
        for task in _ScenePlan(entry, join(out, entry.name), workers, entry.device or device, checked).tasks()
    ]


def require_places(tasks: Sequence[Task]) -> None:
    """Raises SagaError when a result has to go into a folder of something else: known before the work, not after it.

    Storage is left to the tasks themselves.
    """
    for task in tasks:
        command = "discover" if task.function is export_objects else task.settings.get("command", "")
        place = task.outputs.get("out") or os.path.dirname(task.outputs.get("report", ""))
        if place and has_folder(command) and not is_remote(place):
            require_folder(command, Path(place))


def described(task: Task) -> str:
    """Returns what a task does as a person would type it, or in words where no command does it."""
    places = {**task.inputs, **task.caches, **task.outputs}
    if task.function is not call_command:
        targets = ", ".join([*task.outputs.values(), *task.caches.values()])
        return f"({task.function.__name__.replace('_', ' ')} into {targets})"
    return shlex.join([f"saga-{task.settings['command']}", *words_in(task.settings["arguments"], places)])


_PREVIEWS = ("preview-1.png", "preview-2.png", "preview-3.png")
"""Pictures of a cleaning; there are fewer where little goes."""


@dataclass
class _ScenePlan:
    """The tasks of one scene."""

    entry: SceneEntry
    base: str
    """Folder of its results."""
    workers: int
    device: str | None
    checked: set[tuple[str, ...]]
    """Command lines that were found to be right."""
    inputs: dict[str, str] = field(init=False)
    """The scene, and what belongs to it, by names of places."""

    def __post_init__(self) -> None:
        entry = self.entry
        given = {"scene": entry.scene, "images": entry.images, "cameras": entry.cameras, "masks": entry.masks}
        given |= {"sam": _file(entry.sam), "align": _file(entry.align)}
        self.inputs = {name: place for name, place in given.items() if place is not None}
        if is_remote(entry.scene) and not {"images", "cameras"} <= set(self.inputs):
            raise SagaError(
                f"{entry.where}: expected images and cameras with a scene that lies in storage, found none; name them."
            )

    def tasks(self) -> Iterator[Task]:
        """Yields the tasks, each after those that it waits for."""
        if "clean" in self.entry.options:
            yield self._clean()
        masks = list(self._masks())
        yield from masks
        after = tuple(task.name for task in masks)
        if self._trains:
            yield self._train(after)
        objects = [self._object(each, after) for each in self.entry.objects]
        yield from objects
        if self.entry.everything:
            yield self._everything(after)
        if "export" in self.entry.options:
            yield self._export(objects)

    @property
    def _trains(self) -> bool:
        """Whether features are needed: somebody asks for them, or for nothing else."""
        entry = self.entry
        asked = [self._method_of(each) for each in entry.objects]
        asked += [self._discovery] if entry.everything else []
        return "train" in entry.options or not asked or "saga" in asked

    def _method_of(self, wanted: ObjectEntry) -> str:
        return str(wanted.segment.get("method", self._options("segment").get("method", "saga")))

    @property
    def _discovery(self) -> str:
        return str(self._options("discover").get("method", "disconerf"))

    def _options(self, step: str) -> Mapping[str, Any]:
        return self.entry.options.get(step, {})

    def _task(self, name: str, function: Any, settings: Mapping[str, Any], kind: str, **others: Any) -> Task:
        return Task(f"{self.entry.name}/{name}", function, settings, group=self.entry.name, kind=kind, **others)

    def _clean(self) -> Task:
        """Looks for what the scene is better without; where that is applied, all else works on the scene without it."""
        options = self._options("clean")
        own = self._words("clean", options)
        arguments = [*self._scene_and_images(), "--out", {"folder": "report"}, *self._camera_words(), *own]
        folder, inputs = join(self.base, "clean"), self._given("scene", "images", "cameras", "align")
        outputs = {name.partition(".")[0]: join(folder, name) for name in ("report.json", *_PREVIEWS)}
        if options.get("apply") is True:
            written = options.get("format") or format_of(Path(self.entry.scene)) or "ply"
            outputs["clean"] = join(folder, f"clean.{written}")
        pictures = tuple(name.partition(".")[0] for name in _PREVIEWS)
        task = self._command(
            "clean", "clean", arguments, inputs, outputs, (), optional=pictures, picture="preview-1",
        )  # fmt: skip
        if "clean" in outputs:
            near = self._near_cameras()  # the scene without what goes lies elsewhere
            self.inputs |= {"scene": outputs["clean"]} | ({} if near is None else {"cameras": near})
        return task

    # Masks.

    def _masks(self) -> Iterator[Task]:
        """Yields the extraction of masks, where it is worth a task of its own."""
        entry, loading = self.entry, self._loading()
        blocks = self._blocks()
        if entry.masks is not None or not blocks:
            return
        inputs, caches = self._given("scene", "images", "cameras", "sam", "align"), self._cache()
        after: tuple[str, ...] = ()
        if entry.sam is None and blocks > 1:
            yield self._task(
                "structure", find_structure, {"loading": loading}, "structure", inputs=inputs, caches=caches
            )
            after = (f"{entry.name}/structure",)
        for number in range(blocks):
            settings = {"share": [number, blocks], "loading": loading, "propagate": entry.propagate}
            if entry.sam is not None and "sam" not in self.inputs:
                settings["sam"] = entry.sam
            name = "masks" if blocks == 1 else f"masks-{number + 1}-of-{blocks}"
            yield self._task(name, extract_masks, settings, "masks", inputs=inputs, caches=caches, after=after)

    def _blocks(self) -> int:
        """Into how many tasks the extraction of masks is divided; none where the one that needs them makes them."""
        entry = self.entry
        if entry.blocks is not None and not entry.propagate:
            return entry.blocks
        if entry.sam is not None:
            return 1 if entry.propagate else self.workers
        users = [*map(self._method_of, entry.objects), *([self._discovery] if entry.everything else [])]
        return int(self._trains + sum(method != "saga" for method in users) > 1)

    def _loading(self) -> dict[str, Any]:
        train, entry = self._options("train"), self.entry
        loading = {"views": int(train.get("render_views", PLANNED_VIEWS)), "seed": int(train.get("seed", 0))}
        named = {"device": self.device, "align": None if "align" in self.inputs else entry.align}
        return loading | {name: value for name, value in named.items() if value is not None}

    # Commands.

    def _train(self, after: Sequence[str]) -> Task:
        own = self._words("train", self._options("train"))
        arguments = [
            *self._scene_and_images(),
            "--out",
            _place("field"),
            *self._mask_words(),
            *self._camera_words(),
            *own,
        ]
        outputs = {"field": join(self.base, "scene.saga"), "regions": join(self.base, "scene.regions")}
        inputs = self._given("scene", "images", "cameras", "masks", "sam", "align")
        return self._command("train", "train", arguments, inputs, outputs, after, optional=("regions",))

    def _object(self, wanted: ObjectEntry, after: Sequence[str]) -> Task:
        options, files = {**self._options("segment"), **wanted.segment}, {}
        own = self._words("segment", options)
        inputs, words = self._answering(self._method_of(wanted) == "saga")
        for name in ("scribble", "mask"):
            if getattr(wanted, name) is not None:
                files[name] = getattr(wanted, name)
        prompt = [*_prompt_words(wanted), *(word for name in files for word in (f"--{name}", _place(name)))]
        picture = "out/object/preview.png" if options.get("all_levels") is True else "out/preview.png"
        return self._command(
            f"objects/{wanted.name}", "segment", [_place("scene"), *words, *prompt, "--out", _place("out"), *own],
            {**inputs, **files},
            {"out": join(self.base, "objects", wanted.name)}, after, picture=picture,
        )  # fmt: skip

    def _everything(self, after: Sequence[str]) -> Task:
        own = self._words("discover", self._options("discover"))
        inputs, words = self._answering(self._discovery == "saga", images_first=True)
        return self._command(
            "everything", "discover", [_place("scene"), *words, "--out", _place("out"), *own], inputs,
            {"out": join(self.base, "everything")}, after, picture="out/overview.png",
        )  # fmt: skip

    def _answering(self, from_features: bool, images_first: bool = False) -> tuple[dict[str, str], list[Argument]]:
        """Returns inputs and words of a command that answers prompts, or finds all: from features, or from masks."""
        images: list[Argument] = [_place("images")] if "images" in self.inputs else []
        images = images if images_first or not images else ["--images", *images]
        if not from_features:
            inputs = self._given("scene", "images", "cameras", "masks", "sam", "align")
            return inputs, [*images, *self._mask_words(), *self._camera_words()]
        features = {"field": join(self.base, "scene.saga"), "regions": join(self.base, "scene.regions")}
        # Features know their cameras and photographs by where they were; what lies in storage is elsewhere each time.
        staged = images_first or any(map(is_remote, self.inputs.values()))
        words = [*images, *self._camera_words()] if staged else self._device_words()
        names = ("scene", "images", "cameras", "align") if staged else ("scene",)
        return self._given(*names) | features, [*words, "--field", _place("field")]

    def _export(self, objects: Sequence[Task]) -> Task:
        entry, options = self.entry, dict(self._options("export"))
        where = f"{entry.where}.export"
        from_values(ObjectsConfig, options, where)
        if not objects or any(task.picture != "out/preview.png" for task in objects):
            raise SagaError(f"{where}: expected objects of one level, found none; everything has them in one folder.")
        names = [each.name for each in entry.objects]
        inputs = self._given("scene", "images", "cameras", "align")
        inputs |= {f"object:{name}": task.outputs["out"] for name, task in zip(names, objects, strict=True)}
        settings = {"names": names, "loading": self._loading(), "export": options}
        return self._task(
            "all", export_objects, settings, "export", inputs=inputs, outputs={"out": join(self.base, "all")},
            picture="out/overview.png",
        )  # fmt: skip

    def _command(
        self,
        name: str,
        command: str,
        arguments: list[Argument],
        inputs: dict[str, str],
        outputs: dict[str, str],
        after: Sequence[str],
        **others: Any,
    ) -> Task:
        uses_masks = any(word == "--cache" for word in arguments)
        others.setdefault("optional", ())
        if "regions" in inputs:
            others["optional"] = (*others["optional"], "regions")
        if near := self._near_cameras():
            inputs, others["optional"] = {**inputs, "near": near}, (*others["optional"], "near")
        return self._task(
            name, call_command, {"command": command, "arguments": arguments}, command, inputs=inputs, outputs=outputs,
            after=tuple(after) if uses_masks else (), caches=self._cache() if uses_masks else {}, **others,
        )  # fmt: skip

    # Words of command lines.

    def _words(self, command: str, options: Mapping[str, Any]) -> list[str]:
        words = words_of(f"{self.entry.where}.{command}", command, options)
        check_command(f"{self.entry.where}.{command}", command, words, self.checked)
        return words

    def _scene_and_images(self) -> list[Argument]:
        return [_place("scene"), *([_place("images")] if "images" in self.inputs else [])]

    def _mask_words(self) -> list[Argument]:
        entry = self.entry
        words: list[Argument] = ["--cache", _place("cache")]
        words += ["--masks", _place("masks")] if entry.masks is not None else []
        words += ["--masks-kind", entry.masks_kind] if entry.masks_kind is not None else []
        words += ["--sam", self._file_or_name("sam", entry.sam)] if entry.sam is not None else []
        return [*words, *(["--propagate"] if entry.propagate else [])]

    def _camera_words(self) -> list[Argument]:
        align = self.entry.align
        words: list[Argument] = ["--cameras", _place("cameras")] if "cameras" in self.inputs else []
        words += ["--align", self._file_or_name("align", align)] if align is not None else []
        return [*words, *self._device_words()]

    def _device_words(self) -> list[Argument]:
        return [] if self.device is None else ["--device", self.device]

    def _file_or_name(self, name: str, given: str) -> Argument:
        return _place(name) if name in self.inputs else given

    def _given(self, *names: str) -> dict[str, str]:
        return {name: self.inputs[name] for name in names if name in self.inputs}

    def _cache(self) -> dict[str, str]:
        return {"cache": join(self.base, "masks")}

    def _near_cameras(self) -> str | None:
        """Returns where the cameras of a scene are that names none, so that a change of them is noticed."""
        if "cameras" in self.inputs or is_remote(self.entry.scene):
            return None
        images = self.entry.images
        near = cameras_near(Path(self.entry.scene), None if images is None or is_remote(images) else Path(images))
        return None if near is None else str(near)


def _place(name: str) -> dict[str, str]:
    return {"place": name}


def _file(given: str | None) -> str | None:
    """Returns what is a file or URL, and not a name."""
    return given if given is not None and (is_remote(given) or Path(given).is_absolute()) else None


def _prompt_words(wanted: ObjectEntry) -> list[Argument]:
    words: list[Argument] = []
    for option, text in (("--view", wanted.view), ("--text", wanted.text)):
        words += [option, text] if text is not None else []
    for option, pixels in (("--points", wanted.points), ("--negative", wanted.negative)):
        words += [option, *(f"{x},{y}" for x, y in pixels)] if pixels else []
    for option, views in (("--also", wanted.also), ("--also-negative", wanted.also_negative)):
        further = [f"{view}:{x},{y}" for view, pixels in views.items() for x, y in pixels]
        words += [option, *further] if further else []
    return words if wanted.box is None else [*words, "--box", ",".join(map(str, wanted.box))]
