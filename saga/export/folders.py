"""What results look like as folders: the files that each kind consists of, and how an earlier one is known.

Imports no torch, so that commands know before their work whether their result may go where it was told to.
"""

from __future__ import annotations

from pathlib import Path
from typing import get_args

from saga.assets.config import HULL, MANIFEST, MESH, PARTS
from saga.errors import SagaError
from saga.scene.format_names import ExportFormat
from saga.scene.json_file import read_json

ENDINGS = tuple(f".{name}" for name in get_args(ExportFormat))
"""Endings of the files of Gaussians that may be written."""
REPORT, RANKING, LABELED, STAGE, FACTS = "report.json", "ranking.png", "labeled.ply", "objects.usd", "objects.json"
"""Names of files."""
GRIDS_MARK = "README.txt"

_ASSET_FILES = (*(f"object{ending}" for ending in ENDINGS), MESH, HULL, PARTS, MANIFEST)
_SPLATS = tuple(f"{name}{ending}" for name in ("object", "rest") for ending in ENDINGS)
SEGMENTATION = (
    *_SPLATS, *(f"asset/{name}" for name in _ASSET_FILES), "segmentation.npz", "preview.png", RANKING, REPORT,
    "masks/*.png",
)  # fmt: skip
"""Files of one object, as glob patterns."""
OBJECTS = (
    *(f"objects/*{ending}" for ending in ENDINGS), *(f"assets/*/{name}" for name in _ASSET_FILES), LABELED, STAGE,
    "labels.npy", FACTS, "overview.png", RANKING, "label_maps/*.png", REPORT,
)  # fmt: skip
"""Files of all objects of a scene."""
CLEANING = (REPORT, "preview-*.png", *(f"clean{ending}" for ending in ENDINGS))
"""Files of a cleaning."""
GRIDS = ("*.png", GRIDS_MARK)
"""Pictures of the views with coordinates."""


def is_segmentation(folder: Path) -> bool:
    """Tells whether a folder holds one object, as `write_segmentation` writes it."""
    return (folder / "segmentation.npz").is_file() and (folder / REPORT).is_file()


def is_objects(folder: Path) -> bool:
    """Tells whether a folder holds all objects of a scene, as `write_objects` writes them."""
    splats = (folder / "objects").is_dir() or (folder / STAGE).is_file()
    return splats and all((folder / name).is_file() for name in (FACTS, "labels.npy"))


def is_cleaning(folder: Path) -> bool:
    """Tells whether a folder holds a cleaning, as `write_cleaning` writes it: a report of what goes for which reason.

    Other results have a report.json too, which is theirs.
    """
    try:
        report = read_json(folder / REPORT)
    except SagaError:
        return False
    return isinstance(report, dict) and {"removed", "kinds", "not_told"} <= set(report)


def is_grids(folder: Path) -> bool:
    """Tells whether a folder holds pictures with coordinates, as `write_grids` writes them."""
    return (folder / GRIDS_MARK).is_file()
