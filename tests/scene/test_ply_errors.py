from __future__ import annotations

import numpy as np
import pytest
from plyfile import PlyData, PlyElement

from saga.errors import SagaError
from saga.scene import Gaussians


def message(path):
    with pytest.raises(SagaError) as caught:
        Gaussians.read(path)
    text = str(caught.value)
    assert "\n" not in text and text.startswith(str(path))
    return text


def write(path, **elements):
    PlyData([PlyElement.describe(table, name) for name, table in elements.items()]).write(str(path))
    return path


def points(*names, kind="f4"):
    return np.zeros(5, [(name, kind) for name in names])


def test_missing_file_and_folder(tmp_path):
    assert "no such file" in message(tmp_path / "none.ply")
    assert "is a folder" in message(tmp_path)


def test_a_folder_of_a_trainer_names_its_scenes(tmp_path):
    for name in (
        "input.ply",
        "point_cloud/iteration_7000/point_cloud.ply",
        "point_cloud/iteration_30000/point_cloud.ply",
    ):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    assert f"give the PLY file itself: {tmp_path}/point_cloud/iteration_30000/point_cloud.ply, " in message(tmp_path)


@pytest.mark.parametrize("contents", [b"", b"no ply", b"\x89PNG\r\n"])
def test_other_files_are_not_ply(tmp_path, contents):
    (tmp_path / "a.ply").write_bytes(contents)
    assert "not a PLY file" in message(tmp_path / "a.ply")


@pytest.mark.parametrize("text", [False, True])
@pytest.mark.parametrize("share", [0.5, 0.95])
def test_truncated_rows(make_ply, make_table, text, share):
    path = make_ply(make_table(40, 0), text=text)
    data = path.read_bytes()
    path.write_bytes(data[: int(len(data) * share)])
    assert "truncated, damaged" in message(path)


def test_truncated_header(make_ply):
    path = make_ply()
    path.write_bytes(path.read_bytes()[:100])
    assert "expected a whole PLY" in message(path)


def test_a_point_cloud_is_recognized(tmp_path):
    text = message(write(tmp_path / "a.ply", vertex=points("x", "y", "z", "red")))
    assert "plain point cloud" in text
    assert "opacity, scale_0, scale_1, scale_2, rot_0, rot_1, rot_2, rot_3, f_dc_0, f_dc_1, f_dc_2" in text


def test_a_mesh_is_recognized(tmp_path):
    faces = np.zeros(2, [("a", "i4")])
    assert "a mesh" in message(write(tmp_path / "a.ply", vertex=points("x", "y", "z"), face=faces))


def test_a_ply_without_vertices_is_recognized(tmp_path):
    assert "no element 'vertex'" in message(write(tmp_path / "a.ply", splat=points("x")))


def test_missing_properties_are_listed(make_ply, make_table):
    table = make_table(5, 0)
    names = [name for name in table.dtype.names if name not in ("scale_1", "rot_1")]
    path = make_ply(np.array(table[names].tolist(), [(name, "f4") for name in names]))
    assert "it has no scale_1, rot_1;" in message(path)


def test_zero_gaussians(make_ply, make_table):
    assert "expected Gaussians, found none" in message(make_ply(make_table(0, 1)))


@pytest.mark.parametrize("count", [3, 10, 12])
def test_a_number_of_harmonics_that_is_no_degree(make_ply, make_table, count):
    table = make_table(5, 0, extra=tuple((f"f_rest_{i}", "f4") for i in range(count)))
    assert f"it has {count} f_rest properties where" in message(make_ply(table))


def test_anchors_of_scaffold_gs_are_recognized(tmp_path):
    names = ["x", "y", "z", "f_offset_0", "f_anchor_feat_0", "opacity", *(f"scale_{i}" for i in range(6))]
    assert "anchors of Scaffold-GS: export explicit Gaussians" in message(
        write(tmp_path / "a.ply", vertex=points(*names))
    )


@pytest.mark.parametrize("name", ["opacity", "f_rest_3", "x"])
def test_a_list_where_a_number_belongs(tmp_path, make_table, name):
    table = make_table(3, 1)
    fields = [(field, "O" if field == name else "f4") for field in table.dtype.names]
    rows = np.zeros(3, fields)
    rows[name] = [np.zeros(2, np.float32)] * 3
    PlyData([PlyElement.describe(rows, "vertex", val_types={name: "f4"})]).write(str(tmp_path / "a.ply"))
    assert f"expected a number per Gaussian in {name}, found a list" in message(tmp_path / "a.ply")


def test_harmonics_above_degree_4_are_said(make_ply, make_table):
    with pytest.warns(UserWarning, match="degree 5; those above 4 are kept, and not shown"):
        Gaussians.read(make_ply(make_table(5, 5)))
