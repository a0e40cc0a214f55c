"""Scenes in frames of their own: noticed, mended where the frame can be known, refused where it cannot."""

from __future__ import annotations

import json
import shutil
import warnings
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from scipy.spatial.transform import Rotation

from saga.errors import SagaError
from saga.opening import load_scene
from saga.scene import Camera, Gaussians, Scene

TURN = Rotation.from_euler("xyz", (70.0, -20.0, 130.0), degrees=True).as_matrix()


def similarity(scale: float, turn: np.ndarray, shift: object) -> np.ndarray:
    matrix = np.eye(4)
    matrix[:3, :3], matrix[:3, 3] = scale * turn, shift
    return matrix


def moved(gaussians: Gaussians, matrix: np.ndarray) -> Gaussians:
    """The same surface in another frame; colors are made constant, since harmonics do not turn along."""
    scale = np.cbrt(np.linalg.det(matrix[:3, :3]))
    turn = Rotation.from_matrix(matrix[:3, :3] / scale)
    own = Rotation.from_quat(gaussians.quaternions[:, [1, 2, 3, 0]])
    return Gaussians.from_arrays(
        means=(gaussians.means @ matrix[:3, :3].T + matrix[:3, 3]).astype(np.float32),
        scales=(gaussians.scales * scale).astype(np.float32),
        quaternions=(turn * own).as_quat()[:, [3, 0, 1, 2]].astype(np.float32),
        opacities=gaussians.opacities,
        sh=gaussians.sh[:, :1],
    )


def opened(path: Path, **options: object) -> tuple[Scene, list[str]]:
    lines: list[str] = []
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        scene = load_scene(path / "scene.ply", path / "images", device="cpu", say=lines.append, **options)  # type: ignore[arg-type]
    return scene, lines


@pytest.fixture
def put(tiny_folder: Path, tiny_scene: Scene, tmp_path: Path) -> Callable[[np.ndarray], Path]:
    """Writes the tiny scene, moved, beside the photographs and cameras of its original frame."""

    def write(matrix: np.ndarray) -> Path:
        folder = tmp_path / "scene"
        shutil.copytree(tiny_folder, folder)
        moved(tiny_scene.gaussians, matrix).write(folder / "scene.ply")
        return folder

    return write


def assert_aligned(scene: Scene, original: Scene, matrix: np.ndarray) -> None:
    """The cameras stand where the frame puts them, and look where they looked."""
    for camera, before in zip(scene.cameras, original.cameras, strict=True):
        expected = matrix[:3, :3] @ before.position + matrix[:3, 3]
        scale = np.cbrt(np.linalg.det(matrix[:3, :3]))
        assert np.allclose(camera.position, expected, atol=1e-3 * scale)
        turn = camera.world_to_camera[:3, :3]
        assert np.allclose(turn @ turn.T, np.eye(3), atol=1e-6)
        assert np.allclose(turn, before.world_to_camera[:3, :3] @ (matrix[:3, :3] / scale).T, atol=1e-3)


def test_a_scene_that_fits_is_left_alone_in_silence(tiny_folder: Path, tiny_scene: Scene) -> None:
    scene, lines = opened(tiny_folder)
    assert lines == []
    assert_aligned(scene, tiny_scene, np.eye(4))


@pytest.mark.parametrize("level", ["outputs/tiny/splatfacto/2024-01-01_120000", "exports"])
def test_the_file_of_nerfstudio_is_found_where_it_leaves_it(put, tiny_scene: Scene, level: str) -> None:
    turn, shift, scale = TURN, np.array([0.3, -0.2, 0.5]), 0.4
    matrix = similarity(scale, turn, scale * shift)
    folder = put(matrix)
    where = folder / level
    where.mkdir(parents=True)
    if level == "exports":
        where = folder
    transform = np.concatenate([turn, shift[:, None]], axis=1)
    (where / "dataparser_transforms.json").write_text(json.dumps({"transform": transform.tolist(), "scale": scale}))
    scene, lines = opened(folder)
    assert_aligned(scene, tiny_scene, matrix)
    assert level == "exports" or "nerfstudio" in lines[0]


