"""The instant field: groups of Gaussians straight from the masks."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from saga.raster import Geometry, SparseRows
from saga.train import train
from saga.train.sampler import CachedView
from saga.train.spectral import spectral_start


def cache_of(camera, pixels_per_group=5, groups=3, views=4):
    """Pixels that see one Gaussian each, 4 Gaussians a group, a mask a group, in every view."""
    generator = torch.Generator().manual_seed(0)
    per_view = groups * pixels_per_group * 4
    group = torch.arange(groups).repeat_interleave(pixels_per_group * 4)
    cached = [CachedView(camera, v * per_view, group, torch.eye(groups).bool(), None) for v in range(views)]
    seen = torch.cat([group * 4 + torch.randint(4, (per_view,), generator=generator) for _ in range(views)])
    count = len(seen)
    rows = SparseRows(torch.arange(count + 1), seen.int(), torch.ones(count), columns=groups * 4 + 1)
    return cached, rows


@pytest.mark.parametrize("dimensions", [8, 32])
def test_gaussians_of_one_mask_are_alike_and_of_different_ones_are_not(tiny_scene, dimensions):
    features = spectral_start(*cache_of(tiny_scene.cameras[0]), dimensions, torch.Generator().manual_seed(0))
    assert features.shape == (13, dimensions)
    similarity = features[:12] @ features[:12].T
    group = torch.arange(12) // 4
    same = group[:, None] == group[None]
    torch.testing.assert_close(similarity, same.float(), atol=1e-3, rtol=0)
    assert features[12].abs().sum() == 0, "no mask shows it"


def test_what_one_view_of_many_tells_apart_stays_alike(tiny_scene):
    """Objects of Gaussians 0 to 3 and 4 to 7; the last of eight views has two masks for the halves of the first."""
    camera, views, each = tiny_scene.cameras[0], 8, 10
    gaussian = torch.arange(8).repeat_interleave(each)
    whole, halves = torch.eye(2).bool(), torch.eye(3).bool()
    cached = [CachedView(camera, v * len(gaussian), gaussian // 4, whole, None) for v in range(views - 1)]
    split = torch.tensor([0, 0, 1, 1, 2, 2, 2, 2])[gaussian]
    cached.append(CachedView(camera, (views - 1) * len(gaussian), split, halves, None))
    count = views * len(gaussian)
    rows = SparseRows(torch.arange(count + 1), gaussian.repeat(views).int(), torch.ones(count), columns=8)
    features = spectral_start(cached, rows, 8, torch.Generator().manual_seed(0))
    assert float(features[0] @ features[3]) > 0.99
    assert abs(float(features[0] @ features[4])) < 0.01


def test_the_instant_field_tells_objects_apart(tiny_scene, tiny_demo, instances, quick):
    field = train(tiny_scene, instances(), quick(iterations=0, start="spectral"), progress=False)
    directions = torch.nn.functional.normalize(field.features, dim=1).numpy()
    labels = np.asarray(tiny_demo.labels)
    for name in ("mug", "bottle", "ball"):
        own = labels == tiny_demo.names[name]
        center = directions[own].mean(0)
        cosine = directions @ (center / np.linalg.norm(center))
        assert np.median(cosine[own]) > 0.98
        assert np.median(cosine[(labels > 0) & ~own]) < 0.15


def test_training_goes_on_from_it(tiny_scene, instances, quick):
    geometry = Geometry.from_gaussians(tiny_scene.gaussians)
    start = train(tiny_scene, instances(), quick(iterations=0, start="spectral"), progress=False).features
    after = train(tiny_scene, instances(), quick(iterations=10, start="spectral"), progress=False).features
    assert len(start) == len(geometry) and 0 < float((after - start).abs().mean()) < float(start.abs().mean())


def test_a_mask_of_weight_two_counts_as_two_masks(tiny_scene):
    plain, rows = cache_of(tiny_scene.cameras[0], views=2)
    members = torch.eye(3).bool()
    twice = torch.cat([members, members[:, :1]], dim=1)
    weighted, repeated = (
        [replace(view, **change) for view in plain]
        for change in ({"weights": torch.tensor([2.0, 1.0, 1.0])}, {"members": twice})
    )
    start = [spectral_start(views, rows, 3, torch.Generator().manual_seed(0)) for views in (weighted, repeated)]
    torch.testing.assert_close(*(features @ features.T for features in start), atol=1e-3, rtol=0)
