"""Points from confidence maps."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from torch import Tensor

from saga.methods.sa3d.self_prompting import self_prompt
from saga.scene import Camera

H, W = 12, 16


def camera() -> Camera:
    return Camera("view.png", W, H, 15.0, 14.0, 7.5, 6.25, np.eye(4))


def direct(confidence: Tensor, depth: Tensor, count: int, decay: bool) -> list[tuple[int, int]]:
    """Equations 6 to 8 pixel by pixel."""
    view = camera()
    confidences, depths = confidence.tolist(), depth.tolist()
    mask = [(x, y) for y in range(H) for x in range(W) if confidences[y][x] > 0]
    if not mask:
        return []

    def point(pixel: tuple[int, int]) -> tuple[float, float, float]:
        x, y = pixel
        z = depths[y][x]
        return (x + 0.5 - view.cx) / view.fx * z, (y + 0.5 - view.cy) / view.fy * z, z

    def score(pixel: tuple[int, int]) -> float:
        return float(confidences[pixel[1]][pixel[0]])

    def distance(one: tuple[int, int], other: tuple[int, int]) -> float:
        if math.isinf(depths[one[1]][one[0]]) or math.isinf(depths[other[1]][other[0]]):
            return math.inf
        return math.dist(point(one), point(other))

    half = math.sqrt(len(mask) / math.pi) / 2
    chosen = [max(mask, key=score)]
    while len(chosen) < count:
        free = [p for p in mask if all(max(abs(p[0] - q[0]), abs(p[1] - q[1])) > half for q in chosen)]
        least = dict.fromkeys(free, math.inf if decay else 0.0)
        for q in chosen if decay else ():
            largest = max((d for d in (distance(q, other) for other in mask) if math.isfinite(d)), default=0.0)
            for p in free:
                apart = distance(q, p)
                normalized = 1.0 if math.isinf(apart) else apart / largest if largest else 0.0
                least[p] = min(least[p], score(q) * normalized)
        decayed = [score(p) - least[p] for p in free]
        if not decayed or max(decayed) < 0:
            break
        chosen.append(free[decayed.index(max(decayed))])
    return chosen


def found(confidence: Tensor, depth: Tensor, count: int, decay: bool = True) -> list[tuple[int, int]]:
    pixels = self_prompt(confidence, depth, camera(), count, decay)
    assert pixels.dtype == np.int64 and pixels.shape[1] == 2
    return [(int(x), int(y)) for x, y in pixels]


@pytest.mark.parametrize("decay", [True, False])
@pytest.mark.parametrize("seed", range(6))
def test_points_are_those_of_the_equations(seed: int, decay: bool) -> None:
    random = torch.Generator().manual_seed(seed)
    confidence = torch.rand(H, W, generator=random) - 0.3
    depth = 2 + torch.rand(H, W, generator=random) * 3
    depth[torch.rand(H, W, generator=random) < 0.1] = torch.inf
    expected = direct(confidence, depth, 5, decay)
    assert len(expected) > 1
    assert found(confidence, depth, 5, decay) == expected


def test_the_first_of_equal_pixels_in_reading_order_is_taken() -> None:
    confidence = torch.full((H, W), -0.1)
    confidence[3:9, 4:11] = 0.8
    depth = torch.full((H, W), 4.0)
    assert found(confidence, depth, 1) == [(4, 3)]
    assert found(confidence, depth, 3) == direct(confidence, depth, 3, True)


def test_nothing_shown_gives_no_points() -> None:
    assert found(torch.zeros(H, W), torch.ones(H, W), 3) == []
    assert found(torch.full((H, W), -0.2), torch.ones(H, W), 3) == []


def test_one_pixel_gives_one_point() -> None:
    confidence = torch.zeros(H, W)
    confidence[7, 9] = 1e-3
    assert found(confidence, torch.full((H, W), torch.inf), 3) == [(9, 7)]


def test_where_no_pixel_has_a_depth_the_decay_leaves_the_confidence_to_decide() -> None:
    confidence = torch.zeros(H, W)
    confidence[2, 3], confidence[10, 14], confidence[10, 3] = 0.9, 0.9, 0.5
    # All lie farthest from the first: what is as sure as it may follow, what is less sure may not.
    assert found(confidence, torch.full((H, W), torch.inf), 3) == [(3, 2), (14, 10)]


def test_points_keep_the_radius_of_the_mask_apart() -> None:
    confidence = torch.rand(H, W, generator=torch.Generator().manual_seed(1)) + 0.5
    pixels = self_prompt(confidence, torch.full((H, W), 3.0), camera(), 10, decay=False)
    half = math.sqrt(H * W / math.pi) / 2
    apart = np.abs(pixels[:, None] - pixels[None]).max(-1)
    assert len(pixels) >= 3 and (apart[~np.eye(len(pixels), dtype=bool)] > half).all()


def test_decay_keeps_prompts_off_what_lies_far_behind() -> None:
    """A confident leak onto a distant wall, seen through a gap of the object."""
    confidence, depth = torch.full((H, W), -0.1), torch.full((H, W), 9.0)
    confidence[4:9, 1:7], depth[4:9, 1:7] = 0.8, 2.0
    confidence[6, 3] = 0.9
    confidence[4:9, 11:13] = 0.85
    assert all(x < 7 for x, _ in found(confidence, depth, 3))
    assert any(x >= 11 for x, _ in found(confidence, depth, 3, decay=False))
