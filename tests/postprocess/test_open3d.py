"""The fast searches against Open3D itself, and Open3D as a choice of queries."""

from __future__ import annotations

from collections.abc import Callable
from types import ModuleType

import numpy as np
import pytest
import torch
from torch import Tensor

from saga import postprocess
from saga.errors import SagaError
from saga.postprocess import open3d as literal
from saga.query import QueryConfig
from saga.query.refine import MaskEvidence, refine
from saga.query.report import Report
from saga.query.segmentation import Segmentation
from saga.raster import DeviceScene
from saga.scene import Gaussians, Scene
from saga.scene.point_cloud import import_open3d

AGREEMENT = 0.99
"""Share of points with the verdict of Open3D's exact search."""


@pytest.fixture
def o3d() -> ModuleType:
    """Open3D, where it is installed."""
    found: ModuleType = pytest.importorskip("open3d", exc_type=ImportError)  # libraries of the system may be missing
    return found


def surface(count: int = 3000, stray: int = 60) -> Tensor:  # [count + stray, 3]
    """Two noisy spheres side by side, and points scattered around them."""
    rng = np.random.default_rng(0)
    directions = rng.normal(size=(count, 3))
    directions /= np.linalg.norm(directions, axis=1, keepdims=True)
    centers = np.where(np.arange(count)[:, None] % 3 == 0, 2.2, 0.0) * [1, 0, 0]
    spheres = centers + directions * rng.normal(1, 0.01, (count, 1))
    return torch.from_numpy(np.concatenate([spheres, rng.uniform(-3, 4, (stray, 3))])).float()


@pytest.mark.parametrize("deviations", [1.0, 3.0])
def test_the_fast_filter_agrees_with_open3ds(o3d: ModuleType, deviations: float) -> None:
    points = surface()
    cloud = o3d.geometry.PointCloud(o3d.utility.Vector3dVector(points.double().numpy()))
    _, kept = cloud.remove_statistical_outlier(nb_neighbors=int(len(points) ** 0.5), std_ratio=deviations)
    expected = torch.zeros(len(points), dtype=torch.bool)
    expected[torch.tensor(list(kept))] = True
    assert 20 < int((~expected).sum()) < 500
    fast = postprocess.statistical_filter(points, std_ratio=deviations)
    assert float((fast == expected).float().mean()) >= AGREEMENT
    assert torch.equal(literal.statistical_filter(points, std_ratio=deviations), expected)
    assert torch.equal(postprocess.statistical_filter(points, std_ratio=deviations, exact=True), expected)


def test_nearest_distances_are_those_of_open3d(o3d: ModuleType) -> None:
    points = surface()
    cloud = o3d.geometry.PointCloud(o3d.utility.Vector3dVector(points.double().numpy()))
    expected = torch.from_numpy(np.asarray(cloud.compute_nearest_neighbor_distance())).float()
    torch.testing.assert_close(postprocess.nearest_neighbor_distance(points), expected, rtol=1e-6, atol=0)


@pytest.mark.parametrize("radius", [None, 0.05, 0.12])
def test_growing_is_that_of_open3ds_tree(o3d: ModuleType, radius: float | None) -> None:
    points = surface()
    seeds = (points[:, 0] < -0.5) & (torch.arange(len(points)) < 3000)
    (fast, fast_radius), (region, found) = (each.grow_region(points, seeds, radius) for each in (postprocess, literal))
    assert fast_radius == pytest.approx(found, rel=1e-6) and torch.equal(fast, region)
    assert int(seeds.sum()) < int(region.sum()) < len(points)


@pytest.mark.parametrize(("radius", "quantile"), [(None, 1.0), (None, 0.9), (0.05, 1.0)])
def test_the_ball_query_is_that_of_open3ds_tree(o3d: ModuleType, radius: float | None, quantile: float) -> None:
    points = surface()
    members = torch.arange(len(points)) % 5 == 0
    (fast, fast_radius), (joined, found) = (
        each.ball_query(points, members, radius, quantile) for each in (postprocess, literal)
    )
    assert fast_radius == pytest.approx(found, rel=1e-6) and torch.equal(fast, joined)
    assert int(members.sum()) < int(joined.sum()) < len(points) or radius is None


def test_what_lies_exactly_at_the_radius_is_near(o3d: ModuleType) -> None:
    points = torch.tensor([[0.0, 0, 0], [0.1, 0, 0], [0.2, 0, 0], [0.7, 0, 0]])
    seeds = torch.tensor([True, True, False, False])
    for searches in (postprocess, literal):
        assert searches.grow_region(points, seeds)[0].tolist() == [True, True, True, False]
        assert searches.ball_query(points, seeds)[0].tolist() == [True, True, True, False]


def test_nothing_and_single_points(o3d: ModuleType) -> None:
    nothing, one = torch.zeros(0, 3), torch.zeros(1, 3)
    assert literal.statistical_filter(nothing).tolist() == []
    assert literal.grow_region(one, torch.tensor([False]))[0].tolist() == [False]
    assert literal.ball_query(one, torch.tensor([True])) == (torch.tensor([True]), 0.0)
    with pytest.raises(SagaError, match="^quantile: expected"):
        literal.ball_query(one, torch.tensor([True]), quantile=0)


