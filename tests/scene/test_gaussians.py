from __future__ import annotations

import os
import warnings
import weakref
from dataclasses import replace
from math import factorial

import numpy as np
import pytest
from plyfile import PlyData, PlyElement
from scipy.special import lpmv

from saga.errors import SagaError
from saga.scene import Gaussians

C0 = 0.28209479177387814


def columns(table, *names):
    return np.stack([table[name] for name in names], axis=1).astype(np.float64)


def random_arrays(count=10, coefficients=4):
    rng = np.random.default_rng(1)
    quaternions = rng.normal(size=(count, 4))
    return {
        "means": rng.normal(size=(count, 3)),
        "scales": rng.uniform(0.01, 2, (count, 3)),
        "quaternions": quaternions / np.linalg.norm(quaternions, axis=1, keepdims=True),
        "opacities": rng.uniform(0.01, 0.99, count),
        "sh": rng.normal(size=(count, coefficients, 3)),
    }


def test_read_applies_the_activations(make_ply, make_table):
    table = make_table(30, 1)
    g = Gaussians.read(make_ply(table))
    assert len(g) == 30 and g.valid.all()
    np.testing.assert_array_equal(g.means, columns(table, "x", "y", "z"))
    np.testing.assert_allclose(g.scales, np.exp(columns(table, "scale_0", "scale_1", "scale_2")), rtol=1e-6)
    np.testing.assert_allclose(g.opacities, 1 / (1 + np.exp(-table["opacity"].astype(float))), rtol=1e-6)
    quaternions = columns(table, "rot_0", "rot_1", "rot_2", "rot_3")
    quaternions /= np.linalg.norm(quaternions, axis=1, keepdims=True)
    np.testing.assert_allclose(g.quaternions, quaternions, atol=1e-6)
    for array in (g.means, g.scales, g.quaternions, g.opacities, g.sh):
        assert array.dtype == np.float32


@pytest.mark.parametrize("degree", [0, 1, 2, 3, 4])
def test_spherical_harmonics_are_read_channel_major(make_ply, make_table, degree):
    table = make_table(5, degree)
    g = Gaussians.read(make_ply(table))
    k = (degree + 1) ** 2
    assert g.sh.shape == (5, k, 3)
    for channel in range(3):
        np.testing.assert_array_equal(g.sh[:, 0, channel], table[f"f_dc_{channel}"])
        for i in range(1, k):
            np.testing.assert_array_equal(g.sh[:, i, channel], table[f"f_rest_{channel * (k - 1) + i - 1}"])


@pytest.mark.parametrize("degree", [0, 1, 2, 3, 4])
def test_colors_match_real_spherical_harmonics(make_ply, make_table, degree):
    g = Gaussians.read(make_ply(make_table(40, degree)))
    viewpoint = np.array([0.3, -2.0, 1.0])
    direction = g.means - viewpoint
    direction /= np.linalg.norm(direction, axis=1, keepdims=True)
    azimuth = np.arctan2(direction[:, 1], direction[:, 0])
    expected = np.full((40, 3), 0.5)
    for band in range(degree + 1):
        for m in range(-band, band + 1):
            norm = (2 * band + 1) / (4 * np.pi) * factorial(band - abs(m)) / factorial(band + abs(m))
            value = np.sqrt(norm * (1 + (m != 0))) * lpmv(abs(m), band, direction[:, 2])
            value *= np.cos(m * azimuth) if m >= 0 else np.sin(-m * azimuth)
            expected += value[:, None] * g.sh[:, band * band + band + m]
    assert (expected < 0).any()
    np.testing.assert_allclose(g.colors(viewpoint), np.maximum(expected, 0), atol=2e-5)
    assert g.colors(viewpoint).dtype == np.float32


@pytest.mark.filterwarnings("ignore:.*of degree 5")
def test_colors_leave_out_bands_above_four(make_ply, make_table):
    table = make_table(5, 5)
    colors = Gaussians.read(make_ply(table)).colors(np.zeros(3))
    for channel in range(3):
        for i in range(24, 35):
            table[f"f_rest_{channel * 35 + i}"] = 7
    np.testing.assert_array_equal(Gaussians.read(make_ply(table)).colors(np.zeros(3)), colors)


def test_colors_at_the_mean_itself_are_finite(make_ply, make_table):
    g = Gaussians.read(make_ply(make_table(3, 3)))
    assert np.isfinite(g.colors(g.means[0])).all()