def test_an_older_run_with_another_frame_is_passed_over(put, tiny_scene: Scene) -> None:
    matrix = similarity(0.4, TURN, (0.0, 0.1, 0.2))
    folder = put(matrix)
    for time, transform, scale in (("1", TURN.T, 2.0), ("2", TURN, 0.4)):
        where = folder / "outputs" / "tiny" / "splatfacto" / time
        where.mkdir(parents=True)
        rows = np.concatenate([transform, np.array([[0.0], [0.25], [0.5]])], axis=1)
        (where / "dataparser_transforms.json").write_text(json.dumps({"transform": rows.tolist(), "scale": scale}))
    assert_aligned(opened(folder)[0], tiny_scene, matrix)


def smallest_turn(one: np.ndarray, other: np.ndarray) -> np.ndarray:
    axis = np.cross(one, other)
    angle = np.arctan2(np.linalg.norm(axis), one @ other)
    return Rotation.from_rotvec(angle * axis / np.linalg.norm(axis)).as_matrix()


def test_the_default_frame_of_nerfstudio_is_recomputed(put, tiny_scene: Scene) -> None:
    positions = np.stack([camera.position for camera in tiny_scene.cameras])
    up = np.mean([-camera.world_to_camera[1, :3] for camera in tiny_scene.cameras], axis=0)
    turn = smallest_turn(up, np.array([0.0, 0.0, 1.0]))
    local = (positions - positions.mean(0)) @ turn.T
    scale = 1 / np.abs(local).max()
    matrix = similarity(scale, turn, -scale * turn @ positions.mean(0))
    scene, lines = opened(put(matrix))
    assert_aligned(scene, tiny_scene, matrix)
    assert "nerfstudio" in lines[0] and "agreement" in lines[0]


@pytest.mark.parametrize("signs", [(1, 1), (1, -1), (-1, 1), (-1, -1)])
def test_the_normalization_of_gsplat_is_recomputed_from_the_sparse_points(
    put, tiny_scene: Scene, signs: tuple[int, int]
) -> None:
    points = tiny_scene.gaussians.means[::9].astype(float)
    positions = np.stack([camera.position for camera in tiny_scene.cameras])
    up = np.mean([-camera.world_to_camera[1, :3] for camera in tiny_scene.cameras], axis=0)
    turn = smallest_turn(up, np.array([0.0, -1.0, 0.0]))
    eyes = positions @ turn.T
    looks = np.stack([camera.world_to_camera[2, :3] for camera in tiny_scene.cameras]) @ turn.T
    nearest = eyes - (eyes * looks).sum(1)[:, None] * looks
    shift = -np.median(nearest, axis=0)
    scale = 1 / np.median(np.linalg.norm(eyes + shift, axis=1))
    first = similarity(scale, turn, scale * shift)
    inside = points @ first[:3, :3].T + first[:3, 3]
    axes = np.linalg.svd(np.cov(inside.T))[0] * [*signs, 1]
    axes[:, 2] *= np.linalg.det(axes)
    matrix = similarity(1.0, axes.T, -axes.T @ np.median(inside, axis=0)) @ first
    folder = put(matrix)
    (folder / "transforms.json").unlink()
    write_colmap(folder / "sparse" / "0", tiny_scene.cameras, points)
    scene, lines = opened(folder)
    assert_aligned(scene, tiny_scene, matrix)
    assert "gsplat" in lines[0]


def test_an_unknown_frame_is_refused_with_what_to_do(put, tiny_scene: Scene, tmp_path: Path) -> None:
    matrix = similarity(0.35, TURN, (0.1, -0.05, 0.02))
    folder = put(matrix)
    with pytest.raises(SagaError, match=r"expected what the photographs show.*--align FILE.*--align none"):
        opened(folder)
    scene, _ = opened(folder, align_frames="none")
    assert_aligned(scene, tiny_scene, np.eye(4))
    np.savetxt(tmp_path / "matrix.txt", matrix)
    scene, lines = opened(folder, align_frames=tmp_path / "matrix.txt")
    assert_aligned(scene, tiny_scene, matrix)
    assert "matrix.txt" in lines[0]


def test_photographs_of_other_views_are_refused(tiny_folder: Path, tmp_path: Path) -> None:
    folder = tmp_path / "scene"
    shutil.copytree(tiny_folder, folder)
    names = sorted((folder / "images").iterdir())
    for path, other in zip(names, names[3:] + names[:3], strict=True):
        path.write_bytes((tiny_folder / "images" / other.name).read_bytes())
    with pytest.raises((SagaError, UserWarning), match="agree"):
        opened(folder)


