"""Colors and their gradient: the native function against its twin, and on pictures whose edges are known."""

from __future__ import annotations

import numpy as np
import pytest

from saga.masks import color_edges as module
from saga.masks.color_edges import color_edges, reference
from saga.native import bindings


@pytest.mark.parametrize("size", [(1, 1), (2, 1), (1, 7), (5, 3), (37, 64)])
@pytest.mark.parametrize("smoothing", [0.7, 1.0, 2.5])
def test_the_library_gives_what_its_twin_does(size: tuple[int, int], smoothing: float) -> None:
    if bindings.library("cpu") is None:
        pytest.skip("the CPU library is not built")
    image = np.random.default_rng(size[0]).integers(0, 256, (*size, 3), dtype=np.uint8)
    native, twin = color_edges(image, smoothing), reference(image, smoothing)
    np.testing.assert_allclose(native.lab, twin.lab, rtol=0, atol=1e-5)
    np.testing.assert_allclose(native.gradient, twin.gradient, rtol=0, atol=3e-5)


@pytest.mark.parametrize("native", [True, False])
def test_an_edge_is_where_colors_change(monkeypatch: pytest.MonkeyPatch, native: bool) -> None:
    if not native:
        monkeypatch.setattr(module.host, "function", lambda name: None)
    image = np.zeros((20, 30, 3), np.uint8)
    image[:, 15:] = 255
    lab, gradient = color_edges(image)
    assert lab.dtype == gradient.dtype == np.float32
    np.testing.assert_allclose(lab[:, :15], 0, atol=1e-4)
    np.testing.assert_allclose(lab[:, 15:, 0], 100, atol=1e-3)
    assert (gradient[:, 14:16] > 25).all() and (gradient[:, :8] < 1e-3).all() and (gradient[:, 22:] < 1e-3).all()


def test_a_part_of_a_picture_need_not_be_dense() -> None:
    image = np.random.default_rng(0).integers(0, 256, (12, 18, 3), dtype=np.uint8)
    part = color_edges(image[::2, ::3])
    np.testing.assert_array_equal(part.lab, color_edges(image[::2, ::3].copy()).lab)