def test_rgb_stands_in_for_the_constant_term(make_ply, make_table):
    table = make_table(6, 0, extra=(("red", "u1"), ("green", "u1"), ("blue", "u1")))
    names = [name for name in table.dtype.names if not name.startswith("f_dc")]
    g = Gaussians.read(make_ply(np.array(table[names].tolist(), [(n, table.dtype[n]) for n in names])))
    rgb = columns(table, "red", "green", "blue")
    np.testing.assert_allclose(g.colors(np.zeros(3)), rgb / 255, atol=1e-6)


@pytest.mark.parametrize("options", [{"byte_order": "<"}, {"byte_order": ">"}, {"text": True}])
def test_selected_rows_keep_every_bit(tmp_path, make_ply, make_table, options):
    table = make_table(50, 2, extra=(("label", "i4"), ("weight", "f8"), ("nx", "f4"), ("shade", "u1")))
    table["weight"] = np.random.default_rng(3).normal(size=50)
    table["label"][3] = -123456
    path = make_ply(table, comments=["first", "second"], **options)
    mask = np.random.default_rng(2).random(50) < 0.4
    out = tmp_path / "new" / "object.ply"
    Gaussians.read(path).write(out, mask)
    ply = PlyData.read(str(out))
    assert ply.comments == ["first", "second"]
    assert (ply.text, ply.byte_order) == (PlyData.read(str(path)).text, PlyData.read(str(path)).byte_order)
    written = ply["vertex"].data
    assert written.dtype.names == table.dtype.names
    for name in table.dtype.names:
        kept = written[name].astype(table.dtype[name])
        assert kept.tobytes() == table[name][mask].tobytes(), name


def test_writing_everything_gives_the_same_file(tmp_path, make_ply, make_table):
    path = make_ply(make_table(50, 1), byte_order="<")
    Gaussians.read(path).write(tmp_path / "copy.ply")
    assert (tmp_path / "copy.ply").read_bytes() == path.read_bytes()


def test_other_elements_survive(tmp_path, make_table):
    extra = np.array([(1, 2.5), (7, -1.0)], [("id", "i4"), ("gain", "f8")])
    elements = [
        PlyElement.describe(extra, "frame", comments=["of a rig"]),
        PlyElement.describe(make_table(9, 0), "vertex", comments=["splats"]),
        PlyElement.describe(extra[:1], "camera"),
    ]
    PlyData(elements, byte_order="<").write(str(tmp_path / "a.ply"))
    g = Gaussians.read(tmp_path / "a.ply")
    g.write(tmp_path / "b.ply", np.arange(9) < 4)
    ply = PlyData.read(str(tmp_path / "b.ply"))
    assert [(e.name, e.count, e.comments) for e in ply.elements] == [
        ("frame", 2, ["of a rig"]),
        ("vertex", 4, ["splats"]),
        ("camera", 1, []),
    ]
    np.testing.assert_array_equal(ply["frame"].data, extra)


def test_an_empty_selection_writes_an_empty_ply(tmp_path, make_ply):
    Gaussians.read(make_ply()).write(tmp_path / "none.ply", np.zeros(20, bool))
    assert PlyData.read(str(tmp_path / "none.ply"))["vertex"].count == 0


def test_a_scene_can_replace_its_own_file(make_ply, make_table):
    path = make_ply(make_table(30, 1))
    g = Gaussians.read(path)
    g.write(path, np.arange(30) < 10)
    assert len(Gaussians.read(path)) == 10
    assert len(g) == 30 and np.isfinite(g.colors(np.zeros(3))).all()


@pytest.mark.parametrize("mask", [np.zeros(19, bool), np.zeros(20, int)])
def test_a_mask_of_another_kind_is_refused(tmp_path, make_ply, mask):
    with pytest.raises(ValueError, match="mask must be bool"):
        Gaussians.read(make_ply()).write(tmp_path / "x.ply", mask)
    assert not (tmp_path / "x.ply").exists()


def test_a_failed_write_leaves_nothing_behind(tmp_path, make_ply, monkeypatch):
    g = Gaussians.read(make_ply())
    target = tmp_path / "out" / "object.ply"
    g.write(target)
    before = target.read_bytes()

    def fail(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "replace", fail)
    with pytest.raises(SagaError, match=r"object.ply: expected room to write it, found the disk full"):
        g.write(target, np.arange(20) < 3)
    assert target.read_bytes() == before
    assert os.listdir(target.parent) == ["object.ply"]


