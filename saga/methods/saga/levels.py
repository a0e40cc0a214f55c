"""Nested answers to prompts: features say what is alike, regions say where things end."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
import torch
from torch import Tensor

from saga.methods.base import ViewPrompt
from saga.methods.saga.features import Selection
from saga.query.report import Report
from saga.raster.device_scene import DeviceScene
from saga.regions.answers import Answer, corrected_answers, equal_worth, nested_answers
from saga.regions.clicks import Click, view_clicks
from saga.regions.evidence import Evidence
from saga.regions.judgment import Judgment
from saga.regions.membership import pixel_cells
from saga.regions.reach import cells_held, reachable
from saga.regions.scene_regions import SceneRegions
from saga.regions.worth import overlaps

Trust = Literal["selection", "masks", "regions"]
"""What is asked where things end."""
MOST_OF_VIEWS = 0.5
"""Share of all that the views show, from which a selection is not given in silence."""
_EVERYTHING = 0.85
"""The same, from which features tell nothing apart."""
_SAME = 0.5
"""IoU from which the features' selection and a region are the same answer."""
_CERTAIN = 0.75
"""IoU of the features' selection and a region from which the two confirm each other."""
_ALIKE = 0.6
"""IoU from which the features' selection is the detail of a region that given masks vouch for."""
_EQUAL = 0.88
"""IoU from which they are the same but for details, in which both must agree."""
_MOST_DRAWN = 4096
"""Pixels of a mask, and of a picture around it, that are looked at."""


@dataclass(frozen=True, eq=False)
class Level:
    """One of the nested answers, as Gaussians."""

    answer: Answer
    mask: Tensor  # [N] bool
    best: bool
    """Whether it is the default."""
    selection: Selection | None = None
    """The features' selection most like it, whose scores are its own; None without features."""
    likeness: float = 0.0
    """IoU with that selection."""
    changed: tuple[Tensor, Tensor] | None = None  # [N] bool each
    """Gaussians that corrections brought in and took out, whatever features select; None without corrections."""

    def detailed(self, selection: Selection, likeness: float, trust: Trust) -> Level:
        """This answer with the details of a selection of features that is like it: all of it, or what both hold."""
        mask = self.mask
        if trust == "masks" and likeness >= _ALIKE:
            mask = selection.mask
        elif trust == "regions" and likeness >= _EQUAL:
            mask = self.mask & selection.mask
        if self.changed is not None:
            mask = (mask | self.changed[0]) & ~self.changed[1]
        return replace(self, mask=mask, selection=selection, likeness=likeness)


