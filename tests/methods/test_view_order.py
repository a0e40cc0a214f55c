"""Orders and numbers of the views that a method goes through."""

from __future__ import annotations

import numpy as np
import pytest

from saga.errors import SagaError
from saga.methods.view_order import choose_views
from saga.scene import Camera


def ring(count: int) -> list[Camera]:
    cameras = []
    for k in range(count):
        angle = 2 * np.pi * k / count
        turn = np.array([[np.cos(angle), 0, np.sin(angle)], [0, 1, 0], [-np.sin(angle), 0, np.cos(angle)]])
        pose = np.eye(4)
        pose[:3, :3] = turn.T
        pose[:3, 3] = (0, 0, 3)
        cameras.append(Camera(f"{k:02d}", 8, 8, 8, 8, 4, 4, pose))
    return cameras


def test_orders_and_counts_of_views() -> None:
    cameras = ring(12)
    names = [camera.name for camera in choose_views(cameras, cameras[3], order="file")]
    assert names == [f"{k % 12:02d}" for k in range(4, 15)]
    near = [camera.name for camera in choose_views(cameras, cameras[3])]
    assert set(near[:2]) == {"02", "04"} and near[-1] == "09"
    assert choose_views(cameras, cameras[3], order="farthest")[0].name == "09"
    assert len(choose_views(cameras, cameras[3], count=4)) == 4
    assert len(choose_views(cameras, cameras[3], count=99)) == 11
    assert choose_views(cameras[:1], cameras[0]) == []
    with pytest.raises(SagaError, match="0 \\(all\\) or more"):
        choose_views(cameras, cameras[0], count=-1)
    with pytest.raises(SagaError, match="order"):
        choose_views(cameras, cameras[0], order="random")  # type: ignore[arg-type]
