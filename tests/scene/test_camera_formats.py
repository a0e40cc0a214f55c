"""Every format of cameras, written here from known cameras by its own definition: points fall where they did."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from scipy.spatial.transform import Rotation

from saga.errors import SagaError
from saga.scene.camera import Camera
from saga.scene.camera_files import FORMATS, find_cameras
from saga.scene.image_folder import ImageFolder
from saga.scene.lens import points_to_photograph
from saga.scene.loader import load_scene

WIDTH, HEIGHT, FX, FY, CX, CY = 640, 480, 500.0, 510.0, 330.0, 231.0
POINTS = np.random.default_rng(5).normal(size=(40, 3)) * 0.4


@dataclass
class Known:
    """A camera: axes right, down and forward as columns, in the world, and its center."""

    name: str
    axes: np.ndarray  # [3, 3]
    center: np.ndarray  # [3]

    def rays(self) -> np.ndarray:  # [N, 2]
        local = (POINTS - self.center) @ self.axes
        assert (local[:, 2] > 1).all()
        return local[:, :2] / local[:, 2:]


def known(count: int = 3) -> list[Known]:
    """Cameras that look at the origin from several sides, turned about their axes."""
    cameras = []
    for index in range(count):
        center = Rotation.from_euler("zyx", [1.3 * index, 0.4, 0.2 * index]).apply([3.0, 0.5, 0.2 * index])
        forward = -center / np.linalg.norm(center)
        right = np.cross(forward, [0.1, 0.2, 1.0])
        right /= np.linalg.norm(right)
        axes = np.stack([right, np.cross(forward, right), forward], 1)
        roll = Rotation.from_euler("z", 25 * index + 10, degrees=True).as_matrix()
        cameras.append(Known(f"{index}", axes @ roll, center))
    return cameras


def opengl(camera: Known) -> np.ndarray:  # [3, 4]
    """Camera-to-world with the axes right, up and backward."""
    return np.column_stack([camera.axes * [1, -1, -1], camera.center])


def photographs(folder: Path, suffix: str = ".jpg") -> ImageFolder:
    folder.mkdir(parents=True, exist_ok=True)
    for camera in known():
        Image.new("RGB", (WIDTH, HEIGHT)).save(folder / f"{camera.name}{suffix}")
    return ImageFolder(folder)


def write_nerfstudio(root: Path) -> None:
    frames = [{"file_path": f"images/{c.name}.jpg", "transform_matrix": opengl(c).tolist()} for c in known()]
    intrinsics = {"fl_x": FX, "fl_y": FY, "cx": CX, "cy": CY, "w": WIDTH, "h": HEIGHT}
    (root / "transforms.json").write_text(json.dumps({**intrinsics, "frames": frames}))


def write_colmap(root: Path) -> None:
    (root / "sparse" / "0").mkdir(parents=True)
    (root / "sparse/0/cameras.txt").write_text(f"7 PINHOLE {WIDTH} {HEIGHT} {FX} {FY} {CX} {CY}\n")
    lines = []
    for index, camera in enumerate(known(), 1):
        x, y, z, w = Rotation.from_matrix(camera.axes.T).as_quat()
        t = -camera.axes.T @ camera.center
        lines.append(f"{index} {w} {x} {y} {z} {t[0]} {t[1]} {t[2]} 7 {camera.name}.jpg\n\n")
    (root / "sparse/0/images.txt").write_text("".join(lines))


def write_inria(root: Path) -> None:
    entries = [
        {"img_name": c.name, "width": WIDTH, "height": HEIGHT, "fx": FX, "fy": FY,
         "position": c.center.tolist(), "rotation": c.axes.tolist()}
        for c in known()
    ]  # fmt: skip
    (root / "cameras.json").write_text(json.dumps(entries))


def write_llff(root: Path) -> None:
    rows = []
    for camera in known():
        right, down, forward = camera.axes.T
        matrix = np.column_stack([down, right, -forward, camera.center, [HEIGHT, WIDTH, FX]])
        rows.append([*matrix.ravel(), 0.5, 9.0])
    np.save(root / "poses_bounds.npy", np.array(rows))


def write_record3d(root: Path) -> None:
    poses = [[*Rotation.from_matrix(opengl(c)[:, :3]).as_quat(), *c.center] for c in known()]
    columns = [FX, 0, 0, 0, FY, 0, CX, CY, 1]
    (root / "EXR_RGBD").mkdir()
    (root / "EXR_RGBD" / "metadata.json").write_text(
        json.dumps({"w": WIDTH, "h": HEIGHT, "K": columns, "fps": 60, "poses": poses})
    )


def write_polycam(root: Path) -> None:
    for camera in known():
        pose = {f"t_{i}{j}": opengl(camera)[i, j] for i in range(3) for j in range(4)}
        path = root / "keyframes" / "corrected_cameras" / f"{camera.name}.json"
        path.parent.mkdir(parents=True, exist_ok=True)
        intrinsics = {"fx": FX, "fy": FY, "cx": CX, "cy": CY, "width": WIDTH, "height": HEIGHT}
        path.write_text(json.dumps({**pose, **intrinsics, "blur_score": 90.1, "timestamp": 1}))


# The chunk's own frame is another: x = scale * rotation @ x' + translation.
SCALE, TURN, SHIFT = 2.5, Rotation.from_euler("xyz", [0.3, -0.8, 1.1]).as_matrix(), np.array([1.0, -2.0, 0.5])
K1, K2, K3, P1, P2 = 0.05, -0.03, 0.01, 0.002, -0.003


def write_metashape(root: Path, kind: str = "frame") -> None:
    cameras = []
    for index, camera in enumerate(known()):
        pose = np.eye(4)
        pose[:3, :3] = TURN.T @ camera.axes
        pose[:3, 3] = TURN.T @ (camera.center - SHIFT) / SCALE
        numbers = " ".join(map(str, pose.ravel()))
        cameras.append(
            f'<camera id="{index}" sensor_id="3" component_id="0" label="{camera.name}">'
            f"<transform>{numbers}</transform></camera>"
        )
    cameras.append('<camera id="9" sensor_id="3" label="lost"/>')
    size = f'<resolution width="{WIDTH}" height="{HEIGHT}"/>'
    values = {"f": FY, "cx": CX - WIDTH / 2, "cy": CY - HEIGHT / 2, "b1": FX - FY}
    values |= {"k1": K1, "k2": K2, "k3": K3, "p1": P1, "p2": P2}
    adjusted = "".join(f"<{key}>{value}</{key}>" for key, value in values.items())
    sensor = f"""<sensor id="3" label="x" type="{kind}">{size}
        <calibration type="{kind}" class="initial">{size}<f>1</f></calibration>
        <calibration type="{kind}" class="adjusted">{size}{adjusted}</calibration></sensor>"""
    world = f"""<transform><rotation>{" ".join(map(str, TURN.ravel()))}</rotation>
        <translation>{" ".join(map(str, SHIFT))}</translation><scale>{SCALE}</scale></transform>"""
    (root / "cameras.xml").write_text(f"""<?xml version="1.0" encoding="UTF-8"?>
        <document version="2.0.0"><chunk label="Chunk 1"><sensors next_id="1">{sensor}</sensors>
        <components><component id="0">{world}</component></components>
        <cameras><group id="0">{"".join(cameras)}</group></cameras></chunk></document>""")


def write_reality_capture(root: Path) -> None:
    header = "#name,x,y,alt,heading,pitch,roll,f,px,py,k1,k2,k3,k4,t1,t2"
    lines = ["#cameras 3", header]
    for camera in known():
        yaw, pitch, roll = Rotation.from_matrix(opengl(camera)[:, :3]).as_euler("ZXY", degrees=True)
        px, py = (CX - WIDTH / 2) / WIDTH, (CY - HEIGHT / 2) / WIDTH
        values = [*camera.center, -yaw, pitch, roll, FX * 36 / WIDTH, px, py, 0, 0, 0, 0, 0, 0]
        lines.append(",".join([f"{camera.name}.jpg", *map(repr, map(float, values))]))
    (root / "cameras.csv").write_text("\n".join(lines) + "\n", encoding="utf-8-sig")


PINHOLE = (FX, FY, CX, CY)
CASES: dict[str, tuple[Callable[[Path], None], tuple[float, ...], str]] = {
    "nerfstudio": (write_nerfstudio, PINHOLE, "images"),
    "colmap": (write_colmap, PINHOLE, "images"),
    "inria": (write_inria, (FX, FY, WIDTH / 2, HEIGHT / 2), "images"),
    "llff": (write_llff, (FX, FX, WIDTH / 2, HEIGHT / 2), "images"),
    "record3d": (write_record3d, PINHOLE, "EXR_RGBD/rgb"),
    "polycam": (write_polycam, PINHOLE, "keyframes/corrected_images"),
    "metashape": (write_metashape, PINHOLE, "images"),
    "realitycapture": (write_reality_capture, (FX, FX, CX, CY), "images"),
}


def read(root: Path, images: Path | None = None) -> list[Camera]:
    source = find_cameras(root / "scene.ply", images, None)
    folder = images or source.image_folder()
    return source.read(None if folder is None else ImageFolder(folder))


def test_every_format_is_tested() -> None:
    assert {format.kind for format in FORMATS} == set(CASES)


@pytest.mark.parametrize("kind", CASES)
@pytest.mark.filterwarnings("ignore:.*without a pose or a calibration")
def test_points_fall_where_they_did(tmp_path: Path, kind: str) -> None:
    write, (fx, fy, cx, cy), folder = CASES[kind]
    write(tmp_path)
    photographs(tmp_path / folder)
    assert find_cameras(tmp_path / "scene.ply", None, None).kind == kind
    cameras = read(tmp_path)
    assert [camera.name.removeprefix("images/") for camera in cameras] == ["0.jpg", "1.jpg", "2.jpg"]
    for camera, one in zip(cameras, known(), strict=True):
        pixels, depths = camera.project(POINTS)
        np.testing.assert_allclose(pixels, one.rays() * [fx, fy] + [cx, cy], atol=1e-3)
        np.testing.assert_allclose(depths, (POINTS - one.center) @ one.axes[:, 2], rtol=1e-6)
        assert (camera.width, camera.height) == (WIDTH, HEIGHT)
        assert camera.image_path == tmp_path / folder / f"{one.name}.jpg"


@pytest.mark.parametrize("kind", CASES)
@pytest.mark.filterwarnings("ignore:.*without a pose or a calibration")
def test_a_file_may_be_named(tmp_path: Path, kind: str) -> None:
    write, _, folder = CASES[kind]
    (tmp_path / "there").mkdir()
    write(tmp_path / "there")
    photographs(tmp_path / "there" / folder)
    files = [
        path for path in (tmp_path / "there").rglob("*") if path.suffix in (".json", ".txt", ".npy", ".xml", ".csv")
    ]
    for path in (tmp_path / "there", files[0]):
        assert find_cameras(tmp_path / "scene.ply", None, path).kind == kind


@pytest.mark.parametrize("kind", ["frame", "fisheye"])
@pytest.mark.filterwarnings("ignore:.*without a pose or a calibration")
def test_metashape_lenses(tmp_path: Path, kind: str) -> None:
    """Its manual's formula: P1 goes with r^2 + 2 x^2; a fisheye takes the angle for the radius."""
    write_metashape(tmp_path, kind)
    for camera, one in zip(read(tmp_path), known(), strict=True):
        rays = one.rays()
        radius = np.linalg.norm(rays, axis=1, keepdims=True)
        x, y = (rays if kind == "frame" else rays / radius * np.arctan(radius)).T
        r2 = x * x + y * y
        radial = 1 + K1 * r2 + K2 * r2**2 + K3 * r2**3
        u = x * radial + P1 * (r2 + 2 * x * x) + 2 * P2 * x * y
        v = y * radial + P2 * (r2 + 2 * y * y) + 2 * P1 * x * y
        expected = np.stack([CX + u * FX, CY + v * FY], 1)
        np.testing.assert_allclose(points_to_photograph(camera, camera.project(POINTS)[0]), expected, atol=1e-3)


