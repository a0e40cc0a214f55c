"""A text-image model that knows colors: what it embeds follows from the pixels, so that rankings are known."""

from __future__ import annotations

import colorsys
import hashlib
from collections.abc import Sequence

import numpy as np

COLORS = {"red": 0.0, "orange": 1 / 12, "yellow": 1 / 6, "green": 1 / 3, "blue": 0.6, "pink": 0.92}
"""Hue of each color's name."""
_BINS = 12
_WORDS = 64


class ColorModel:
    """Embeds pictures by the hues of their colorful pixels, and texts by the colors they name.

    Texts without a color lie at random places of a space of their own, away from all pictures.
    """

    name = "colors"
    identity = "colors-1"

    def __init__(self, side: int = 48, scale: float = 30.0) -> None:
        self.side, self.scale = side, scale
        self.seen: list[int] = []
        """How many pictures each call was given."""
        self.read: list[str] = []
        """All texts that were embedded."""

    def embed_images(self, pictures: Sequence[np.ndarray]) -> np.ndarray:
        self.seen.append(len(pictures))
        return _unit(np.stack([np.concatenate([hues(each), np.full(_WORDS, 1e-3)]) for each in pictures]))

    def embed_texts(self, texts: Sequence[str]) -> np.ndarray:
        self.read += texts
        return _unit(np.stack([_text(each) for each in texts])) if texts else np.zeros((0, _BINS + _WORDS))


def hues(picture: np.ndarray) -> np.ndarray:
    """Histogram of the hues of colorful pixels, each shared between its two bins."""
    colors = picture.reshape(-1, 3)[::7].astype(float) / 255
    found = np.zeros(_BINS)
    for color in colors:
        hue, saturation, value = colorsys.rgb_to_hsv(*color)
        place = hue * _BINS
        low, share = int(place) % _BINS, place % 1
        found[low] += (1 - share) * saturation**2 * value
        found[(low + 1) % _BINS] += share * saturation**2 * value
    return found


def _text(text: str) -> np.ndarray:
    vector = np.zeros(_BINS + _WORDS)
    for color, hue in COLORS.items():
        if color in text.lower().replace(".", " ").split():
            low, share = int(hue * _BINS) % _BINS, hue * _BINS % 1
            vector[low] += 1 - share
            vector[(low + 1) % _BINS] += share
    if not vector.any():
        seed = int.from_bytes(hashlib.sha256(text.split()[-1].encode()).digest()[:4], "little")
        vector[_BINS:] = np.random.default_rng(seed).standard_normal(_WORDS)
        vector[:_BINS] = 0.12
    return vector


def _unit(rows: np.ndarray) -> np.ndarray:
    return (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)
