"""Random objects for training scenes, made of the demo's surfaces and textures."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from saga.demo.model import Patch
from saga.demo.surfaces import Surface, ellipsoid, lathe, leaf, moved, rounded_box, torus, tube
from saga.demo.textures import Texture, bands, plain, stripes, wood


def random_object(rng: np.random.Generator) -> list[Patch]:
    """Surfaces around the origin, standing on z = 0, about 1 wide and high at most; each patch is a part."""
    kinds: list[Callable[[np.random.Generator], list[list[Surface]]]] = [
        _turned, _turned, _box, _ball, _ring, _handled, _tuft, _stack, _cluster, _pole,
    ]  # fmt: skip
    parts = kinds[rng.integers(len(kinds))](rng)
    stretch = rng.uniform(0.6, 1.4, 3)
    lean = rng.normal(0, 0.5) if rng.random() < 0.2 else 0.0
    base = random_color(rng)
    patches = []
    for surfaces in parts:
        texture = random_texture(rng, base if rng.random() < 0.4 else random_color(rng))
        for surface in surfaces:
            shaped = moved(_stretched(surface, stretch), (0, 0, 0), tilt=lean)
            patches.append(Patch(shaped, texture))
    return patches


def random_color(rng: np.random.Generator) -> str:
    """Returns a color code such as "c0392b"; grays and browns are as frequent as bright ones."""
    color = rng.uniform(0, 1, 3)
    color = color.mean() + (color - color.mean()) * rng.uniform(0.1, 1.3)
    return "".join(f"{int(v):02x}" for v in np.clip(color * 235 + 10, 0, 255))


def random_texture(rng: np.random.Generator, color: str) -> Texture:
    """Returns "plain" most often, else wood, stripes or bands that begin with `color`."""
    kind = rng.random()
    if kind < 0.6:
        return plain(color, float(rng.uniform(0, 0.25)), float(rng.uniform(5, 80)))
    if kind < 0.7:
        return wood(color, random_color(rng), float(rng.uniform(0.05, 0.3)))
    if kind < 0.82:
        return stripes([color] + [random_color(rng) for _ in range(rng.integers(1, 5))])
    low = float(rng.uniform(0, 0.5))
    return bands(color, (low, low + float(rng.uniform(0.05, 0.3)), random_color(rng)))


def _turned(rng: np.random.Generator) -> list[list[Surface]]:
    """Returns a vase, bowl or bottle: closed above, or open with an inner wall."""
    count = int(rng.integers(3, 7))
    heights = np.concatenate([[0.0], np.sort(rng.uniform(0.05, 1, count - 1)), [1.0]]) * rng.uniform(0.3, 1.0)
    radii = np.clip(0.35 + np.cumsum(rng.normal(0, 0.12, count + 1)), 0.08, 0.5)
    outside = [(0.0, 0.0), *zip(radii.tolist(), heights.tolist(), strict=True)]
    if rng.random() < 0.5:
        return [[lathe([*outside, (0.0, float(heights[-1]))], smooth=False)]]
    inside = [(max(r - 0.03, 0.02), float(h) + 0.03) for r, h in outside[:0:-1]]
    return [[lathe(outside, smooth=False)], [lathe([*inside, (0.0, 0.04)], smooth=False)]]


def _box(rng: np.random.Generator) -> list[list[Surface]]:
    size = rng.uniform(0.15, 1.0, 3).tolist()
    faces = rounded_box(size, float(0.12 * rng.random() * min(size) + 0.005))
    return [faces] if rng.random() < 0.5 else [[face] for face in faces]


def _ball(rng: np.random.Generator) -> list[list[Surface]]:
    radii = rng.uniform(0.2, 0.5, 3).tolist()
    return [[ellipsoid((0, 0, radii[2]), radii)]]


def _ring(rng: np.random.Generator) -> list[list[Surface]]:
    thickness = float(rng.uniform(0.08, 0.2))
    return [[torus(0.5 - thickness, thickness, thickness)]]


def _handled(rng: np.random.Generator) -> list[list[Surface]]:
    """Returns a pot with one or two handles."""
    radius, height = float(rng.uniform(0.25, 0.4)), float(rng.uniform(0.4, 0.9))
    pot = lathe([(0.0, 0.0), (radius, 0.0), (radius, height), (0.0, height)], smooth=False)
    low, high = 0.2 * height, 0.8 * height
    path = [(radius - 0.02, 0, high), (radius + 0.2, 0, high), (radius + 0.2, 0, low), (radius - 0.02, 0, low)]
    turns = (0.0, np.pi)[: int(rng.integers(1, 3))]
    return [[pot], [moved(tube(path, float(rng.uniform(0.03, 0.07))), (0, 0, 0), turn) for turn in turns]]


def _tuft(rng: np.random.Generator) -> list[list[Surface]]:
    """Leaves, in a pot or not."""
    blades: list[Surface] = []
    foot = 0.3 if rng.random() < 0.6 else 0.0
    for _ in range(int(rng.integers(6, 18))):
        reach, rise = rng.uniform(0.1, 0.5), rng.uniform(0.2, 0.7)
        path = [(0.02, 0, foot), (0.4 * reach, 0, foot + 0.8 * rise), (reach, 0, foot + rise * rng.uniform(0.4, 1))]
        blades.append(moved(leaf(path, float(rng.uniform(0.04, 0.15))), (0, 0, 0), float(rng.uniform(0, 6.3))))
    pot = lathe([(0.0, 0.0), (0.18, 0.0), (0.25, foot), (0.0, foot)], smooth=False)
    return [blades, [pot]] if foot else [blades]


def _stack(rng: np.random.Generator) -> list[list[Surface]]:
    """Returns two or three shapes on top of each other that are one object, e.g. a lamp."""
    parts: list[list[Surface]] = []
    height = 0.0
    for _ in range(int(rng.integers(2, 4))):
        shape = (_ball, _box, _turned)[rng.integers(3)](rng)
        size = rng.uniform(0.3, 0.8) * np.array([1, 1, rng.uniform(0.4, 1.2)])
        below = height
        surfaces = [moved(_stretched(each, size), (0, 0, below)) for part in shape for each in part]
        height = max(float(_extent(each)[1][2]) for each in surfaces)
        parts.append(surfaces)
    return parts


def _cluster(rng: np.random.Generator) -> list[list[Surface]]:
    """Balls that overlap: an animal, a head, a bunch."""
    parts: list[list[Surface]] = []
    center = np.array([0, 0, 0.3])
    for _ in range(int(rng.integers(3, 8))):
        radii = rng.uniform(0.08, 0.28, 3).tolist()
        center[2] = max(center[2], radii[2])
        parts.append([ellipsoid(tuple(center), radii)])
        center = np.clip(center + rng.normal(0, 0.18, 3), (-0.4, -0.4, 0.1), (0.4, 0.4, 1.0))
    return parts


def _pole(rng: np.random.Generator) -> list[list[Surface]]:
    """Returns a bent rod, standing or lying."""
    path = np.cumsum(rng.uniform(0.1, 0.35, (4, 3)) * (1, 0.2, 0.6 if rng.random() < 0.5 else 0.05), axis=0)
    path = path - path.mean(0) * (1, 1, 0)
    return [[tube(path.tolist(), float(rng.uniform(0.04, 0.15)))]]


def _stretched(surface: Surface, factors: np.ndarray) -> Surface:
    return lambda u, v: surface(u, v) * factors


def _extent(surface: Surface) -> tuple[np.ndarray, np.ndarray]:  # [3], [3]
    u, v = (grid.ravel() for grid in np.meshgrid(np.linspace(0, 1, 17), np.linspace(0, 1, 17)))
    points = surface(u, v)
    return points.min(0), points.max(0)


def extent(patches: Sequence[Patch]) -> tuple[np.ndarray, np.ndarray]:  # [3], [3]
    """Returns the lowest and highest corner of an object's bounding box, roughly."""
    corners = [_extent(patch.surface) for patch in patches]
    return np.min([low for low, _ in corners], axis=0), np.max([high for _, high in corners], axis=0)