BAD = [("x", np.nan), ("scale_1", np.inf), ("rot_3", np.nan), ("opacity", np.nan), ("f_dc_2", np.nan)]
BAD += [("f_rest_8", np.inf), ("scale_0", 100.0)]  # exp(100) is no float32


@pytest.mark.parametrize(("name", "value"), BAD)
def test_a_row_that_is_not_finite_stays_in_place_harmless(tmp_path, make_ply, make_table, name, value):
    table = make_table(12, 1)
    table[name][4] = value
    path = make_ply(table)
    with pytest.warns(UserWarning, match="dropped 1 of 12 Gaussians") as caught:
        g = Gaussians.read(path)
    assert len(caught) == 1
    assert not g.valid[4] and g.valid.sum() == 11
    assert g.opacities[4] == 0 and (g.means[4] == 0).all() and g.quaternions[4].tolist() == [1, 0, 0, 0]
    np.testing.assert_allclose(g.scales[4], 1e-6)
    assert np.isfinite(g.sh).all() and np.isfinite(g.colors(np.ones(3))).all()
    np.testing.assert_array_equal(g.means[5], columns(table, "x", "y", "z")[5])
    with pytest.raises(SagaError, match="1 of 12 Gaussians have NaN"):
        Gaussians.read(path, strict=True)
    g.write(tmp_path / "copy.ply")
    assert (tmp_path / "copy.ply").read_bytes() == path.read_bytes()


def test_no_finite_row_at_all_is_an_error(make_ply, make_table):
    table = make_table(3, 0)
    table["y"] = np.nan
    with pytest.raises(SagaError, match="3 of 3"):
        Gaussians.read(make_ply(table))


def test_nan_in_an_extra_property_is_no_fault(make_ply, make_table):
    table = make_table(3, 0, extra=(("weight", "f4"),))
    table["weight"] = np.nan
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert Gaussians.read(make_ply(table)).valid.all()


def test_a_zero_quaternion_means_not_rotated(make_ply, make_table):
    table = make_table(3, 0)
    for i in range(4):
        table[f"rot_{i}"][1] = 0
    assert Gaussians.read(make_ply(table)).quaternions[1].tolist() == [1, 0, 0, 0]


def test_digest_depends_on_geometry_alone(make_ply, make_table):
    table = make_table(40, 1)
    digest = Gaussians.read(make_ply(table)).digest()
    assert len(digest) == 64 and int(digest, 16)
    table["f_dc_0"] += 1
    assert Gaussians.read(make_ply(table, "b.ply", byte_order=">")).digest() == digest
    assert Gaussians.read(make_ply(table, "c.ply", text=True)).digest() == digest
    assert Gaussians.read(make_ply(table[::-1].copy(), "d.ply")).digest() != digest
    for name in ("x", "scale_2", "rot_0", "opacity"):
        changed = table.copy()
        changed[name][7] = np.nextafter(changed[name][7], np.float32(9))
        assert Gaussians.read(make_ply(changed, "e.ply")).digest() != digest, name


def test_the_digest_of_a_file_is_that_of_its_rows(make_ply, make_table):
    """It is made while the file is read, and again from the rows of what was made in another way."""
    read = Gaussians.read(make_ply(make_table(40, 1)))
    assert read.digest() == replace(read).digest()
    half = replace(read, vertices=read.vertices[:20])
    assert half.digest() != read.digest()


@pytest.mark.filterwarnings("ignore:.*dropped 1 of 40")
@pytest.mark.parametrize("options", [{}, {"text": True}, {"byte_order": ">"}])
def test_arrays_that_were_let_go_of_are_read_again_bit_for_bit(make_ply, make_table, options):
    table = make_table(40, 1, extra=(("filter_3D", "f4"),))
    table["scale_1"][4] = np.nan
    g, kept = Gaussians.read(make_ply(table, **options)), {}
    for name in ("means", "scales", "quaternions", "opacities", "valid"):
        kept[name] = getattr(g, name).tobytes()
    held, others = weakref.ref(g.means), g.scales
    g.let_go()
    assert held() is None and others.tobytes() == kept["scales"]
    assert {name: getattr(g, name).tobytes() for name in kept} == kept
    assert g.means is g.means, "they stay from then on"
    with pytest.raises(AttributeError, match="no attribute 'mean'"):
        _ = g.mean


