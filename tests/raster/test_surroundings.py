"""Which Gaussians matter for a mask: never too few."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from saga.raster import BlendOperator, Geometry
from saga.raster.surroundings import Surroundings
from saga.raster.window import Bounds
from saga.scene import Camera


def needles(seed: int) -> Geometry:
    """Long thin Gaussians all over the place, some behind the camera, of every opacity."""
    generator = torch.Generator().manual_seed(seed)
    count = 300
    means = torch.rand(count, 3, generator=generator) * torch.tensor([8.0, 6.0, 9.0]) - torch.tensor([4.0, 3.0, 1.0])
    scales = torch.tensor([0.6, 0.02, 0.02]) * (0.3 + torch.rand(count, 1, generator=generator))
    quaternions = torch.randn(count, 4, generator=generator)
    return Geometry(means, scales, quaternions, torch.rand(count, generator=generator))


@pytest.mark.parametrize("seed", range(4))
def test_all_that_touch_a_pixel_of_a_member_are_found(seed: int) -> None:
    geometry, camera = needles(seed), Camera("a", 96, 64, 60, 60, 48, 32, np.eye(4))
    member = torch.zeros(len(geometry), dtype=torch.bool)
    member[::25] = True
    ys, xs = np.mgrid[: camera.height, : camera.width].reshape(2, -1)
    rows = BlendOperator(geometry, camera).rows(torch.from_numpy(np.stack([xs, ys], axis=1)))
    pixel = torch.arange(len(xs)).repeat_interleave(rows.indptr.diff())
    gaussian = rows.indices.long()
    touched = torch.zeros(len(xs), dtype=torch.bool)
    touched[pixel[member[gaussian]]] = True
    needed = torch.zeros(len(geometry), dtype=torch.bool)
    needed[gaussian[touched[pixel]]] = True
    found = Surroundings(geometry, member).seen_by(camera)
    assert int(needed.sum()) > int(member.sum())
    assert not bool((needed & ~found).any())
    assert int(found.sum()) < len(geometry), "and not simply all"


def test_what_cannot_reach_the_members_cells_is_not_looked_at(monkeypatch: pytest.MonkeyPatch) -> None:
    geometry, camera = needles(0), Camera("a", 96, 64, 60, 60, 48, 32, np.eye(4))
    member = torch.zeros(len(geometry), dtype=torch.bool)
    ahead = geometry.means[:, 2] > 2
    member[(geometry.means[:, :2].norm(dim=1) + 10 * ~ahead).argmin()] = True
    bounds = Bounds(geometry)
    looked = []
    reaching = bounds.reaching
    monkeypatch.setattr(bounds, "reaching", lambda *given: looked.append(reaching(*given)) or looked[-1])
    found = Surroundings(geometry, member, bounds).seen_by(camera)
    assert 0 < int(found.sum()) <= len(looked[0]) < len(reaching(camera))
