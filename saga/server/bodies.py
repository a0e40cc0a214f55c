"""What requests hold and what they are answered, as dataclasses that the OpenAPI page is made of."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Annotated, Any, ClassVar, Literal

from annotated_types import Ge, Gt, Le, Len

from saga.assets.config import AssetConfig
from saga.scene.format_names import ExportFormat
from saga.session.state import Mode

_STRICT: dict[str, Any] = {"extra": "forbid", "allow_inf_nan": False}
"""A misspelled name is a mistake, not something to pass over."""
MOST_SIDE = 8192
"""Pixels along a side of a camera that a request describes."""

Number = Annotated[float, Ge(-1e9), Le(1e9)]
Pixel = Annotated[list[Number], Len(2, 2)]
Pixels = Annotated[list[Pixel], Len(0, 10_000)]
PathText = Annotated[str, Len(1, 4096)]
Name = Annotated[str, Len(1, 200)]
Text = Annotated[str, Len(1, 64 << 20)]
Row = Annotated[list[Number], Len(4, 4)]
Channel = Annotated[int, Ge(0), Le(255)]
Focal = Annotated[float, Gt(0), Le(1e9)]
Side = Annotated[int, Ge(1), Le(MOST_SIDE)]


@dataclass
class OpenBody:
    """A scene to open."""

    __pydantic_config__: ClassVar[dict[str, Any]] = _STRICT
    path: PathText
    """The scene's file, relative to the first folder that is served, or absolute."""
    images: PathText | None = None
    """Folder of its photographs."""
    cameras: PathText | None = None
    """File or folder of its cameras; found near the scene by default."""


@dataclass
class CameraBody:
    """An ideal pinhole in OpenCV axes (x right, y down, z forward)."""

    __pydantic_config__: ClassVar[dict[str, Any]] = _STRICT
    width: Side
    height: Side
    fx: Focal
    fy: Focal
    cx: Number
    cy: Number
    world_to_camera: Annotated[list[Row], Len(4, 4)]
    """Four rows of four."""


@dataclass
class PromptBody:
    """What is pointed at in one view: one of points, scribble, mask and box; negative points go with any of them."""

    __pydantic_config__: ClassVar[dict[str, Any]] = _STRICT
    view: Name | None = None
    """Name of a view of the scene; pixels are those of its photograph."""
    camera: CameraBody | None = None
    """Any camera instead; pixels are its own."""
    points: Pixels = field(default_factory=list)
    """Pixels x, y on the object."""
    negative: Pixels = field(default_factory=list)
    """Pixels x, y that do not belong to it."""
    scribble: Pixels | None = None
    """A stroke through pixels x, y."""
    lasso: Pixels | None = None
    """A closed line through pixels x, y around the object, as a hand draws it: it need not be exact."""
    mask: Text | None = None
    """A PNG of the view's size in base64: the object where it is not black, or not transparent."""
    box: Annotated[list[Number], Len(4, 4)] | None = None
    """x0, y0, x1, y1 around the object."""


@dataclass
class AskBody:
    """Prompts in one or several views that mean one object together."""

    __pydantic_config__: ClassVar[dict[str, Any]] = _STRICT
    prompts: Annotated[list[PromptBody], Len(1, 64)]
    mode: Mode = "replace"
    """What becomes of the selection."""


@dataclass
class TextBody:
    """Words for an object."""

    __pydantic_config__: ClassVar[dict[str, Any]] = _STRICT
    text: Annotated[str, Len(1, 300)]
    """A name or a description, e.g. red mug."""
    mode: Mode = "replace"
    """What becomes of the selection."""


@dataclass
class ChooseBody:
    """One of the nested answers to the last prompt."""

    __pydantic_config__: ClassVar[dict[str, Any]] = _STRICT
    answer: Annotated[int, Ge(0), Le(100)]
    """Its place, 0 for the smallest."""


@dataclass
class SelectBody:
    """A change of the selection without a prompt."""

    __pydantic_config__: ClassVar[dict[str, Any]] = _STRICT
    action: Literal["undo", "redo", "clear", "invert", "grow", "shrink", "object"]
    """object selects an object that was kept."""
    object: Name | None = None
    """Its name, for the action object."""
    mode: Mode = "replace"
    """What becomes of what was selected, for the action object."""


@dataclass
class KeepBody:
    """The selection to keep as an object."""

    __pydantic_config__: ClassVar[dict[str, Any]] = _STRICT
    name: Name | None = None
    color: Annotated[list[Channel], Len(3, 3)] | None = None