def test_a_query_with_open3d_is_the_papers_stage(o3d: ModuleType) -> None:
    points = surface()
    selected = points[:, 0] < 1.1
    report = Report()
    found = refine(selected, points, None, QueryConfig(filter="open3d"), report)
    kept = selected.clone()
    kept[selected] = literal.statistical_filter(points[selected])
    expected, radius = literal.ball_query(points, kept)
    assert torch.equal(found, expected) and report.thresholds["ball_radius"] == radius
    assert report.counts["after_statistical_filter"] == int(kept.sum()) < int(selected.sum())
    # Values that are given hold for Open3D too.
    own = QueryConfig(filter="open3d", filter_deviations=3.0, ball_query=False)
    kept[selected] = literal.statistical_filter(points[selected], std_ratio=3.0)
    assert torch.equal(refine(selected, points, None, own, Report()), kept)


def test_a_mask_grows_its_region_with_open3d(o3d: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    points = surface()
    inside = (points[:, 0] < -0.5) & (torch.arange(len(points)) < 3000)
    evidence = MaskEvidence(inside, torch.zeros_like(inside))
    everything = torch.ones_like(inside)
    config = QueryConfig(filter="open3d", ball_query=False)
    monkeypatch.setattr(postprocess, "grow_region", None)
    found = refine(everything, points, evidence, config, Report())
    assert torch.equal(found, literal.grow_region(points, inside)[0])


@pytest.fixture
def failing_import(monkeypatch: pytest.MonkeyPatch) -> Callable[[Exception], None]:
    """failing_import(error): importing open3d raises it."""

    def fail(error: Exception) -> None:
        def load(name: str) -> ModuleType:
            assert name == "open3d"
            raise error

        monkeypatch.setattr("importlib.import_module", load)

    return fail


@pytest.mark.parametrize(
    ("error", "message"),
    [
        (
            ModuleNotFoundError("No module named 'open3d'", name="open3d"),
            r'expected the package open3d, found none; run pip install "saga-splat\[open3d\]"\.',
        ),
        (
            ImportError("libGL.so.1: cannot open shared object file: No such file or directory"),
            r"expected a working Open3D, found one without libGL\.so\.1; install libgl1\.",
        ),
        (
            OSError("libusb-1.0.so.0: cannot open shared object file: No such file or directory"),
            r"expected a working Open3D, found one without libusb-1\.0\.so\.0; install libusb-1\.0-0\.",
        ),
        (ModuleNotFoundError("No module named 'dash'", name="dash"), r"Open3D lacks dash; run pip install dash\."),
        (ImportError("other"), r"does not load \(other\); install libusb-1\.0-0 libgl1 libgomp1\."),
    ],
)
def test_what_is_missing_is_named(failing_import: Callable[[Exception], None], error: Exception, message: str) -> None:
    failing_import(error)
    with pytest.raises(SagaError, match=f"^filter open3d: .*{message}$"):
        import_open3d("filter open3d")
    with pytest.raises(SagaError, match=message):
        refine(torch.ones(5, dtype=torch.bool), torch.rand(5, 3), None, QueryConfig(filter="open3d"), Report())


def test_gaussians_become_a_point_cloud(o3d: ModuleType) -> None:
    quarter = float(np.sqrt(0.5))
    gaussians = Gaussians.from_arrays(
        means=np.array([[0, 1, 2], [3, 4, 5], [6, 7, 8]], np.float32),
        scales=np.array([[0.1, 0.5, 0.5], [0.5, 0.5, 0.1], [0.5, 0.1, 0.5]], np.float32),
        # The second turns its own z axis, by a quarter about x, to -y.
        quaternions=np.array([[1, 0, 0, 0], [quarter, quarter, 0, 0], [1, 0, 0, 0]], np.float32),
        opacities=np.full(3, 0.5, np.float32),
        sh=np.array([[[0, 1, -9]], [[0, 0, 9]], [[0, 0, 0]]], np.float32),
    )
    cloud = gaussians.to_open3d()
    np.testing.assert_allclose(np.asarray(cloud.points), gaussians.means)
    np.testing.assert_allclose(np.asarray(cloud.normals), [[1, 0, 0], [0, -1, 0], [0, 1, 0]], atol=1e-6)
    half = 0.28209479177387814
    np.testing.assert_allclose(
        np.asarray(cloud.colors), [[0.5, 0.5 + half, 0], [0.5, 0.5, 1], [0.5, 0.5, 0.5]], atol=1e-6
    )
    assert np.asarray(gaussians.to_open3d(np.array([False, True, False])).points).tolist() == [[3, 4, 5]]


def test_gaussians_that_are_not_finite_stay_out_of_the_cloud(o3d: ModuleType) -> None:
    n = 3
    means = np.arange(9, dtype=np.float32).reshape(n, 3)
    means[1] = np.nan
    gaussians = Gaussians.from_arrays(
        means, np.full((n, 3), 0.1), np.tile([1.0, 0, 0, 0], (n, 1)), np.full(n, 0.5), np.zeros((n, 1, 3))
    )
    assert np.asarray(gaussians.to_open3d().points).tolist() == [[0, 1, 2], [6, 7, 8]]


@pytest.mark.parametrize("on_a_device", [False, True])
def test_a_segmentation_becomes_a_point_cloud(o3d: ModuleType, wall: Callable[..., Scene], on_a_device: bool) -> None:
    scene = wall()
    mask = scene.gaussians.means[:, 0] > 1
    found = Segmentation(mask, mask.astype(np.float32), scene=DeviceScene(scene, "cpu") if on_a_device else scene)
    np.testing.assert_allclose(np.asarray(found.to_open3d().points), scene.gaussians.means[mask])
    with pytest.raises(SagaError, match="^segmentation: expected the scene it belongs to, found none"):
        Segmentation(mask, mask.astype(np.float32)).to_open3d()
