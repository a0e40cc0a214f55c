"""The readers on real captures; skipped where those are absent."""

from __future__ import annotations

import warnings

import numpy as np
import pytest
from PIL import Image
from scipy.ndimage import binary_dilation

from saga.scene import Camera, LensModel, load_scene, orbit_cameras
from saga.scene.lens import image_to_pinhole
from saga.scene.orbit import guess_up

SCENES = {
    "tabletop": (250006, 40, (640, 480)),
    "composite": (532113, 32, (600, 450)),
    "flower": (70487, 25, (706, 529)),
    "fox": (50421, 50, (538, 957)),
    "dtu24": (19141, 49, (800, 600)),
}


@pytest.fixture(params=SCENES)
def loaded(request, shared):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        warnings.filterwarnings("ignore", message=".*NaN or infinite")
        scene = load_scene(shared / request.param / "scene.ply", images=shared / request.param / "images")
    return request.param, scene


def test_scene_loads_and_its_center_is_in_view(loaded, shared):
    name, scene = loaded
    count, views, size = SCENES[name]
    assert (len(scene.gaussians), len(scene.cameras)) == (count, views)
    means = scene.gaussians.means[scene.gaussians.valid]
    center = np.median(means, axis=0)[None]
    for camera in scene.cameras:
        assert (camera.width, camera.height) == size and camera.lens is None
        assert camera.image_path == shared / name / "images" / camera.name
        pixels, depths = camera.project(center)
        assert depths[0] > 0 and (pixels[0] >= 0).all() and (pixels[0] <= size).all()
    assert scene.image(scene.cameras[0]).shape == (size[1], size[0], 3)


def test_guessed_up_is_that_of_the_photographer(loaded):
    _, scene = loaded
    up = -np.mean([camera.world_to_camera[1, :3] for camera in scene.cameras], axis=0)
    assert guess_up(scene.gaussians) @ up / np.linalg.norm(up) > 0.95
    for camera in orbit_cameras(scene.gaussians, 6, 64, 48):
        pixels, depths = camera.project(scene.gaussians.means[scene.gaussians.valid][::50])
        assert ((depths > 0) & (pixels >= 0).all(axis=1) & (pixels <= (64, 48)).all(axis=1)).mean() > 0.8


def test_labeled_objects_project_onto_their_pixels(shared):
    """Cameras, axes and the PLY's order agree with the exact instance images."""
    scene = load_scene(shared / "tabletop" / "scene.ply")
    labels = np.load(shared / "tabletop" / "labels.npy")
    found, mirrored = [], []
    for camera in scene.cameras[::8]:
        instances = np.asarray(Image.open(shared / "tabletop" / "instances" / f"{camera.stem}.png"))
        for label in np.unique(labels[labels > 0]):
            pixels, _ = camera.project(scene.gaussians.means[labels == label])
            x, y = np.floor(pixels).astype(int).T
            inside = (x >= 0) & (x < camera.width) & (y >= 0) & (y < camera.height)
            covered = np.zeros((camera.height, camera.width), bool)
            covered[y[inside], x[inside]] = True
            covered = binary_dilation(covered, iterations=2)  # the samples of a surface leave gaps
            if (instances == label).sum() > 200:
                found.append(covered[instances == label].mean())
                mirrored.append(covered[:, ::-1][instances == label].mean())
    assert np.min(found) > 0.8 and np.median(found) > 0.97
    assert np.median(mirrored) < 0.5


def test_rewriting_a_real_scene_keeps_every_byte(tmp_path, shared):
    scene = load_scene(shared / "fox" / "scene.ply")
    scene.gaussians.write(tmp_path / "copy.ply")
    assert (tmp_path / "copy.ply").read_bytes() == (shared / "fox" / "scene.ply").read_bytes()


def test_distorting_then_undistorting_a_photograph_gives_it_back(shared):
    """The photograph seen through a known radial lens, analytically, must come back from `undistort`."""
    photograph = np.asarray(Image.open(shared / "dtu24" / "images" / "000.jpg").convert("L"), np.float64)
    height, width = photograph.shape
    focal, k = 900.0, -0.08
    camera = Camera("000.jpg", width, height, focal, focal, width / 2, height / 2, np.eye(4))
    lens = LensModel("SIMPLE_RADIAL", width, height, (focal, width / 2, height / 2, k))
    x, y = np.meshgrid((np.arange(width) + 0.5 - width / 2) / focal, (np.arange(height) + 0.5 - height / 2) / focal)
    distorted_radius = np.hypot(x, y)
    radius = distorted_radius.copy()
    for _ in range(50):  # radius of the ray from that of the pixel: r (1 + k r^2) = r_d
        radius = distorted_radius / (1 + k * radius**2)
    scale = radius / distorted_radius
    through_lens = bilinear(photograph, x * scale * focal + width / 2, y * scale * focal + height / 2)
    back = image_to_pinhole(Camera(**{**vars(camera), "lens": lens}), through_lens)
    inner = (slice(40, -40), slice(40, -40))
    assert np.abs(back - photograph)[inner].mean() < 2
    assert np.abs(through_lens - photograph)[inner].mean() > 3 * np.abs(back - photograph)[inner].mean()


def bilinear(image, x, y):
    x, y = np.clip(x - 0.5, 0, image.shape[1] - 1.001), np.clip(y - 0.5, 0, image.shape[0] - 1.001)
    left, top = x.astype(int), y.astype(int)
    a, b = x - left, y - top
    upper = image[top, left] * (1 - a) + image[top, left + 1] * a
    lower = image[top + 1, left] * (1 - a) + image[top + 1, left + 1] * a
    return upper * (1 - b) + lower * b
