"""Geometry: what it takes and what it refuses."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from saga.raster import BlendOperator, Geometry
from saga.scene.gaussians import Gaussians


def tensors(count=4, dtype=torch.float32):
    return [torch.rand(count, *shape, dtype=dtype) for shape in ((3,), (3,), (4,), ())]


def test_from_gaussians_keeps_the_order_and_hides_invalid_rows(tmp_path, camera):
    rng = np.random.default_rng(0)
    means = rng.uniform(-1, 1, (5, 3))
    gaussians = Gaussians.from_arrays(
        means, np.full((5, 3), 0.2), rng.normal(size=(5, 4)), np.full(5, 0.8), np.zeros((5, 1, 3))
    )
    gaussians.write(tmp_path / "good.ply")
    content = bytearray((tmp_path / "good.ply").read_bytes())
    row = (len(content) - content.index(b"end_header\n") - len(b"end_header\n")) // 5
    start = len(content) - 3 * row
    content[start : start + 4] = np.float32(np.nan).tobytes()
    (tmp_path / "broken.ply").write_bytes(bytes(content))
    with pytest.warns(UserWarning, match="dropped 1 of 5"):
        geometry = Geometry.from_gaussians(Gaussians.read(tmp_path / "broken.ply"))
    assert (len(geometry), geometry.dtype, geometry.device.type) == (5, torch.float32, "cpu")
    seen = [0, 1, 3, 4]
    np.testing.assert_allclose(geometry.means[seen], means[seen], atol=1e-6)
    view = camera()
    lifted = BlendOperator(geometry, view, "reference").lift(torch.ones(view.height, view.width, 1))
    assert (lifted[:, 0] > 0).tolist() == [True, True, False, True, True]


@pytest.mark.parametrize("position", range(4))
def test_shapes_must_fit(position):
    values = tensors()
    values[position] = values[position][:-1] if position else torch.rand(4, 2)
    with pytest.raises(ValueError, match="expected shape"):
        Geometry(*values)


def test_types_must_agree():
    values = tensors()
    with pytest.raises(ValueError, match="opacities: expected torch.float32"):
        Geometry(*values[:3], values[3].double())
    with pytest.raises(ValueError, match="means: expected"):
        Geometry(*(value.long() for value in values))


def test_tensors_are_frozen_and_contiguous():
    values = tensors()
    wide = torch.rand(4, 6).requires_grad_()
    geometry = Geometry(wide[:, ::2], *values[1:])
    assert geometry.means.is_contiguous() and not geometry.means.requires_grad
    assert torch.equal(geometry.means, wide[:, ::2])


def test_to_converts_every_tensor():
    geometry = Geometry(*tensors()).to(dtype=torch.float64)
    assert {t.dtype for t in vars(geometry).values() if isinstance(t, torch.Tensor)} == {torch.float64}
