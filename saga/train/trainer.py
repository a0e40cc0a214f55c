"""Training: many cheap steps on cached rows, each on pixels of one view."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor

from saga.errors import SagaError
from saga.files.interruption import uninterrupted
from saga.masks import MaskSource
from saga.masks.agreed import AgreedMasks, kept_agreements
from saga.masks.own import are_given, model_of
from saga.raster import DeviceScene, RowsAdam, SparseRows
from saga.runtime.device import synchronize
from saga.runtime.memory import give_back, peak_memory_megabytes
from saga.runtime.progress import progress_bar
from saga.scene import Scene
from saga.train.checkpoint import Checkpoint
from saga.train.config import TrainConfig
from saga.train.field import FeatureField, scale_columns
from saga.train.identity import run_identity
from saga.train.losses import (
    correspondence_loss,
    mask_correspondence,
    mask_queries,
    norm_loss,
    sam_guidance_loss,
    scaled_correspondence,
)
from saga.train.part import Part, part_of, within
from saga.train.sam_projection import SamProjection
from saga.train.sampler import CachedView, PixelCache, build_cache
from saga.train.smoothing import neighbor_average, smoothed
from saga.train.spectral import spectral_start

if TYPE_CHECKING:
    from rich.progress import Progress, TaskID

_INITIAL_SCALE = 1e-3
"""Small, so that Gaussians seldom touched follow the first supervision they get and not their random start."""
_SPECTRAL_SCALE = 0.05
"""Length of spectral features: about that of trained ones."""
_CHECKPOINT_SECONDS = 20.0
_CHECKPOINT_SHARE = 0.05
"""Of the time that keeping the state may take, where that is gigabytes."""
_PIECE = 1 << 18
"""Gaussians whose features are put in the order of the PLY at a time."""


class Trainer:
    """State of one training run; `step` does one update."""

    def __init__(
        self, rows: Tensor, cache: PixelCache, average: SparseRows | None, masks: MaskSource, config: TrainConfig
    ) -> None:
        """Makes the features to start from, and everything that is trained along with them.

        Args:
            rows: the Gaussians that have features, int64 [S], by their place in the scene; those that the cache
                touches come first, in its order.
            cache: what the steps learn from.
            average: averages the features over neighbors; None never does.
            masks: where the masks are from.
            config: the settings.
        """
        device = cache.touched.device
        self.config, self.rows, self.cache, self.average, self.masks = config, rows, cache, average, masks
        self.random = torch.Generator().manual_seed(config.seed)
        self.features = self._start().to(device)  # [S, C]
        # Steps change what sampled pixels show, and nothing else: the state of the optimizer is of that alone.
        self.adam = RowsAdam(self.features[: cache.rows.columns], config.learning_rate)
        self.phi: SamProjection | None = None
        self.phi_adam: torch.optim.Adam | None = None
        # Without a step of SAM guidance phi would stay random, and prompts by SAM's features would mean nothing.
        taught = config.iterations > 0 and config.sam_guidance > 0
        if taught and any(view.coverage is not None for view in cache.views):
            with torch.random.fork_rng(devices=[]):
                torch.manual_seed(config.seed)
                self.phi = SamProjection(config.dimensions).to(device)
            self.phi_adam = torch.optim.Adam(self.phi.parameters(), config.learning_rate)
        self.optimizers = [self.phi_adam] if self.phi_adam is not None else []
        self.iteration = 0
        names = ("sam_guidance", "correspondence")
        self._losses = {name: torch.zeros((), device=device) for name in names}

    def _start(self) -> Tensor:  # [S, C]
        count = len(self.rows)
        if self.config.start == "random":
            drawn = torch.randn(count, self.config.dimensions, generator=self.random) * _INITIAL_SCALE
            return torch.empty_like(drawn).index_copy_(0, self.rows.cpu().argsort(), drawn)  # whatever touches them
        scales, touched = scale_columns(self.config), self.cache.rows.columns
        start = spectral_start(self.cache.views, self.cache.rows, scales[0].stop, self.random).mul_(_SPECTRAL_SCALE)
        features = torch.zeros(count, self.config.dimensions, device=start.device)
        for columns in scales:
            features[:touched, columns] = start[:, : columns.stop - columns.start]
        del start
        if self.average is not None:
            smoothed(self.average, features)
        give_back()
        return features

    @property
    def losses(self) -> dict[str, float]:
        """Running means over about the last 100 steps; reading them waits for the device."""
        return {name: float(mean) for name, mean in self._losses.items()}

    @losses.setter
    def losses(self, means: dict[str, float]) -> None:
        self._losses = {name: torch.tensor(mean, device=self.adam.x.device) for name, mean in means.items()}

    def step(self) -> None:
        """One update of the features (and phi) on sampled pixels of one random view."""
        view = self.cache.views[int(torch.randint(len(self.cache.views), (1,), generator=self.random))]
        chosen = torch.randint(len(view.pattern), (self.config.pixels,), generator=self.random).to(view.pattern.device)
        selected = chosen + view.first
        rendered = self.cache.rows.render(self.adam.x, selected).requires_grad_()
        lengths = None
        if self.config.norm_regularization > 0:
            lengths = self.cache.rows.render(self.adam.x.norm(dim=1, keepdim=True), selected)[:, 0]
        loss = self._loss(rendered, view, view.pattern[chosen], lengths)
        for optimizer in self.optimizers:
            optimizer.zero_grad()
        loss.backward()
        assert rendered.grad is not None
        self.adam.step(self.cache.rows, rendered.grad, selected)
        for optimizer in self.optimizers:
            optimizer.step()
        self.iteration += 1
        every = self.config.smooth_every
        if self.average is not None and every > 0 and self.iteration % every == 0:
            smoothed(self.average, self.features)

    def _loss(self, rendered: Tensor, view: CachedView, pattern: Tensor, lengths: Tensor | None) -> Tensor:
        config = self.config
        present, pattern = torch.unique(pattern, return_inverse=True)
        patterns = view.members[present].float()  # [U, M]
        loss = rendered.new_zeros(())
        if config.sam_guidance > 0:
            members = patterns[pattern]
            queries, known = self._queries(rendered, view, members)
            guidance = sam_guidance_loss(rendered, queries, members, known, view.weights)
            loss = loss + config.sam_guidance * guidance
            self._track("sam_guidance", guidance)
        if config.correspondence > 0:
            correspondence = self._correspondence(rendered, view, pattern, patterns)
            loss = loss + config.correspondence * correspondence
            self._track("correspondence", correspondence)
        if config.norm_regularization > 0 and lengths is not None:
            loss = loss + config.norm_regularization * norm_loss(rendered, lengths)
        return loss

    def _correspondence(
        self,
        rendered: Tensor,  # [P, C]
        view: CachedView,
        pattern: Tensor,  # [P]
        patterns: Tensor,  # [U, M]
    ) -> Tensor:  # []
        """The correspondence loss of every scale, their mean."""
        kinds = [mask_correspondence(patterns, view.weights)]
        scales = scale_columns(self.config)
        if len(scales) > 1:
            assert view.sizes is not None
            kinds.append(scaled_correspondence(patterns, view.sizes))
        form = self.config.correspondence_form
        losses = [
            correspondence_loss(rendered[:, columns], pattern, k, form)
            for columns, k in zip(scales, kinds, strict=True)
        ]
        return torch.stack(losses).mean()

    def _queries(self, rendered: Tensor, view: CachedView, members: Tensor) -> tuple[Tensor, Tensor]:
        """T_M of the view's masks [M, C], from SAM's features or else from the rendered ones, and which are known."""
        if self.phi is not None and view.coverage is not None:
            sam = torch.from_numpy(self.masks.features(view.camera)).to(rendered)
            weights = view.coverage.T.to(rendered)
            return mask_queries(self.phi(sam), weights), weights.sum(0) > 0
        return mask_queries(rendered, members), members.sum(0) > 1

    def _track(self, name: str, loss: Tensor) -> None:
        share = max(0.01, 1 / (self.iteration + 1))
        self._losses[name] += share * (loss.detach() - self._losses[name])


def train(
    scene: Scene | DeviceScene,
    masks: MaskSource | None = None,
    config: TrainConfig | None = None,
    device: str = "auto",
    checkpoint: str | Path | None = None,
    progress: bool = True,
    let_go: bool = False,
) -> FeatureField:
    """Trains the features of a scene (SAGA, section 3.3).

    Args:
        scene: Gaussians and cameras; photographs are needed only to make masks.
        masks: masks of the views; None makes classical ones, kept in `<scene>.masks` beside the PLY.
        config: settings; None takes the defaults.
        device: "auto", "cpu" or "cuda"; without effect when the scene is on a device already.
        checkpoint: file where an interrupted run is kept and resumed from; None keeps nothing. Where anything that
            decides the result is another now, the run starts afresh, which a warning says.
        progress: whether to show a progress bar on standard error.
        let_go: whether the Gaussians are let go of before the steps, which need none of them (`DeviceScene.let_go`):
            45 bytes of memory for each. They are read again when somebody asks for them.

    Raises:
        SagaError: no cameras, no masks on the scene, or a file in the checkpoint's place that is none.
        KeyboardInterrupt: interrupted; the checkpoint, if any, has been written.
    """
    config = config or TrainConfig()
    placed = DeviceScene.of(scene, device)
    scene = placed.scene
    if not scene.cameras:
        raise SagaError(
            f"{scene.path}: expected cameras to train with, found none; give --cameras, or --render-views N to make "
            "views."
        )
    if config.box is not None:
        scene = within(placed, config.box)
    part = part_of(placed, scene.cameras, config)
    masks = masks if masks is not None else _default_masks(scene, progress)
    seconds: dict[str, float] = {}
    learned = masks
    if config.agreement > 0:
        with _timed(seconds, "agreement"):
            agreed = kept_agreements(placed, part.cameras, masks, progress)
        learned = AgreedMasks(masks, agreed, config.agreement)
    with progress_bar(progress) as bar:
        trainer = prepared(placed, part, learned, config, bar, seconds)
        kept = None if checkpoint is None else Checkpoint(Path(checkpoint), run_identity(scene, trainer))
        del part  # as much memory as its Gaussians
        if let_go:
            placed.let_go()
            give_back()
        with _timed(seconds, "steps"):
            _run(trainer, kept, bar)
            synchronize(placed.device)
    cache = trainer.cache
    report = {
        "seconds": {name: round(value, 3) for name, value in seconds.items()},
        "losses": trainer.losses,
        "masks": masks.description,
        "given_masks": are_given(masks),
        "mask_model": model_of(masks),
        "views": len(cache.views),
        "cached_pixels": len(cache.rows),
        "cache_megabytes": round(cache.rows.nbytes / 1e6, 1),
        "peak_memory_megabytes": peak_memory_megabytes(),
    }
    features, rows, phi = trainer.features, trainer.rows, trainer.phi
    del trainer, cache  # their memory is wanted
    features = in_scene(features, rows, len(scene.gaussians))
    return FeatureField(features, scene.gaussians.digest(), config, scene.cameras, phi, report)


def prepared(
    placed: DeviceScene, part: Part, masks: MaskSource, config: TrainConfig, bar: Progress, seconds: dict[str, float]
) -> Trainer:
    """Returns a trainer before its first step; the seconds that its parts took are added to `seconds`."""
    geometry = placed.geometry
    with _timed(seconds, "rows"):
        task = bar.add_task("sampling views", total=len(part.cameras))
        rng = np.random.default_rng(config.seed)
        cache = build_cache(geometry, part, masks, config, rng, lambda: bar.advance(task))
        bar.update(task, completed=len(part.cameras))
        synchronize(placed.device)
        give_back()
    with _timed(seconds, "neighbors"):
        rows = part.order(geometry, cache.touched)
        average = neighbor_average(geometry, config.smooth_neighbors, rows) if config.smooth_every > 0 else None
        give_back()
    trainer = Trainer(rows, cache, average, masks, config)
    give_back()
    return trainer


def in_scene(
    features: Tensor,  # [S, C]
    rows: Tensor,  # [S] int64
    count: int,
) -> Tensor:  # [N, C] float16
    """Returns features of some Gaussians as those of all of a scene, as they are stored: others have 0."""
    placed = torch.zeros(count, features.shape[1], dtype=torch.float16, device=features.device)
    for some, values in zip(rows.split(_PIECE), features.split(_PIECE), strict=True):
        placed[some] = values.half()
    return placed


@contextmanager
def _timed(seconds: dict[str, float], stage: str) -> Iterator[None]:
    """Seconds of a block."""
    began = time.perf_counter()
    yield
    seconds[stage] = time.perf_counter() - began


def _run(trainer: Trainer, checkpoint: Checkpoint | None, bar: Progress) -> None:
    if checkpoint is not None and checkpoint.restore(trainer):
        bar.console.print(f"resumed at step {trainer.iteration} from {checkpoint.path}")
    total = trainer.config.iterations
    task = bar.add_task("training", total=total, completed=trainer.iteration)
    saved, wait = time.perf_counter(), _CHECKPOINT_SECONDS
    try:
        while trainer.iteration < total:
            with uninterrupted():  # half a step would be kept, and no resumed run ends as an undisturbed one
                trainer.step()
            _show(bar, task, trainer)
            began = time.perf_counter()
            if checkpoint is not None and began - saved > wait:
                checkpoint.save(trainer)
                saved = time.perf_counter()
                wait = max(_CHECKPOINT_SECONDS, (saved - began) / _CHECKPOINT_SHARE)
    except KeyboardInterrupt:
        if checkpoint is not None:
            checkpoint.save(trainer)
        raise
    _require_finite(trainer, checkpoint)
    if checkpoint is not None:
        checkpoint.remove()


def _require_finite(trainer: Trainer, checkpoint: Checkpoint | None) -> None:
    """Raises SagaError where training diverged: such features never become a field."""
    if all(part.half().isfinite().all() for part in trainer.adam.x.split(1 << 16)):  # as they will be stored
        return
    resumed = "" if checkpoint is None or not checkpoint.path.exists() else f", and delete {checkpoint.path}"
    raise SagaError(
        f"training: expected finite features, found others after {trainer.iteration} steps; lower --learning-rate"
        f"{resumed}."
    )


def _show(bar: Progress, task: TaskID, trainer: Trainer) -> None:
    if trainer.iteration % 10 == 0 or trainer.iteration == trainer.config.iterations:
        bar.update(task, completed=trainer.iteration)


def _default_masks(scene: Scene, progress: bool) -> MaskSource:
    from saga.masks import open_masks

    return open_masks(scene, progress=progress)
