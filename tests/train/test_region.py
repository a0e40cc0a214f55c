"""Training of a part of a scene: its Gaussians alone learn, what hides them counts, views without it do not."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from saga.errors import SagaError
from saga.methods.saga import Segmenter
from saga.raster import BlendOperator, DeviceScene
from saga.scene import Scene
from saga.scene.box import Box
from saga.train import train
from saga.train.part import part_of, within
from saga.train.sampler import build_cache


@pytest.fixture
def region(tiny_scene: Scene, tiny_demo) -> str:
    """A box around the largest object, some of what it stands on, and parts of others."""
    labels = np.asarray(tiny_demo.labels)
    largest = np.bincount(labels[labels > 0]).argmax()
    own = tiny_scene.gaussians.means[labels == largest]
    return ",".join(f"{value:.6g}" for value in (*own.min(0), *own.max(0)))


def test_gaussians_of_the_region_alone_get_features(tiny_scene, instances, quick, region):
    field = train(tiny_scene, instances(), quick(region=region), progress=False)
    inside = torch.from_numpy(Box.read(region).contains(tiny_scene.gaussians.means))
    learned = field.features.norm(dim=1) > 0
    assert not bool((learned & ~inside).any())
    assert float(learned[inside].float().mean()) > 0.95
    field.check(tiny_scene)


def test_what_hides_the_region_counts(tiny_scene, instances, quick, region):
    """Rows are those of the whole scene without what lies outside; pixels that hardly show the region are not drawn."""
    config, placed = quick(region=region), DeviceScene(tiny_scene)
    part = part_of(placed, tiny_scene.cameras, config)
    cache = build_cache(placed.geometry, part, instances(), config, np.random.default_rng(0))
    inside = torch.from_numpy(Box.read(region).contains(tiny_scene.gaussians.means))
    assert bool(inside[cache.touched].all())
    for view in cache.views:
        operator = BlendOperator(placed.geometry, view.camera)
        pixels = operator.pixels().reshape(-1, 2)
        rows = operator.rows(pixels)
        own = rows.masked(inside)
        expected, whole = own.render(torch.ones(len(inside), 1)), rows.render(torch.ones(len(inside), 1))
        shown = (expected > 0.5 * whole)[:, 0]
        found = cache.rows.select(torch.arange(view.first, view.first + len(view.pattern)))
        entries = {tuple(entry) for entry in _entries(own, shown.nonzero()[:, 0], torch.arange(len(inside)))}
        assert {tuple(entry) for entry in _entries(found, torch.arange(len(found)), cache.touched)} <= entries
        assert 0 < int(shown.sum()) < len(pixels)


def _entries(rows, chosen, names) -> list[tuple[tuple[int, ...], tuple[float, ...]]]:
    """Gaussians and rounded weights of some rows."""
    part = rows.select(chosen)
    ends = part.indptr.tolist()
    return [
        (tuple(names[part.indices[a:b].long()].tolist()), tuple(part.weights[a:b].mul(1e4).round().tolist()))
        for a, b in zip(ends, ends[1:], strict=False)
    ]


def test_views_that_see_nothing_of_it_are_left_out(tiny_scene, instances, quick, region):
    camera = tiny_scene.cameras[0]
    turned = replace(camera, name="away.png", world_to_camera=np.diag([1.0, -1, -1, 1]) @ camera.world_to_camera)
    scene = replace(tiny_scene, cameras=[turned, *tiny_scene.cameras])
    assert [each.name for each in within(DeviceScene(scene), Box.read(region)).cameras] == [
        c.name for c in tiny_scene.cameras
    ]
    field = train(scene, instances(), quick(region=region), progress=False)
    assert "away.png" not in {each.name for each in field.cameras}


def test_a_region_of_nothing_is_refused(tiny_scene, instances, quick):
    with pytest.raises(SagaError, match=r"^region 900,900,900,901,901,901: expected Gaussians in it, found none; give"):
        train(tiny_scene, instances(), quick(region="900,900,900,901,901,901"), progress=False)


def test_a_region_that_no_view_shows_is_refused(tiny_scene, region):
    camera = tiny_scene.cameras[0]
    away = replace(camera, world_to_camera=np.diag([1.0, -1, -1, 1]) @ camera.world_to_camera)
    with pytest.raises(SagaError, match="expected views that show it, found none of 1"):
        within(DeviceScene(replace(tiny_scene, cameras=[away])), Box.read(region))


def test_a_click_outside_is_refused_and_one_inside_answered(tiny_scene, instances, quick, region):
    field = train(tiny_scene, instances(), quick(region=region), progress=False)
    camera = tiny_scene.cameras[0]
    box, placed = Box.read(region), DeviceScene(tiny_scene)
    inside = torch.from_numpy(box.contains(tiny_scene.gaussians.means))
    operator = placed.operator(camera)
    share, alpha = operator.render(torch.stack([inside.float(), torch.ones(len(inside))], 1)).unbind(-1)
    segmenter = Segmenter(placed, field, regions=False)
    y, x = np.unravel_index(int((share / alpha.clamp(min=1)).argmax()), share.shape)
    found = segmenter.segment(camera.name, points=[(int(x), int(y))])
    assert len(found) > 0
    y, x = np.unravel_index(int((alpha - share).argmax()), share.shape)
    with pytest.raises(SagaError, match=rf"^point {x},{y}: expected a pixel that shows the region"):
        segmenter.segment(camera.name, points=[(int(x), int(y))])
