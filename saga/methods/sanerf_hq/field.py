"""The object field: identity logits of each Gaussian, fitted to the masks of many views (SANeRF-HQ, section 3.3)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from saga.methods.sanerf_hq.config import SanerfHqConfig
from saga.methods.sanerf_hq.evidence import Evidence
from saga.methods.sanerf_hq.losses import cross_entropy, error, ray_pair_loss
from saga.methods.sanerf_hq.masks import ObjectMasks
from saga.methods.sanerf_hq.patches import RaySets, draw_sets
from saga.methods.sanerf_hq.rays import RayCache
from saga.raster import RowsAdam, SparseRows

_NEAR = 0.02
"""Rendered share of an object from which a ray counts as near it."""
_SURE = 0.02
"""Shares start this far from 0 and 1 at least: beyond, logits would hardly move any more."""


@dataclass(frozen=True)
class Rays:
    """The rays of all views that an object field learns from."""

    names: list[str]
    rows: SparseRows
    view: Tensor  # [P] int64, index of `names`
    pixels: Tensor  # [P, 2] int64
    allowed: Tensor  # [P, L] bool
    """What each ray may show; label 0 is the background."""


class ObjectField:
    """Identity logits [N, L] of L - 1 objects and the background, label 0; `step` does one update."""

    def __init__(
        self, cache: RayCache, objects: Sequence[ObjectMasks], config: SanerfHqConfig, average: SparseRows | None
    ) -> None:
        """Starts the logits and chooses the rays.

        At least one object has a mask; `average` is the map from each Gaussian to its neighbors' mean, or None.
        """
        self.cache, self.config, self.average = cache, config, average
        self.random = torch.Generator().manual_seed(config.seed)
        self.shares = torch.stack([found.evidence.shares for found in objects], dim=1)  # [N, L - 1]
        self.known = torch.stack([found.evidence.known for found in objects]).any(0)  # [N]
        self.logits = torch.zeros(len(self.shares), 1 + len(objects), device=self.shares.device)
        if config.start == "lift":
            self.logits[:, 1:] = torch.logit(self.shares, eps=_SURE)
        self.rays = self._gather(objects)
        self.errors = torch.ones(len(self.rays.view), device=self.shares.device)  # [P]
        self.adam = RowsAdam(self.logits, config.learning_rate)
        self.iteration = 0
        self.losses: dict[str, float] = {}
        self._rows = self.rays.rows
        self._sets: RaySets | None = None

    def train(self, tick: Callable[[], None] = lambda: None) -> None:
        """Takes all steps; `tick` is called after each."""
        while self.iteration < self.config.iterations and len(self.rays.view) > 0:
            self.step()
            tick()

    def step(self) -> None:
        """Updates the logits once by eq. 14, and the error maps by eq. 12."""
        config, pairs = self.config, self.config.rgb_weight > 0 and self.iteration >= self.config.warm_up
        if config.rgb_weight > 0 and self.iteration > 0 and self.iteration % config.update_every == 0:
            self.update_errors()
        rays = torch.randint(len(self.rays.view), (config.rays,), generator=self.random).to(self.logits.device)
        selected, local = rays, None
        if pairs:
            local = self._local_rays()
            selected = torch.cat([rays, (local[0] + len(self.rays.view)).flatten()])
        rendered = self._rows.render(self.logits, selected).requires_grad_()
        probabilities = torch.softmax(rendered, dim=1)  # eq. 7
        allowed = self.rays.allowed[rays]
        loss = cross_entropy(probabilities[: len(rays)], allowed)
        self._track("cross_entropy", loss)
        if local is not None:
            pair = self._pair_loss(probabilities[len(rays) :], *local)
            self._track("ray_pair", pair)
            loss = loss + config.rgb_weight * pair
        loss.backward()
        assert rendered.grad is not None
        self.adam.step(self._rows, rendered.grad, selected)
        if config.rgb_weight > 0:
            self.errors[rays] = self._error(probabilities[: len(rays)].detach(), allowed)
        self.iteration += 1
        every = config.smooth_every
        if self.average is not None and every > 0 and self.iteration % every == 0:
            self.logits.copy_(self.average.render(self.logits))

    def update_errors(self) -> None:
        """Computes the error maps of all rays (eq. 12)."""
        self.errors = self._error(torch.softmax(self.rays.rows.render(self.logits), dim=1), self.rays.allowed)

    def probabilities(self) -> Tensor:  # [N, L]
        """Returns the softmax of each Gaussian's logits.

        What no ray shows follows its neighbors, and is background where those are unknown too.
        """
        values = torch.softmax(self.logits, dim=1)
        values[~self.known] = torch.eye(values.shape[1], device=values.device)[0]
        if self.average is None:
            return values
        known = self.known[:, None].to(values)
        both = self.average.render(torch.cat([values * known, known], dim=1))
        reached = ~self.known & (both[:, -1] > 0)
        values[reached] = both[reached, :-1] / both[reached, -1:]
        return values

    def _gather(self, objects: Sequence[ObjectMasks]) -> Rays:
        names = sorted({name for found in objects for name in found.masks})
        rows, view, pixels, allowed = [], [], [], []
        for number, name in enumerate(names):
            rays = self.cache.rays(name)
            labels = torch.stack([_inside(found, name) for found in objects], dim=1)  # [P, L - 1]
            found_here = torch.tensor([name in found.masks for found in objects], device=labels.device)
            none = ~labels.any(1, keepdim=True)
            kept = rays.rows.indptr[1:] > rays.rows.indptr[:-1]
            if self.config.sampling == "near":
                kept = kept & (~none[:, 0] | (rays.rows.render(self.shares) > _NEAR).any(1))
            chosen = kept.nonzero()[:, 0]
            rows.append(rays.rows.select(chosen))
            view.append(torch.full_like(chosen, number))
            pixels.append(rays.pixels[chosen])
            allowed.append(torch.cat([none, labels | (none & ~found_here)], dim=1)[chosen])
        return Rays(names, SparseRows.concatenated(rows), torch.cat(view), torch.cat(pixels), torch.cat(allowed))

    def _local_rays(self) -> tuple[Tensor, Tensor, Tensor]:  # [T, R], [T, R], [T, R, 3]
        """Returns rows, validity and colors of the rays around this step's high-error pixels."""
        points, turn = self.config.error_points, (self.iteration - self.config.warm_up) % self.config.redraw_every
        if turn == 0 or self._sets is None:
            weights = self.errors.double()
            per_view = torch.zeros(len(self.rays.names), dtype=weights.dtype, device=weights.device)
            weights = weights / per_view.index_add(0, self.rays.view, weights)[self.rays.view]
            count = points * self.config.redraw_every
            drawn = torch.multinomial(weights.cpu(), count, replacement=True, generator=self.random)
            drawn = drawn.to(self.logits.device)
            self._sets = draw_sets(
                self.cache, self.rays.names, self.rays.view[drawn], self.rays.pixels[drawn], self.config, self.random
            )
            self._rows = SparseRows.concatenated([self.rays.rows, self._sets.rows])
        part = slice(turn * points, (turn + 1) * points)
        return self._sets.places[part], self._sets.valid[part], self._sets.colors[part]

    def _pair_loss(self, probabilities: Tensor, places: Tensor, valid: Tensor, colors: Tensor) -> Tensor:
        config = self.config
        shape = (len(places), config.references)
        order = torch.rand(places.shape, generator=self.random).to(valid.device) + 2 * ~valid
        references = order.argsort(dim=1)[:, : shape[1]]
        return ray_pair_loss(
            probabilities.reshape(*places.shape, -1), colors, valid, references,
            config.rgb_distance, config.similarity_weight, config.similarity_offset,
        )  # fmt: skip

    def _error(self, probabilities: Tensor, allowed: Tensor) -> Tensor:  # [P]
        return error(probabilities, allowed, self.config.similarity_weight, self.config.similarity_offset)

    def _track(self, name: str, loss: Tensor) -> None:
        value = float(loss.detach())
        before = self.losses.get(name, value)
        self.losses[name] = before + 0.05 * (value - before)


def _inside(found: ObjectMasks, name: str) -> Tensor:  # [P] bool
    evidence: Evidence = found.evidence
    rays = evidence.cache.rays(name)
    if name not in found.masks:
        return torch.zeros(len(rays.pixels), dtype=torch.bool, device=rays.pixels.device)
    return rays.sampled(found.masks[name])
