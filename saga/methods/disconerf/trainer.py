"""Training of the slots: cheap steps on cached rows of A, each on pixels of a few views."""

from __future__ import annotations

import time
from typing import Any

import torch
from torch import Tensor, nn

from saga.errors import SagaError
from saga.masks import MaskSource
from saga.methods.disconerf.config import DiscoNerfConfig
from saga.methods.disconerf.field import SlotField
from saga.methods.disconerf.losses import affinity, assign, false_positive_loss, matching_loss
from saga.methods.disconerf.sampling import MaskedPixels, Supervision, sample_supervision
from saga.methods.disconerf.start import start_features
from saga.raster import DeviceScene, Geometry, RowsAdam, SparseRows
from saga.runtime.progress import Tick, progress_bar
from saga.train.smoothing import neighbor_average

_EPSILON = 1e-12
"""Of Adam: gradients of single Gaussians are far below the usual 1e-8 at the start."""


class SlotTrainer:
    """State of one training run; `step` does one update."""

    def __init__(
        self, geometry: Geometry, supervision: Supervision, average: SparseRows | None, config: DiscoNerfConfig
    ) -> None:
        """Prepares the first step; `average` replaces values by means over neighbors, None never regularizes."""
        self.config, self.supervision, self.average = config, supervision, average
        self.random = torch.Generator().manual_seed(config.seed)
        count = config.slots or min(2 * supervision.most_masks, config.most_slots)
        self.features = start_features(supervision, average, config, self.random)
        self.adam = RowsAdam(self.features, config.learning_rate, epsilon=_EPSILON)
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(config.seed)
            self.decoder = nn.Linear(config.dimensions, count).to(geometry.device)
        self.decoder_adam = torch.optim.Adam(self.decoder.parameters(), config.decoder_rate)
        self.iteration = 0
        self.losses = {"matching": 0.0, "false_positive": 0.0}
        """Running means over about the last 100 steps."""
        self._place = torch.zeros(len(geometry), dtype=torch.int64, device=geometry.device)

    def step(self) -> None:
        """Updates features and decoder once, on sampled pixels of random views."""
        loss, features, touched = self.loss(self._draw())
        self.decoder_adam.zero_grad()
        loss.backward()
        self._update(touched, features.grad)
        self.iteration += 1
        every = self.config.regularize_every
        if self.average is not None and self.config.regularization > 0 and self.iteration % every == 0:
            self._regularize(self.average)

    def loss(
        self,
        drawn: list[tuple[MaskedPixels, Tensor]],  # indices [P] of some of a view's pixels each
    ) -> tuple[Tensor, Tensor, Tensor]:  # [], [U, C], [U]
        """Returns the loss of some views, with the features that it depends on and whose they are.

        L_gamma + lambda_FP L_FP (section 3.3 without eq. 7), a mean over the views.
        """
        rows, touched = self._compact([view.first + pixels for view, pixels in drawn])
        features = self.features[touched].requires_grad_()
        rendered = _Blend.apply(torch.softmax(self.decoder(features), dim=1), rows)
        parts = rendered.split([len(pixels) for _, pixels in drawn])
        losses = [
            self._view_loss(part, view.members[pixels], view.weights[pixels])
            for (view, pixels), part in zip(drawn, parts, strict=True)
        ]
        return torch.stack(losses).mean(), features, touched

    def _draw(self) -> list[tuple[MaskedPixels, Tensor]]:
        """Draws random views, and random ones among the cached pixels of each."""
        views = self.supervision.views
        chosen = torch.randperm(len(views), generator=self.random)[: self.config.views_per_step]
        device = self.features.device
        return [
            (view, torch.randint(len(view.weights), (self.config.pixels,), generator=self.random).to(device))
            for view in (views[i] for i in chosen.tolist())
        ]

    def _compact(self, selected: list[Tensor]) -> tuple[SparseRows, Tensor]:
        """Returns rows of the selected pixels whose columns are the touched Gaussians only, and these [U] int64."""
        rows = self.supervision.rows.select(torch.cat(selected))
        entries = rows.indices.long()
        seen = torch.zeros(rows.columns, dtype=torch.bool, device=entries.device)
        seen[entries] = True
        touched = seen.nonzero()[:, 0]
        self._place[touched] = torch.arange(len(touched), device=touched.device)
        indices = self._place[entries].to(torch.int32)
        return SparseRows(rows.indptr, indices, rows.weights, len(touched)), touched

    def _view_loss(self, rendered: Tensor, members: Tensor, weights: Tensor) -> Tensor:
        """Returns L_gamma + lambda_FP L_FP of one view, over the masks that its pixels show."""
        members = members[:, members.any(0)].to(rendered)
        if members.shape[1] == 0:
            return rendered.sum() * 0
        affinities = affinity(rendered, members, weights)
        if members.shape[1] > affinities.shape[1]:  # more masks than slots
            kept = affinities.amax(1).topk(affinities.shape[1]).indices
            members, affinities = members[:, kept], affinities[kept]
        slots = assign(affinities, self.config.matching)
        matching = matching_loss(rendered, members, weights, slots)
        false_positive = false_positive_loss(rendered, members, weights, slots)
        self._track("matching", matching)
        self._track("false_positive", false_positive)
        return matching + self.config.false_positive * false_positive

    def _update(self, touched: Tensor, gradient: Tensor | None) -> None:
        assert gradient is not None
        self.adam.rate = self.config.learning_rate * (1 - self.iteration / self.config.iterations)
        places = torch.arange(len(touched) + 1, device=touched.device)
        # One row a touched Gaussian: so the update for sampled pixels serves for single Gaussians.
        ones = torch.ones(len(touched), device=touched.device)
        rows = SparseRows(places, touched.to(torch.int32), ones, len(self.features))
        self.adam.step(rows, gradient, places[:-1])
        self.decoder_adam.step()

    def _regularize(self, average: SparseRows) -> None:
        """Takes one proximal step of lambda |h_i - mean of h over i's neighbors|^2, for all Gaussians at once (eq. 7).

        Taken between the steps of the optimizer and not through its gradient, because it reaches Gaussians
        that no sampled pixel shows, and because Adam would scale it to the size of the other losses.
        """
        weight = self.config.regularization
        self.features.lerp_(average.render(self.features), weight / (1 + weight))

    def _track(self, name: str, loss: Tensor) -> None:
        share = max(0.01, 1 / (self.iteration + 1))
        self.losses[name] += share * (float(loss.detach()) - self.losses[name])


