"""From files to a Scene."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from saga.errors import SagaError
from saga.scene.camera import Camera
from saga.scene.camera_files import CameraSource, find_cameras, search_folders
from saga.scene.gaussians import Gaussians
from saga.scene.image_folder import ImageFolder
from saga.scene.images import fit_to_photograph, orientation_doubts
from saga.scene.nerfstudio import to_splatfacto_frame
from saga.scene.scene import Scene

_SPLATFACTO_FRAME = "dataparser_transforms.json"
_SAMPLE = 2000


def load_scene(
    ply: str | Path,
    images: str | Path | None = None,
    cameras: str | Path | None = None,
    strict: bool = False,
    check_seen: bool = True,
    gaussians: Gaussians | None = None,
) -> Scene:
    """Load a trained Gaussian splatting scene, its cameras and the whereabouts of its photographs.

    `images` is the folder of the photographs. Without it they are taken from where the camera file says;
    views whose photograph is not found then have no `image_path`. `cameras` is a COLMAP model, a
    `transforms.json`, a `cameras.json`, a file of another tool (`saga.scene.camera_files.FORMATS`) or a folder that
    holds one; without it they are searched near the
    images and the PLY (see `find_cameras`). A camera belongs to the photograph with its path, else its file
    name, else its name without suffix, and takes the size of the photograph.

    A `dataparser_transforms.json` beside the PLY or up to two folders above it, which nerfstudio writes when
    it trains, moves the cameras into the frame of a splatfacto export.

    `strict` refuses rows with NaN or infinite attributes instead of leaving them out. `gaussians` are those of the PLY,
    where it was read before.

    Warns once when only some photographs and cameras match, and with `check_seen` when photographs have an EXIF
    orientation that is not applied and when no camera looks at the scene. Raises
    SagaError when a file is missing or damaged, when no cameras are found, when none match the photographs,
    and when a photograph has another aspect ratio than its camera.
    """
    ply = Path(ply)
    gaussians = Gaussians.read(ply, strict) if gaussians is None else gaussians
    given = None if images is None else ImageFolder(images)
    source = find_cameras(
        ply,
        images=None if images is None else Path(images),
        cameras=None if cameras is None else Path(cameras),
        means=gaussians.means,
    )
    if given is not None:
        views = _matched(source.read(given), given, source.path)
    else:
        views = source.read(_usual_photographs(source))
    frames = [folder / _SPLATFACTO_FRAME for folder in (*search_folders(ply, None), source.path.parent)]
    frame = next((file for file in frames if file.is_file()), None)
    if frame is not None:
        views = to_splatfacto_frame(views, frame, source.path)
    views = [fit_to_photograph(view) for view in views]
    if check_seen:
        warn_of_orientations(views)
        warn_when_unseen(gaussians, views, source.path)
    return Scene(gaussians, views, ply)


def _usual_photographs(source: CameraSource) -> ImageFolder | None:
    folder = source.image_folder()
    try:
        return None if folder is None else ImageFolder(folder)
    except SagaError:  # nobody asked for this folder: being empty is no mistake
        return None


def _matched(views: list[Camera], photographs: ImageFolder, source: Path) -> list[Camera]:
    """Returns the views that have a photograph; warns when some are left out, fails when all are."""
    matched = [view for view in views if view.image_path is not None]
    used = {view.image_path for view in matched}
    viewless = [name for name in photographs.names if photographs.root / name not in used]
    blind = [view.name for view in views if view.image_path is None]
    if not matched:
        raise SagaError(
            f"{photographs.root}: no photograph matches a camera of {source}; photographs are called "
            f"{_few(viewless)}, cameras {_few(blind)}; give the photographs of these cameras"
        )
    if viewless or blind:
        warnings.warn(
            f"{photographs.root}: using the {len(matched)} photographs that match a camera of {source}; "
            f"left out are {len(blind)} cameras without a photograph{_few(blind, ' (', ')')} and "
            f"{len(viewless)} photographs without a camera{_few(viewless, ' (', ')')}",
            stacklevel=3,
        )
    return matched


def warn_of_orientations(views: Sequence[Camera]) -> None:
    """Warns of photographs whose EXIF orientation is not applied."""
    doubts = orientation_doubts(views)
    if doubts is not None:
        warnings.warn(doubts, stacklevel=3)


def _few(names: Sequence[str], before: str = "", after: str = "") -> str:
    return before + ", ".join(names[:3]) + (", ..." if len(names) > 3 else "") + after if names else ""


def warn_when_unseen(gaussians: Gaussians, views: list[Camera], source: Path) -> None:
    """Warns when no camera looks at the scene: that gives empty pictures and no error anywhere."""
    means = gaussians.means[gaussians.valid]
    sample = means[:: max(1, len(means) // _SAMPLE)]
    for view in views:
        pixels, depths = view.project(sample)
        if np.any((depths > 0) & np.all((pixels >= 0) & (pixels < (view.width, view.height)), axis=1)):
            return
    warnings.warn(
        f"{source}: none of the {len(views)} cameras looks at the scene; they belong to another scene or to "
        f"another coordinate frame (a splatfacto export needs its {_SPLATFACTO_FRAME} beside the PLY)",
        stacklevel=3,
    )
