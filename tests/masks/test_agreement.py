"""Which masks other views vouch for: squares on a wall, seen from places side by side."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest

from saga.masks import ArrayMasks
from saga.masks.agreed import AgreedMasks, kept_agreements
from saga.masks.agreement import MaskedView, agreement, agreements, likeness, overlaps
from saga.raster import DeviceScene, Geometry
from saga.scene import Camera, Gaussians, load_scene

DEPTH, SIZE, FOCAL = 4.0, (48, 64), 40.0
LEFT, RIGHT, BELOW = (-1.2, 0.0, -1.2, 0.0), (0.0, 1.2, -1.2, 0.0), (-0.8, 0.8, 0.4, 1.2)
"""Squares on the wall: x from and to, y from and to. The first two touch."""
SCREEN = (-1.3, 0.1, -1.3, 0.1)
"""What a screen halfway to the wall hides of it, seen from the middle."""


def sheet(x0: float, x1: float, y0: float, y1: float, depth: float) -> np.ndarray:  # [P, 3]
    x, y = np.meshgrid(np.arange(x0, x1, 0.06), np.arange(y0, y1, 0.06))
    return np.stack([x.ravel(), y.ravel(), np.full(x.size, depth)], axis=1)


def geometry(*sheets: np.ndarray) -> Geometry:
    means = np.concatenate([sheet(-6, 6, -3, 3, DEPTH), *sheets])
    count = len(means)
    quaternions = np.tile([1.0, 0, 0, 0], (count, 1))
    scales = np.tile([0.04, 0.04, 0.001], (count, 1))
    return Geometry.from_gaussians(
        Gaussians.from_arrays(means, scales, quaternions, np.full(count, 0.99), np.zeros((count, 1, 3)))
    )


def camera(name: str, right: float) -> Camera:
    pose = np.eye(4)
    pose[0, 3] = -right
    return Camera(name, SIZE[1], SIZE[0], FOCAL, FOCAL, SIZE[1] / 2, SIZE[0] / 2, pose)


def drawn(view: Camera, *squares: tuple[float, float, float, float]) -> np.ndarray:  # [H, W]
    """The mask of squares on the wall, all of them together."""
    x = (np.arange(SIZE[1]) + 0.5 - view.cx) / FOCAL * DEPTH + view.position[0]
    y = (np.arange(SIZE[0]) + 0.5 - view.cy) / FOCAL * DEPTH
    return np.any(
        [((y >= y0) & (y < y1))[:, None] & ((x >= x0) & (x < x1))[None] for x0, x1, y0, y1 in squares], axis=0
    )


CAMERAS = [camera(f"{index}.png", 0.15 * index) for index in range(5)]


def masks_of(cameras: list[Camera], **changed: list[np.ndarray]) -> ArrayMasks:
    """Every square in every view, but for the views that are given others."""
    exact = {each.name: [drawn(each, square) for square in (LEFT, RIGHT, BELOW)] for each in cameras}
    return ArrayMasks({name: np.stack(own) for name, own in (exact | changed).items()})


def test_masks_that_all_views_have_are_believed():
    found = agreements(geometry(), CAMERAS, masks_of(CAMERAS), progress=False)
    assert min(each.min() for each in found.values()) > 0.9


def test_a_mask_in_one_view_that_joins_two_things_is_doubted_and_no_other_is():
    view = CAMERAS[2]
    merged = [drawn(view, LEFT, RIGHT), drawn(view, BELOW)]
    found = agreements(geometry(), CAMERAS, masks_of(CAMERAS, **{"2.png": merged}), progress=False)
    assert found["2.png"][0] == pytest.approx(0.5, abs=0.05), "like either of the two by half"
    others = [found["2.png"][1:], *(found[f"{index}.png"] for index in (0, 1, 3, 4))]
    assert min(each.min() for each in others) > 0.9


def test_a_mask_in_one_view_of_half_a_thing_is_doubted():
    view = CAMERAS[2]
    half = [drawn(view, (-1.2, -0.6, -1.2, 0.0)), drawn(view, BELOW)]
    found = agreements(geometry(), CAMERAS, masks_of(CAMERAS, **{"2.png": half}), progress=False)
    assert found["2.png"] == pytest.approx([0.5, 1.0], abs=0.06)


def test_the_views_that_see_most_of_the_same_are_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("saga.masks.agreement._VIEWS", 3)
    far = [camera(f"far {index}.png", 1.5 + 0.1 * index) for index in range(3)]
    merged = {each.name: [drawn(each, LEFT, RIGHT)] for each in far}
    found = agreements(geometry(), [*far, *CAMERAS[:3]], masks_of(CAMERAS[:3], **merged), progress=False)
    assert min(found[each.name].min() for each in [*far, *CAMERAS[:3]]) > 0.9


def test_a_thing_that_some_views_have_no_mask_of_is_believed():
    changed = {each.name: [drawn(each, RIGHT), drawn(each, BELOW)] for each in CAMERAS[:2]}
    found = agreements(geometry(), CAMERAS, masks_of(CAMERAS, **changed), progress=False)
    assert found["2.png"][0] > 0.9


def test_a_view_alone_is_not_doubted():
    alone = camera("alone.png", 12.0)
    odd = ArrayMasks({"alone.png": drawn(alone, (11, 12, -1, 1))[None], "0.png": drawn(CAMERAS[0], LEFT)[None]})
    found = agreements(geometry(), [alone, CAMERAS[0]], odd, progress=False)
    assert [each.tolist() for each in found.values()] == [[1.0], [1.0]]


def test_one_other_view_is_not_enough_to_doubt_a_mask():
    view, other = CAMERAS[:2]
    odd = ArrayMasks({view.name: drawn(view, LEFT, RIGHT)[None], other.name: drawn(other, LEFT)[None]})
    assert agreements(geometry(), [view, other], odd, progress=False)[view.name].tolist() == [1.0]


def test_a_view_does_not_show_what_is_hidden_from_it_or_behind_it():
    x0, x1, y0, y1 = (0.5 * value for value in SCREEN)
    view = MaskedView.of(geometry(sheet(x0, x1, y0, y1, DEPTH / 2)), camera("0.png", 0.0), np.zeros((0, *SIZE), bool))
    points = np.array([[-0.6, -0.6, DEPTH], [3.0, 0.5, DEPTH], [0.0, 0.0, -1.0], [0.0, 9.0, DEPTH]])
    found = view.samples_of(points)
    assert found.tolist() == [-1, 29 * SIZE[1] + 62, -1, -1]


def test_a_view_from_which_a_thing_is_hidden_does_not_doubt_it():
    x0, x1, y0, y1 = (0.5 * value for value in SCREEN)
    seeing = [camera(f"{index}.png", 4.0 + 0.1 * index) for index in range(3)]
    blind = [camera(f"blind {index}.png", 0.02 * index) for index in range(4)]
    masks = {each.name: drawn(each, LEFT)[None] for each in seeing}
    masks |= {each.name: drawn(each, BELOW)[None] for each in blind}
    found = agreements(geometry(sheet(x0, x1, y0, y1, DEPTH / 2)), [*seeing, *blind], ArrayMasks(masks), progress=False)
    assert min(found[each.name][0] for each in seeing) > 0.9


def test_overlap_is_of_what_is_seen_and_not_of_where_cameras_stand():
    turned = camera("turned.png", 0.0)
    turned.world_to_camera[:3, :3] = np.diag([-1.0, 1.0, -1.0])  # looks away from the wall
    behind = geometry(sheet(-3, 3, -3, 3, -DEPTH))
    views = [MaskedView.of(behind, each, np.zeros((0, *SIZE), bool)) for each in (CAMERAS[0], turned, CAMERAS[4])]
    shares = overlaps(views)
    assert shares[0, 1] == 0 and shares[0, 2] > 0.7 and shares[0, 0] == 0
    assert np.allclose(shares, shares.T)


def test_likeness_counts_what_both_views_show():
    far = camera("far.png", 2.0)
    views = [MaskedView.of(geometry(), each, drawn(each, RIGHT, (-3, -2, -1, 1))[None]) for each in (CAMERAS[0], far)]
    best, shown = likeness(*views)
    assert best[0] > 0.9, "the square that the other does not show is no difference"
    assert 0.2 < shown[0] < 0.6


def test_agreement_is_the_mean_of_the_half_that_agrees_most():
    ious = np.array([[0.2, 0.5], [0.8, 0.9], [1.0, 0.1], [0.9, 0.9]])
    shown = np.array([[1.0, 1.0], [1.0, 0.4], [0.4, 1.0], [1.0, 0.4]])
    assert agreement(ious, shown) == pytest.approx([0.85, 0.5])
    assert agreement(ious[:0], shown[:0]).tolist() == [1.0, 1.0]


class Weighted(ArrayMasks):
    def weights(self, camera: Camera) -> np.ndarray:
        return np.array([4.0, 1.0, 1.0], np.float32)


def test_weights_are_a_power_of_the_agreement_times_those_of_the_source():
    plain, weighted = masks_of(CAMERAS), Weighted({"0.png": np.ones((3, *SIZE), bool)})
    agreed = {"0.png": np.array([1.0, 0.5, 0.0])}
    assert AgreedMasks(plain, agreed, 2.0).weights(CAMERAS[0]) == pytest.approx([1, 0.25, 0.05])
    assert AgreedMasks(weighted, agreed, 2.0).weights(CAMERAS[0]) == pytest.approx([4, 0.25, 0.05])
    assert AgreedMasks(plain, agreed, 2.0).weights(CAMERAS[1]) is None
    assert np.array_equal(AgreedMasks(plain, agreed, 2.0).masks(CAMERAS[0]), plain.masks(CAMERAS[0]))


def test_what_was_found_is_kept_beside_the_scene_until_a_mask_is_another(
    tiny_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.copy(tiny_folder / "scene.ply", tmp_path / "scene.ply")
    shutil.copy(tiny_folder / "transforms.json", tmp_path / "transforms.json")
    shutil.copytree(tiny_folder / "images", tmp_path / "images")
    placed = DeviceScene(load_scene(tmp_path / "scene.ply"), "cpu")
    cameras = placed.scene.cameras
    rng = np.random.default_rng(0)
    masks = {each.name: rng.random((2, each.height, each.width)) < 0.5 for each in cameras[:-1]}
    found = kept_agreements(placed, cameras, ArrayMasks(masks), progress=False)
    (path,) = (tmp_path / "scene.masks").glob("agreement-*.npz")
    monkeypatch.setattr("saga.masks.agreed.agreements", lambda *_: pytest.fail("it is kept"))
    again = kept_agreements(placed, cameras, ArrayMasks(masks), progress=False)
    assert list(again) == [each.name for each in cameras] and len(again[cameras[-1].name]) == 0
    assert all(np.array_equal(again[name], found[name]) for name in found)
    monkeypatch.setattr("saga.masks.agreed.agreements", agreements)
    path.write_bytes(path.read_bytes()[:-30])
    with pytest.warns(UserWarning, match="how far masks agree.*it is found again"):
        mended = kept_agreements(placed, cameras, ArrayMasks(masks), progress=False)
    assert all(np.array_equal(mended[name], found[name]) for name in found)
    masks[cameras[0].name][0, 0, 0] ^= True
    kept_agreements(placed, cameras, ArrayMasks(masks), progress=False)
    assert len(list((tmp_path / "scene.masks").glob("agreement-*.npz"))) == 2
