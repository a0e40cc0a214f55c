"""The generator of propagated masks, for the mask cache."""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict
from pathlib import Path

import numpy as np

from saga.errors import SagaError
from saga.masks.cache import image_key
from saga.masks.models.announcing import announce
from saga.masks.models.estimate import spoken
from saga.masks.models.generator import ModelGenerator
from saga.masks.propagation.choosing import masks_at
from saga.masks.propagation.config import PropagationConfig
from saga.masks.propagation.route import Route, Span, differences, plan_route
from saga.masks.propagation.sights import Sights
from saga.masks.propagation.store import TrackStore
from saga.masks.propagation.things import Judged, Things, find_things, judged
from saga.masks.propagation.tracker import Tracker
from saga.masks.source import MaskGenerator, ViewMasks
from saga.raster import DeviceScene
from saga.runtime.progress import ticking
from saga.scene.camera import Camera
from saga.scene.scene import Scene

_VERSION = 1
_COMPARED_GAUSSIANS = 50_000
"""So many Gaussians say what two views see in common; of more, evenly spaced ones stand for all."""
_DUPLICATE = 0.85
"""IoU of two masks of a keyframe from which one of them is enough."""


class PropagatedGenerator:
    """Masks that a model gives a few photographs, and a tracker carries to all others; one id a thing in all views.

    What was tracked is kept in a folder beside the masks, a file for each run of the tracker, so that an interrupted
    one goes on where it stopped. Then geometry judges the tracks of all views together, and views are made one at a
    time.
    """

    name = "propagated"
    """Names the generator in the cache."""

    def __init__(
        self,
        scene: Scene | DeviceScene,
        folder: Path,
        images: MaskGenerator,
        tracker: Tracker,
        device: str = "auto",
        config: PropagationConfig | None = None,
    ) -> None:
        """Prepares the generator of one scene; nothing is looked at yet.

        Args:
            scene: Gaussians, cameras and photographs; views without a photograph are left out.
            folder: where tracks are kept.
            images: makes the masks of keyframes.
            tracker: follows them.
            device: where the scene is rendered; without effect when it is on a device already.
            config: settings; None takes the defaults.

        Raises:
            SagaError: a photograph cannot be read, or the scene has none.
        """
        self._scene = DeviceScene.of(scene, device)
        self.images, self.tracker, self.config = images, tracker, config or PropagationConfig()
        self.cameras = [camera for camera in self._scene.scene.cameras if camera.image_path is not None]
        if not self.cameras:
            raise SagaError("--propagate: expected photographs to go through, found none; give their folder.")
        self.identity: dict[str, object] = {
            "version": _VERSION,
            "scene": self._scene.scene.gaussians.digest(),
            "cameras": [_camera_key(camera) for camera in self.cameras],
            "images": {"name": images.name, **images.identity},
            "tracker": tracker.identity,
            "config": asdict(self.config),
        }
        digest = hashlib.sha256(json.dumps(self.identity, sort_keys=True).encode()).hexdigest()
        self.store = TrackStore(folder / f"tracks-{digest[:12]}")
        self.sights = Sights(self._scene, self.cameras, self.config.pixels)
        self._route: Route | None = None
        self._things: Things | None = None

    @property
    def description(self) -> str:
        """One line for people: which models, and what came of it as soon as that is known."""
        line = f"{self.images.description}, propagated by {self.tracker.description}"
        things = self._things or self.store.things(self.sights.count)
        if things is None:
            return line
        left_out = int((things.owner < 0).sum())
        return (
            f"{line}: {things.members.shape[0]} things, ids the same in all {len(self.cameras)} views; tracks were cut "
            f"{things.cut} times, {left_out} pieces of them fit no thing and are left out"
        )

    def route(self) -> Route:
        """Returns the order of the views and the keyframes, found now if it is not known yet."""
        if self._route is None:
            self._route = self.store.route(len(self.cameras))
        if self._route is None:
            every = max(1, self.sights.count // _COMPARED_GAUSSIANS)
            depths = np.array([self.sights.depth(view) for view in range(len(self.cameras))])
            apart = differences(self.cameras, lambda view: self.sights.seen(view)[::every], depths)
            self._route = plan_route(apart, self.config.spacing)
            # Another device may round to another route, on which what was tracked would mean something else.
            self.store.clear()
            self.store.write_route(self._route)
        return self._route

    def things(self, progress: bool = True, say: Callable[[str], None] | None = None) -> Things:
        """Returns what was tracked, judged by geometry; what is missing is tracked now.

        Args:
            progress: whether to show bars on standard error, with the time left.
            say: is told, in one line each, how long the models are going to take.

        Raises:
            SagaError: a photograph cannot be read, a file cannot be written, or the models fail.
        """
        if self._things is None:
            self._things = self.store.things(self.sights.count)
        if self._things is None:
            route = self.route()
            self._make_prompts(route, progress, say)
            self._track(route, progress, say)
            with ticking(progress, "judging tracks", len(route.keyframes), "keyframes", transient=True) as tick:
                self._things = find_things(self.sights, route, self._read, self._judge, self.config, tick)
            self.store.write_things(self._things)
        return self._things

    def generate_view(self, scene: Scene, camera: Camera) -> ViewMasks:
        """Makes the masks of one view, with their ids."""
        names = [each.name for each in self.cameras]
        things, route = self.things(progress=False), self.route()
        position = route.views.index(names.index(camera.name))
        found = masks_at(self.sights, route, things, position, self._read, self.config)
        return ViewMasks(found.masks, ids=found.ids)

    def _make_prompts(self, route: Route, progress: bool, say: Callable[[str], None] | None = None) -> None:
        missing = [each for each in route.keyframes if not self.store.holds(self.store.prompts_of(each))]
        if say is not None and missing and isinstance(self.images, ModelGenerator):
            announce(self._scene.scene, self.images, [self.cameras[route.views[each]] for each in missing], say)
        with ticking(progress and bool(missing), "masks of keyframes", len(missing), "views", transient=True) as tick:
            for keyframe in missing:
                camera = self.cameras[route.views[keyframe]]
                masks, _ = self.images.generate(self._scene.scene.image(camera))
                self.store.write_prompts(keyframe, prompts(masks, self.config))
                tick()

    def _track(self, route: Route, progress: bool, say: Callable[[str], None] | None = None) -> None:
        missing = [span for span in route.spans() if not self.store.holds(self.store.path(span))]
        work = _Work(
            [(span, len(self.store.read(self.store.prompts_of(span.keyframe), span.keyframe))) for span in missing], say
        )
        with ticking(progress and bool(missing), "tracking", work.views, "views", transient=True) as tick:
            for span in missing:
                masks = self.store.read(self.store.prompts_of(span.keyframe), span.keyframe)
                cameras = [self.cameras[route.views[each]] for each in (span.keyframe, *span.positions)]
                found = self.tracker.track(self._scene.scene, cameras, masks)
                self.store.write(span, work.timed(found, len(masks), tick))

    def _judge(self, keyframe: int) -> Judged:
        """How the tracks of a keyframe are cut, from before where that is known: it takes long."""
        found = self.store.judged(keyframe, self.sights.count)
        if found is None:
            found = judged(self.sights, self.route(), keyframe, self._read, self.config)
            self.store.write_judged(keyframe, found)
        return found

    def _read(self, keyframe: int, position: int) -> np.ndarray:  # [T, H, W]
        if position == keyframe:
            return self.store.read(self.store.prompts_of(keyframe), keyframe)
        return self.store.read(self.store.path(self._span(keyframe, position)), position)

    def _span(self, keyframe: int, position: int) -> Span:
        return next(span for span in self.route().spans() if span.keyframe == keyframe and position in span.positions)


class _Work:
    """What there is to track; says how long it takes as soon as two views of the first run tell."""

    def __init__(self, spans: Sequence[tuple[Span, int]], say: Callable[[str], None] | None) -> None:
        """Takes the runs with the number of masks that each follows."""
        self.views = sum(len(span.positions) for span, _ in spans)
        self._steps = sum(len(span.positions) * masks for span, masks in spans)
        """Masks carried on to a photograph: what a model's time grows with."""
        self._say = say

    def timed(self, found: Iterator[np.ndarray], masks: int, tick: Callable[[], None]) -> Iterator[np.ndarray]:
        """Yields what the tracker finds."""
        began = time.perf_counter()
        for number, at in enumerate(found):
            if number == 0:  # which loads the model, and gives it the masks
                began = time.perf_counter()
            elif number == 1 and masks and self._say is not None:
                seconds = (time.perf_counter() - began) * self._steps / masks
                self._say(f"{self._steps} masks to carry on to the next photograph, about {spoken(seconds)} in all")
                self._say = None
            yield at
            tick()


def prompts(
    masks: np.ndarray,  # [M, H, W] bool
    config: PropagationConfig,
) -> np.ndarray:  # [T, H, W] bool
    """Returns the masks of a keyframe that are worth tracking: not too small, none twice, the larger ones first."""
    sizes = masks.reshape(len(masks), masks.shape[1] * masks.shape[2]).sum(1)
    least = config.smallest * masks.shape[1] * masks.shape[2]
    kept: list[np.ndarray] = []
    for index in np.argsort(-sizes, kind="stable"):
        if sizes[index] < max(least, 1) or len(kept) == config.masks:
            break
        if not any((one & masks[index]).sum() >= _DUPLICATE * (one | masks[index]).sum() for one in kept):
            kept.append(masks[index])
    return np.array(kept, bool).reshape(len(kept), *masks.shape[1:])


def _camera_key(camera: Camera) -> Sequence[object]:
    numbers = [camera.fx, camera.fy, camera.cx, camera.cy, *np.ravel(camera.world_to_camera).tolist()]
    return [camera.name, image_key(camera), *numbers]