@dataclass
class PictureBody:
    """A view in which the selection, or an object, is to be seen."""

    __pydantic_config__: ClassVar[dict[str, Any]] = _STRICT
    view: Name | None = None
    camera: CameraBody | None = None
    object: Name | None = None
    """An object that was kept; the selection by default."""


@dataclass(frozen=True)
class AssetBody(AssetConfig):
    """How an object stands for engines."""

    __pydantic_config__: ClassVar[dict[str, Any]] = _STRICT


@dataclass
class ExportBody:
    """A folder to write an object, the rest, masks of all views and a preview into."""

    __pydantic_config__: ClassVar[dict[str, Any]] = _STRICT
    folder: PathText
    object: Name | None = None
    format: ExportFormat | None = None
    """Of object and rest; the scene's by default."""
    masks: bool = True
    split_boundary: bool = False
    prune: bool = False
    refit_boundary: bool = False
    """Whether colors and opacities at the object's border are fit anew, for less of a halo."""
    fill: bool = False
    """Whether the surfaces that the object leaves open in the rest are closed."""
    asset: AssetBody | None = None
    """How the object stands for engines, for which it is then written too, into asset/; {} takes the defaults."""


@dataclass
class TrainBody:
    """What to train with; without masks and checkpoint, masks come from the scene itself."""

    __pydantic_config__: ClassVar[dict[str, Any]] = _STRICT
    masks: PathText | None = None
    """Masks of the views: a folder, or a file of annotations."""
    sam: PathText | None = None
    """A mask model, inside the folders that are served: a checkpoint's file, or a folder in the layout of the hub."""
    iterations: Annotated[int, Ge(0), Le(100_000)] | None = None
    """Steps of training; 0 makes features in a closed form, in seconds."""


@dataclass
class TrainingAnswer:
    """How far the training of a scene is."""

    state: Literal["none", "running", "done", "failed", "cancelled"]
    text: str
    """What is done now, or how it ended."""
    done: int
    """Steps of what is done now that are behind it."""
    total: int
    """All of these steps; 0 where that is not known."""


@dataclass
class ErrorAnswer:
    """Why a request was refused, in one line."""

    error: str


@dataclass
class ServerAnswer:
    """Who answers."""

    name: str
    version: str


@dataclass
class ViewAnswer:
    """A view of a scene."""

    name: str
    photograph: bool
    """Whether it has one."""
    camera: CameraBody
    """The ideal pinhole; pixels of prompts are the photograph's, which may have a lens."""


@dataclass
class SceneAnswer:
    """A scene that is open."""

    id: str
    path: str
    gaussians: int
    views: list[str]
    features: bool
    """Whether there are features of saga-train."""
    regions: bool
    notes: list[str]
    """What was assumed or made when it was opened."""


@dataclass
class LevelAnswer:
    """One of the nested answers."""

    name: str
    """part, object or group, relative to the others."""
    score: float | None
    default: bool
    gaussians: int


@dataclass
class SelectionAnswer:
    """What is selected now."""

    selected: int
    """Gaussians that are selected."""
    changed: int
    """Gaussians that the request selected or left out."""
    done: str
    milliseconds: float
    answers: list[LevelAnswer]
    """The nested answers to the last prompt, smallest first."""
    chosen: int
    """Which of them is selected; -1 without answers."""
    warnings: list[str]


@dataclass
class RankAnswer:
    """One object of the scene, and how well words fit it."""

    score: float
    """How sure the model is, 0 to 1."""
    found: bool
    """Whether it is what was asked for."""
    equal: bool
    """Whether it is as good as the best, as far as can be told."""
    rather: str | None
    """What it is likelier called, of everyday words; None where the model does not say."""
    kind: str
    gaussians: int


@dataclass
class WordsAnswer:
    """All objects of the scene in the order in which words fit them, and what is selected now."""

    verdict: str
    """In one line: how sure the answer is, or that nothing is like it."""
    model: str
    score_means: str
    ranking: list[RankAnswer]
    """Best first."""
    selection: SelectionAnswer
    """Its answers are the objects that were found, best first; what was selected before where nothing is like it."""


@dataclass
class ObjectAnswer:
    """An object that was kept."""

    name: str
    color: list[int]
    kind: str
    gaussians: int


@dataclass
class ExportAnswer:
    """Files that were written."""

    folder: str
    files: list[str]
