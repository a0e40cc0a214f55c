"""Cells and regions of a scene, from views without photographs."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from saga.errors import SagaError
from saga.masks.scene.config import SceneMaskConfig
from saga.masks.scene.generator import SceneGenerator
from saga.masks.scene.grid import view_grid
from saga.masks.scene.labels import Kind, Labels
from saga.masks.scene.structure import SceneStructure
from saga.masks.scene.surface import Lattice, fuse
from saga.regions import Evidence, Judgment, RegionConfig, build_regions, nested_answers
from saga.regions.build import _best_of_each
from saga.regions.cells import surface_cells
from saga.regions.graph import image_gradient, surface_graph
from saga.regions.membership import pictured_shares, pixel_cells
from saga.scene import Scene
from saga.scene.camera import spread

LOWER, UPPER, PLAIN = 1, 2, 3
TOP_OF_TWO_COLORED, TOP_OF_PLAIN = np.array([-0.4, 0, 0.4]), np.array([0.45, 0.1, 0.2])


@pytest.fixture(scope="module")
def looked(on_device):
    """The graph of the known scene's fused surface."""
    config, cameras = SceneMaskConfig(), on_device.scene.cameras
    pictures = {camera.name: on_device.picture(camera.name) for camera in cameras}
    surface = fuse(
        [view_grid(on_device.operator(name), each, config.grid_side) for name, each in pictures.items()], config
    )
    return surface_graph(surface, [image_gradient(each, 640) for each in pictures.values()], RegionConfig())


def click(on_device, regions, point):
    camera = on_device.scene.cameras[0]
    x, y, z = camera.world_to_camera[:3, :3] @ point + camera.world_to_camera[:3, 3]
    pixel = torch.tensor([[int(camera.fx * x / z + camera.cx), int(camera.fy * y / z + camera.cy)]])
    cells = torch.from_numpy(regions.cells).long()
    shown = pixel_cells(on_device.operator(camera.name), cells, regions.count, pixel)
    return Evidence(inside=[shown[0].numpy()])


def test_gaussians_in_view_have_a_cell_and_cells_are_of_one_thing(known, regions):
    owned = known.seen & (regions.cells >= 0)
    assert owned.sum() / known.seen.sum() > 0.99
    things = np.zeros((regions.count, 4))
    np.add.at(things, (regions.cells[owned], known.things[owned]), 1)
    assert things.max(1).sum() / things.sum() > 0.93


def test_a_plain_thing_is_the_best_answer_to_a_click_on_it(known, on_device, regions):
    answers, best = nested_answers(Judgment(regions, click(on_device, regions, TOP_OF_PLAIN)))
    assert known.iou(regions.gaussians(answers[best].members), PLAIN) > 0.85


def test_a_click_on_a_thing_of_two_parts_answers_the_part_and_the_whole(known, on_device, regions):
    answers, _ = nested_answers(Judgment(regions, click(on_device, regions, TOP_OF_TWO_COLORED)))
    chosen = [regions.gaussians(answer.members) for answer in answers]
    assert max(known.iou(each, UPPER) for each in chosen) > 0.8
    assert max(known.iou(each, UPPER, LOWER) for each in chosen) > 0.8
    assert [answer.share for answer in answers] == sorted(answer.share for answer in answers)


def test_the_same_scene_gives_the_same_regions(on_device, regions):
    again = build_regions(on_device, regions.config, progress=False)
    assert np.array_equal(again.cells, regions.cells)
    assert np.array_equal(again.members, regions.members)


def test_pictures_show_as_much_of_cells_as_there_is_of_them(known, on_device):
    """Cells of the things: the table is most, the lower box is half covered, and hidden Gaussians show nothing."""
    names = [camera.name for camera in known.scene.cameras]
    shares = pictured_shares(on_device, names, known.things, 5)
    assert shares[0] > 3 * shares[1:].sum() and shares[1:4].min() > 0.005 and shares[4] == 0
    hidden = np.where(known.seen, 0, 1)
    covered, whole = pictured_shares(on_device, names, hidden, 2)[1], shares.sum()
    assert covered < 0.05 * whole
    assert np.isclose(pictured_shares(on_device, names, np.zeros_like(hidden), 1)[0], whole)


