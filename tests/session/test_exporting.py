"""What goes out of a session."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from plyfile import PlyData

from saga.errors import EmptySelectionError, SagaError
from saga.export import ExportConfig
from saga.session import Session
from saga.session.exporting import export_object, export_objects, export_turntable, free_place, labels_of
from saga.session.turntable import write_turntable

VIEW = "000.png"


def test_an_object_and_the_rest_share_the_scene(session: Session, middle_of, tiny_scene, tmp_path: Path):
    session.click(VIEW, middle_of("ball"))
    session.save_object("ball")
    session.clear()
    with pytest.raises(EmptySelectionError):
        export_object(session, tmp_path / "none")
    export_object(session, tmp_path / "ball", "ball")
    sizes = [PlyData.read(tmp_path / "ball" / f"{name}.ply")["vertex"].count for name in ("object", "rest")]
    assert sizes == [len(session.state.object("ball")), len(tiny_scene.gaussians) - sizes[0]]
    assert len(list((tmp_path / "ball" / "masks").iterdir())) == len(tiny_scene.cameras)


def test_the_rest_is_filled_when_that_is_asked_for(session: Session, middle_of, tmp_path: Path):
    session.click(VIEW, middle_of("atlas"))
    export_object(session, tmp_path / "atlas", config=ExportConfig(masks=False, fill=True))
    assert PlyData.read(tmp_path / "atlas" / "rest.ply")["vertex"]["filled"].sum() > 10


def test_all_objects_go_into_one_folder_with_labels(session: Session, middle_of, tmp_path: Path):
    with pytest.raises(SagaError, match="expected objects to write"):
        export_objects(session, tmp_path / "none")
    for name in ("ball", "mug"):
        session.click(VIEW, middle_of(name))
        session.save_object(name)
    export_objects(session, tmp_path / "all")
    labels = PlyData.read(tmp_path / "all" / "labeled.ply")["vertex"]["object_id"]
    assert (labels == labels_of(session)).all() and set(np.unique(labels)) == {0, 1, 2}
    assert {each.name for each in (tmp_path / "all" / "objects").iterdir()} == {"ball.ply", "mug.ply"}


@pytest.mark.parametrize("ending", ["gif", "mp4"])
def test_a_turntable_shows_the_object_from_all_sides(session: Session, middle_of, tmp_path: Path, ending: str):
    if ending == "mp4":
        pytest.importorskip("imageio_ffmpeg")
    session.click(VIEW, middle_of("ball"))
    path = tmp_path / f"ball.{ending}"
    write_turntable(session.placed, session.selection, path, frames=6, side=64)
    if ending == "gif":
        picture = Image.open(path)
        frames = []
        for number in range(picture.n_frames):
            picture.seek(number)
            frames.append(np.asarray(picture.convert("RGB"), float))
    else:
        import imageio.v2 as imageio

        frames = [np.asarray(each, float) for each in imageio.mimread(path)]
    assert len(frames) == 6 and frames[0].shape == (64, 64, 3)
    assert all(frame.std() > 15 for frame in frames)  # each shows it,
    assert all(np.abs(frame[[0, -1]] - 237).max() < 12 for frame in frames)  # whole and alone,
    assert min(np.abs(one - other).mean() for one, other in zip(frames, frames[1:], strict=False)) > 2  # turned


def test_turntables_that_cannot_be_are_refused(session: Session, tmp_path: Path):
    with pytest.raises(SagaError, match=r"\.gif or \.mp4"):
        export_turntable(session, tmp_path / "x.avi")
    with pytest.raises(EmptySelectionError):
        export_turntable(session, tmp_path / "x.gif")
    assert list(tmp_path.glob("x*")) == []


def test_places_are_free_and_names_are_safe(tmp_path: Path):
    (tmp_path / "a-1").mkdir()
    assert free_place(tmp_path, "a") == tmp_path / "a-2"
    assert free_place(tmp_path, "../a", ".gif").parent == tmp_path
