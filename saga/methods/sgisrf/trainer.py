"""Training over random scenes with simulated clicks (SGISRF, section 3.5 and appendix A)."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass
from typing import Annotated

import numpy as np
import torch
from annotated_types import Ge, MultipleOf
from scipy.ndimage import gaussian_filter
from scipy.spatial.transform import Rotation
from skimage.color import rgb2lab
from torch import Tensor

from saga.config import Config, PositiveFloat, PositiveInt, Seed
from saga.methods.sgisrf.clicks import error_click, first_click
from saga.methods.sgisrf.grid import Box
from saga.methods.sgisrf.guidance import Lifted
from saga.methods.sgisrf.model import SgisrfModel
from saga.methods.sgisrf.network import NetworkSize
from saga.methods.sgisrf.predict import OUTSIDE, Volume, predict_coarse, predict_refined
from saga.methods.sgisrf.region import click_region, region_box, union
from saga.methods.sgisrf.scenes import TrainingScene, TrainingView, random_scene, rotated
from saga.methods.sgisrf.similarity import color_likeness, membership_cosine
from saga.methods.sgisrf.supervision import supervision
from saga.raster import Geometry

_SMOOTHING = 0.998
"""Of the running mean of the weights, which is what is saved."""
_ECHOES = 0.4
"""Share of the objects that are clicked in several views before the first prediction."""
_REPEATED = 0.7
"""Share of these where the clicks are taken for one click repeated in several views."""
_REFINED = 512
"""Voxels that a training step refines at most."""


@dataclass(frozen=True)
class SgisrfTraining(Config):
    """What a training run depends on."""

    seed: Seed = 0
    """Seed of weights, scenes and clicks."""
    rate: PositiveFloat = 1e-3
    """Adam's learning rate, the paper's; it falls to 0 along a cosine."""
    clicks: PositiveInt = 3
    """Simulated clicks T, at most; 1 to T are drawn, and only the last one's prediction has gradients."""
    resolution: Annotated[int, Ge(8), MultipleOf(8)] = 48
    """Voxels along a side of the coarse grid, a multiple of 8; the fine one has twice as many."""
    width: Annotated[int, Ge(4), MultipleOf(4)] = 16
    """Channels of the U-Net's finest level."""
    tokens: Annotated[int, Ge(4), MultipleOf(4)] = 48
    """Channels of the transformer."""
    pixels: PositiveInt = 6000
    """Pixels that supervise a step."""
    views: PositiveInt = 3
    """Views they come from."""
    scenes: PositiveInt = 24
    """Scenes kept at a time."""
    renewal: PositiveInt = 4
    """Steps after which the oldest scene is replaced by a new one."""
    half: bool = True
    """Convolutions in bfloat16: five times as fast on processors that know it."""
    propagation: bool = True
    """P: guidance from similarity maps and the bilateral filter; without, from the clicked pixels alone."""
    refinement: bool = True
    """U: the transformer over uncertain voxels."""
    object_exclusive: bool = True
    """O: the losses L_obj^1 and L_obj^2."""


