from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

from saga.errors import SagaError
from saga.scene import Camera, LensModel
from saga.scene.images import fit_to_photograph, image_size, load_photograph, read_image, resize, undistort

WIDTH, HEIGHT, FOCAL = 100, 80, 60.0


def pinhole(lens=None, width=WIDTH, height=HEIGHT):
    return Camera("a.png", width, height, FOCAL, FOCAL, width / 2, height / 2, np.eye(4), lens=lens)


def lens(model, *extra, focal=(FOCAL,)):
    return LensModel(model, WIDTH, HEIGHT, (*focal, WIDTH / 2, HEIGHT / 2, *extra))


def pixel_grid(width, height):
    """x and y of the pixel centers, [H, W] each."""
    return np.meshgrid(np.arange(width) + 0.5, np.arange(height) + 0.5)


def radial(k):
    """A lens as SIMPLE_RADIAL with k: where the pixel (x, y) of the pinhole lies in the photograph."""
    x, y = pixel_grid(WIDTH, HEIGHT)
    u, v = (x - WIDTH / 2) / FOCAL, (y - HEIGHT / 2) / FOCAL
    grown = 1 + k * (u * u + v * v)
    return WIDTH / 2 + FOCAL * u * grown, HEIGHT / 2 + FOCAL * v * grown


def equidistant():
    """The same for a fisheye whose image radius is focal length times angle."""
    x, y = pixel_grid(WIDTH, HEIGHT)
    u, v = (x - WIDTH / 2) / FOCAL, (y - HEIGHT / 2) / FOCAL
    r = np.hypot(u, v)
    return WIDTH / 2 + FOCAL * u * np.arctan(r) / r, HEIGHT / 2 + FOCAL * v * np.arctan(r) / r


BARREL = lens("SIMPLE_RADIAL", -0.15)
FISHEYE = lens("OPENCV_FISHEYE", 0, 0, 0, 0, focal=(FOCAL, FOCAL))


@pytest.mark.parametrize(("model", "expected"), [(BARREL, radial(-0.15)), (FISHEYE, equidistant())])
def test_undistort_against_the_formula(model, expected):
    photograph = np.stack(pixel_grid(WIDTH, HEIGHT), axis=-1)  # every pixel holds its own coordinates
    seen = undistort(pinhole(model), photograph)
    assert seen.dtype == np.float64
    np.testing.assert_allclose(seen, np.stack(expected, axis=-1), atol=1e-3)
    assert np.abs(seen - photograph).max() > 3  # the lens is no identity


def test_undistort_a_photograph_of_another_resolution():
    x, y = pixel_grid(3 * WIDTH, 3 * HEIGHT)
    seen = undistort(pinhole(BARREL, WIDTH, HEIGHT), np.float32(x))
    inner = (slice(5, -5), slice(5, -5))
    np.testing.assert_allclose(seen[inner], 3 * radial(-0.15)[0][inner], atol=0.02)
    small = undistort(pinhole(BARREL), np.float32(pixel_grid(WIDTH // 2, HEIGHT // 2)[1]))
    np.testing.assert_allclose(small[inner], radial(-0.15)[1][inner] / 2, atol=1e-3)


def test_undistort_follows_a_resized_camera():
    photograph = np.stack(pixel_grid(WIDTH, HEIGHT), axis=-1).astype(np.float32)
    seen = undistort(pinhole(BARREL).resized(50, 40), photograph)
    expected = np.stack(radial(-0.15), axis=-1).reshape(40, 2, 50, 2, 2).mean(axis=(1, 3))
    np.testing.assert_allclose(seen[3:-3, 3:-3], expected[3:-3, 3:-3], atol=0.05)


@pytest.mark.parametrize("dtype", [bool, np.uint8, np.int32, np.int64])
def test_nearest_neighbor_invents_no_labels(dtype):
    labels = (np.random.default_rng(0).integers(0, 2, (HEIGHT, WIDTH, 2)) * 201).astype(dtype)
    x, y = (np.clip(v.astype(int), 0, None) for v in radial(-0.15))
    seen = undistort(pinhole(BARREL), labels, order=0)
    assert seen.dtype == dtype and seen.shape == labels.shape
    assert (seen == labels[y, x]).mean() > 0.999  # a coordinate on a pixel's edge may fall either way
    assert set(np.unique(seen)) <= set(np.unique(labels))


def test_a_pincushion_leaves_pixels_that_were_not_seen_black():
    seen = undistort(pinhole(lens("SIMPLE_RADIAL", 0.3)), np.full((HEIGHT, WIDTH, 3), 200, np.uint8))
    x, y = radial(0.3)
    inside = (x > 0) & (x < WIDTH) & (y > 0) & (y < HEIGHT)
    assert 0.3 < inside.mean() < 0.9
    assert (seen[inside] == 200).all() and (seen[~inside] == 0).all()


def test_a_distortion_that_folds_back_shows_nothing_twice():
    k = -0.45  # grows up to the radius sqrt(1 / (3 * 0.45)) = 0.86, less than the corner's 1.07
    seen = undistort(pinhole(lens("SIMPLE_RADIAL", k)), np.full((HEIGHT, WIDTH), 200, np.uint8))
    x, y = pixel_grid(WIDTH, HEIGHT)
    r = np.hypot(x - WIDTH / 2, y - HEIGHT / 2) / FOCAL
    assert (seen[r < 0.7] == 200).all()
    assert (seen[r > 0.9] == 0).all()


def test_without_a_lens_undistort_only_resizes():
    photograph = np.random.default_rng(0).integers(0, 255, (HEIGHT, WIDTH, 3), dtype=np.uint8)
    np.testing.assert_array_equal(undistort(pinhole(), photograph), photograph)
    assert undistort(pinhole(width=50, height=40), photograph).shape == (40, 50, 3)
    np.testing.assert_array_equal(undistort(pinhole(width=50, height=40), photograph, order=0), photograph[1::2, 1::2])


def test_resize_averages_when_it_shrinks():
    checker = np.uint8(255) * (np.indices((40, 60)).sum(axis=0) % 2).astype(np.uint8)
    small = resize(checker, 15, 10)
    assert small.dtype == np.uint8 and np.abs(small.astype(int) - 127).max() <= 2


@pytest.fixture
def photograph(tmp_path):
    """photograph(array, name="a.png", **options of save)"""

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