def test_cells_fill_as_much_of_the_rims_of_pictures_as_their_gaussians_do(known, on_device, regions):
    """Counted in pictures of cells, by their blended Gaussians; the floor is about the rims, and the things are not."""
    rims = np.zeros(regions.count)
    for camera in known.scene.cameras:
        rim = np.ones((camera.height, camera.width), bool)
        wide = round(0.02 * max(rim.shape))
        rim[wide:-wide, wide:-wide] = False
        of_cell = np.eye(regions.count + 1, dtype=np.float32)[regions.cells][:, : regions.count]
        shown = on_device.operator(camera.name).render(torch.from_numpy(of_cell)).numpy()
        rims += shown[rim].mean(0) / len(known.scene.cameras)
    assert regions.rims is not None
    assert regions.rims == pytest.approx(rims, abs=1e-4)
    assert rims.sum() > 0.1


def test_divisions_are_alike_and_elsewhere(looked):
    """What one of them misses another may have."""
    counts, borders = [], []
    for division in range(3):
        cells = surface_cells(looked, 200, division)
        assert np.array_equal(cells, surface_cells(looked, 200, division))
        counts.append(cells.max() + 1)
        borders.append(cells[looked.one] != cells[looked.other])
    assert min(counts) > 0.6 * max(counts)
    assert min((borders[0] != other).mean() for other in borders[1:]) > 0.05


def test_regions_of_several_divisions_come_in_turns():
    cells = np.eye(4, dtype=bool)
    best = _best_of_each([cells[[0, 1]], cells[[1, 2]], cells[[3]]], np.ones(4, np.float32), RegionConfig(regions=3))
    assert np.array_equal(best, cells[[0, 1, 3]])


def test_objects_of_a_structure_are_regions(known, on_device, regions):
    points = known.scene.gaussians.means.astype(np.float32)
    labels = Labels(np.where(known.things == LOWER, 0, -1), [Kind.OBJECT], [-1])
    nothing = np.zeros(len(points), bool)
    structure = SceneStructure(Lattice(np.arange(1), np.zeros(3), 0.01, np.inf, np.inf), points, labels, nothing)
    built = build_regions(on_device, regions.config, structure, progress=False)
    assert len(built.members) == len(regions.members) + 1
    assert known.iou(built.gaussians(built.members[0]), LOWER) > 0.75


def test_the_views_are_those_of_the_scenes_masks(known, tmp_path):
    """Else regions would be others where the structure was kept, and its surface is not at hand."""
    cameras = [replace(known.scene.cameras[0], name=f"{number:03d}.png") for number in range(150)]
    many = replace(known.scene, cameras=cameras)
    assert SceneGenerator(many, [tmp_path]).cameras == spread(cameras, RegionConfig().views)


def test_a_scene_without_views_has_no_regions(known):
    with pytest.raises(SagaError, match="found none; check that the cameras"):
        build_regions(Scene(known.scene.gaussians, []), progress=False)


def test_a_coarser_surface_still_has_the_things(known, on_device, regions):
    coarse = build_regions(on_device, replace(regions.config, voxels=9000), progress=False)
    answers, best = nested_answers(Judgment(coarse, click(on_device, coarse, TOP_OF_PLAIN)))
    assert known.iou(coarse.gaussians(answers[best].members), PLAIN) > 0.8


def test_the_boxes_of_cells_hold_what_views_see_of_them(known, regions):
    """A Gaussian that is seen lies in the box of its own cell, to within the thickness of a surface of Gaussians."""
    held = known.seen & (regions.cells >= 0)
    means, boxes = known.scene.gaussians.means[held], regions.boxes[regions.cells[held]]
    outside = np.maximum(boxes[:, 0] - means, means - boxes[:, 1]).max(1)
    assert np.mean(outside < 0.03) > 0.95
    assert (np.ptp(regions.boxes, axis=1) > 0).all() and np.median(np.ptp(regions.boxes, axis=1)) < 0.3
