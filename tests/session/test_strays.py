"""Strays in a session: proposed as the selection, changed by strengths, undone in one step."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from saga.cleaning import NAMES, Strengths
from saga.demo.strays import with_strays
from saga.errors import SagaError
from saga.export import ExportConfig
from saga.raster import DeviceScene
from saga.scene import Scene
from saga.session import Session
from saga.session.exporting import export_object


@pytest.fixture(scope="module")
def littered(tiny_scene: Scene) -> tuple[DeviceScene, np.ndarray]:
    gaussians, kinds = with_strays(tiny_scene, 60, seed=1)
    return DeviceScene(Scene(gaussians, tiny_scene.cameras), "cpu"), kinds > 0


def test_strays_are_selected_and_their_rest_is_the_scene(littered, tmp_path: Path) -> None:
    placed, stray = littered
    session = Session(placed, keep=False)
    with pytest.raises(SagaError, match="look for strays first"):
        session.select_strays()
    assert set(session.look_for_strays().scores) == set(NAMES)
    assert len(session) == 0
    found = session.select_strays()
    assert session.selection[stray].mean() > 0.9
    assert found.selected == np.count_nonzero(session.selection) < stray.sum() + 40
    assert session.select_strays(Strengths(0)).selected == 0
    less = session.select_strays(Strengths(0.5, haze=0, floaters=0)).selected
    assert 0 < less < found.selected
    export_object(session, tmp_path / "out", config=ExportConfig(masks=False))
    assert (tmp_path / "out" / "rest.ply").is_file()
    session.undo()  # all strengths are one step
    assert len(session) == 0
    session.redo()
    assert len(session) == less
