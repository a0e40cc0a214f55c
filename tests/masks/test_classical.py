"""Masks without learnt weights."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from saga.masks import ClassicalConfig, ClassicalGenerator

TABLE = np.array([180, 150, 120])


def shade(image: np.ndarray, seed: int = 0) -> np.ndarray:
    """A photograph's noise and a slope of light over flat colors."""
    height, width = image.shape[:2]
    light = np.linspace(0.85, 1.1, width)[None, :, None]
    noise = np.random.default_rng(seed).normal(0, 3, (height, width, 1))
    return np.clip(image * light + noise, 0, 255).astype(np.uint8)


def table_with_objects() -> tuple[np.ndarray, dict[str, np.ndarray]]:
    """A photograph [120, 160, 3] of colored things on a table, and their masks."""
    y, x = np.mgrid[:120, :160]
    objects = {
        "red disc": (y - 35) ** 2 + (x - 40) ** 2 < 18**2,
        "blue box": (abs(y - 80) < 22) & (abs(x - 45) < 16),
        "lid": (abs(y - 45) < 12) & (abs(x - 115) < 15),
        "jar": (abs(y - 75) < 18) & (abs(x - 115) < 15),
    }
    image = np.broadcast_to(TABLE, (120, 160, 3)).astype(float).copy()
    colors = [(200, 30, 40), (30, 60, 190), (20, 90, 40), (40, 160, 60)]
    for mask, color in zip(objects.values(), colors, strict=True):
        image[mask] = color
    objects["jar with lid"] = objects["jar"] | objects["lid"]
    return shade(image), objects


def overlaps(masks: np.ndarray, truth: np.ndarray) -> np.ndarray:
    """IoU of each mask with the truth."""
    return (masks & truth).sum(axis=(1, 2)) / (masks | truth).sum(axis=(1, 2))


def test_objects_wholes_and_parts_come_out() -> None:
    image, objects = table_with_objects()
    masks, features = ClassicalGenerator().generate(image)
    assert masks.dtype == bool and masks.shape[1:] == (120, 160)
    assert features is None
    for name, truth in objects.items():
        assert overlaps(masks, truth).max() > 0.85, name


def test_a_plain_surface_is_one_mask_and_not_pieces() -> None:
    y, x = np.mgrid[:240, :320]
    disc = (y - 100) ** 2 + (x - 140) ** 2 < 40**2
    plain = shade(np.broadcast_to(TABLE, (240, 320, 3)).astype(float))
    masks, _ = ClassicalGenerator().generate(np.where(disc[..., None], np.uint8([200, 30, 40]), plain))
    assert overlaps(masks, ~disc).max() > 0.95
    of_table = ~(masks & disc).any(axis=(1, 2))
    shares = overlaps(masks, ~disc)[of_table]
    assert ((shares > 0.95) | (shares < 0.005)).all()  # slivers along the outline may remain
    assert len(ClassicalGenerator().generate(plain)[0]) == 0


def test_masks_differ_and_keep_the_limits() -> None:
    settings = ClassicalConfig(masks=30, smallest=0.002, largest=0.5, duplicate_iou=0.7)
    masks, _ = ClassicalGenerator(settings).generate(table_with_objects()[0])
    share = masks.mean(axis=(1, 2))
    assert 5 < len(masks) <= 30
    assert share.min() >= 0.002 and share.max() <= 0.5
    assert (np.diff(share) <= 0).all()
    flat = masks.reshape(len(masks), -1).astype(float)
    common = flat @ flat.T
    areas = flat.sum(1)
    iou = common / (areas[:, None] + areas - common)
    assert iou[~np.eye(len(masks), dtype=bool)].max() <= 0.7


def test_any_two_masks_are_nested_or_apart() -> None:
    masks, _ = ClassicalGenerator().generate(table_with_objects()[0])
    flat = masks.reshape(len(masks), -1).astype(float)
    common = flat @ flat.T
    smaller = np.minimum.outer(flat.sum(1), flat.sum(1))
    assert ((common == 0) | (common == smaller)).all()


def test_a_large_image_gets_masks_of_its_size() -> None:
    image, objects = table_with_objects()
    large = image.repeat(7, axis=0).repeat(7, axis=1)
    masks, _ = ClassicalGenerator(ClassicalConfig(long_side=320)).generate(large)
    assert masks.shape[1:] == (840, 1120)
    truth = objects["red disc"].repeat(7, axis=0).repeat(7, axis=1)
    assert overlaps(masks, truth).max() > 0.85


def test_the_same_image_gives_the_same_masks() -> None:
    image, _ = table_with_objects()
    first, second = (ClassicalGenerator().generate(image)[0] for _ in range(2))
    np.testing.assert_array_equal(first, second)


@pytest.mark.parametrize("size", [(1, 1), (1, 9), (3, 2), (40, 17)])
def test_an_image_with_nothing_in_it(size: tuple[int, int]) -> None:
    masks, _ = ClassicalGenerator().generate(np.full((*size, 3), 90, np.uint8))
    assert masks.shape == (0, *size)


def test_settings_are_part_of_the_identity() -> None:
    other = ClassicalGenerator(ClassicalConfig(masks=20))
    assert ClassicalGenerator().identity != other.identity


def test_objects_of_a_real_scene(shared: Path) -> None:
    folder = shared / "tabletop"
    best = []
    for stem in ("000", "020"):
        image = np.asarray(Image.open(folder / "images" / f"{stem}.jpg").convert("RGB"))
        instances = np.asarray(Image.open(folder / "instances" / f"{stem}.png"))
        masks, _ = ClassicalGenerator().generate(image)
        labels = [label for label in np.unique(instances) if label and (instances == label).sum() > 200]
        best += [overlaps(masks, instances == label).max() for label in labels]
    assert np.mean(best) > 0.72
