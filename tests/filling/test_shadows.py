"""The shadow of an object that is taken away."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from plyfile import PlyData, PlyElement

from saga.filling import fill
from saga.filling.filling import Filling
from saga.filling.relighting import Relit, relit
from saga.raster import DeviceScene
from saga.scene import Gaussians, Scene
from tests.filling.test_filling import Sheet, around, below, box, gaussians_of, shown, square, table

TOWARDS = np.array([0.5, -0.2, 0.8])
WOOD = np.array([0.8, 0.6, 0.4])


def grain(means: np.ndarray) -> np.ndarray:  # [n, 3] -> [n, 3]
    """Wood whose color changes a little along x."""
    return WOOD * (1 + 0.06 * np.sin(12 * means[:, :1]))


def in_shadow(means: np.ndarray) -> np.ndarray:  # [n, 3] -> [n] bool
    """Places of the table that the box stands before, seen from where the light comes from."""
    steps = np.linspace(0, 0.4, 41) / TOWARDS[2]
    ray = means[:, None] + steps[:, None] * TOWARDS
    return (np.abs(ray - [0, 0, 0.2]) < [0.2, 0.2, 0.21]).all(-1).any(1)


def stained(means: np.ndarray) -> np.ndarray:  # [n, 3] -> [n] bool
    """A dark spot on both sides of the box, which no light explains."""
    return (np.abs(np.abs(means[:, :2]) - [0.5, 0.5]) < 0.22).all(1)


def scene_of(dark: Callable[[np.ndarray], np.ndarray]) -> tuple[DeviceScene, torch.Tensor]:
    """A box on a table that is dark somewhere, and which of its Gaussians are the box's."""
    whole = square((-1.2, -1.2, 0), (2.4, 0, 0), (0, 2.4, 0), grain)
    bright = np.where(dark(whole.means), 0.35, 1.0)[:, None] ** (1 / 2.2)
    seen = ~below()(whole.means)
    wood = Sheet(whole.means[seen], whole.normal, (whole.colors * bright)[seen])
    gaussians = gaussians_of([wood, *box()])
    member = torch.arange(len(gaussians)) >= len(wood.means)
    return DeviceScene(Scene(gaussians, around()), "cpu"), member


@pytest.fixture(scope="module")
def shadow() -> tuple[DeviceScene, torch.Tensor]:
    return scene_of(in_shadow)


@pytest.fixture(scope="module")
def filling(shadow: tuple[DeviceScene, torch.Tensor]) -> Filling:
    return fill(*shadow, progress=False)


def errors(gaussians: Gaussians) -> tuple[float, float]:
    """Root mean square errors, against the wood without a shadow, where the box stood and where its shadow lay."""
    places = gaussians.means[:, :2]
    error = np.square(gaussians.base_colors() - grain(gaussians.means)).mean(1)
    under = (np.abs(places) < 0.15).all(1)
    return float(np.sqrt(error[under].mean())), float(np.sqrt(error[in_shadow(gaussians.means) & ~under].mean()))


def test_the_shadow_goes_with_the_object(shadow: tuple[DeviceScene, torch.Tensor], filling: Filling) -> None:
    kept = fill(*shadow, progress=False, keep_shadow=True)
    assert errors(kept.gaussians)[1] > 0.15
    under, beside = errors(filling.gaussians)
    assert under < 0.05
    assert beside < 0.09
    own = kept.gaussians.vertices[~kept.filled]
    assert kept.report["relit"] == 0
    assert np.array_equal(own["f_dc_0"], shadow[0].scene.gaussians.vertices["f_dc_0"][: len(own)])


def test_what_is_not_in_the_shadow_stays_as_it_is(shadow: tuple[DeviceScene, torch.Tensor], filling: Filling) -> None:
    own = filling.gaussians.vertices[~filling.filled]
    before = shadow[0].scene.gaussians.vertices[: len(own)]
    changed = own["f_dc_0"] != before["f_dc_0"]
    assert changed.sum() == filling.report["relit"] > 0
    places = np.stack([before[axis] for axis in "xyz"], axis=1)
    lit = ~in_shadow(places) & (np.hypot(*places[:, :2].T) > 0.5)
    assert changed[lit].mean() < 0.15
    assert np.abs(own["f_dc_0"] - before["f_dc_0"])[lit & (np.hypot(*places[:, :2].T) > 0.8)].max() < 0.1
    for name in ("x", "y", "z", "opacity", "scale_0", "rot_0"):
        assert np.array_equal(own[name], before[name])


def test_a_dark_spot_that_is_no_shadow_stays() -> None:
    placed, member = scene_of(stained)
    made = fill(placed, member, progress=False)
    assert made.report["relit"] == 0
    color, _ = shown(made.gaussians, around()[0])
    assert np.isfinite(color).all()


@pytest.mark.parametrize("kind", ["harmonics", "rgb"])
def test_colors_are_multiplied_in_every_layout(kind: str, tmp_path: Path) -> None:
    gaussians = gaussians_of([table(0.2)])
    count = len(gaussians)
    rest = [f"f_rest_{k}" for k in range(9)]
    colors = ["red", "green", "blue"] if kind == "rgb" else ["f_dc_0", "f_dc_1", "f_dc_2", *rest]
    names = [*"xyz", *colors, "opacity", *(f"scale_{k}" for k in range(3)), *(f"rot_{k}" for k in range(4))]
    rows = np.zeros(count, [(name, "u1" if name in ("red", "green", "blue") else "f4") for name in names])
    rng = np.random.default_rng(0)
    for name in names:
        rows[name] = rng.integers(20, 90, count) if kind == "rgb" and name in colors else rng.uniform(-0.3, 0.3, count)
    PlyData([PlyElement.describe(rows, "vertex")], byte_order="<").write(tmp_path / "scene.ply")
    scene = Gaussians.read(tmp_path / "scene.ply")
    factors = np.array([[1.5, 1.2, 1.1], [1.0, 1.0, 1.0]])
    new = np.array([[np.nan] * 3, [0.2, 0.4, 0.6]])
    made = relit(scene, Relit(np.array([2, 5]), factors, new))
    eye = np.array([0.3, 2.0, 4.0])
    before, after = scene.colors(eye), made.colors(eye)
    assert np.allclose(after[2], before[2] * factors[0], atol=0.004)
    assert np.allclose(after[5], new[1], atol=0.004)
    others = np.delete(np.arange(count), [2, 5])
    assert np.array_equal(made.vertices[others], scene.vertices[others])
