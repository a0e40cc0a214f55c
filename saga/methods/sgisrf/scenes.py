"""Random scenes to train on: objects, ground, walls, cameras; exact labels, rows of A, and corrupted masks."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from scipy.spatial.transform import Rotation
from torch import Tensor

from saga.demo.model import Patch
from saga.demo.surfaces import area, lathe, moved, rounded_box, sample
from saga.methods.sgisrf.corruption import corrupted_masks
from saga.methods.sgisrf.guidance import strongest
from saga.methods.sgisrf.shapes import extent, random_color, random_object, random_texture
from saga.raster import BlendOperator, Geometry, SparseRows
from saga.scene import Camera
from saga.scene.orbit import look_at

_SIZE = (144, 108)
_LEAST_PIXELS = 40
"""An object that shows fewer in a view is not clicked there."""
_LEAST_SHARE = 0.04
"""Views where objects fill less than this share, behind a wall or outside of the image, are left out."""
_LEAST_VIEWS = 4
_SEEN = 0.5


@dataclass(frozen=True)
class TrainingView:
    """One view of a training scene. Pixels are in rows, P = H * W."""

    camera: Camera
    first: int
    """Row of its first pixel in the scene's rows."""
    owners: np.ndarray  # [P] int64, the strongest Gaussian, -1 where nothing is
    labels: np.ndarray  # [P] int64, object of each pixel, -1 where there is none
    colors: np.ndarray  # [P, 3] float32
    masks: np.ndarray  # [M, H, W] bool, as a mask generator would give them
    exact: np.ndarray  # [K, H, W] bool, one mask per object


@dataclass(frozen=True)
class TrainingScene:
    """A scene with exact labels."""

    geometry: Geometry
    labels: np.ndarray  # [N] int64, object of each Gaussian, -1 for floaters
    views: list[TrainingView]
    rows: SparseRows
    """Every pixel of every view, view by view."""

    def targets(self) -> list[int]:
        """Returns objects that can be clicked in two views or more, the ground and the walls among them."""
        counts: dict[int, int] = {}
        for view in self.views:
            for label, pixels in zip(*np.unique(view.labels, return_counts=True), strict=True):
                if label >= 0 and pixels >= _LEAST_PIXELS:
                    counts[int(label)] = counts.get(int(label), 0) + 1
        return [label for label, views in counts.items() if views >= 2]

    def clickable(self, label: int) -> list[TrainingView]:
        """Returns views that show enough of an object."""
        return [view for view in self.views if np.count_nonzero(view.labels == label) >= _LEAST_PIXELS]


@dataclass(frozen=True)
class _Piece:
    patches: list[Patch]
    scale: float
    position: np.ndarray  # [3]
    yaw: float
    detail: float = 1.0


def random_scene(rng: np.random.Generator, size: tuple[int, int] = _SIZE) -> TrainingScene:
    """Returns a new scene: 10,000 to 40,000 Gaussians, 4 to 8 views of `size` pixels."""
    while True:
        pieces, surroundings, middle, reach = _arrangement(rng)
        made = _gaussians(pieces + surroundings, int(rng.integers(10_000, 40_000)), rng)
        scene = _seen(*made, len(pieces), _cameras(middle, reach, size, rng), rng)
        if len(scene.views) >= _LEAST_VIEWS and len(scene.targets()) > 0:
            return scene


def _arrangement(rng: np.random.Generator) -> tuple[list[_Piece], list[_Piece], np.ndarray, float]:
    """Returns objects alone, side by side or on top of each other; a table, a floor, walls, or nothing below."""
    pieces: list[_Piece] = []
    tops: list[tuple[np.ndarray, float, float]] = []
    spread = rng.uniform(0.25, 0.7)
    for _ in range(int(rng.integers(2, 10))):
        patches, scale, yaw = random_object(rng), float(rng.uniform(0.12, 0.4)), float(rng.uniform(0, 6.3))
        low, high = (corner * scale for corner in extent(patches))
        radius, place = float(np.abs(np.concatenate([low[:2], high[:2]])).max()), np.zeros(3)
        place[:2] = rng.uniform(-spread, spread, 2)
        if tops and (choice := rng.random()) < 0.55:
            other, other_radius, other_top = tops[rng.integers(len(tops))]
            angle = rng.uniform(0, 2 * np.pi)
            apart = (radius + other_radius) * rng.uniform(0.7, 1.05) if choice < 0.35 else 0.3 * other_radius
            place[:2] = other[:2] + apart * np.array([np.cos(angle), np.sin(angle)])
            place[2] = 0.0 if choice < 0.35 else other_top
        pieces.append(_Piece(patches, scale, place - (0, 0, low[2]), yaw, float(rng.uniform(0.7, 2.0))))
        tops.append((place, radius, float(place[2] + high[2] - low[2])))
    middle = np.mean([place for place, _, _ in tops], axis=0) + (0, 0, 0.1)
    reach = max(0.35, float(np.max([np.linalg.norm(place - middle) + radius for place, radius, _ in tops])))
    return pieces, _surroundings(middle, reach, rng), middle, reach


