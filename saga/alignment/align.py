"""Bringing the cameras of a scene into the frame that the scene is in."""

from __future__ import annotations

import warnings
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path, PurePosixPath

from saga.alignment.agreement import Agreement, Comparison
from saga.alignment.frames import (
    Frame,
    dataparser_files,
    frame_of_file,
    normalized_by_gsplat,
    oriented_by_nerfstudio,
)
from saga.errors import FrameMismatchError
from saga.raster import DeviceScene
from saga.scene import Camera, Scene
from saga.scene.camera_files import CameraSource
from saga.scene.colmap import read_colmap_points
from saga.scene.images import turned_upright
from saga.scene.names import without_suffix

_QUICK = 2
"""Photographs that every candidate frame is tried on; the best is then tried on all."""
_CLEAR = 0.7
"""Agreement on these few that needs no second look."""


def align(
    scene: Scene, source: CameraSource, mode: str | Path = "auto", device: str = "auto"
) -> tuple[Scene, str | None]:
    """Checks that a scene shows what its photographs show, and moves its cameras into its frame where it does not.

    Args:
        scene: as its files say.
        source: where its cameras were read.
        mode: "auto" compares, and tries the frames that trainers move scenes into; "none" takes the cameras as they
            are; a file is the frame to use.
        device: where to render.

    Returns:
        The scene, and one line that says what was done; None when the cameras fit as they are.

    Raises:
        FrameMismatchError: no frame fits.
        SagaError: a bad file.
    """
    if str(mode) == "none" or not scene.cameras:
        return scene, None
    if str(mode) != "auto":
        frame = frame_of_file(Path(mode), source.path)
        moved = replace(scene, cameras=_refitted(frame, scene, source.read(None)))
        return moved, f"cameras moved into the frame of {frame.name}"
    comparison = Comparison(scene)
    if len(comparison) == 0:
        return scene, None
    placed = DeviceScene(scene, device)
    if comparison.with_cameras(placed, scene.cameras, _QUICK).score >= _CLEAR:
        return scene, None
    given = comparison.with_cameras(placed, scene.cameras)
    if given.fits:
        return scene, None
    turned = _upright(scene, device)
    if turned is not None:
        return turned
    found = _search(placed, comparison, source)
    if found is not None and found[1].fits:
        frame, cameras, agreement = found[0], found[2], found[1]
        line = (
            f"cameras moved into the frame of {frame.name}: agreement {agreement.score:.2f}, {given.score:.2f} before"
        )
        return replace(scene, cameras=cameras), line
    if given.doubtful:
        warnings.warn(
            f"{scene.path}: its photographs agree poorly with what it shows from their cameras ({given.score:.2f}, "
            "0.5 or more expected); if results are wrong, the cameras may be of another frame (--align FILE)",
            stacklevel=2,
        )
        return scene, None
    raise FrameMismatchError(_disagreement(scene, source, given))


def _upright(scene: Scene, device: str) -> tuple[Scene, str] | None:
    """Returns the scene with photographs turned by their EXIF orientation, when they fit it then."""
    cameras = turned_upright(scene.cameras)
    if cameras is None:
        return None
    turned = replace(scene, cameras=cameras)
    agreement = Comparison(turned).with_cameras(DeviceScene(turned, device), cameras)
    line = f"photographs turned by their EXIF orientation: agreement {agreement.score:.2f}"
    return (turned, line) if agreement.fits else None


def _search(
    placed: DeviceScene, comparison: Comparison, source: CameraSource
) -> tuple[Frame, Agreement, list[Camera]] | None:
    """Returns the candidate frame that agrees best on a few photographs, judged on all of them."""
    original, best = source.read(None), None
    for frame in _candidates(placed.scene, source, original):
        cameras = _refitted(frame, placed.scene, original)
        score = comparison.with_cameras(placed, cameras, _QUICK).score
        if best is None or score > best[0]:
            best = score, frame, cameras
    if best is None:
        return None
    return best[1], comparison.with_cameras(placed, best[2]), best[2]


def _candidates(scene: Scene, source: CameraSource, cameras: Sequence[Camera]) -> Iterator[Frame]:
    places = [path for path in (scene.path, source.path) if path is not None]
    places += [camera.image_path for camera in scene.cameras[:1] if camera.image_path is not None]
    for path in dataparser_files(places):
        yield frame_of_file(path, source.path)
    points = read_colmap_points(source.path) if source.kind == "colmap" else None
    yield from normalized_by_gsplat(cameras, points)
    yield from oriented_by_nerfstudio(cameras)


def _refitted(frame: Frame, scene: Scene, original: Sequence[Camera]) -> list[Camera]:
    """Returns the scene's cameras with the poses that their originals have in a frame."""
    moved = dict(zip((camera.name for camera in original), frame.cameras(original), strict=True))
    forms: list[Callable[[str], str]] = [
        str,
        without_suffix,
        lambda name: PurePosixPath(name).name,
        lambda name: PurePosixPath(without_suffix(name)).name,
    ]
    poses: list[Camera | None] = [None] * len(scene.cameras)
    for form in forms:
        shared = Counter(form(name) for name in moved)
        called = {form(name): camera for name, camera in moved.items() if shared[form(name)] == 1}
        poses = [
            called.get(form(camera.name)) if found is None else found
            for found, camera in zip(poses, scene.cameras, strict=True)
        ]
    return [
        camera if found is None else replace(camera, world_to_camera=found.world_to_camera)
        for camera, found in zip(scene.cameras, poses, strict=True)
    ]


def _disagreement(scene: Scene, source: CameraSource, given: Agreement) -> str:
    shown = "hardly anything of it" if given.covered < 0.05 else "something else"
    return (
        f"{scene.path}: expected what the photographs show, found {shown} from the cameras of {source.path} (agreement "
        f"{given.score:.2f}, 0.5 or more expected); the scene was likely trained in a frame of its own, or these are "
        "cameras or photographs of another scene: give nerfstudio's dataparser_transforms.json or a 4x4 matrix with "
        "--align FILE, or take the cameras as they are with --align none."
    )
