"""Trackers that need no model: what is where is known exactly, and what goes wrong is chosen."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from scipy.ndimage import shift

from saga.scene.camera import Camera
from saga.scene.scene import Scene

Fault = Callable[[int, np.ndarray, np.ndarray], None]
"""Changes, in place, which labels each track follows, and its drift: (step, labels [T, L], drift [T, 2])."""


@dataclass
class ExactTracker:
    """Follows things by the exact label maps of the views, and makes the mistakes that `fault` tells it to."""

    truth: Mapping[str, np.ndarray]  # view name -> [H, W] labels
    fault: Fault | None = None
    description: str = "exact labels"
    asked: int = 0
    """Photographs that were gone through."""

    @property
    def identity(self) -> dict[str, object]:
        return {"exact": True}

    def track(self, scene: Scene, cameras: Sequence[Camera], masks: np.ndarray) -> Iterator[np.ndarray]:
        first = self.truth[cameras[0].name]
        count = max(int(labels.max()) for labels in self.truth.values()) + 1
        followed = np.zeros((len(masks), count), bool)
        for track, mask in enumerate(masks):
            inside = np.bincount(first[mask], minlength=count)
            followed[track] = 2 * inside > np.bincount(first.ravel(), minlength=count)
            followed[track, inside.argmax()] = True
        drift = np.zeros((len(masks), 2))
        for step, camera in enumerate(cameras[1:], start=1):
            if self.fault is not None:
                self.fault(step, followed, drift)
            self.asked += 1
            shown = np.array([row[self.truth[camera.name]] for row in followed])
            yield np.array([_moved(mask, by) for mask, by in zip(shown, drift, strict=True)])


def _moved(mask: np.ndarray, by: np.ndarray) -> np.ndarray:
    return mask if not by.any() else shift(mask.astype(np.uint8), by, order=0).astype(bool)


def dropped(label: int, first: int) -> Fault:
    """Loses a thing for good at a step."""

    def fault(step: int, followed: np.ndarray, drift: np.ndarray) -> None:
        if step == first:
            followed[followed[:, label]] = False

    return fault


def hidden(label: int, at: int) -> Fault:
    """Does not see a thing in one photograph."""
    before: dict[int, np.ndarray] = {}

    def fault(step: int, followed: np.ndarray, drift: np.ndarray) -> None:
        if step == at:
            before[0] = followed.copy()
            followed[followed[:, label]] = False
        elif step == at + 1 and 0 in before:
            followed[:] = before.pop(0)

    return fault


def swapped(one: int, other: int, first: int) -> Fault:
    """Takes each of two things for the other from a step on."""

    def fault(step: int, followed: np.ndarray, drift: np.ndarray) -> None:
        if step == first:
            followed[:, [one, other]] = followed[:, [other, one]]

    return fault


def merged(one: int, other: int, first: int) -> Fault:
    """Spreads from either of two things over both from a step on."""

    def fault(step: int, followed: np.ndarray, drift: np.ndarray) -> None:
        if step == first:
            both = followed[:, one] | followed[:, other]
            followed[both, one] = followed[both, other] = True

    return fault


def drifting(label: int, pixels: float) -> Fault:
    """Slides off a thing, a few pixels more with each photograph."""

    def fault(step: int, followed: np.ndarray, drift: np.ndarray) -> None:
        drift[followed[:, label]] += (0.0, pixels)

    return fault


def random_faults(seed: int, rate: float) -> Fault:
    """Drops, swaps, merges and lets drift, each track with some probability at each step."""
    rng = np.random.default_rng(seed)
    sliding: dict[int, np.ndarray] = {}

    def fault(step: int, followed: np.ndarray, drift: np.ndarray) -> None:
        if step == 1:
            sliding.clear()
        for track in np.flatnonzero(rng.random(len(followed)) < rate):
            kind, other = rng.integers(4), int(rng.integers(followed.shape[1]))
            if kind == 0:
                followed[track] = False
            elif kind == 1:
                followed[track] = False
                followed[track, other] = True
            elif kind == 2:
                followed[track, other] = True
            else:
                sliding[int(track)] = rng.choice([-1, 1], 2) * rng.uniform(0.01, 0.03, 2)
        for track, by in sliding.items():
            drift[track] += by * 640

    return fault
