"""The order in which photographs are gone through."""

from __future__ import annotations

import numpy as np
import pytest

from saga.demo import DemoScene
from saga.masks.propagation.route import Route, differences, plan_route, short_path
from saga.scene import Camera
from saga.scene.orbit import look_at


def around(azimuths: np.ndarray, height: float = 1.0) -> list[Camera]:
    target = np.zeros(3)
    eyes = [np.array([3 * np.cos(a), 3 * np.sin(a), height]) for a in azimuths]
    return [Camera(str(k), 64, 48, 60, 60, 32, 24, look_at(eye, target, np.eye(3)[2])) for k, eye in enumerate(eyes)]


def apart(cameras: list[Camera]) -> np.ndarray:
    return differences(cameras, lambda view: np.ones(10, bool), np.full(len(cameras), 3.0))


def steps(order: tuple[int, ...] | list[int], count: int) -> set[int]:
    """How far, around a ring, each view is from the one before."""
    return {min((b - a) % count, (a - b) % count) for a, b in zip(order, order[1:], strict=False)}


def test_a_shuffled_ring_is_gone_around_once_and_closed() -> None:
    shuffled = np.random.default_rng(3).permutation(30)
    route = plan_route(apart(around(2 * np.pi * shuffled / 30)), spacing=8)
    assert route.closed
    assert sorted(route.views) == list(range(30))
    assert steps(shuffled[list(route.views)].tolist(), 30) == {1}


def test_an_arc_has_two_ends() -> None:
    shuffled = np.random.default_rng(4).permutation(20)
    route = plan_route(apart(around(np.pi * shuffled / 20)), spacing=8)
    assert not route.closed
    order = shuffled[list(route.views)].tolist()
    assert order in (list(range(20)), list(range(20))[::-1])


def test_two_rings_are_one_route_without_long_jumps() -> None:
    angles = 2 * np.pi * np.arange(12) / 12
    cameras = around(angles, 0.5) + around(angles, 2.5)
    table = apart(cameras)
    order = short_path(table)
    assert sorted(order) == list(range(24))
    assert table[order[:-1], order[1:]].max() <= table[0, [1, 12]].max() + 1e-6, "neighbors on a ring, or between both"


def test_random_points_are_near_the_shortest_path() -> None:
    points = np.random.default_rng(0).random((8, 2))
    table = np.linalg.norm(points[:, None] - points[None], axis=2)
    from itertools import permutations

    best = min(sum(table[a, b] for a, b in zip(p, p[1:], strict=False)) for p in permutations(range(8)) if p[0] < p[-1])
    order = short_path(table)
    assert sum(table[a, b] for a, b in zip(order, order[1:], strict=False)) <= 1.02 * best


@pytest.mark.parametrize("count", [0, 1, 2, 3, 4])
def test_few_views(count: int) -> None:
    route = plan_route(apart(around(np.arange(count) * 0.1)) if count else np.zeros((0, 0)), spacing=8)
    assert sorted(route.views) == list(range(count))
    assert len(route.keyframes) == min(count, 1)


def test_keyframes_serve_every_view() -> None:
    route = plan_route(apart(around(2 * np.pi * np.arange(40) / 40)), spacing=5)
    gaps = np.diff([*route.keyframes, route.keyframes[0] + 40])
    assert len(route.keyframes) >= 8 and gaps.max() <= 10


def test_spans_go_to_the_next_keyframe_and_around_a_loop() -> None:
    spans = Route(tuple(range(8)), True, (1, 5)).spans()
    assert [(span.keyframe, span.positions, span.forward) for span in spans] == [
        (1, (2, 3, 4, 5), True), (1, (0, 7, 6, 5), False), (5, (6, 7, 0, 1), True), (5, (4, 3, 2, 1), False)
    ]  # fmt: skip
    spans = Route(tuple(range(5)), False, (1,)).spans()
    assert [(span.positions, span.forward) for span in spans] == [((2, 3, 4), True), ((0,), False)]


def test_what_views_see_counts_beside_where_they_are(ring: DemoScene) -> None:
    cameras = around(np.array([0.0, 0.1, 0.1]))
    sees = [np.array([1, 1, 0, 0], bool), np.array([1, 1, 0, 0], bool), np.array([0, 0, 1, 1], bool)]
    table = differences(cameras, lambda view: sees[view], np.full(3, 3.0))
    assert table[0, 1] < table[0, 2] and table[1, 2] == pytest.approx(1.0)


def test_a_camera_that_is_turned_in_its_plane_is_another_view() -> None:
    one = around(np.array([0.0]))[0]
    roll = np.eye(4)
    roll[:2, :2] = [[0, -1], [1, 0]]
    turned = Camera("t", 64, 48, 60, 60, 32, 24, roll @ one.world_to_camera)
    assert apart([one, turned])[0, 1] == pytest.approx(np.pi / 2, abs=1e-6)