class Trainer:
    """One run. `step` does one iteration; everything random comes from `rng`."""

    def __init__(self, config: SgisrfTraining) -> None:
        """Makes a network with random weights, and its running average."""
        self.config = config
        self.model = self._fresh()
        self.average = self._fresh()
        self.optimizer = torch.optim.Adam(self.model.network.parameters(), config.rate)
        self.rng = np.random.default_rng(config.seed)
        self.iteration = 0
        self._pool: list[TrainingScene] = []

    def step(self, progress: float) -> dict[str, float]:
        """Takes one step; `progress` in [0, 1] decides the learning rate. Returns losses and the IoU in 2D."""
        scene, label = self._draw()
        losses = None
        while losses is None:
            losses = self._attempt(scene, label, progress)
            if losses is None:
                scene, label = self._draw()
        self.iteration += 1
        return losses

    def _fresh(self) -> SgisrfModel:
        c = self.config
        return SgisrfModel.create(NetworkSize(c.width, c.tokens), c.resolution, c.propagation, c.refinement, c.seed)

    def _draw(self) -> tuple[TrainingScene, int]:
        if len(self._pool) < self.config.scenes and (self.iteration >= 4 * len(self._pool) or not self._pool):
            self._pool.append(random_scene(self.rng))
        elif self.iteration % self.config.renewal == 0:
            self._pool = [*self._pool[1:], random_scene(self.rng)]
        scene = self._pool[self.rng.integers(len(self._pool))]
        targets = scene.targets()
        # The ground and walls come last; they are targets too, but rarely.
        weights = np.array([1.0 if target < max(targets) else 0.3 for target in targets])
        return scene, int(self.rng.choice(targets, p=weights / weights.sum()))

    def _attempt(self, scene: TrainingScene, label: int, progress: float) -> dict[str, float] | None:
        """Tries one object; returns None when no click of it finds a Gaussian."""
        session = _Session(self, scene, label)
        count = int(self.rng.integers(1, self.config.clicks + 1))
        logits = torch.full((len(scene.labels),), OUTSIDE)
        for turn in range(count):
            if not session.click(logits if turn else None):
                if session.box is None:
                    return None
                break
            if turn == 0 and self.rng.random() < _ECHOES:
                session.echo(int(self.rng.integers(1, 5)))
            if turn + 1 < count:
                with torch.no_grad():
                    logits = session.predict()
        for group in self.optimizer.param_groups:
            group["lr"] = self.config.rate * max(0.5 * (1 + math.cos(math.pi * min(progress, 1.0))), 0.01)
        self.optimizer.zero_grad()
        logits = session.predict()
        selected, truth = session.supervised()
        extra = float(self.config.object_exclusive)
        loss, losses = supervision(scene.rows, logits, selected, truth, 1.0, extra, extra)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(self.model.network.parameters(), 1.0)
        self.optimizer.step()
        self._smooth()
        return losses | {"iou": session.iou(logits.detach()), "clicks": float(count)}

    def _smooth(self) -> None:
        keep = min(_SMOOTHING, (1 + self.iteration) / (10 + self.iteration))
        with torch.no_grad():
            pairs = zip(self.average.network.parameters(), self.model.network.parameters(), strict=True)
            for mean, value in pairs:
                mean.lerp_(value, 1 - keep)

    def facts(self, minutes: float) -> dict[str, object]:
        """Returns the run so far, for the model's metadata."""
        return {
            "iterations": self.iteration,
            "minutes": round(minutes, 2),
            "data": "procedural scenes (saga.methods.sgisrf.scenes)",
            "training": asdict(self.config),
        }


