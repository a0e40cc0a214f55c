"""What is asked of a method: tasks of scenes, each an object with prompts and true masks."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from saga.evaluate.truth import LabelMaps, Masks
from saga.masks import MaskSource
from saga.query import Prompt
from saga.scene import Scene


@dataclass(frozen=True)
class Variant:
    """One way to ask for an object."""

    prompt: Prompt
    kind: str
    """"points", "scribble" or "mask"."""
    clicks: int = 0
    """Clicks asked for (there may be room for fewer); 0 unless they are placed by number."""
    repeat: int = 0
    """0 for the prompt as placed, 1, 2, ... for its random displacements."""


@dataclass(frozen=True)
class Task:
    """One object of one scene."""

    scene: str
    object: str
    variants: Sequence[Variant]
    truth: Masks
    """True masks of the views the object is judged in."""
    members: np.ndarray | None = None  # [N] bool
    """Which Gaussians belong to it, in the PLY's order, where that is known."""


@dataclass(frozen=True)
class Case:
    """One scene with all that is asked of it."""

    name: str
    scene: Scene
    masks: MaskSource
    """Masks to train with."""
    tasks: Sequence[Task]
    decomposition: LabelMaps | None = None
    """Labels of all objects in some views, for protocols that judge a decomposition without prompts."""
    load_seconds: float = 0.0
    """Time it took to read the scene."""


@dataclass(frozen=True)
class Prompting:
    """How prompts are made."""

    kind: str | None = None
    """"points", "scribble" or "mask"; None takes the protocol's own."""
    clicks: tuple[int, ...] = (1,)
    """Numbers of clicks to try."""
    views: int = 2
    """Views an object is asked for in, one at a time."""
    jitter: int = 0
    """Random displacements of every click."""
    jitter_radius: int = 3
    """Largest displacement in pixels."""
    seed: int = 0
    """Seed of displacements and of points drawn from scribbles."""
