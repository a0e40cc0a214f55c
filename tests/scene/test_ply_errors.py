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


@pytest.mark.parametrize("contents", [b"", b"PK\x03\x04 not a ply", b"\x89PNG\r\n"])
def test_other_files_are_not_ply(tmp_path, contents):
    (tmp_path / "a.ply").write_bytes(contents)
    assert "not a PLY file" in message(tmp_path / "a.ply")


@pytest.mark.parametrize("text", [False, True])
@pytest.mark.parametrize("share", [0.5, 0.95])
def test_truncated_rows(make_ply, make_table, text, share):
    path = make_ply(make_table(40, 0), text=text)
    data = path.read_bytes()
    path.write_bytes(data[: int(len(data) * share)])
    assert "truncated or damaged" in message(path)


def test_truncated_header(make_ply):
    path = make_ply()
    path.write_bytes(path.read_bytes()[:100])
    assert "truncated or damaged PLY header" in message(path)


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
    assert "zero Gaussians" in message(make_ply(make_table(0, 1)))


@pytest.mark.parametrize("count", [3, 10, 12])
def test_a_number_of_harmonics_that_is_no_degree(make_ply, make_table, count):
    table = make_table(5, 0, extra=tuple((f"f_rest_{i}", "f4") for i in range(count)))
    assert f"it has {count} f_rest properties where" in message(make_ply(table))