class _Session:
    """The clicks on one object of one scene, seen from a random side."""

    def __init__(self, trainer: Trainer, scene: TrainingScene, label: int) -> None:
        self.scene, self.label, self.config, self.rng = scene, label, trainer.config, trainer.rng
        self.network = trainer.model.network
        upright = self.rng.random() < 0.4
        turn = Rotation.from_euler("z", self.rng.uniform(0, 6.3)) if upright else Rotation.random(random_state=self.rng)
        self.geometry: Geometry = rotated(scene.geometry, torch.from_numpy(turn.as_matrix()).float())
        self.likeness = self.rng.choice(["masks", "exact", "color"], p=[0.6, 0.2, 0.2])
        self.margin = float(self.rng.uniform(1.2, 2.6))
        self.box: Box | None = None
        self.positive: list[list[Lifted]] = []
        self.negative: list[list[Lifted]] = []
        self.previous: Tensor | None = None

    def click(self, logits: Tensor | None) -> bool:  # [N]
        """Adds a click where the error is largest in a random view; False when there is no error there."""
        views = self.scene.clickable(self.label)
        view = views[self.rng.integers(len(views))]
        truth = (view.labels == self.label).reshape(view.masks.shape[1:])
        pixel, positive = first_click(truth, self.rng), True
        if logits is not None:
            self.previous = torch.sigmoid(logits)
            found = error_click(truth, self._shown(view, logits))
            if found is None:
                return False
            pixel, positive = found
        owners = view.owners.reshape(truth.shape)
        if owners[pixel[1], pixel[0]] < 0:
            return False
        similarity = self._similarity(view, pixel)
        self._look_at(similarity, pixel, owners, positive)
        (self.positive if positive else self.negative).append([self._lifted(similarity, pixel, view)])
        return True

    def echo(self, count: int) -> None:
        """Adds positive clicks in random views, whatever has been predicted: separate ones or one repeated."""
        for _ in range(count):
            self.click(None)
        if self.rng.random() < _REPEATED:
            self.positive = [[lifted for views in self.positive for lifted in views]]

    def predict(self) -> Tensor:  # [N]
        """Logits of all Gaussians."""
        assert self.box is not None
        volume = Volume.build(self.geometry, self.box, self.config.resolution)
        clicks = self.positive, self.negative
        coarse = volume.inputs(self.geometry, *clicks, self.previous, self.config.propagation)
        first = predict_coarse(self.network, coarse, self.config.half)
        logits = first.sampled(volume)
        if self.config.refinement:
            fine = volume.fine_inputs(self.geometry, *clicks)
            logits, _ = predict_refined(self.network, volume, first, coarse, fine, most=_REFINED)
        self._volume = volume
        return torch.full((len(self.scene.labels),), OUTSIDE).index_copy(0, volume.members, logits)

    def supervised(self) -> tuple[Tensor, Tensor]:  # [S], [S]
        """Returns rows that show something in the box, from a few views, and whether they show the object."""
        member = np.zeros(len(self.scene.labels) + 1, bool)  # the last stands for no owner, -1
        member[self._volume.members.numpy()] = True
        clickable = self.scene.clickable(self.label)
        chosen = self.rng.permutation(len(clickable))[: self.config.views]
        rows, truth = [], []
        for view in (clickable[index] for index in chosen):
            inside = np.flatnonzero(member[view.owners] | (view.labels == self.label))
            most = self.config.pixels // len(chosen)
            if len(inside) > most:
                inside = self.rng.choice(inside, most, replace=False)
            rows.append(view.first + inside)
            truth.append(view.labels[inside] == self.label)
        self._judged = torch.from_numpy(np.concatenate(rows))
        self._truth = torch.from_numpy(np.concatenate(truth)).float()
        return self._judged, self._truth

    def iou(self, logits: Tensor) -> float:  # [N]
        """Returns the 2D IoU over the supervised pixels."""
        shown = self.scene.rows.render((logits > 0).float()[:, None], self._judged)[:, 0] > 0.5
        truth = self._truth > 0.5
        return float((shown & truth).sum()) / max(float((shown | truth).sum()), 1.0)

    def _similarity(self, view: TrainingView, pixel: tuple[int, int]) -> np.ndarray:  # [H, W]
        masks = view.exact if self.likeness == "exact" else view.masks
        covered = bool(masks[:, pixel[1], pixel[0]].any())
        if self.likeness == "color" or not covered:
            lab = rgb2lab(np.clip(view.colors, 0, 1).reshape(*masks.shape[1:], 3)).astype(np.float32)
            likeness = color_likeness(lab, pixel)
            return likeness if self.likeness == "color" else likeness * ~masks.any(0)
        likeness = membership_cosine(masks, pixel)
        if self.likeness == "masks" and self.rng.random() < 0.2:
            # Encoders' features are coarse, and never quite unlike.
            base = self.rng.uniform(0, 0.6)
            likeness = base + (1 - base) * gaussian_filter(likeness, self.rng.uniform(0.5, 2.0))
        return likeness

    def _look_at(self, similarity: np.ndarray, pixel: tuple[int, int], owners: np.ndarray, positive: bool) -> None:
        if not positive:
            return
        region = self.geometry.means[torch.from_numpy(click_region(similarity, pixel, owners))]
        box = region_box(region, self.margin, 0.03)
        if box is not None:
            self.box = box if self.box is None else union([self.box, box])

    def _lifted(self, similarity: np.ndarray, pixel: tuple[int, int], view: TrainingView) -> Lifted:
        if self.config.propagation:
            return Lifted.of(torch.from_numpy(view.owners), torch.from_numpy(similarity.reshape(-1)))
        own = view.owners[pixel[1] * similarity.shape[1] + pixel[0]]
        return Lifted.of(torch.tensor([own]), torch.ones(1))

    def _shown(self, view: TrainingView, logits: Tensor) -> np.ndarray:  # [H, W] bool
        height, width = view.masks.shape[1:]
        pixels = torch.arange(view.first, view.first + height * width)
        rendered = self.scene.rows.render((logits > 0).float()[:, None], pixels)[:, 0]
        return (rendered > 0.5).reshape(height, width).numpy()
