"""Opening a scene as a person has it: its cameras brought into its frame, or views made where it has none."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from saga.alignment.align import align
from saga.errors import NoCamerasError
from saga.export.views import prepare_views
from saga.scene import Gaussians, Scene
from saga.scene import load_scene as read_scene
from saga.scene.camera_files import find_cameras
from saga.scene.loader import warn_of_orientations, warn_when_unseen


def load_scene(
    path: str | Path,
    images: str | Path | None = None,
    cameras: str | Path | None = None,
    strict: bool = False,
    *,
    align_frames: str | Path = "auto",
    views: int = 0,
    seed: int = 0,
    device: str = "auto",
    progress: bool = True,
    say: Callable[[str], None] = lambda line: None,
) -> Scene:
    """Loads a trained Gaussian splatting scene with its cameras, and makes sure that they belong together.

    Where photographs are at hand, a few of them are compared with what the scene shows from their cameras. When they
    disagree, the frames that trainers move scenes into (nerfstudio, gsplat) are tried.

    Args:
        path: the scene.
        images: folder of its photographs; found by the camera file by default.
        cameras: a COLMAP model, transforms.json or cameras.json; found near the scene by default.
        strict: whether to refuse Gaussians that are not finite instead of leaving them out.
        align_frames: "auto"; "none" takes the cameras as they are; a file is the frame to move them into.
        views: where neither cameras nor photographs are given or found, the number of views to make from the scene
            itself; they are kept beside it, in a folder with the ending _views. 0 makes none.
        seed: seed of the views' planning.
        device: where to render.
        progress: whether to show progress on standard error.
        say: gets one line about everything that was assumed or made.

    Raises:
        SagaError: a file is missing or damaged, no cameras are found, or the photographs show something else than the
            scene from their cameras, in every frame tried.
    """
    path = Path(path)
    gaussians = Gaussians.read(path, strict)
    try:
        # Photographs tell more than whether a camera looks at the scene at all.
        scene = read_scene(path, images, cameras, strict, check_seen=False, gaussians=gaussians)
    except NoCamerasError:
        if images is not None or cameras is not None or views < 1:
            raise
        return _planned(Scene(gaussians, [], path), path, views, seed, device, progress, say)
    source = find_cameras(
        path,
        None if images is None else Path(images),
        None if cameras is None else Path(cameras),
        scene.gaussians.means,
    )
    if not any(camera.image_path is not None for camera in scene.cameras):
        warn_when_unseen(scene.gaussians, scene.cameras, source.path)
    scene, line = align(scene, source, align_frames, device)
    if line is not None:
        say(f"{path}: {line}")
    warn_of_orientations(scene.cameras)
    return scene


def _planned(
    bare: Scene, path: Path, views: int, seed: int, device: str, progress: bool, say: Callable[[str], None]
) -> Scene:
    folder = path.with_name(f"{path.stem}_views")
    made = prepare_views(bare, folder, views, seed=seed, progress=progress, device=device)
    say(f"{path}: comes without cameras; {'made' if made else 'using the'} {views} views of the scene in {folder}")
    return read_scene(path, folder / "images", folder / "transforms.json", gaussians=bare.gaussians)
