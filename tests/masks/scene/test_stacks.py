"""Things on things."""

from __future__ import annotations

import numpy as np
import pytest

from saga.masks.scene.config import SceneMaskConfig
from saga.masks.scene.heights import ground
from saga.masks.scene.stacks import _carrier
from saga.masks.scene.supports import find_supports

from .conftest import BLUE, TABLE, Box, make_surface, on_box


class _Tilted(Box):
    """A box whose faces rise along x by 6 % of the way."""

    def surfels(self) -> tuple[np.ndarray, np.ndarray]:
        points, scales = super().surfels()
        points[:, 2] += 0.06 * (points[:, 0] - self.center[0])
        return points, scales


def test_a_flat_top_that_is_not_quite_parallel_to_its_support_is_flat() -> None:
    """A bench stands upright on a lawn that slopes; the higher end of its seat is nothing that lies on it."""
    bench = _Tilted((0.0, 0.2, 0.15), (1.8, 0.5, 0.3), BLUE)
    surface = make_surface([TABLE, bench])
    (support,) = find_supports(surface, SceneMaskConfig(), np.random.default_rng(0))
    members = np.flatnonzero(on_box(surface, bench, margin=0.06))
    carrier = _carrier(surface, ground(surface, support, SceneMaskConfig()), members, SceneMaskConfig())
    top = carrier.flat & (np.abs(carrier.points[:, :2] - (0.0, 0.2)) < (0.8, 0.2)).all(1)
    high = carrier.heights[top] > 0.3 + carrier.clearance
    assert high.mean() > 0.05
    assert not (carrier.over(0.3)[top] > 0.3 + carrier.clearance).any()
    assert np.median(carrier.over(0.3)[top]) == pytest.approx(0.3, abs=0.005)