class Levels:
    """The regions of a scene, asked with prompts."""

    def __init__(self, scene: DeviceScene, regions: SceneRegions) -> None:
        """Keeps the regions with what they need on the scene's device."""
        self._scene, self.regions = scene, regions
        self._cells = torch.from_numpy(regions.cells).to(scene.device, torch.int64)

    def evidence(self, prompts: Sequence[ViewPrompt]) -> Evidence:
        """What prompts say about the cells; points that show no cell say nothing."""
        inside, outside, drawn, stroked = [], [], [], []
        for prompt in prompts:
            view, parts = prompt.camera.name, prompt.parts
            inside += [shown for shown in self._shown(view, parts.points) if shown.any()]
            outside += [shown for shown in self._shown(view, parts.negative) if shown.any()]
            if parts.scribble is not None:
                stroked.append(self._shown(view, _some(parts.scribble)).sum(0))
            mask = parts.mask
            if parts.box is not None:
                x0, y0, x1, y1 = parts.box
                mask = np.zeros((prompt.camera.height, prompt.camera.width), bool)
                mask[y0:y1, x0:x1] = True
            if mask is not None:
                drawn.append(self._drawn(view, mask, parts.undecided, parts.box is not None))
        return Evidence(inside, outside, drawn, stroked)

    def cells_of(
        self,
        selected: Tensor,  # [N] bool
    ) -> np.ndarray:  # [L]
        """Cells of which most Gaussians are selected, bool [L]."""
        return cells_held(self.regions, selected.cpu().numpy())

    def reachable(
        self,
        selected: Tensor,  # [N] bool
    ) -> Tensor:  # [N] bool
        """Gaussians that may join a selection without crossing a border that views confirm."""
        return torch.from_numpy(reachable(self.regions, self.cells_of(selected))).to(selected.device)

    def answer(
        self,
        prompts: Sequence[ViewPrompt],
        selections: Sequence[Selection],
        trust: Trust,
        report: Report,
        further: Sequence[ViewPrompt] = (),
    ) -> list[Level]:
        """The nested answers to prompts, smallest first; none where no region fits.

        Args:
            prompts: as `Method._segment` has them.
            selections: what the features select at each scale, the coarsest first.
            trust: what knows where things end. "selection": the features' selection is the default, in the place of the
                region like it. "masks": answers are ranked by how well masks that were given confirm them, and what
                the features select is the detail of the answer like it. "regions": by their borders.
            report: gets the answers, and warnings about large or equal ones.
            further: points that correct the answer to the prompts.
        """
        cells = [self.cells_of(each.mask) for each in selections]
        usable = [index for index, alike in enumerate(cells) if self._usable(alike, trust)]
        usable = usable[:1] if trust == "selection" else usable
        if trust == "masks" and any(bool(each.mask.any()) for each in selections) and not usable:
            return []  # smaller than any cell: only the features know it
        alike = np.stack([cells[index] for index in usable]) if usable else None
        judgment = Judgment(self.regions, self.evidence(prompts), alike, trust == "masks", self._clicks(prompts))
        answers, best = nested_answers(judgment)
        if not answers:
            return []
        clicks, shown = self._clicks(further), answers[self._not_most(answers, best, alike)]
        if clicks:
            answers, best = corrected_answers(judgment, answers, shown, clicks)
        device = self._cells.device
        levels = [
            Level(each, torch.from_numpy(self.regions.gaussians(each.members)).to(device), False) for each in answers
        ]
        if clicks:
            levels[best] = replace(levels[best], changed=self._changed(shown, answers[best], clicks))
        members = np.stack([each.members for each in answers])
        for index in usable:
            iou = overlaps(self.regions, members, cells[index])
            if trust == "selection":
                share = float(self.regions.shares @ cells[index])
                best = _with_selection(levels, iou, selections[index], share)
            else:
                nearer = zip(levels, iou.tolist(), strict=True)
                levels = [_nearer(level, selections[index], same, trust) for level, same in nearer]
        best = self._large([level.answer for level in levels], best, alike, bool(clicks), report)
        answers = [level.answer for level in levels]
        wrong = sum(bool(each.wrong(answers[best].members[None])[0]) for each in clicks)
        if wrong > 0:
            report.warnings.append(f"{wrong} of the points could not be followed: others on the other side are as near")
        same = equal_worth(answers, best)
        if same:
            report.warnings.append(
                f"the {' and the '.join(same)} around this would be as good an answer: see granularity"
            )
        report.extra["answers"] = [
            {"name": each.name, "score": round(each.score, 3), "share": round(each.share, 4), "default": index == best}
            for index, each in enumerate(answers)
        ]
        return [replace(level, best=index == best) for index, level in enumerate(levels)]

    def _usable(
        self,
        alike: np.ndarray,  # [L]
        trust: Trust,
    ) -> bool:
        """Whether what features select has a say.

        Where it is most of what the views show, a region must confirm it. Of nearly everything that means nothing,
        because every scene has such a region, unless masks that were given vouch for the features.
        """
        if not alike.any() or trust == "masks":
            return bool(alike.any())
        share = self.share(alike)
        return share <= MOST_OF_VIEWS or ((share <= _EVERYTHING or trust == "selection") and self._certain(alike))

    def share(
        self,
        members: np.ndarray,  # [L]
    ) -> float:
        """Share of all that the views show which cells fill."""
        return float(self.regions.shares @ members / max(self.regions.shares.sum(), 1e-12))

    def _certain(
        self,
        alike: np.ndarray,  # [L]
    ) -> bool:
        """Whether a region confirms what features select."""
        return bool(overlaps(self.regions, self.regions.members, alike).max(initial=0.0) >= _CERTAIN)

    def _large(
        self,
        answers: Sequence[Answer],
        best: int,
        alike: np.ndarray | None,  # [F, L]
        corrected: bool,
        report: Report,
    ) -> int:
        """As `_not_most`, but for an answer that a person corrected, which stays; warns of all that is large."""
        given = best if corrected else self._not_most(answers, best, alike)
        share, first = (self.share(answers[index].members) for index in (given, best))
        if share > MOST_OF_VIEWS:
            report.warnings.append(
                f"the selection is {share:.0%} of all that the views show: give a negative point, or a granularity, "
                "for less"
            )
        elif given != best:
            report.warnings.append(
                f"the best answer would be {first:.0%} of all that the views show; the next smaller one is given"
            )
        return given

    def _not_most(
        self,
        answers: Sequence[Answer],
        best: int,
        alike: np.ndarray | None,  # [F, L]
    ) -> int:
        """The best answer, or another one where it would be most of what views show and features disagree.

        That is the best of those with which features agree, or else the next smaller one. Features that no region
        confirms agree with nothing: what they select is an answer itself, and would agree with that.
        """
        certain = [] if alike is None else [each for each in alike if self._certain(each)]

        def agreed(answer: Answer) -> bool:
            return any(overlaps(self.regions, each[None], answer.members)[0] >= _CERTAIN for each in certain)

        if self.share(answers[best].members) <= MOST_OF_VIEWS or agreed(answers[best]):
            return best
        likely = [index for index, each in enumerate(answers) if agreed(each)]
        return max(likely, key=lambda index: answers[index].score, default=max(best - 1, 0))

    def _clicks(self, prompts: Sequence[ViewPrompt]) -> list[Click]:
        """The points of prompts, each with its picture."""
        clicks = []
        for prompt in prompts:
            parts, operator = prompt.parts, self._scene.operator(prompt.camera.name)
            points = np.concatenate([parts.points, parts.negative])
            positive = np.arange(len(points)) < len(parts.points)
            clicks += view_clicks(operator, self._cells, self.regions.count, points, positive)
        return clicks

    def _changed(self, shown: Answer, corrected: Answer, clicks: Sequence[Click]) -> tuple[Tensor, Tensor]:
        """Gaussians that corrections bring in and take out: those of changed cells, and of cells that they point at."""
        before, after = shown.members, corrected.members
        pointed = np.zeros_like(after)
        for click in clicks:
            if click.positive:
                pointed |= click.pointed
        brought, taken = (self.regions.gaussians(each) for each in (after & (pointed | ~before), before & ~after))
        return torch.from_numpy(brought).to(self._cells.device), torch.from_numpy(taken).to(self._cells.device)

    def _shown(
        self,
        view: str,
        pixels: np.ndarray,  # [P, 2]
    ) -> np.ndarray:  # [P, L]
        if len(pixels) == 0:
            return np.zeros((0, self.regions.count), np.float32)
        operator = self._scene.operator(view)
        shown = pixel_cells(operator, self._cells, self.regions.count, torch.from_numpy(pixels))
        cells: np.ndarray = shown.cpu().numpy()
        return cells

    def _drawn(
        self,
        view: str,
        mask: np.ndarray,  # [H, W]
        undecided: np.ndarray | None,  # [H, W]
        box: bool,
    ) -> tuple[np.ndarray, np.ndarray]:  # [L], [L]
        """Pixels that show each cell inside and outside a mask; in a box, cells that reach out of it are outside."""
        every = max(1, round((mask.size / _MOST_DRAWN) ** 0.5))
        grid = np.zeros_like(mask)
        grid[every // 2 :: every, every // 2 :: every] = True
        if undecided is not None:
            grid &= ~undecided
        inside = self._shown(view, _pixels(grid & mask)).sum(0) * every**2
        outside = self._shown(view, _pixels(grid & ~mask)).sum(0) * every**2
        if box:  # what a box holds besides its object mostly goes on outside
            inside = np.where(outside > inside, 0, inside)
        return inside, outside


def _with_selection(
    levels: list[Level],
    iou: np.ndarray,  # [A]
    selection: Selection,
    share: float,
) -> int:
    """Puts the features' selection in the place of the answer like it, or nearest in size; returns the place."""
    place = int(iou.argmax())
    if iou[place] < _SAME:
        place = int(np.argmin([abs(np.log(max(each.answer.share, 1e-9) / max(share, 1e-9))) for each in levels]))
    changed = replace(levels[place].answer, share=share)
    levels[place] = Level(changed, selection.mask, False, selection)
    order = sorted(range(len(levels)), key=lambda index: levels[index].answer.share)
    names = [each.answer.name for each in levels]
    levels[:] = [
        replace(levels[index], answer=replace(levels[index].answer, name=name))
        for index, name in zip(order, names, strict=True)
    ]
    return order.index(place)


def _nearer(level: Level, selection: Selection, likeness: float, trust: Trust) -> Level:
    """An answer with the details of a selection, unless it has those of one that is more like it."""
    if level.selection is not None and level.likeness >= likeness:
        return level
    return level.detailed(selection, likeness, trust)


def _pixels(
    mask: np.ndarray,  # [H, W]
) -> np.ndarray:  # [P, 2]
    """Pixels (x, y) of a mask."""
    rows, columns = np.nonzero(mask)
    return np.stack([columns, rows], axis=1)


def _some(
    mask: np.ndarray,  # [H, W]
) -> np.ndarray:  # [P, 2]
    """At most a few thousand pixels of a mask, evenly spread."""
    pixels = _pixels(mask)
    return pixels[:: -(-len(pixels) // _MOST_DRAWN)]
