"""Runs every kernel of a native library once on small inputs: what compute-sanitizer looks at.

python tests/gpu/small_case.py cuda|cpu
"""

from __future__ import annotations

import sys

import numpy as np
import torch

from saga.postprocess import (
    ball_query,
    grow_region,
    mutual_neighbors,
    nearest_neighbor_distance,
    nearest_neighbors,
    statistical_filter,
)
from saga.query.matching import Matcher
from saga.raster import BlendOperator, Geometry, RowsAdam
from saga.scene.camera import Camera

SIZE = (75, 50)  # no multiple of the tile
CHANNELS = (1, 3, 32, 40)


def rasterize(device: str) -> None:
    """Projection, sorting, render and lift in every mode, rows, and an Adam step on them."""
    generator = torch.Generator().manual_seed(0)
    count, (width, height) = 700, SIZE
    uniform = torch.rand(count, 11, generator=generator)
    geometry = Geometry(
        4 * uniform[:, :3] - 2, 0.02 + 0.2 * uniform[:, 3:6], uniform[:, 6:10] - 0.5, uniform[:, 10]
    ).to(device)
    view = np.eye(4)
    view[2, 3] = 4
    camera = Camera("small", width, height, 60, 60, width / 2, height / 2, view)
    for exact in (False, True):
        operator = BlendOperator(geometry, camera, "native", exact)
        for deterministic in (False, True):
            torch.use_deterministic_algorithms(deterministic)
            for channels in CHANNELS:
                assert bool(operator.render(torch.rand(count, channels, device=device)).isfinite().all())
                assert bool(operator.lift(torch.rand(height, width, channels, device=device)).isfinite().all())
        torch.use_deterministic_algorithms(False)
    pixels = torch.stack([torch.randint(side, (500,), generator=generator) for side in SIZE], 1)
    assert bool((operator.surface().depth > 0).all())
    rows = operator.rows(pixels.to(device))
    x = torch.rand(count, 32, device=device)
    selected = torch.randint(500, (128,), generator=generator).to(device)
    rendered = rows.render(x, selected)
    rows.lift(rendered, selected)
    RowsAdam(x, 0.01).step(rows, rendered, selected)
    assert bool(x.isfinite().all())


def search(device: str) -> None:
    """The neighbor searches."""
    points = torch.randn(3000, 3, generator=torch.Generator().manual_seed(0)).to(device)
    members = points[:, 0] < 0
    assert bool(nearest_neighbor_distance(points).isfinite().all())
    assert bool(mutual_neighbors(nearest_neighbors(points, 32))[:, 0].all())
    assert bool(statistical_filter(points).any())
    assert bool(grow_region(points, members)[0].any())
    assert bool(ball_query(points, members)[0].any())


def match(device: str) -> None:
    """Scores of one and of many queries."""
    matcher = Matcher.build(torch.randn(1000, 32, device=device))
    for queries in (1, 3, 5, 9):
        assert len(matcher.cosine(torch.randn(queries, 32, device=device))) == 1000


if __name__ == "__main__":
    for part in (rasterize, search, match):
        part(sys.argv[1])
    if sys.argv[1] == "cuda":
        torch.cuda.synchronize()
    print("every kernel ran")
