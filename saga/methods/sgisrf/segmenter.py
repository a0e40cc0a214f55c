"""Sgisrf: segmentation of a scene never seen in training, from clicks (Tang et al. 2023)."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import Literal

import numpy as np
import torch
from torch import Tensor

from saga.masks import MaskModel, MaskSource
from saga.methods.base import Method, ViewPrompt
from saga.methods.sgisrf.config import SgisrfConfig
from saga.methods.sgisrf.grid import Box
from saga.methods.sgisrf.guidance import Lifted
from saga.methods.sgisrf.model import SgisrfModel
from saga.methods.sgisrf.pixels import Click, Lattice, Owners, clicks_of, echoes, lattice
from saga.methods.sgisrf.predict import OUTSIDE, Volume, predict_coarse, predict_refined
from saga.methods.sgisrf.region import click_region, fitted, median_box, region_box, union
from saga.methods.sgisrf.similarity import Similarity, open_similarity
from saga.query.report import Report
from saga.raster.device_scene import DeviceScene
from saga.regions.scene_regions import SceneRegions
from saga.scene import Scene
from saga.train import FeatureField

_SMALLEST = 0.01
"""Half of the least cube's side, relative to the radius of the scene."""
_REGION_PIXELS = 12_000
"""Pixels of a view among which a click's region is found."""
_REMEMBERED = 128
_Group = list[list[Click]]
"""Clicks of one sign and one prompt, each with those that repeat it in other views."""