def test_metashape_says_what_it_leaves_out(tmp_path: Path) -> None:
    write_metashape(tmp_path)
    path = tmp_path / "cameras.xml"
    path.write_text(path.read_text().replace("<k1>", "<b2>0.5</b2><k1>"))
    with pytest.warns(UserWarning, match="camera lost"), pytest.warns(UserWarning, match="skew"):
        read(tmp_path)
    path.write_text(path.read_text().replace("<k1>", "<k4>0.1</k4><k1>"))
    with pytest.raises(SagaError, match="sensor 3: expected a perspective lens without k4"):
        read(tmp_path)


def test_llff_needs_the_photographs_of_its_rows(tmp_path: Path) -> None:
    write_llff(tmp_path)
    photographs(tmp_path / "images")
    (tmp_path / "images" / "0.jpg").unlink()
    with pytest.raises(SagaError, match="as many photographs as its 3 rows, found 2"):
        read(tmp_path)


def test_reality_capture_needs_sizes_and_internal_parameters(tmp_path: Path) -> None:
    write_reality_capture(tmp_path)
    with pytest.raises(SagaError, match="expected photographs, whose sizes it lacks"):
        read(tmp_path)
    photographs(tmp_path / "images")
    (tmp_path / "images" / "1.jpg").unlink()
    with pytest.warns(UserWarning, match="have the size of the others"):
        assert [camera.width for camera in read(tmp_path)] == [WIDTH] * 3
    (tmp_path / "cameras.csv").write_text("#name,x,y,alt,heading,pitch,roll\n0.jpg,1,2,3,4,5,6\n")
    with pytest.raises(SagaError, match="found none of f, px"):
        read(tmp_path)


