"""Records: what was measured, one prompt at a time."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Any

from saga.evaluate.cases import PromptKind


@dataclass(frozen=True)
class Record:
    """One prompt, answered and scored. Overlaps are fractions, 1 is best."""

    scene: str
    object: str
    seed: int
    view: str
    """View the prompt is in."""
    kind: PromptKind
    clicks: int
    repeat: int
    """0 for the prompt as placed, else the number of its displacement."""
    prompt: dict[str, Any]
    """The prompt as JSON values."""
    iou: float
    """Mean IoU over the scored views."""
    accuracy: float
    """Mean share of pixels right."""
    boundary_iou: float
    """Mean boundary IoU."""
    object_iou: float | None
    """Mean IoU of the silhouette of the selected Gaussians rendered alone (alpha > 0.5) with the true mask. Hidden
    parts count as errors, so it is below 1 wherever something stands in front of the object."""
    solid_iou: float | None
    """IoU of the Gaussians themselves, each counting with its opacity; None where the true ones are not known."""
    views: dict[str, float]
    """IoU of each scored view."""
    gaussians: int
    """Gaussians selected."""
    milliseconds: float
    """Time of the query."""
    error: str | None = None
    """Why there was no answer; it counts as an empty one."""
    details: dict[str, Any] = field(default_factory=dict)
    """The method's own report: "timings_ms", "counts", "thresholds", "losses", "warnings"."""

    @property
    def least(self) -> tuple[float, str]:
        """The worst view: IoU and name."""
        return min((value, view) for view, value in self.views.items())


@dataclass(frozen=True)
class DecompositionRecord:
    """One view of a scene that was cut into objects without a prompt."""

    scene: str
    seed: int
    view: str
    objects: int
    """True objects in the view."""
    found: int
    """Objects found that the view shows."""
    area_weighted_iou: float
    best_dice: float
    symmetric_best_dice: float


@dataclass
class SceneResult:
    """Everything measured on one scene."""

    scene: str
    records: list[Record] = field(default_factory=list)
    decomposition: list[DecompositionRecord] = field(default_factory=list)
    runs: list[dict[str, Any]] = field(default_factory=list)
    """For each seed: "seed", "prepare" (report of the preparation), "prepare_seconds", "load_seconds",
    "first_mask_seconds" (reading the scene, loading and the first query), "peak_megabytes"."""

    def as_json(self) -> dict[str, Any]:
        """Returns JSON values."""
        return asdict(self)

    @staticmethod
    def from_json(values: dict[str, Any]) -> SceneResult:
        """Returns the result that `as_json` gave these values of."""
        return SceneResult(
            values["scene"],
            [Record(**each) for each in values["records"]],
            [DecompositionRecord(**each) for each in values["decomposition"]],
            values["runs"],
        )