class _Blend(torch.autograd.Function):
    """rows.render, with rows.lift as its gradient."""

    @staticmethod
    def forward(ctx: Any, values: Tensor, rows: SparseRows) -> Tensor:
        ctx.rows = rows
        return rows.render(values)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None]:
        return ctx.rows.lift(gradients[0]), None


def fit_slots(
    device_scene: DeviceScene, masks: MaskSource, config: DiscoNerfConfig, progress: bool = True
) -> SlotField:
    """Fits the slots of a scene to masks of its views (DiscoNeRF, section 3).

    Args:
        device_scene: Gaussians and cameras, on the device that computes.
        masks: masks of the views, which need not agree between views.
        config: how slots are fitted.
        progress: whether to show a progress bar on standard error.

    Raises:
        SagaError: no cameras, or no masks on the scene.
        KeyboardInterrupt: interrupted; nothing has been written.
    """
    scene, geometry = device_scene.scene, device_scene.geometry
    if not scene.cameras:
        raise SagaError(
            f"{scene.path}: expected cameras to find objects with, found none; give those of the photographs."
        )
    seconds: dict[str, float] = {}
    with progress_bar(progress) as bar:
        clock = time.perf_counter()
        task = bar.add_task("sampling views", total=len(scene.cameras))
        supervision = sample_supervision(geometry, scene.cameras, masks, config, lambda: bar.advance(task))
        bar.update(task, total=len(scene.cameras), completed=len(scene.cameras))
        seconds["rows"] = time.perf_counter() - clock
        clock = time.perf_counter()
        average = neighbor_average(geometry, config.neighbors) if config.regularization > 0 else None
        seconds["neighbors"] = time.perf_counter() - clock
        clock = time.perf_counter()
        trainer = SlotTrainer(geometry, supervision, average, config)
        tick = Tick(bar, "slots", config.iterations)
        for _ in range(config.iterations):
            trainer.step()
            tick()
        seconds["steps"] = time.perf_counter() - clock
    report = {
        "seconds": {name: round(value, 3) for name, value in seconds.items()},
        "losses": trainer.losses,
        "masks": masks.description,
        "views": len(supervision.views),
        "cached_pixels": len(supervision.rows),
        "slots": len(trainer.decoder.bias),
    }
    weight, bias = trainer.decoder.weight.detach(), trainer.decoder.bias.detach()
    return SlotField(trainer.features, weight, bias, scene.gaussians.digest(), config, report)
