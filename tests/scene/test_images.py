from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

from saga.errors import SagaError
from saga.scene import Camera, LensModel
from saga.scene.images import (
    exif_orientation,
    fit_to_photograph,
    image_size,
    load_photograph,
    load_pinhole_image,
    orientation_doubts,
    read_image,
)

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


def tagged(photograph, array, orientation, name="a.jpg"):
    """A photograph that is seen right when it is turned by an EXIF orientation."""
    exif = Image.Exif()
    exif[0x0112] = orientation
    return photograph(array, name, exif=exif, quality=95)


def gradient(width, height):
    """Brighter to the right in red, downwards in green."""
    x, y = np.meshgrid(np.linspace(0, 250, width), np.linspace(0, 250, height))
    return np.stack([x, y, 0 * x], axis=-1).astype(np.uint8)


def test_an_image_is_read_as_stored_or_upright(photograph):
    upright = gradient(48, 64)
    path = tagged(photograph, np.ascontiguousarray(np.rot90(upright)), 6)
    assert image_size(path) == (64, 48) and exif_orientation(path) == 6
    np.testing.assert_allclose(read_image(path), np.rot90(upright), atol=12)
    np.testing.assert_allclose(read_image(path, upright=True), upright, atol=12)
    assert exif_orientation(photograph(upright)) == 1


def test_the_orientation_is_used_where_only_then_the_sizes_fit(photograph):
    upright = gradient(80, 100)
    path = tagged(photograph, np.ascontiguousarray(np.rot90(upright)), 6)
    camera = fit_to_photograph(replace(pinhole(None, 40, 50), image_path=path))
    assert camera.upright and (camera.width, camera.height) == (80, 100)
    np.testing.assert_allclose(load_photograph(camera), upright, atol=12)
    np.testing.assert_allclose(load_pinhole_image(camera), upright, atol=12)
    assert orientation_doubts([camera]) is None
    stored = fit_to_photograph(replace(pinhole(None, 100, 80), image_path=path))
    assert not stored.upright and load_photograph(stored).shape == (80, 100, 3)


def test_where_the_orientation_is_not_used_it_is_said(photograph):
    square = replace(pinhole(None, 60, 60), image_path=tagged(photograph, gradient(60, 60), 6, "square.jpg"))
    turned = replace(pinhole(None, 100, 80), image_path=tagged(photograph, gradient(100, 80), 3, "half.jpg"))
    fitting = replace(pinhole(None, 100, 80), image_path=tagged(photograph, gradient(100, 80), 6, "fits.jpg"))
    plain = replace(pinhole(None, 100, 80), image_path=photograph(gradient(100, 80), "plain.jpg"))
    views = [fit_to_photograph(camera) for camera in (square, turned, fitting, plain)]
    assert not any(view.upright for view in views)
    assert "3 photographs carry an EXIF orientation" in orientation_doubts(views)
    assert "the sizes of 2 do not tell" in orientation_doubts(views)
    assert "have the stored sizes" in orientation_doubts(views[2:])
    assert orientation_doubts(views[3:]) is None


def test_a_size_that_fits_neither_way_names_the_orientation(photograph):
    camera = replace(pinhole(None, 100, 30), image_path=tagged(photograph, gradient(100, 80), 6))
    with pytest.raises(SagaError, match="100x80 and its EXIF orientation turns it sideways"):
        fit_to_photograph(camera)


def test_unreadable_images(tmp_path, photograph):
    path = photograph(np.random.default_rng(0).integers(0, 255, (60, 80, 3), dtype=np.uint8))
    path.write_bytes(path.read_bytes()[:2000])
    assert image_size(path) == (80, 60)
    with pytest.raises(SagaError, match="expected a photograph, found one that is truncated"):
        read_image(path)
    (tmp_path / "b.jpg").write_text("no picture")
    with pytest.raises(SagaError, match="b.jpg: expected a photograph"):
        image_size(tmp_path / "b.jpg")
    with pytest.raises(SagaError, match="a.png: expected a photograph of the view, found none"):
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