def _surroundings(middle: np.ndarray, reach: float, rng: np.random.Generator) -> list[_Piece]:
    kind = rng.random()
    texture = random_texture(rng, random_color(rng))
    foot = np.array([middle[0], middle[1], 0.0])
    if kind < 0.15:
        return []
    if kind < 0.5:
        radius = reach * rng.uniform(1.05, 1.5)
        top = lathe([(0.0, -0.04), (radius, -0.04), (radius, 0.0), (0.0, 0.0)], smooth=False)
        if rng.random() < 0.4:
            faces = rounded_box((2 * radius, 1.4 * radius, 0.06), 0.01)
            return [_Piece([Patch(f, texture) for f in faces], 1.0, foot - (0, 0, 0.06), rng.uniform(0, 6.3), 0.4)]
        return [_Piece([Patch(top, texture)], 1.0, foot, 0.0, 0.4)]
    floor = lathe([(reach * 3.5, -0.0), (0.0, 0.0)], smooth=False)
    pieces = [_Piece([Patch(floor, texture)], 1.0, foot, 0.0, 0.15)]
    if kind < 0.75:
        return pieces
    for yaw in rng.uniform(0, 2 * np.pi, int(rng.integers(1, 3))):
        away = reach * rng.uniform(1.2, 2.5)
        wall = moved(rounded_box((5 * reach, 0.05, 2.5 * reach), 0.005)[2], (0, 0, 0))
        offset = away * np.array([-np.sin(yaw), np.cos(yaw), 0])
        pieces.append(_Piece([Patch(wall, random_texture(rng, random_color(rng)))], 1.0, foot + offset, yaw, 0.12))
    return pieces


def _gaussians(
    pieces: list[_Piece], count: int, rng: np.random.Generator
) -> tuple[Geometry, np.ndarray, np.ndarray, np.ndarray]:
    """Returns geometry, colors [N, 3], objects [N] and parts [N] of surfaces, roughened as trained scenes are."""
    wanted = sum(p.detail * p.scale**2 * area(patch.surface) for p in pieces for patch in p.patches)
    spacing, light = float(np.sqrt(wanted / count)), rng.normal(0, 1, 3)
    light /= np.linalg.norm(light)
    columns: list[tuple[np.ndarray, ...]] = []
    part = 0
    for label, piece in enumerate(pieces):
        turn = Rotation.from_euler("z", piece.yaw)
        for patch in piece.patches:
            step = max(spacing / piece.scale / np.sqrt(piece.detail), 1e-3)
            local = sample(patch.surface, step, rng)
            normals, n = turn.apply(local.normals), len(local.u)
            color = patch.texture(local) * (0.75 + 0.25 * (normals @ light))[:, None]
            frame = np.stack([turn.apply(local.tangents), np.cross(normals, turn.apply(local.tangents)), normals], 2)
            points = turn.apply(local.points * piece.scale) + piece.position
            extents = local.extents * piece.scale
            columns.append((points, frame, extents, color, np.full(n, label), np.full(n, part)))
            part += 1
    points, frames, extents, colors, labels, parts = (np.concatenate(c) for c in zip(*columns, strict=True))
    flatness = rng.uniform(0.08, 0.7)
    scales = np.concatenate([extents, flatness * extents.min(1, keepdims=True)], axis=1)
    scales *= rng.uniform(0.5, 0.75) * np.exp(rng.normal(0, rng.uniform(0, 0.35), scales.shape))
    points = points + frames[:, :, 2] * (rng.normal(0, rng.uniform(0, 0.5), len(points)) * spacing)[:, None]
    opacities = np.clip(rng.uniform(0.55, 0.97) + rng.normal(0, rng.uniform(0, 0.25), len(points)), 0.05, 0.99)
    quaternions = Rotation.from_matrix(frames).as_quat()[:, [3, 0, 1, 2]]
    parts_of = (points, scales, quaternions, opacities, colors, labels, parts)
    merged = [np.concatenate(pair) for pair in zip(parts_of, _floaters(points, spacing, rng), strict=True)]
    tensors = [torch.from_numpy(np.ascontiguousarray(array, np.float32)) for array in merged[:4]]
    geometry = Geometry(tensors[0], tensors[1], tensors[2], tensors[3])
    return geometry, merged[4].astype(np.float32), merged[5].astype(np.int64), merged[6].astype(np.int64)


