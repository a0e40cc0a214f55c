"""What a picture of masks means: labels, soft edges, colors, cut-outs."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageDraw
from scipy.ndimage import gaussian_filter, zoom

from saga.errors import SagaError
from saga.masks.pictures import is_soft, read_masks_picture, read_object

BALL = np.hypot(*(np.mgrid[:90, :120] - np.array([40, 50])[:, None, None])) < 25
OTHER = np.hypot(*(np.mgrid[:90, :120] - np.array([60, 95])[:, None, None])) < 14
LABELS = np.where(OTHER, 2, BALL).astype(np.uint8)
COLORS = np.array([[0, 0, 0], [128, 0, 0], [0, 128, 0]], np.uint8)


def drawn_larger() -> np.ndarray:
    """A ball drawn at four times the size and scaled down: sixteen levels of gray at most at its edge."""
    image = Image.new("L", (480, 360))
    ImageDraw.Draw(image).ellipse((100, 60, 300, 260), fill=255)
    return np.asarray(image.resize((120, 90), Image.Resampling.BOX))


SOFT = {
    "blurred": gaussian_filter(BALL * 255.0, 1.0).astype(np.uint8),
    "feathered": gaussian_filter(BALL * 255.0, 4.0).astype(np.uint8),
    "antialiased": drawn_larger(),
    "enlarged": zoom(BALL[::3, ::3] * np.uint8(255), 3, order=1),
    "not quite white": gaussian_filter(BALL * 230.0, 1.0).astype(np.uint8),
    "16 bits": gaussian_filter(BALL * 65535.0, 1.0).astype(np.uint16),
}
TILES = (
    np.random.default_rng(0).permutation(256)[np.arange(90)[:, None] // 6 * 8 + np.arange(120) // 15].astype(np.uint8)
)
MAPS = {
    "two labels": LABELS,
    "labels up to 255": np.where(OTHER, 255, BALL * np.uint8(120)).astype(np.uint8),
    "many random labels": TILES,
    "binary": BALL * np.uint8(255),
    "wires": np.pad(np.full((1, 100), 150, np.uint8), ((30, 59), (10, 10))) + OTHER * np.uint8(255),
    "nothing": np.zeros((90, 120), np.uint8),
}  # fmt: skip


def iou(one: np.ndarray, other: np.ndarray) -> float:
    return float((one & other).sum() / (one | other).sum())


@pytest.mark.parametrize("name", SOFT)
def test_soft_edges_are_one_object_and_said(tmp_path: Path, name: str) -> None:
    said: list[str] = []
    Image.fromarray(SOFT[name]).save(tmp_path / "a.png")
    (mask,) = read_masks_picture(tmp_path / "a.png", say=said.append)
    expected = SOFT[name] > 0.5 * SOFT[name].max()
    assert np.array_equal(mask, expected)
    assert len(said) == 1 and "soft edge of one object" in said[0] and "--masks-kind labels" in said[0]
    assert np.array_equal(read_object(tmp_path / "a.png"), expected)


@pytest.mark.parametrize("name", MAPS)
def test_levels_of_labels_are_objects(tmp_path: Path, name: str) -> None:
    assert not is_soft(MAPS[name])
    Image.fromarray(MAPS[name]).save(tmp_path / "a.png")
    masks = read_masks_picture(tmp_path / "a.png", say=lambda line: pytest.fail(line))
    values = np.unique(MAPS[name])
    assert np.array_equal(masks, MAPS[name] == values[values > 0][:, None, None])


def test_what_was_asked_for_is_done(tmp_path: Path) -> None:
    Image.fromarray(SOFT["blurred"]).save(tmp_path / "soft.png")
    levels = len(np.unique(SOFT["blurred"])) - 1
    assert len(read_masks_picture(tmp_path / "soft.png", "labels")) == levels > 20
    Image.fromarray(MAPS["labels up to 255"]).save(tmp_path / "labels.png")
    assert np.array_equal(read_masks_picture(tmp_path / "labels.png", "soft")[0], OTHER)


@pytest.mark.parametrize("quality", [40, 95])
def test_a_mask_that_went_through_jpeg(tmp_path: Path, quality: int) -> None:
    Image.fromarray(BALL * np.uint8(255)).save(tmp_path / "a.jpg", quality=quality)
    assert len(np.unique(np.asarray(Image.open(tmp_path / "a.jpg")))) > 10
    (mask,) = read_masks_picture(tmp_path / "a.jpg")
    assert iou(mask, BALL) > 0.97 and iou(read_object(tmp_path / "a.jpg"), BALL) > 0.97


@pytest.mark.parametrize("mode", ["RGB", "RGBA"])
def test_each_color_is_an_object_and_black_is_none(tmp_path: Path, mode: str) -> None:
    Image.fromarray(COLORS[LABELS]).convert(mode).save(tmp_path / "a.png")
    masks = read_masks_picture(tmp_path / "a.png")
    assert {mask.tobytes() for mask in masks} == {(k == LABELS).tobytes() for k in (1, 2)}


def test_blended_edges_of_colors_are_none(tmp_path: Path) -> None:
    large = Image.fromarray(COLORS[LABELS]).resize((1200, 900), Image.Resampling.NEAREST)
    large.resize((401, 301), Image.Resampling.LANCZOS).save(tmp_path / "a.png")
    said: list[str] = []
    masks = read_masks_picture(tmp_path / "a.png", say=said.append)
    assert len(masks) == 2 and "blended" in said[0]
    wanted = [np.asarray(Image.fromarray(k == LABELS).resize((401, 301))) for k in (1, 2)]
    assert min(max(iou(mask, want) for mask in masks) for want in wanted) > 0.85


def test_a_photograph_is_no_picture_of_masks(tmp_path: Path) -> None:
    noise = np.random.default_rng(0).integers(0, 255, (90, 120, 3), np.uint8)
    Image.fromarray(noise).save(tmp_path / "a.png")
    with pytest.raises(SagaError, match="colors as in a photograph"):
        read_masks_picture(tmp_path / "a.png")


def photograph(alpha: np.ndarray) -> Image.Image:
    """Many colors under an alpha channel."""
    colors = np.random.default_rng(0).integers(0, 255, (90, 120, 3), np.uint8)
    return Image.fromarray(np.dstack([colors, alpha]))


def test_the_alpha_channel_of_a_cut_out_is_its_mask(tmp_path: Path) -> None:
    photograph(gaussian_filter(BALL * 255.0, 0.7).astype(np.uint8)).save(tmp_path / "a.png")
    (mask,) = read_masks_picture(tmp_path / "a.png")
    assert iou(mask, BALL) > 0.99 and iou(read_object(tmp_path / "a.png"), BALL) > 0.99


def test_colors_on_a_transparent_background_are_objects(tmp_path: Path) -> None:
    alpha = np.where(LABELS > 0, 255, 0).astype(np.uint8)
    shown = np.array([[9, 9, 9], [0, 0, 0], [0, 200, 0]], np.uint8)[LABELS]  # black is the color of an object here
    Image.fromarray(np.dstack([shown, alpha])).save(tmp_path / "a.png")
    masks = read_masks_picture(tmp_path / "a.png")
    assert {mask.tobytes() for mask in masks} == {(k == LABELS).tobytes() for k in (1, 2)}


def test_an_opaque_alpha_channel_says_nothing(tmp_path: Path) -> None:
    stroke = np.zeros((90, 120, 3), np.uint8)
    stroke[40:43, 20:80] = (0, 255, 0)
    Image.fromarray(stroke).convert("RGBA").save(tmp_path / "opaque.png")
    assert np.array_equal(read_object(tmp_path / "opaque.png"), stroke.any(axis=2))
    alpha = np.where(stroke.any(axis=2), 255, 0).astype(np.uint8)
    Image.fromarray(np.dstack([np.zeros_like(stroke), alpha])).save(tmp_path / "black.png")
    assert np.array_equal(read_object(tmp_path / "black.png"), stroke.any(axis=2)), "black strokes are strokes"


def test_voc_s_border_belongs_to_no_object(tmp_path: Path) -> None:
    border = np.hypot(*np.gradient(LABELS.astype(float))) > 0
    image = Image.fromarray(np.where(border, 255, LABELS).astype(np.uint8), mode="P")
    image.putpalette([value for index in range(256) for value in (index, 255 - index, 7)])
    image.save(tmp_path / "a.png")
    said: list[str] = []
    masks = read_masks_picture(tmp_path / "a.png", say=said.append)
    assert np.array_equal(masks, [(k == LABELS) & ~border for k in (1, 2)])
    assert "255 beside smaller labels" in said[0]


def test_gray_255_beside_small_labels_belongs_to_no_object(tmp_path: Path) -> None:
    Image.fromarray(np.where(OTHER, 255, BALL * np.uint8(3)).astype(np.uint8)).save(tmp_path / "a.png")
    said: list[str] = []
    masks = read_masks_picture(tmp_path / "a.png", say=said.append)
    assert np.array_equal(masks, [BALL & ~OTHER]) and "255 beside smaller labels" in said[0]


LARGE = np.kron(LABELS, np.ones((4, 4), np.uint8))


@pytest.mark.parametrize("quality", [50, 75, 95])
@pytest.mark.parametrize(
    "palette",
    [[[0] * 3, [128, 0, 0], [0, 128, 0]], [[0] * 3, [255, 60, 20], [20, 90, 250]], [[0] * 3, [90] * 3, [200] * 3]],
    ids=["VOC", "bright", "gray"],
)
def test_label_maps_that_went_through_jpeg(tmp_path: Path, quality: int, palette: list[list[int]]) -> None:
    Image.fromarray(np.array(palette, np.uint8)[LARGE]).save(tmp_path / "a.jpg", quality=quality)
    said: list[str] = []
    masks = read_masks_picture(tmp_path / "a.jpg", say=said.append)
    assert len(masks) == 2 and "lossy compression" in said[0]
    assert min(max(iou(mask, k == LARGE) for mask in masks) for k in (1, 2)) > 0.96


@pytest.mark.parametrize("sigma", [4, 10, 20])
def test_a_soft_edge_that_went_through_jpeg_is_no_label(tmp_path: Path, sigma: int) -> None:
    soft = gaussian_filter((LARGE == 1) * 255.0, sigma)
    Image.fromarray(soft.astype(np.uint8)).save(tmp_path / "a.jpg")
    (mask,) = read_masks_picture(tmp_path / "a.jpg")
    assert iou(mask, soft > soft.max() / 2) > 0.97


def test_labels_too_faint_for_jpeg_are_refused(tmp_path: Path) -> None:
    Image.fromarray(LARGE).save(tmp_path / "a.jpg")
    with pytest.raises(SagaError, match="write it as PNG"):
        read_masks_picture(tmp_path / "a.jpg")


def test_a_webp_without_loss_is_as_good_as_a_png(tmp_path: Path) -> None:
    Image.fromarray(LARGE).save(tmp_path / "a.webp", lossless=True)
    assert np.array_equal(read_masks_picture(tmp_path / "a.webp"), [LARGE == 1, LARGE == 2])


def test_a_photograph_as_jpeg_is_no_picture_of_masks(tmp_path: Path) -> None:
    noise = gaussian_filter(np.random.default_rng(0).uniform(0, 255, (90, 120, 3)), (1, 1, 0))
    Image.fromarray((noise * 3 % 255).astype(np.uint8)).save(tmp_path / "a.jpg")
    with pytest.raises(SagaError, match="colors as in a photograph"):
        read_masks_picture(tmp_path / "a.jpg")