def test_record3d_with_intrinsics_of_each_frame_and_a_lost_pose(tmp_path: Path) -> None:
    write_record3d(tmp_path)
    path = tmp_path / "EXR_RGBD" / "metadata.json"
    contents = json.loads(path.read_text())
    contents["perFrameIntrinsicCoeffs"] = [[FX + n, FY, CX, CY] for n in range(3)]
    contents["poses"][1] = [float("nan")] * 7
    path.write_text(json.dumps(contents))
    with pytest.warns(UserWarning, match="without a finite pose are left out"):
        assert [camera.fx for camera in read(tmp_path)] == [FX, FX + 2]


@pytest.mark.parametrize(
    ("name", "contents"),
    [
        ("poses_bounds.npy", b"no array"),
        ("cameras.xml", b"<document><chunk>"),
        ("cameras.xml", b"<document><chunk></chunk></document>"),
        ("EXR_RGBD/metadata.json", b'{"poses": [[1, 2]], "K": 3, "w": 4, "h": 5}'),
        ("keyframes/cameras/1.json", b'{"t_00": 1, "t_23": 2, "fx": 3, "width": 4}'),
    ],
)
def test_damaged_files(tmp_path: Path, name: str, contents: bytes) -> None:
    path = tmp_path / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(contents)
    with pytest.raises(SagaError, match=path.name) as caught:
        read(tmp_path)
    assert "\n" not in str(caught.value)