def test_arrays_that_are_of_no_rows_stay(make_ply, make_table):
    read = Gaussians.read(make_ply(make_table(40, 1)))
    faint = replace(read, opacities=np.full(40, 0.5, np.float32))
    faint.let_go()
    assert (faint.opacities == 0.5).all()


def test_arrays_come_back_from_the_written_file(tmp_path):
    arrays = random_arrays(coefficients=9)
    g = Gaussians.from_arrays(**arrays)
    for name, value in arrays.items():
        np.testing.assert_allclose(getattr(g, name), value, rtol=2e-5, atol=1e-6, err_msg=name)
    g.write(tmp_path / "g.ply")
    again = Gaussians.read(tmp_path / "g.ply")
    for name in arrays:
        np.testing.assert_array_equal(getattr(again, name), getattr(g, name))
    assert again.digest() == g.digest()


def test_saturated_opacities_stay_valid():
    arrays = random_arrays(count=2)
    arrays["opacities"] = np.array([0.0, 1.0])
    g = Gaussians.from_arrays(**arrays)
    assert g.valid.all()
    np.testing.assert_allclose(g.opacities, [0, 1], atol=1e-6)


@pytest.mark.parametrize(
    ("name", "shape"),
    [("scales", (10, 2)), ("quaternions", (9, 4)), ("opacities", (10, 1)), ("sh", (10, 5, 3))],
)
def test_arrays_of_other_shapes_are_refused(name, shape):
    with pytest.raises(ValueError, match=f"{name} must be"):
        Gaussians.from_arrays(**{**random_arrays(), name: np.ones(shape)})


def test_odd_headers_keep_every_property_element_and_comment(tmp_path, make_table):
    """Types by their other names, lists, comments that look like something else, elements before and behind."""
    table = make_table(20, 1, extra=(("object_id", "u2"), ("semantic-label?", "i4"), ("weight", "f8"), ("class", "i1")))
    kinds = {"f4": "float32", "u2": "ushort", "i4": "int", "f8": "double", "i1": "char"}
    properties = "".join(f"property {kinds[table.dtype[name].str[1:]]} {name}\n" for name in table.dtype.names)
    header = (
        "ply\nformat binary_little_endian 1.0\ncomment\ncomment  two  spaces, and a tab\there\n"
        "comment SplatRenderMode: antialiased\nobj_info num_cols 3\ncomment end_header is not here\n"
        "comment element vertex 5\nelement camera 2\ncomment inside\nproperty float fx\nproperty list uchar int ids\n"
        f"element vertex 20\n{properties}comment between\nelement extrinsic 4\nproperty float extrinsic\n"
        "element nothing 0\nproperty uchar none\nend_header\n"
    ).encode()
    cameras = b"".join(
        np.float32(f).tobytes() + bytes([n]) + np.arange(n, dtype="<i4").tobytes() for f, n in ((1.5, 3), (2.5, 0))
    )
    extrinsic = np.arange(4, dtype="<f4").tobytes()
    (tmp_path / "odd.ply").write_bytes(header + cameras + table.tobytes() + extrinsic)
    mask = np.arange(20) % 3 == 0
    Gaussians.read(tmp_path / "odd.ply").write(tmp_path / "some.ply", mask)
    written = (tmp_path / "some.ply").read_bytes()
    assert written.endswith(b"\nend_header\n" + cameras + table[mask].tobytes() + extrinsic)
    lines = written[: -len(cameras + table[mask].tobytes() + extrinsic)].decode().splitlines()
    expected = header.decode().replace("element vertex 20", "element vertex 7").replace("float32", "float")
    assert sorted(line.rstrip() for line in lines) == sorted(expected.splitlines())
    declared = [line for line in expected.splitlines() if line.startswith(("element", "property"))]
    assert [line for line in lines if line.startswith(("element", "property"))] == declared


def test_colors_of_some_rows_are_those_of_all(tiny_scene):
    gaussians, eye = tiny_scene.gaussians, np.array([0.5, 1, -3])
    rows = np.array([700, 3, 3999, 3])
    assert np.array_equal(gaussians.colors(eye, rows), gaussians.colors(eye)[rows])
