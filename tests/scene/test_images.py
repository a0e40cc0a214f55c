from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

from saga.errors import SagaError
from saga.scene import Camera, LensModel
from saga.scene.images import fit_to_photograph, image_size, load_photograph, load_pinhole_image, read_image

WIDTH, HEIGHT, FOCAL = 100, 80, 60.0
BARREL = LensModel("SIMPLE_RADIAL", WIDTH, HEIGHT, (FOCAL, WIDTH / 2, HEIGHT / 2, -0.15))


def pinhole(lens=None, width=WIDTH, height=HEIGHT):
    return Camera("a.png", width, height, FOCAL, FOCAL, width / 2, height / 2, np.eye(4), lens=lens)


@pytest.fixture
def photograph(tmp_path):
    """photograph(array, name="a.png", **options): saves an array and returns its path."""

    def write(array, name="a.png", **options):
        path = tmp_path / name
        Image.fromarray(array).save(path, **options)
        return path

    return write


def test_read_modes(photograph):
    rgb = np.random.default_rng(0).integers(0, 255, (6, 8, 3), dtype=np.uint8)
    np.testing.assert_array_equal(read_image(photograph(rgb)), rgb)
    np.testing.assert_array_equal(read_image(photograph(rgb[:, :, 0])), rgb[:, :, :1].repeat(3, axis=2))
    rgba = np.dstack([rgb, np.where(rgb[:, :, 0] > 128, 255, 0).astype(np.uint8)])
    expected = np.where(rgb[:, :, :1] > 128, rgb, 0)
    np.testing.assert_array_equal(read_image(photograph(rgba)), expected)
    deep = (rgb[:, :, 0].astype(np.uint16) << 8) + 17
    np.testing.assert_array_equal(read_image(photograph(deep)), rgb[:, :, :1].repeat(3, axis=2))


def test_exif_orientation_is_not_applied(photograph):
    exif = Image.Exif()
    exif[0x0112] = 6  # "turn by 90 degrees to see it upright"
    path = photograph(np.zeros((6, 8, 3), np.uint8), "a.jpg", exif=exif)
    assert image_size(path) == (8, 6)
    assert read_image(path).shape == (6, 8, 3)


def test_unreadable_images(tmp_path, photograph):
    path = photograph(np.random.default_rng(0).integers(0, 255, (60, 80, 3), dtype=np.uint8))
    path.write_bytes(path.read_bytes()[:2000])
    assert image_size(path) == (80, 60)
    with pytest.raises(SagaError, match="truncated or damaged image"):
        read_image(path)
    (tmp_path / "b.jpg").write_text("no picture")
    with pytest.raises(SagaError, match="b.jpg: no readable image"):
        image_size(tmp_path / "b.jpg")
    with pytest.raises(SagaError, match="a.png: the view has no photograph"):
        load_photograph(pinhole())


def test_the_photograph_is_as_it_is_on_disk_and_the_pinhole_s_image_is_not(photograph):
    pixels = np.random.default_rng(0).integers(0, 255, (HEIGHT, WIDTH, 3), dtype=np.uint8)
    camera = replace(pinhole(BARREL), image_path=photograph(pixels))
    np.testing.assert_array_equal(load_photograph(camera), pixels)
    assert (load_pinhole_image(camera) != pixels).mean() > 0.5
    np.testing.assert_array_equal(load_pinhole_image(replace(camera, lens=None)), pixels)


@pytest.mark.parametrize(
    ("camera_size", "size", "fits"),
    [
        ((100, 80), (100, 80), True),
        ((100, 80), (50, 40), True),
        ((100, 80), (400, 320), True),
        ((519, 336), (65, 42), True),
        ((101, 81), (12, 10), True),  # an eighth, rounded to whole pixels
        ((100, 80), (80, 100), False),
        ((100, 80), (100, 82), False),
        ((100, 80), (400, 325), False),
    ],
)
def test_the_camera_takes_the_size_of_its_photograph(photograph, camera_size, size, fits):
    camera = pinhole(BARREL, *camera_size)
    camera = replace(camera, image_path=photograph(np.zeros((size[1], size[0], 3), np.uint8)))
    if not fits:
        with pytest.raises(SagaError, match=f"the photograph is {size[0]}x{size[1]} where its camera is"):
            fit_to_photograph(camera)
        return
    fitted = fit_to_photograph(camera)
    assert (fitted.width, fitted.height) == size and fitted.lens == camera.lens
    np.testing.assert_allclose(fitted.fx, FOCAL * size[0] / camera_size[0])
    np.testing.assert_allclose(fitted.cy, size[1] / 2)
    assert load_photograph(fitted).shape == (size[1], size[0], 3)