@pytest.mark.parametrize("contents", [
    "1 2 3", "not numbers", "1 0 0 0 0 2 0 0 0 0 3 0 0 0 0 1", "1 0 0 0 0 1 0 0 0 0 1 0 0 0 0 0",
    "1 0 0 0 0 1 0 0 0 0 1 0 0 0 1 1", "1e-5 0 0 0 0 3e-5 0 0 0 0 1e-5 0 0 0 0 1", "-1 0 0 0 0 1 0 0 0 0 1 0 0 0 0 1",
    "nan 0 0 0 0 1 0 0 0 0 1 0 0 0 0 1",
])  # fmt: skip
def test_a_matrix_that_is_none_is_a_mistake(tiny_folder: Path, tmp_path: Path, contents: str) -> None:
    (tmp_path / "m.txt").write_text(contents)
    with pytest.raises(SagaError, match=r"m\.txt: expected"):
        opened(tiny_folder, align_frames=tmp_path / "m.txt")


@pytest.mark.parametrize("scale", [0.0, -1.0, 1e999])
def test_a_frame_of_nerfstudio_s_without_a_way_back_is_a_mistake(
    tiny_folder: Path, tmp_path: Path, scale: float
) -> None:
    path = tmp_path / "dataparser_transforms.json"
    path.write_text(json.dumps({"transform": np.eye(4)[:3].tolist(), "scale": scale}))
    with pytest.raises(SagaError, match=r"dataparser_transforms\.json: expected a "):
        opened(tiny_folder, align_frames=path)


def test_exposure_and_a_brighter_room_do_not_look_like_another_frame(tiny_folder: Path, tmp_path: Path) -> None:
    from PIL import Image, ImageEnhance

    folder = tmp_path / "scene"
    shutil.copytree(tiny_folder, folder)
    for path in (folder / "images").iterdir():
        ImageEnhance.Brightness(Image.open(path)).enhance(1.5).save(path)
    assert opened(folder)[1] == []


def write_colmap(folder: Path, cameras: list[Camera], points: np.ndarray) -> None:
    """A COLMAP text model."""
    folder.mkdir(parents=True)
    rows, images = [], []
    for number, camera in enumerate(cameras, 1):
        rows.append(f"{number} PINHOLE {camera.width} {camera.height} {camera.fx} {camera.fy} {camera.cx} {camera.cy}")
        x, y, z, w = Rotation.from_matrix(camera.world_to_camera[:3, :3]).as_quat()
        pose = " ".join(map(str, (w, x, y, z, *camera.world_to_camera[:3, 3])))
        images += [f"{number} {pose} {number} {camera.name}", ""]
    (folder / "cameras.txt").write_text("\n".join(rows) + "\n")
    (folder / "images.txt").write_text("\n".join(images) + "\n")
    lines = [f"{k} {x} {y} {z} 128 128 128 1.0" for k, (x, y, z) in enumerate(points, 1)]
    (folder / "points3D.txt").write_text("\n".join(lines) + "\n")


def test_photographs_that_only_fit_upright_are_turned(tiny_folder: Path, tiny_scene: Scene, tmp_path: Path) -> None:
    """Stored upside down with a tag that says so: the sizes do not tell, the scene does."""
    folder = tmp_path / "scene"
    shutil.copytree(tiny_folder, folder)
    exif = Image.Exif()
    exif[0x0112] = 3
    for path in (folder / "images").iterdir():
        pixels = np.asarray(Image.open(path).convert("RGB"))
        path.unlink()
        Image.fromarray(np.ascontiguousarray(pixels[::-1, ::-1])).save(path.with_suffix(".jpg"), quality=97, exif=exif)
    scene, lines = opened(folder)
    assert len(lines) == 1
    assert "turned by their EXIF orientation" in lines[0]
    for camera, original in zip(scene.cameras, tiny_scene.cameras, strict=True):
        assert camera.upright
        difference = np.abs(scene.image(camera).astype(int) - tiny_scene.image(original))
        assert difference.mean() < 4
