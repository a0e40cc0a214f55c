"""Layouts of other trainers, and headers of other programs."""

from __future__ import annotations

import numpy as np
import pytest
from plyfile import PlyData, PlyElement

from saga.errors import SagaError
from saga.scene import Gaussians


def without(table: np.ndarray, *names: str) -> np.ndarray:
    kept = [name for name in table.dtype.names if name not in names]
    out = np.empty(len(table), [(name, table.dtype[name]) for name in kept])
    for name in kept:
        out[name] = table[name]
    return out


def with_filter(table: np.ndarray, values: np.ndarray) -> np.ndarray:
    out = np.empty(len(table), [*((name, table.dtype[name]) for name in table.dtype.names), ("filter_3D", "f4")])
    for name in table.dtype.names:
        out[name] = table[name]
    out["filter_3D"] = values
    return out


def test_flat_surfels_have_a_thin_third_axis(make_ply, make_table):
    table = make_table(30, 0)
    flat, whole = Gaussians.read(make_ply(without(table, "scale_2"))), Gaussians.read(make_ply(table, "whole.ply"))
    np.testing.assert_array_equal(flat.scales[:, :2], whole.scales[:, :2])
    np.testing.assert_allclose(flat.scales[:, 2], 0.01 * flat.scales[:, :2].min(axis=1), rtol=1e-5)
    np.testing.assert_array_equal(flat.quaternions, whole.quaternions)
    assert flat.valid.all()


def test_surfels_are_written_as_they_came(make_ply, make_table, tmp_path):
    table = without(make_table(20, 1), "scale_2")
    g = Gaussians.read(make_ply(table))
    g.write(tmp_path / "object.ply", np.arange(20) < 7)
    written = PlyData.read(str(tmp_path / "object.ply"))["vertex"].data
    assert written.dtype.names == table.dtype.names
    np.testing.assert_array_equal(written, table[:7])


def test_mip_splattings_filter_widens_scales_and_keeps_what_is_integrated(make_ply, make_table, tmp_path):
    table = make_table(40, 0)
    filters = np.random.default_rng(2).uniform(0.01, 0.2, 40).astype(np.float32)
    g = Gaussians.read(make_ply(with_filter(table, filters)))
    bare = np.exp(np.stack([table[f"scale_{k}"] for k in range(3)], axis=1).astype(float))
    wide = np.sqrt(bare**2 + filters[:, None].astype(float) ** 2)
    np.testing.assert_allclose(g.scales, wide, rtol=1e-5)
    opacities = 1 / (1 + np.exp(-table["opacity"].astype(float)))
    np.testing.assert_allclose(g.opacities, opacities * bare.prod(1) / wide.prod(1), rtol=1e-4)
    g.write(tmp_path / "object.ply", np.arange(40) < 9)
    again = Gaussians.read(tmp_path / "object.ply")
    # The filter is in the file still, and not applied twice.
    np.testing.assert_array_equal(again.scales, g.scales[:9])
    np.testing.assert_array_equal(again.opacities, g.opacities[:9])


def test_the_digest_tells_other_filters_and_layouts_apart(make_ply, make_table):
    table = make_table(10, 0)
    tables = [table, without(table, "scale_2"), *(with_filter(table, np.full(10, f, np.float32)) for f in (0.1, 0.2))]
    digests = {Gaussians.read(make_ply(each, f"{k}.ply")).digest() for k, each in enumerate(tables)}
    assert len(digests) == 4


def test_other_formats_get_what_they_know(make_ply, make_table, tmp_path):
    """They have no filter and no scenes of two scales: these are worked into scales and opacities."""
    pytest.importorskip("gaussforge")
    table = make_table(30, 0)
    for each in (without(table, "scale_2"), with_filter(table, np.full(30, 0.1, np.float32))):
        g = Gaussians.read(make_ply(each))
        g.write(tmp_path / "a.splat")
        read = Gaussians.read(tmp_path / "a.splat")
        order = [int(np.abs(read.means - mean).sum(axis=1).argmin()) for mean in g.means]
        np.testing.assert_allclose(read.scales[order], g.scales, rtol=0.05)
        np.testing.assert_allclose(read.opacities[order], g.opacities, atol=0.01)


