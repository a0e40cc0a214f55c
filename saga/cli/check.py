"""saga-check: what a scene and all that comes with it are taken for, before anything is made of them."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import TYPE_CHECKING

from saga.cli.inputs import CameraInputs
from saga.cli.options import Flattened, ImageFolder, OptionalPath, SceneFile
from saga.cli.places import PICTURE_MARK, require_file
from saga.cli.run import free_name, run, say
from saga.errors import FrameMismatchError, NoCamerasError
from saga.masks.config import MaskKind

if TYPE_CHECKING:
    from saga.checks.findings import Findings
    from saga.scene import Camera, Scene

_SIZE = 640, 480
_WIDE = 12
"""Of the column of topics, in characters."""


def check(
    scene: SceneFile,
    images: ImageFolder = None,
    *,
    out: OptionalPath = None,
    masks: OptionalPath = None,
    masks_kind: MaskKind = "auto",
    cameras: Flattened[CameraInputs] = CameraInputs(),  # noqa: B008 (frozen)
) -> None:
    """Load a scene with all that comes with it, say what was found and assumed, and show one view of it.

    The picture has a photograph, what the scene shows from its camera, and both in turns. For each doubt there is a
    line that says what to do.

    Args:
        scene: The trained Gaussian splatting scene.
        images: Folder of the photographs it was trained from.
        out: The picture; the first free of check-1.png, check-2.png, ... by default.
        masks: Folder of your own masks, to see whether they are understood.
        masks_kind: What gray levels of pictures in the folder are, see saga-train --help.
    """
    from saga.checks.findings import Findings, find_frame, find_gaussians, find_masks, find_photographs
    from saga.checks.findings import find_cameras as find_views
    from saga.checks.picture import draw_check
    from saga.files.transaction import atomic_path
    from saga.masks import open_masks
    from saga.raster import DeviceScene
    from saga.scene import orbit_cameras
    from saga.scene.camera_files import find_cameras

    device, picture = cameras.choose_device(), out or free_name("check", ".png")
    require_file("check", picture)
    findings = Findings()
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        loaded, moved = _load(scene, images, cameras)
        source = find_cameras(scene, images, cameras.cameras, loaded.gaussians.means) if loaded.cameras else None
        own = open_masks(loaded, masks, device=device, kind=masks_kind) if masks is not None and source else None
        find_gaussians(loaded.gaussians, findings)
        find_views(loaded, source, findings)
        find_photographs(loaded, findings)
        placed = DeviceScene(loaded, device)
        view = find_frame(placed, moved, findings) or next(iter(loaded.cameras), None)
        find_masks(loaded, own, findings)
        shown: Camera = view or orbit_cameras(loaded.gaussians, 1, *_SIZE)[0]
        drawn = draw_check(placed, shown, None if own is None else own.masks(shown))
    with atomic_path(picture) as temporary:
        from PIL import Image, PngImagePlugin

        mark = PngImagePlugin.PngInfo()
        mark.add_text(*PICTURE_MARK)
        Image.fromarray(drawn).save(temporary, "PNG", pnginfo=mark)
    findings.fact("picture", str(picture))
    findings.doubts[:0] = dict.fromkeys(" ".join(str(each.message).split()) for each in caught)
    _print(scene, findings)


def _load(scene: Path, images: Path | None, cameras: CameraInputs) -> tuple[Scene, str | None]:
    """Loads the scene even where its frame is doubtful, or without cameras; and says what was done for its frame."""
    from saga.opening import load_scene
    from saga.scene import Gaussians, Scene

    lines: list[str] = []
    given = (scene, images, cameras.cameras)
    try:
        loaded = load_scene(*given, align_frames=cameras.align, device=cameras.device, say=lines.append)
    except NoCamerasError:
        if images is not None or cameras.cameras is not None:
            raise
        return Scene(Gaussians.read(scene), [], scene), None
    except FrameMismatchError:  # the picture shows it, and a doubt says what to do
        return load_scene(*given, align_frames="none", device=cameras.device), None
    moved = "; ".join(line.removeprefix(f"{scene}: ") for line in lines)
    return loaded, moved or None


def _print(scene: Path, findings: Findings) -> None:
    say(f"{scene}")
    for topic, text in findings.facts:
        say(f"  {topic:<{_WIDE}} {text}")
    for number, doubt in enumerate(findings.doubts, 1):
        say(f"  {f'doubt {number}':<{_WIDE}} {doubt}")
    say("  no doubts" if not findings.doubts else f"  {len(findings.doubts)} of all this is doubtful: see above.")


def main() -> None:
    """Runs saga-check."""
    run(check, "saga-check")
