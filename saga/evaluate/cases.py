"""What is asked of a method: a case is a scene with its tasks, a task is an object with its prompts and true masks."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np

from saga.config import Config, NonNegativeInt, PositiveInt, Seed
from saga.evaluate.truth import LabelMaps, TrueMasks
from saga.query.prompts import Prompt
from saga.scene import Scene

if TYPE_CHECKING:  # the command line reads this module, and does not wait for torch
    from saga.masks import MaskSource

PromptKind = Literal["points", "scribble", "mask"]


@dataclass(frozen=True)
class PromptConfig(Config):
    """How the prompts of tasks are made. Raises ConfigError for values out of range."""

    kind: PromptKind | None = None
    """Kind of prompt; None takes the protocol's own."""
    clicks: tuple[PositiveInt, ...] = (1,)
    """Numbers of clicks to try."""
    views: PositiveInt = 2
    """Views an object is asked for in, one at a time."""
    jitter: NonNegativeInt = 0
    """Random displacements of every click."""
    jitter_radius: NonNegativeInt = 3
    """Largest displacement in pixels."""
    seed: Seed = 0
    """Seed of displacements and of points drawn from scribbles."""


@dataclass(frozen=True)
class TaskPrompt:
    """One prompt for the object of a task."""

    prompt: Prompt
    kind: PromptKind
    clicks: int = 0
    """Clicks asked for (there may be room for fewer); 0 unless they are placed by number."""
    repeat: int = 0
    """0 for the prompt as placed, 1, 2, ... for its random displacements."""


@dataclass(frozen=True)
class Task:
    """One object of one scene."""

    scene: str
    object: str
    prompts: Sequence[TaskPrompt]
    """Each is answered and scored by itself."""
    truth: TrueMasks
    """True masks of the views in which the object is scored."""
    members: np.ndarray | None = None  # [N] bool
    """Which Gaussians belong to the object, in the PLY's order, where that is known."""


@dataclass(frozen=True)
class Case:
    """One scene with its tasks."""

    name: str
    scene: Scene
    masks: MaskSource
    """Masks to train with."""
    tasks: Sequence[Task]
    decomposition: LabelMaps | None = None
    """Labels of all objects in some views, for protocols that score a decomposition without prompts."""
    load_seconds: float = 0.0
    """Time it took to read the scene."""

    @property
    def prompt_count(self) -> int:
        """Number of prompts of all tasks."""
        return sum(len(task.prompts) for task in self.tasks)