def test_other_formats_get_colors_that_are_bytes_and_no_rows_that_are_no_numbers(make_ply, make_table, tmp_path):
    pytest.importorskip("gaussforge")
    table = make_table(30, 0, extra=(("red", "u1"), ("green", "u1"), ("blue", "u1"), ("object_id", "i4")))
    table["x"][3] = np.nan
    with pytest.warns(UserWarning, match="dropped 1 of 30"):
        g = Gaussians.read(make_ply(without(table, "f_dc_0", "f_dc_1", "f_dc_2")))
    with pytest.warns(UserWarning, match="splat: has no place for the properties object_id; a PLY keeps them"):
        g.write(tmp_path / "a.splat")
    read = Gaussians.read(tmp_path / "a.splat")
    assert len(read) == 29 and np.isfinite(read.means).all()
    order = [int(np.abs(read.means - mean).sum(axis=1).argmin()) for mean in g.means[g.valid]]
    np.testing.assert_allclose(read.base_colors()[order], g.base_colors()[g.valid], atol=0.005)


COMMENTS = {"utf8": "comment J\u00fcrgens K\u00fcche, \u53f0\u6240".encode(), "latin1": b"comment J\xfcrgens K\xfcche"}


@pytest.mark.parametrize("encoding", COMMENTS)
@pytest.mark.parametrize("options", [{"byte_order": "<"}, {"byte_order": ">"}, {"text": True}])
def test_comments_of_any_bytes_are_kept(make_ply, make_table, tmp_path, encoding, options):
    table = make_table(50, 0)
    path = make_ply(table, **options)
    comment = COMMENTS[encoding]
    raw = path.read_bytes()
    for place in (b"element vertex", b"property float x"):  # before the element and inside of it
        raw = raw.replace(place, comment + b"\n" + place, 1)
    path.write_bytes(raw.replace(b"element vertex", b"obj_info made in K\xf6ln\nelement vertex", 1))
    g = Gaussians.read(path)
    np.testing.assert_allclose(g.means, np.stack([table[name] for name in "xyz"], axis=1), rtol=1e-6)
    g.write(tmp_path / "object.ply", np.arange(50) < 20)
    written = (tmp_path / "object.ply").read_bytes()
    header = written[: written.index(b"end_header")]
    assert header.count(comment + b"\n") == 2 and b"obj_info made in K\xf6ln\n" in header and b"\x1a" not in header
    again = Gaussians.read(tmp_path / "object.ply")
    np.testing.assert_array_equal(again.means, g.means[:20])


def test_binary_rows_behind_such_a_header_are_mapped_not_read(make_ply, make_table):
    path = make_ply(make_table(50, 0), byte_order="<")
    path.write_bytes(path.read_bytes().replace(b"element vertex", COMMENTS["utf8"] + b"\nelement vertex", 1))
    assert isinstance(Gaussians.read(path).vertices.base, np.memmap)


def test_a_list_where_a_number_belongs(tmp_path, make_table):
    table = make_table(4, 0)
    names = [(name, "O" if name == "opacity" else "f4") for name in table.dtype.names]
    rows = np.empty(4, names)
    for name in table.dtype.names:
        rows[name] = table[name] if name != "opacity" else [np.ones(2, np.float32)] * 4
    element = PlyElement.describe(rows, "vertex", val_types={"opacity": "f4"}, len_types={"opacity": "u1"})
    PlyData([element]).write(str(tmp_path / "scene.ply"))
    with pytest.raises(SagaError, match="expected a number per Gaussian in opacity, found a list"):
        Gaussians.read(tmp_path / "scene.ply")