class Sgisrf(Method[SgisrfConfig]):
    """Turns clicks into objects of one scene, without training on it.

    Prompts are taken one after another, in any views: each refines the mask of those before (eq. 1). Scores are
    probabilities.
    """

    Config = SgisrfConfig
    advice = "lower the threshold, or click elsewhere on the object"

    def __init__(
        self,
        scene: Scene | DeviceScene,
        config: SgisrfConfig | None = None,
        *,
        masks: MaskSource | None = None,
        sam: MaskModel | None = None,
        field: FeatureField | None = None,
        device: str = "auto",
        progress: bool = True,
        regions: SceneRegions | Literal[False] | None = None,
        similarity: Similarity | None = None,
        model: SgisrfModel | None = None,
    ) -> None:
        """Prepares a scene for clicks.

        Args:
            scene: as for Method.
            config: as for Method.
            masks: masks of the views; clicks spread over what lies in the same ones; those that the scene gives itself
                by default.
            sam: Segment Anything, over whose encoder's features clicks spread instead.
            field: not needed.
            device: as for Method.
            progress: as for Method.
            regions: not needed.
            similarity: another feature space in which clicks spread over an image, instead of `masks` and `sam`.
            model: the trained model; None takes the one that comes with the package.

        Raises:
            SagaError: as `masks_or_own`, or the model that comes with the package is missing.
        """
        super().__init__(
            scene, config, masks=masks, sam=sam, field=field, device=device, progress=progress, regions=regions
        )
        if similarity is None:
            similarity = open_similarity(self.device_scene, masks if sam is not None else self.masks_or_own(), sam)
        self.similarity = similarity
        self.model = model or SgisrfModel.load()
        self.model.network.to(self.device_scene.device)
        self._owners = Owners(self.device_scene)
        self._map = lru_cache(_REMEMBERED)(self._similarity_map)
        self._echoes = lru_cache(_REMEMBERED)(self._find_echoes)
        self._smallest = _SMALLEST * _radius(self.device_scene)

    def _segment(self, prompts: Sequence[ViewPrompt], report: Report) -> tuple[Tensor, Tensor]:  # [N] bool, [N]
        """Selects the Gaussians whose probability is above the threshold after the last prompt."""
        turn = _Turn(len(self.device_scene.geometry), self.device_scene.device)
        for prompt in prompts:
            clicks = clicks_of(prompt.camera, prompt.parts, self.config.scribble_clicks)
            turn.clicks += self._repeated(clicks, report)
            self._predict(turn, report)
        selected = (turn.probability > self.config.threshold) & self.device_scene.valid
        report.thresholds["probability"] = self.config.threshold
        report.count("selected", selected)
        if turn.box is None:
            report.warnings.append("the clicks show nothing of the scene: click where there is an object")
        return selected, turn.probability.float()

    def _repeated(self, clicks: list[Click], report: Report) -> list[_Group]:
        """Returns a prompt's clicks of either sign, each with those that repeat it in other views."""
        with report.timed("echoes"):
            repeated = [[click, *self._echoes(click.view, click.pixel, click.positive)] for click in clicks]
        groups = ([views for views in repeated if views[0].positive == sign] for sign in (True, False))
        return [group for group in groups if group]

    def _find_echoes(self, view: str, pixel: tuple[int, int], positive: bool) -> list[Click]:
        return echoes(self._owners, Click(view, pixel, positive), self.config.echo_views)

    def _predict(self, turn: _Turn, report: Report) -> None:
        """Predicts M_t from M_{t-1} and all clicks so far; the cube is fitted to what is found."""
        with report.timed("region"):
            box = self._box(turn)
        if box is None:
            return
        turn.box = box if turn.box is None else union([box, turn.box])
        for left in reversed(range(max(self.config.rounds, 1))):
            better = self._predict_in(turn, turn.box, left > 0, report)
            report.counts["rounds"] = report.counts.get("rounds", 0) + 1
            if better is None:
                return
            turn.box = better

    def _predict_in(self, turn: _Turn, box: Box, fit: bool, report: Report) -> Box | None:
        """Predicts once in a cube; with `fit`, returns a better cube instead of the refinement if there is one."""
        geometry, config, model = self.device_scene.geometry, self.config, self.model
        with report.timed("grid"):
            volume = Volume.build(geometry, box, model.resolution)
        with report.timed("guidance"):
            propagation = config.propagation and model.propagation
            positive, negative = (
                [self._by_view(group, box, propagation) for group in turn.clicks_of(sign)] for sign in (True, False)
            )
            coarse = volume.inputs(geometry, positive, negative, turn.previous, propagation)
        with report.timed("network"), torch.no_grad():
            first = predict_coarse(model.network, coarse)
            logits, uncertain = first.sampled(volume), 0
        better = None
        if fit:
            found = volume.points[torch.sigmoid(logits) > config.threshold]
            better = fitted(found, box, config.margin, self._smallest)
        if better is None and config.refinement and model.refinement:
            with report.timed("refinement"), torch.no_grad():
                fine = volume.fine_inputs(geometry, positive, negative)
                logits, uncertain = predict_refined(
                    model.network, volume, first, coarse, fine, config.band, config.refined_voxels
                )
        report.counts |= {"in_cube": len(volume.members), "uncertain_voxels": uncertain}
        turn.probability = torch.sigmoid(
            torch.full_like(turn.probability, OUTSIDE).index_copy(0, volume.members, logits)
        )
        turn.previous = turn.probability
        return better

    def _box(self, turn: _Turn) -> Box | None:
        """Returns a cube around what the positive clicks point at."""
        clicks = [views for group in turn.clicks_of(True) for views in group]
        found = [median_box([box for each in views if (box := self._box_of(each))]) for views in clicks]
        boxes = [box for box in found if box is not None]
        return union(boxes) if boxes else None

    def _box_of(self, click: Click) -> Box | None:
        where = lattice(self.scene.camera(click.view), _REGION_PIXELS)
        place = where.place(click.pixel)
        assert place is not None, "the lattice covers the image"
        owners = self._owners.clicked(click.view, where, click.pixel)
        region = torch.from_numpy(click_region(self._alike(click, where), place, owners)).to(self.device_scene.device)
        return region_box(self.device_scene.geometry.means[region], self.config.margin, self._smallest)

    def _by_view(self, group: _Group, box: Box, propagation: bool) -> list[Lifted]:
        """Returns what a prompt's clicks say in each view: the maximum over those in it."""
        by_view: dict[str, list[Lifted]] = {}
        for click in (each for views in group for each in views):
            by_view.setdefault(click.view, []).append(self._lift(click, box, propagation))
        return [Lifted.fused(parts, self.device_scene.device) for parts in by_view.values()]

    def _lift(self, click: Click, box: Box, propagation: bool) -> Lifted:
        """Lets the Gaussians that the view shows in a box inherit a click's confidences."""
        device = self.device_scene.device
        if not propagation:
            owner = torch.tensor([self._owners.at(click.view, click.pixel)], device=device)
            return Lifted.of(owner, torch.ones(1, device=device))
        where = lattice(self.scene.camera(click.view), self.config.lifted_pixels, box)
        owners = torch.from_numpy(self._owners.clicked(click.view, where, click.pixel).reshape(-1))
        return Lifted.of(owners.to(device), torch.from_numpy(self._alike(click, where).reshape(-1)).to(device))

    def _alike(self, click: Click, where: Lattice) -> np.ndarray:  # [rows, columns]
        found = where.take(self._map(click.view, click.pixel) if click.mask is None else click.mask).copy()
        if click.positive and self.similarity.nested:
            found = np.sign(found) * np.abs(found) ** self.config.exponent
        if click.within is not None:
            camera = self.scene.camera(click.view)
            inside = np.zeros((camera.height, camera.width), bool)
            x0, y0, x1, y1 = click.within
            inside[y0:y1, x0:x1] = True
            found *= where.take(inside)
        place = where.place(click.pixel)
        if place is not None:
            found[place[1], place[0]] = 1.0
        return found

    def _similarity_map(self, view: str, pixel: tuple[int, int]) -> np.ndarray:  # [H, W]
        return self.similarity.similarity(self.scene.camera(view), pixel)


class _Turn:
    """The state of an interaction."""

    def __init__(self, count: int, device: torch.device) -> None:
        self.device = device
        self.clicks: list[_Group] = []
        self.box: Box | None = None
        self.probability: Tensor = torch.zeros(count, device=device)
        self.previous: Tensor | None = None

    def clicks_of(self, positive: bool) -> list[_Group]:
        """Returns the clicks of one sign."""
        return [group for group in self.clicks if group[0][0].positive == positive]


def _radius(device_scene: DeviceScene, sample: int = 100_000) -> float:
    """Returns the distance from a scene's middle within which nine in ten Gaussians lie; 1 for an empty scene."""
    means = device_scene.geometry.means[device_scene.valid]
    means = means[:: max(1, len(means) // sample)]
    if len(means) == 0:
        return 1.0
    distances = (means - means.median(0).values).norm(dim=1)
    return max(float(torch.quantile(distances[:sample], 0.9)), 1e-6)