def _floaters(points: np.ndarray, spacing: float, rng: np.random.Generator) -> tuple[np.ndarray, ...]:
    """Returns faint large Gaussians in the air, of no object."""
    n = int(rng.uniform(0, 0.02) * len(points)) if rng.random() < 0.5 else 0
    places = rng.uniform(points.min(0), points.max(0) + 0.3, (n, 3))
    sizes = spacing * np.exp(rng.normal(0.5, 0.6, (n, 3)))
    turns = rng.normal(0, 1, (n, 4))
    return places, sizes, turns, rng.uniform(0.01, 0.25, n), rng.uniform(0, 1, (n, 3)), np.full(n, -1), np.full(n, -1)


def _cameras(middle: np.ndarray, reach: float, size: tuple[int, int], rng: np.random.Generator) -> list[Camera]:
    """Returns a ring around the objects, or a fan before them."""
    count, focal = int(rng.integers(5, 9)), rng.uniform(0.9, 1.6) * size[0]
    distance = reach * rng.uniform(0.9, 1.9) * focal / size[0] * 1.6
    target = middle + rng.normal(0, 0.2, 3) * reach * (1, 1, 0.3)
    start, elevation = rng.uniform(0, 2 * np.pi), np.radians(rng.uniform(12, 50))
    fan = rng.random() < 0.35
    cameras = []
    for k in range(count):
        azimuth = start + (rng.uniform(-0.35, 0.35) if fan else 2 * np.pi * k / count + rng.uniform(-0.1, 0.1))
        rise = np.clip(elevation + rng.uniform(-0.2, 0.2), 0.1, 1.3)
        away = distance * rng.uniform(0.85, 1.15)
        eye = target + away * np.array([np.cos(rise) * np.cos(azimuth), np.cos(rise) * np.sin(azimuth), np.sin(rise)])
        pose = look_at(eye, target, np.array([0.0, 0.0, 1.0]))
        cameras.append(Camera(f"{k:03d}.png", *size, focal, focal, size[0] / 2, size[1] / 2, pose))
    return cameras


def _seen(
    geometry: Geometry,
    colors: np.ndarray,
    labels: np.ndarray,
    parts: np.ndarray,
    objects: int,
    cameras: list[Camera],
    rng: np.random.Generator,
) -> TrainingScene:
    """Returns what the cameras see: rows, colors, exact labels, and masks as a generator would give them.

    Labels below `objects` are objects, the others their surroundings.
    """
    width, height = cameras[0].width, cameras[0].height
    ys, xs = np.divmod(np.arange(width * height), width)
    pixels = torch.from_numpy(np.stack([xs, ys], axis=1))
    values = torch.zeros(len(labels), 4 + int(labels.max()))
    values[:, :3] = torch.from_numpy(colors)
    real = torch.from_numpy(labels >= 0)
    values[real, 3 + torch.from_numpy(labels)[real]] = 1.0
    views: list[TrainingView] = []
    parts_of_rows: list[SparseRows] = []
    for camera in cameras:
        rows = BlendOperator(geometry, camera).rows(pixels)
        rendered = rows.render(values).numpy()
        owners = strongest(rows).numpy()
        shares = rendered[:, 3:]
        seen = shares.max(1) > _SEEN * np.maximum(shares.sum(1), 0.5)
        label = np.where(seen, shares.argmax(1), -1)
        if np.mean((label >= 0) & (label < objects)) < _LEAST_SHARE:
            continue
        part = np.where(seen & (owners >= 0), parts[owners], -1)
        exact = np.stack([(label == k).reshape(height, width) for k in np.unique(label[label >= 0])])
        masks = corrupted_masks(label.reshape(height, width), part.reshape(height, width), rng)
        first = len(views) * width * height
        views.append(TrainingView(camera, first, owners, label, rendered[:, :3], masks, exact))
        parts_of_rows.append(rows)
    rows_of_all = SparseRows.concatenated(parts_of_rows) if views else BlendOperator(geometry, cameras[0]).rows(pixels)
    return TrainingScene(geometry, labels, views, rows_of_all)


def rotated(geometry: Geometry, turn: Tensor) -> Geometry:
    """Returns the same Gaussians turned about the origin by a rotation matrix [3, 3]."""
    by = torch.from_numpy(Rotation.from_matrix(turn.double().numpy()).as_quat()[[3, 0, 1, 2]]).to(geometry.dtype)
    w, v = by[0], by[1:]
    real, rest = geometry.quaternions[:, 0], geometry.quaternions[:, 1:]
    vector = w * rest + real[:, None] * v + torch.linalg.cross(v.expand_as(rest), rest, dim=1)
    quaternions = torch.cat([(w * real - rest @ v)[:, None], vector], dim=1)
    return Geometry(geometry.means @ turn.T, geometry.scales, quaternions, geometry.opacities)
