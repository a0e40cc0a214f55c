"""Views planned for scenes without cameras: what they see, where they stand, which way is up."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from saga.demo import DemoScene, make_scene
from saga.raster import BlendOperator, DeviceScene
from saga.scene import Gaussians, Scene
from saga.scene.orbit import guess_up
from saga.views.candidates import is_enclosed, measure
from saga.views.planning import plan_views


@pytest.fixture(scope="module")
def clutter() -> DemoScene:
    return make_scene(gaussians=6000, views=1, layout="clutter")


def bare(scene: DemoScene) -> DeviceScene:
    return DeviceScene(Scene(scene.gaussians, []), "cpu")


def hall(seed: int = 0) -> DeviceScene:
    """A closed room of 6 x 5 x 3 units with a box standing in it."""
    rng = np.random.default_rng(seed)
    size = np.array([6.0, 5.0, 3.0])
    points = rng.uniform(0, 1, (9000, 3)) * size
    wall = np.arange(9000) % 6
    points[np.arange(9000), wall // 2] = np.where(wall % 2, size[wall // 2], 0.0)
    scales = np.full((9000, 3), 0.09)
    scales[np.arange(9000), wall // 2] = 0.01
    box = rng.uniform(0, 1, (600, 3)) * 0.6 + [1.0, 1.0, 0.0]
    count = 9600
    gaussians = Gaussians.from_arrays(
        means=np.concatenate([points, box]).astype(np.float32),
        scales=np.concatenate([scales, np.full((600, 3), 0.05)]).astype(np.float32),
        quaternions=np.tile(np.array([1, 0, 0, 0], np.float32), (count, 1)),
        opacities=np.full(count, 0.95, np.float32),
        sh=np.zeros((count, 1, 3), np.float32),
    )
    return DeviceScene(Scene(gaussians, []), "cpu")


def test_every_object_is_seen_well_by_some_view(clutter: DemoScene) -> None:
    placed = bare(clutter)
    cameras = plan_views(placed, 8, (160, 120))
    assert [camera.name for camera in cameras] == [f"view_{k:03d}.png" for k in range(8)]
    labels = torch.nn.functional.one_hot(torch.from_numpy(clutter.labels).long()).float()
    shares = [BlendOperator(placed.geometry, camera).render(labels) for camera in cameras]
    most = torch.stack([(share > 0.5).flatten(0, 1).sum(0) for share in shares]).amax(0)  # [labels]
    assert int(most[1:].min()) > 40, most
    assert all((camera.width, camera.height) == (160, 120) for camera in cameras)


def test_parts_are_seen_closer_than_the_whole(clutter: DemoScene) -> None:
    extent = measure(clutter.gaussians)
    distances = [np.linalg.norm(c.position - extent.center) for c in plan_views(bare(clutter), 9, (80, 60))]
    assert max(distances) > 1.5 * min(distances)


def test_the_same_seed_plans_the_same_views(clutter: DemoScene) -> None:
    first, again, other = (plan_views(bare(clutter), 4, (80, 60), seed=seed) for seed in (1, 1, 2))
    assert all(np.array_equal(a.world_to_camera, b.world_to_camera) for a, b in zip(first, again, strict=True))
    assert any(not np.allclose(a.world_to_camera, b.world_to_camera) for a, b in zip(first, other, strict=True))


def test_a_room_is_looked_at_from_inside_and_an_object_from_outside(clutter: DemoScene) -> None:
    room = hall()
    assert is_enclosed(room.geometry, measure(room.scene.gaussians))
    for camera in plan_views(room, 5, (80, 60)):
        assert (camera.position > 0.15).all() and (camera.position < [5.85, 4.85, 2.85]).all()
    assert not is_enclosed(bare(clutter).geometry, measure(clutter.gaussians))


def test_nothing_stands_in_the_way_of_a_view(clutter: DemoScene) -> None:
    placed, radius = bare(clutter), measure(clutter.gaussians).radius
    for camera in plan_views(placed, 8, (80, 60)):
        depths = placed.geometry.means @ torch.from_numpy(camera.world_to_camera[2, :3]).float()
        near = (depths + camera.world_to_camera[2, 3] < 0.05 * radius).float()
        assert float(BlendOperator(placed.geometry, camera).render(near[:, None]).mean()) < 0.2


@pytest.mark.parametrize("layout", ["table", "room", "garden", "clutter"])
def test_up_is_where_the_ground_faces_even_among_walls(layout: str) -> None:
    made = make_scene(gaussians=4000, views=1, layout=layout)  # type: ignore[arg-type]
    assert guess_up(made.gaussians)[2] > 0.97


def test_no_view_or_no_pixel_is_a_mistake(clutter: DemoScene) -> None:
    with pytest.raises(ValueError, match="1 or more"):
        plan_views(bare(clutter), 0)
    with pytest.raises(ValueError, match="1 or more"):
        plan_views(bare(clutter), 3, (0, 60))
