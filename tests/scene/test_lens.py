"""Pixels of photographs and of their ideal pinholes, both ways."""

from __future__ import annotations

import numpy as np
import pytest

from saga.scene import Camera, LensModel
from saga.scene.lens import (
    image_to_photograph,
    image_to_pinhole,
    pinhole_around,
    points_to_photograph,
    points_to_pinhole,
)

WIDTH, HEIGHT, FOCAL = 100, 80, 60.0


def pinhole(lens=None, width=WIDTH, height=HEIGHT):
    return Camera("a.png", width, height, FOCAL, FOCAL, width / 2, height / 2, np.eye(4), lens=lens)


def lens(model, *extra, focal=(FOCAL,)):
    return LensModel(model, WIDTH, HEIGHT, (*focal, WIDTH / 2, HEIGHT / 2, *extra))


def pixel_grid(width, height):
    """Returns x and y of the pixel centers, [H, W] each."""
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
    seen = image_to_pinhole(pinhole(model), photograph)
    assert seen.dtype == np.float64
    np.testing.assert_allclose(seen, np.stack(expected, axis=-1), atol=1e-3)
    assert np.abs(seen - photograph).max() > 3  # the lens is no identity


def test_undistort_a_photograph_of_another_resolution():
    x, y = pixel_grid(3 * WIDTH, 3 * HEIGHT)
    seen = image_to_pinhole(pinhole(BARREL, WIDTH, HEIGHT), np.float32(x))
    inner = (slice(5, -5), slice(5, -5))
    np.testing.assert_allclose(seen[inner], 3 * radial(-0.15)[0][inner], atol=0.02)
    small = image_to_pinhole(pinhole(BARREL), np.float32(pixel_grid(WIDTH // 2, HEIGHT // 2)[1]))
    np.testing.assert_allclose(small[inner], radial(-0.15)[1][inner] / 2, atol=1e-3)


def test_undistort_follows_a_resized_camera():
    photograph = np.stack(pixel_grid(WIDTH, HEIGHT), axis=-1).astype(np.float32)
    seen = image_to_pinhole(pinhole(BARREL).resized(50, 40), photograph)
    expected = np.stack(radial(-0.15), axis=-1).reshape(40, 2, 50, 2, 2).mean(axis=(1, 3))
    np.testing.assert_allclose(seen[3:-3, 3:-3], expected[3:-3, 3:-3], atol=0.05)


@pytest.mark.parametrize("dtype", [bool, np.uint8, np.int32, np.int64])
def test_nearest_neighbor_invents_no_labels(dtype):
    labels = (np.random.default_rng(0).integers(0, 2, (HEIGHT, WIDTH, 2)) * 201).astype(dtype)
    x, y = (np.clip(v.astype(int), 0, None) for v in radial(-0.15))
    seen = image_to_pinhole(pinhole(BARREL), labels, order=0)
    assert seen.dtype == dtype and seen.shape == labels.shape
    assert (seen == labels[y, x]).mean() > 0.999  # a coordinate on a pixel's edge may fall either way
    assert set(np.unique(seen)) <= set(np.unique(labels))


def test_a_pincushion_leaves_pixels_that_were_not_seen_black():
    seen = image_to_pinhole(pinhole(lens("SIMPLE_RADIAL", 0.3)), np.full((HEIGHT, WIDTH, 3), 200, np.uint8))
    x, y = radial(0.3)
    inside = (x > 0) & (x < WIDTH) & (y > 0) & (y < HEIGHT)
    assert 0.3 < inside.mean() < 0.9
    assert (seen[inside] == 200).all() and (seen[~inside] == 0).all()


def test_a_distortion_that_folds_back_shows_nothing_twice():
    k = -0.45  # grows up to the radius sqrt(1 / (3 * 0.45)) = 0.86, less than the corner's 1.07
    seen = image_to_pinhole(pinhole(lens("SIMPLE_RADIAL", k)), np.full((HEIGHT, WIDTH), 200, np.uint8))
    x, y = pixel_grid(WIDTH, HEIGHT)
    r = np.hypot(x - WIDTH / 2, y - HEIGHT / 2) / FOCAL
    assert (seen[r < 0.7] == 200).all()
    assert (seen[r > 0.9] == 0).all()


def test_without_a_lens_undistort_only_resizes():
    photograph = np.random.default_rng(0).integers(0, 255, (HEIGHT, WIDTH, 3), dtype=np.uint8)
    np.testing.assert_array_equal(image_to_pinhole(pinhole(), photograph), photograph)
    assert image_to_pinhole(pinhole(width=50, height=40), photograph).shape == (40, 50, 3)
    np.testing.assert_array_equal(
        image_to_pinhole(pinhole(width=50, height=40), photograph, order=0), photograph[1::2, 1::2]
    )


def middle(points):
    """Those of some pixels that lie in the inner half of the photograph."""
    off = np.abs(points - (WIDTH / 2, HEIGHT / 2))
    return points[(off < (WIDTH / 4, HEIGHT / 4)).all(axis=1)]


@pytest.mark.parametrize(
    "model",
    [
        BARREL,
        FISHEYE,
        lens("SIMPLE_RADIAL", 0.2),
        lens("OPENCV", -0.1, 0.02, 0.004, -0.003, focal=(FOCAL, 1.1 * FOCAL)),
    ],
)
def test_points_go_there_and_back(model):
    points = np.stack(pixel_grid(WIDTH, HEIGHT), axis=-1).reshape(-1, 2)
    there = points_to_pinhole(pinhole(model), points)
    known = np.isfinite(there).all(axis=1)
    assert known.mean() > 0.8 and np.abs(there - points)[known].max() > 3
    np.testing.assert_allclose(points_to_photograph(pinhole(model), there[known]), points[known], atol=1e-4)


def test_points_against_the_formula():
    expected = np.stack(radial(-0.15), axis=-1).reshape(-1, 2)
    points = np.stack(pixel_grid(WIDTH, HEIGHT), axis=-1).reshape(-1, 2)
    np.testing.assert_allclose(points_to_photograph(pinhole(BARREL), points), expected, atol=1e-9)
    np.testing.assert_allclose(points_to_pinhole(pinhole(BARREL), expected), points, atol=1e-4)


def test_a_photograph_of_another_size_than_the_lens_was_calibrated_at():
    points = middle(np.stack(pixel_grid(WIDTH, HEIGHT), axis=-1).reshape(-1, 2))
    whole, double = pinhole(BARREL), pinhole(BARREL).resized(2 * WIDTH, 2 * HEIGHT)
    for way in (points_to_pinhole, points_to_photograph):
        np.testing.assert_allclose(way(double, 2 * points), 2 * way(whole, points), atol=1e-6)


def test_without_a_lens_pixels_are_the_same():
    points = np.array([[3.0, 4.5]])
    picture = np.zeros((HEIGHT, WIDTH))
    assert np.array_equal(points_to_pinhole(pinhole(), points), points)
    assert np.array_equal(points_to_photograph(pinhole(), points), points)
    assert pinhole_around(pinhole()) is not None and image_to_photograph(pinhole(), pinhole(), picture) is picture


def test_beyond_the_fold_there_is_nothing():
    """A lens with k = -0.22 shows rays up to a radius of 1.23, at 0.82 of the focal length from the center."""
    folding = pinhole(lens("SIMPLE_RADIAL", -0.22))
    x, y = pixel_grid(WIDTH, HEIGHT)
    radius = np.hypot(x - WIDTH / 2, y - HEIGHT / 2) / FOCAL
    known = np.isfinite(points_to_pinhole(folding, np.stack([x, y], axis=-1).reshape(-1, 2))).all(axis=1)
    known = known.reshape(HEIGHT, WIDTH)
    assert known[radius < 0.8].all() and not known[radius > 0.84].any()
    corner = np.array([[WIDTH / 2 + 1.5 * FOCAL, HEIGHT / 2]])
    assert np.isnan(points_to_photograph(folding, corner)).all()


@pytest.mark.parametrize("model", [BARREL, lens("SIMPLE_RADIAL", 0.2), FISHEYE])
def test_the_pinhole_around_shows_all_of_the_photograph(model):
    """Every pixel of the photograph is found again in a picture of the pixels' own places."""
    camera = pinhole(model)
    around = pinhole_around(camera)
    assert around.lens is None and (around.fx, around.fy) == (camera.fx, camera.fy)
    x, y = pixel_grid(around.width, around.height)
    places = points_to_photograph(
        camera, np.stack([x, y], -1).reshape(-1, 2) + (camera.cx - around.cx, camera.cy - around.cy)
    )
    picture = np.nan_to_num(places).reshape(around.height, around.width, 2)
    back = image_to_photograph(camera, around, picture)
    x, y = pixel_grid(WIDTH, HEIGHT)
    inner = np.hypot(x - WIDTH / 2, y - HEIGHT / 2) < 0.95 * FOCAL  # beyond it the first lens folds back
    inner[:2] = inner[-2:] = inner[:, :2] = inner[:, -2:] = False
    np.testing.assert_allclose(back[inner], np.stack([x, y], -1)[inner], atol=0.1)


def test_a_fisheye_does_not_ask_for_an_endless_pinhole():
    wide = pinhole(lens("OPENCV_FISHEYE", 0, 0, 0, 0, focal=(FOCAL / 2, FOCAL / 2)))
    around = pinhole_around(wide)
    assert around.width <= 3 * WIDTH and around.height <= 3 * HEIGHT
    shown = image_to_photograph(wide, around, np.ones((around.height, around.width), bool), order=0)
    x, y = pixel_grid(WIDTH, HEIGHT)
    radius = np.hypot(x - WIDTH / 2, y - HEIGHT / 2)
    assert shown[radius < 25].all() and not shown[radius > 48].any()


def test_labels_are_not_mixed_on_the_way():
    camera = pinhole(BARREL)
    around = pinhole_around(camera)
    labels = (np.random.default_rng(0).integers(0, 2, (around.height, around.width)) * 900).astype(np.uint16)
    shown = image_to_photograph(camera, around, labels, order=0)
    assert shown.dtype == np.uint16 and set(np.unique(shown)) == {0, 900}


def test_a_large_photograph_is_mapped_to_a_fiftieth_of_a_pixel():
    """Its map is interpolated between pixels where the lens was inverted."""
    model = LensModel("OPENCV", 2000, 1500, (1500.0, 1500.0, 990.0, 760.0, -0.2, 0.05, 0.001, 0.002))
    camera = Camera("a.png", 2000, 1500, 1500.0, 1500.0, 990.0, 760.0, np.eye(4), lens=model)
    around = pinhole_around(camera)
    x = np.broadcast_to(np.arange(around.width) + 0.5 + camera.cx - around.cx, (around.height, around.width))
    shown = image_to_photograph(camera, around, x)
    points = np.random.default_rng(0).integers((5, 5), (1995, 1495), (500, 2))
    expected = points_to_pinhole(camera, points + 0.5)[:, 0]
    np.testing.assert_allclose(shown[points[:, 1], points[:, 0]], expected, atol=0.02)
