"""Prompts on photographs that a lens distorted: they are given in the photograph's pixels."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from saga.errors import SagaError
from saga.query.prompts import Prompt, check
from saga.scene import Camera, LensModel

WIDTH, HEIGHT, FOCAL, K = 160, 120, 100.0, -0.15


@pytest.fixture
def camera() -> Camera:
    lens = LensModel("SIMPLE_RADIAL", WIDTH, HEIGHT, (FOCAL, WIDTH / 2, HEIGHT / 2, K))
    return Camera("a.jpg", WIDTH, HEIGHT, FOCAL, FOCAL, WIDTH / 2, HEIGHT / 2, np.eye(4), lens=lens)


def in_photograph(x: float, y: float) -> tuple[float, float]:
    """Where the lens shows the pinhole's pixel (x, y): COLMAP's SIMPLE_RADIAL."""
    u, v = (x - WIDTH / 2) / FOCAL, (y - HEIGHT / 2) / FOCAL
    grown = 1 + K * (u * u + v * v)
    return WIDTH / 2 + FOCAL * u * grown, HEIGHT / 2 + FOCAL * v * grown


def region_in_photograph(region: np.ndarray) -> np.ndarray:  # [H, W] bool
    """A region of the pinhole, drawn on the photograph pixel by pixel with some to spare."""
    drawn = np.zeros_like(region)
    for y, x in np.argwhere(region):
        at = in_photograph(x + 0.5, y + 0.5)
        drawn[int(at[1]), int(at[0])] = True
    return drawn


def test_clicks_are_found_where_the_pinhole_sees_them(camera: Camera) -> None:
    clicks = [in_photograph(30.5, 20.5), in_photograph(81.5, 60.5)]
    assert np.abs(np.array(clicks[0]) - (30.5, 20.5)).max() > 2
    checked = check(Prompt("a.jpg", points=clicks, negative=clicks[:1]), camera)
    # A click names a whole pixel, whose center may lie in the next pixel of the pinhole.
    assert np.abs(checked.points - [(30, 20), (81, 60)]).max() <= 1
    assert np.array_equal(checked.negative, checked.points[:1])


def test_masks_scribbles_and_boxes_too(camera: Camera, tmp_path) -> None:
    region = np.zeros((HEIGHT, WIDTH), bool)
    region[15:50, 20:60] = True
    drawn = region_in_photograph(region)
    Image.fromarray(drawn).save(tmp_path / "drawn.png")
    for prompt in (Prompt("a.jpg", mask=drawn), Prompt("a.jpg", scribble=tmp_path / "drawn.png")):
        checked = check(prompt, camera)
        seen = checked.mask if checked.mask is not None else checked.scribble
        assert seen is not None
        assert (seen & region).sum() / (seen | region).sum() > 0.95
        assert (drawn & region).sum() / (drawn | region).sum() < 0.9, "the lens makes a difference here"
    rows, columns = np.nonzero(drawn)
    box = (columns.min(), rows.min(), columns.max() + 1, rows.max() + 1)
    found = check(Prompt("a.jpg", box=box), camera).box
    assert found is not None
    assert np.abs(np.array(found) - (20, 15, 60, 50)).max() <= 4, "a box bulges on its way"


def test_what_only_the_rim_shows_is_refused_with_advice(camera: Camera) -> None:
    corner = np.zeros((HEIGHT, WIDTH), bool)
    corner[:3, :3] = True
    with pytest.raises(SagaError, match="point 0,0: .* click nearer to the middle"):
        check(Prompt("a.jpg", points=[(0, 0)]), camera)
    for prompt in (Prompt("a.jpg", mask=corner), Prompt("a.jpg", box=(0, 0, 3, 3))):
        with pytest.raises(SagaError, match="only the rim"):
            check(prompt, camera)


def test_the_photograph_s_size_is_the_camera_s(camera: Camera) -> None:
    with pytest.raises(SagaError, match="expected a mask of 160 x 120"):
        check(Prompt("a.jpg", mask=np.ones((10, 10), bool)), camera)
