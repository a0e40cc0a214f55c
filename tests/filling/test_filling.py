"""The rest of a scene without an object, filled."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from scipy import ndimage

from saga.errors import SagaError
from saga.filling import fill, openings
from saga.filling.closing import _collar, _painted
from saga.filling.filling import Filling
from saga.filling.holes import Places
from saga.filling.openings import _faced
from saga.filling.patches import synthesized
from saga.filling.sheets import Sheet as FlatSheet
from saga.filling.texture import Texture
from saga.masks.scene.planes import Plane
from saga.raster import BlendOperator, DeviceScene, Geometry
from saga.scene import Camera, Gaussians, Scene
from saga.scene.orbit import look_at
from saga.scene.spherical_harmonics import C0

SPACING = 0.05


@dataclass(frozen=True)
class Sheet:
    """A square of flat Gaussians."""

    means: np.ndarray  # [n, 3]
    normal: tuple[float, float, float]
    colors: np.ndarray  # [n, 3]


def square(corner: tuple[float, ...], along: tuple[float, ...], across: tuple[float, ...], color: object) -> Sheet:
    """A rectangle from a corner and two edges; `color` is a color, or a function of the means."""
    first, second = np.array(along, float), np.array(across, float)
    u, v = (np.arange(0.5 * SPACING, np.linalg.norm(edge), SPACING) for edge in (first, second))
    places = np.stack(np.meshgrid(u, v, indexing="ij"), -1).reshape(-1, 2)
    units = np.stack([first / np.linalg.norm(first), second / np.linalg.norm(second)])
    means = np.array(corner, float) + places @ units
    colors = color(means) if callable(color) else np.tile(color, (len(means), 1))
    return Sheet(means, tuple(np.cross(*units)), np.asarray(colors, float))


def stripes(means: np.ndarray) -> np.ndarray:  # [n, 3] -> [n, 3]
    """Broad stripes along y."""
    light = (np.floor(means[:, 0] / 0.2) % 2)[:, None]
    return light * [0.8, 0.6, 0.3] + (1 - light) * [0.5, 0.3, 0.2]


def table(half: float = 1.2) -> Sheet:
    return square((-half, -half, 0), (2 * half, 0, 0), (0, 2 * half, 0), stripes)


def box(
    x: float = 0.0, y: float = 0.0, z: float = 0.0, side: float = 0.4, color: object = (0.1, 0.2, 0.9)
) -> list[Sheet]:
    """The five faces of a cube that stands on z, without its bottom."""
    low, high, s = -side / 2, side / 2, side
    faces = [
        square((low, low, s), (s, 0, 0), (0, s, 0), color),
        square((low, low, 0), (s, 0, 0), (0, 0, s), color),
        square((high, low, 0), (0, s, 0), (0, 0, s), color),
        square((high, high, 0), (-s, 0, 0), (0, 0, s), color),
        square((low, high, 0), (0, -s, 0), (0, 0, s), color),
    ]
    return [Sheet(face.means + [x, y, z], face.normal, face.colors) for face in faces]


def gaussians_of(sheets: list[Sheet]) -> Gaussians:
    means = np.concatenate([sheet.means for sheet in sheets])
    count = len(means)
    normals = np.concatenate([np.tile(sheet.normal, (len(sheet.means), 1)) for sheet in sheets])
    quaternions = np.concatenate([1 + normals[:, 2:], -normals[:, 1:2], normals[:, :1], np.zeros((count, 1))], axis=1)
    flipped = normals[:, 2] < -0.99
    quaternions[flipped] = [0, 1, 0, 0]
    sh = (np.concatenate([sheet.colors for sheet in sheets])[:, None] - 0.5) / C0
    wide = 0.65 * SPACING
    return Gaussians.from_arrays(
        means, np.tile([wide, wide, 0.1 * wide], (count, 1)), quaternions, np.full(count, 0.95), sh
    )


def around(
    count: int = 10, elevation: float = 40.0, azimuths: tuple[float, float] = (0.0, 360.0), distance: float = 3.0
) -> list[Camera]:
    """Cameras on a ring that look at the middle of the table."""
    cameras = []
    for k, degrees in enumerate(np.linspace(*azimuths, count, endpoint=azimuths[1] - azimuths[0] < 360)):
        a, e = np.radians([degrees, elevation])
        eye = distance * np.array([np.cos(e) * np.cos(a), np.cos(e) * np.sin(a), np.sin(e)])
        pose = look_at(eye, np.array([0, 0, 0.1]), np.array([0.0, 0.0, 1.0]))
        cameras.append(Camera(f"{k}.png", 120, 96, 130.0, 130.0, 60.0, 48.0, pose))
    return cameras


@dataclass(frozen=True)
class Stage:
    """A scene with a thing to take away."""

    placed: DeviceScene
    member: torch.Tensor  # [N] bool
    under: np.ndarray  # [n, 3]
    """Places of the surface that the thing stands on, which no view shows."""


def stage(surfaces: list[Sheet], thing: list[Sheet], cameras: list[Camera], hidden: Callable[..., np.ndarray]) -> Stage:
    """A scene of surfaces, without what is `hidden` of their Gaussians, and a thing."""
    cut = [Sheet(s.means[~hidden(s.means)], s.normal, s.colors[~hidden(s.means)]) for s in surfaces]
    under = np.concatenate([s.means[hidden(s.means)] for s in surfaces])
    gaussians = gaussians_of([*cut, *thing])
    count = sum(len(s.means) for s in thing)
    member = torch.arange(len(gaussians)) >= len(gaussians) - count
    return Stage(DeviceScene(Scene(gaussians, cameras), "cpu"), member, under)


def below(x: float = 0.0, y: float = 0.0, half: float = 0.2) -> Callable[[np.ndarray], np.ndarray]:
    """What lies under a box."""
    return lambda means: (np.abs(means - [x, y, 0]) < half).all(1)


@pytest.fixture(scope="module")
def box_on_table() -> Stage:
    return stage([table()], box(), around(), below())


def shown(gaussians: Gaussians, camera: Camera) -> tuple[np.ndarray, np.ndarray]:
    """Color over black and alpha."""
    operator = BlendOperator(Geometry.from_gaussians(gaussians), camera)
    colors = torch.from_numpy(gaussians.colors(camera.position))
    image = operator.render(torch.cat([colors, torch.ones(len(colors), 1)], dim=1)).numpy()
    return image[..., :3], image[..., 3]


def above(x: float = 0.0, y: float = 0.0) -> Camera:
    """Looks straight down at a place of the table; a pixel is 1/40 wide there."""
    pose = look_at(np.array([x, y, 4.0]), np.array([x, y, 0.0]), np.array([0.0, 1.0, 0.0]))
    return Camera("above", 40, 40, 160.0, 160.0, 20.0, 20.0, pose)


@pytest.fixture(scope="module")
def filling(box_on_table: Stage) -> Filling:
    return fill(box_on_table.placed, box_on_table.member, progress=False)


def rest_of(stage: Stage) -> Gaussians:
    whole, others = stage.placed.scene.gaussians, (~stage.member).numpy()
    arrays = (whole.means, whole.scales, whole.quaternions, whole.opacities, whole.sh)
    return Gaussians.from_arrays(*(array[others] for array in arrays))


def test_the_hole_in_the_table_is_closed_with_its_stripes(box_on_table: Stage, filling: Filling) -> None:
    truth, _ = shown(gaussians_of([table()]), above())
    empty, bare = shown(rest_of(box_on_table), above())
    color, alpha = shown(filling.gaussians, above())
    hole = bare < 0.5
    assert hole.sum() > 150
    assert alpha[hole].min() > 0.9
    error, before = (np.square(image - truth)[hole].mean() for image in (color, empty))
    plain = np.square(truth[hole] - truth[~hole].mean(0)).mean()
    assert error < 0.05 * before
    assert error < 0.5 * plain, "the stripes go on"


def test_new_gaussians_lie_in_the_plane_as_dense_as_its_own(box_on_table: Stage, filling: Filling) -> None:
    new = filling.gaussians.means[filling.filled]
    assert np.abs(new[:, 2]).max() < 0.01
    assert np.abs(new[:, :2]).max() < 0.25
    assert 0.5 * len(box_on_table.under) < len(new) < 3 * len(box_on_table.under)
    assert np.allclose(filling.gaussians.scales[filling.filled].argmin(1), 2)
    facts = filling.report
    assert facts["gaussians"] == len(new) == sum(surface["gaussians"] for surface in facts["surfaces"])
    assert [surface["kind"] for surface in facts["surfaces"]] == ["flat"]
    assert facts["surfaces"][0]["area"] == pytest.approx(0.16, rel=0.25)
    assert facts["not_filled"] is None


def test_what_the_views_show_is_left_as_it_is(box_on_table: Stage, filling: Filling) -> None:
    rest = rest_of(box_on_table)
    for camera in box_on_table.placed.scene.cameras:
        operator = box_on_table.placed.operator(camera)
        own = operator.render(box_on_table.member[:, None].float())[..., 0].numpy()
        outside = ~ndimage.binary_dilation(own > 0.5, iterations=2)
        before, after = (shown(each, camera)[0] for each in (rest, filling.gaussians))
        assert np.abs(after - before)[outside].max() < 0.02
        weight = BlendOperator(Geometry.from_gaussians(filling.gaussians), camera).render(
            torch.from_numpy(filling.filled)[:, None].float()
        )[..., 0]
        assert weight.numpy()[outside].max() < 0.03
        assert weight.max() > 0.9


def test_the_same_again(box_on_table: Stage, filling: Filling) -> None:
    again = fill(box_on_table.placed, box_on_table.member, progress=False)
    assert np.array_equal(again.gaussians.vertices, filling.gaussians.vertices)


def test_what_nobody_saw_under_the_object_goes() -> None:
    dark = square((-0.2, -0.2, 0.002), (0.4, 0, 0), (0, 0.4, 0), (0.0, 0.0, 0.0))
    scene = stage([table()], box(), around(), below())
    gaussians = gaussians_of(
        [Sheet(m.means[~below()(m.means)], m.normal, m.colors[~below()(m.means)]) for m in [table()]] + [dark, *box()]
    )
    member = torch.zeros(len(gaussians), dtype=torch.bool)
    member[-int(scene.member.sum()) :] = True
    made = fill(DeviceScene(Scene(gaussians, around()), "cpu"), member, progress=False)
    assert made.report["dropped"] >= 0.9 * len(dark.means)
    color, _ = shown(made.gaussians, above())
    assert color[10:30, 10:30].min(axis=-1).mean() > 0.15


def test_nothing_is_added_beyond_the_edge_of_the_table() -> None:
    edge = stage([table()], box(1.1), around(), below(1.1))
    made = fill(edge.placed, edge.member, progress=False)
    new = made.gaussians.means[made.filled]
    assert len(new) > 20
    assert new[:, 0].max() < 1.2 + 0.03


def test_the_wall_behind_and_the_floor_below_are_both_filled() -> None:
    wall = square((-1.2, 0.2, 0), (2.4, 0, 0), (0, 0, 1.2), lambda means: stripes(means)[:, ::-1])
    floor = square((-1.2, -1.2, 0), (2.4, 0, 0), (0, 1.4, 0), stripes)
    hidden = lambda means: (np.abs(means - [0, 0, 0.2]) < [0.2, 0.21, 0.21]).all(1)  # noqa: E731
    scene = stage([floor, wall], box(), around(12, 35, (215, 325)), hidden)
    made = fill(scene.placed, scene.member, progress=False)
    normals = sorted(np.abs(surface["normal"]).argmax() for surface in made.report["surfaces"])
    assert normals == [1, 2]
    new = made.gaussians.means[made.filled]
    assert new[:, 1].max() < 0.23
    assert new[:, 2].min() > -0.03


def test_a_thing_that_hides_nothing_leaves_nothing_to_fill() -> None:
    scene = stage([table()], box(0, 0, 0.9, side=0.2), around(), lambda means: np.zeros(len(means), bool))
    with pytest.warns(UserWarning, match="nothing was filled"):
        made = fill(scene.placed, scene.member, progress=False)
    assert not made.filled.any()
    assert made.report["not_filled"]
    assert len(made.gaussians) == int((~scene.member).sum())


def test_an_opening_that_lies_behind_another_surface_as_a_whole_is_none(
    box_on_table: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(openings, "_in_front", lambda sheet, others: np.zeros(sheet.heights.shape, bool))
    with pytest.warns(UserWarning, match="nothing was filled"):
        made = fill(box_on_table.placed, box_on_table.member, progress=False)
    assert made.report["not_filled"]


def test_the_bottom_of_a_bowl_goes_on() -> None:
    radius = 0.8

    def curve(sheet: Sheet) -> Sheet:
        x, y = sheet.means[:, 0], sheet.means[:, 1]
        inside = np.hypot(x, y) < 0.75
        heights = radius - np.sqrt(radius**2 - np.minimum(np.hypot(x, y), 0.75) ** 2)
        return Sheet(np.stack([x, y, heights], 1)[inside], sheet.normal, sheet.colors[inside])

    bowl = curve(square((-0.8, -0.8, 0), (1.6, 0, 0), (0, 1.6, 0), (0.9, 0.9, 0.8)))
    scene = stage([bowl], box(0, 0, 0.05, 0.3), around(10, 55), lambda m: np.hypot(m[:, 0], m[:, 1]) < 0.2)
    made = fill(scene.placed, scene.member, progress=False)
    new = made.gaussians.means[made.filled]
    expected = radius - np.sqrt(radius**2 - np.hypot(new[:, 0], new[:, 1]) ** 2)
    assert len(new) > 20
    assert np.abs(new[:, 2] - expected).max() < 0.06


@pytest.mark.parametrize(("facing", "share"), [((0.0, 0.0, 1.0), 1.0), ((0.0, 1.0, 0.0), 0.0)])
def test_a_plane_is_seen_at_a_rim_where_things_face_as_it_does(facing: tuple[float, ...], share: float) -> None:
    flat = FlatSheet(Plane(np.zeros(3), np.array([0.0, 0, 1])), 0.05, np.zeros(2), 0.1, np.zeros((20, 20)))
    cells = np.zeros((20, 20), bool)
    cells[8:12, 8:12] = True
    none = np.zeros((20, 20), int)
    points = flat.points[~cells]
    surface = SimpleNamespace(points=points, normals=np.tile(facing, (len(points), 1)), side=0.1)
    assert _faced(flat, cells, Places(none + 3, none, none, none), surface) == share  # type: ignore[arg-type]


def test_an_inpainter_of_ones_own_is_asked(box_on_table: Stage) -> None:
    asked = []

    def red(image: np.ndarray, known: np.ndarray, hole: np.ndarray) -> np.ndarray:
        asked.append((image, known, hole))
        return np.where(hole[..., None], [1.0, 0.0, 0.0], image)

    made = fill(box_on_table.placed, box_on_table.member, red, progress=False)
    (image, known, hole), *others = asked
    assert not others
    assert image.shape == (*known.shape, 3) == (*hole.shape, 3)
    assert known.dtype == hole.dtype == bool
    assert not (known & hole).any()
    middle = np.hypot(*made.gaussians.means[made.filled, :2].T) < 0.05
    colors = made.gaussians.base_colors()[made.filled][middle]
    assert colors[:, 0].min() > 0.7
    assert colors[:, 1:].max() < 0.3


@pytest.mark.parametrize(
    ("inpainter", "words"),
    [("nobody", "expected one of patches"), (lambda image, known, hole: image[:2], "expected a picture")],
)
def test_inpainters_that_are_none(box_on_table: Stage, inpainter: object, words: str) -> None:
    with pytest.raises(SagaError, match=words):
        fill(box_on_table.placed, box_on_table.member, inpainter, progress=False)  # type: ignore[arg-type]


def test_views_an_object_and_a_rest_are_needed(box_on_table: Stage) -> None:
    gaussians = box_on_table.placed.scene.gaussians
    with pytest.raises(SagaError, match="expected views"):
        fill(Scene(gaussians, []), box_on_table.member, progress=False)
    for value in (True, False):
        with pytest.raises(SagaError, match="an object and a rest"):
            fill(box_on_table.placed, torch.full_like(box_on_table.member, value), progress=False)


@pytest.mark.parametrize(("light", "darkened"), [(0.3, True), (1.0, False)])
def test_a_dark_collar_of_an_opening_is_painted_as_what_is_farther_away(light: float, darkened: bool) -> None:
    rows, columns = np.mgrid[:80, :80] - 40
    away = np.hypot(rows, columns)
    bright = np.where((away < 22) & (columns > -16), light, 1.0) * 0.8
    color = np.repeat(bright[..., None], 3, -1)
    region, seen = away < 12, away >= 12
    painted = _painted(None, Texture(color * seen[..., None], seen), seen, region, synthesized, None, False)
    assert np.abs(painted.color[away < 20] - 0.8).max() < 0.02
    assert (~painted.known).any() == darkened
    kept = _painted(None, Texture(color * seen[..., None], seen), seen, region, synthesized, None, True)
    assert kept.known.all()
    one_side = np.repeat(np.where((away < 22) & (columns > 8), 0.3, 0.8)[..., None], 3, -1)  # painted on the surface
    assert not _collar(one_side.mean(-1), seen, region).any()
