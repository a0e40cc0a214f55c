"""What is written of an object; imports no torch, so that commands show it at once."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from saga.assets.config import AssetConfig
from saga.scene.format_names import ExportFormat

if TYPE_CHECKING:
    from saga.filling import Inpainter


@dataclass(frozen=True)
class ExportConfig:
    """What is done to an object and to the scene without it while they are written, and what else is written."""

    format: ExportFormat | None = None
    """Of object and rest; None takes the format that the scene came in."""
    masks: bool = True
    """Whether the object's mask is written for every view."""
    split_boundary: bool = False
    """Whether members across the object's border are split, and the rest given what is seen there
    (`boundary.split_boundary`)."""
    refit_boundary: bool = False
    """Whether colors and opacities at the border are fit to what the photographs show inside the object, for less of a
    halo (`refitting.refit_boundary`); the rest is not changed by it."""
    prune: bool = False
    """Whether the object is left without what is hidden inside it or floats apart from it (`cleaning.pruning`); the
    rest is not changed by it."""
    fill: bool = False
    """Whether the surfaces that the object leaves open in the rest are closed (`saga.filling.fill`); the preview then
    shows the rest with and without."""
    inpainter: Inpainter | str = "patches"
    """What fills their pictures: a function (`saga.filling.Inpainter`), or the name of one."""
    keep_shadow: bool = False
    """Whether, with `fill`, the shadow that the object casts on the surfaces around stays."""
    asset: AssetConfig | None = None
    """How the object stands for engines, for which it is then written too, into asset/; None leaves that out."""


@dataclass(frozen=True)
class ObjectsConfig:
    """What is written of all objects of a scene together."""

    format: ExportFormat | None = None
    """Of the objects; None takes the format that the scene came in."""
    label_maps: bool = True
    """Whether every view gets a map of the objects' numbers."""
    labels_in_ply: bool = False
    """Whether the whole scene is written too, with the objects' numbers as a property."""
    asset: AssetConfig | None = None
    """How objects stand for engines, for which each is then written too, into assets/<name>/; None leaves that out."""