def write_model(root: Path, name: str, count: int, shift: float, points: bool = True) -> None:
    """A model of `count` images whose points lie about (shift, 0, 0)."""
    folder = root / "sparse" / name
    folder.mkdir(parents=True)
    (folder / "cameras.txt").write_text("1 PINHOLE 8 6 8 8 4 3\n")
    lines = [f"{i} 1 0 0 0 {-shift} 0 10 1 {name}-{i}.jpg\n\n" for i in range(1, count + 1)]
    (folder / "images.txt").write_text("".join(lines))
    rows = np.random.default_rng(0).normal(size=(50, 3)) * 0.5 + [shift, 0, 0]
    text = "".join(f"{i} {x} {y} {z} 0 0 0 0.5\n" for i, (x, y, z) in enumerate(rows, 1))
    (folder / "points3D.txt").write_text(text if points else "")


@pytest.mark.parametrize(
    ("models", "taken"),
    [
        ([("0", 1, 0.0, True), ("1", 2, 0.0, True)], "1"),
        ([("0", 1, 0.0, True), ("1", 2, 50.0, True)], "0"),
        ([("0", 2, 0.0, False), ("1", 1, 0.0, False), ("10", 3, 0.0, False)], "10"),
        ([("0", 1, 0.0, False), ("1", 2, 50.0, False)], "0"),
    ],
)
def test_of_several_models_the_largest_that_fits_is_taken_and_said(
    tmp_path: Path, make_ply: Callable[..., Path], make_table: Callable[..., np.ndarray], models: list, taken: str
) -> None:
    for model in models:
        write_model(tmp_path, *model)
    table = make_table(4000, 0)
    with pytest.warns(UserWarning, match=rf"of the COLMAP models 0 \(.*, {taken} is taken: the largest"):
        scene = load_scene(make_ply(table))
    assert {camera.name.split("-")[0] for camera in scene.cameras} == {taken}
    (only,) = load_scene(make_ply(table), cameras=tmp_path / "sparse" / models[0][0]).cameras[:1]
    assert only.name.startswith(models[0][0])
