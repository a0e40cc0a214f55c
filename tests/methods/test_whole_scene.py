"""What a method found, joined with what the scene says of itself."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import Tensor

from saga.masks.scene.labels import Kind, Labels
from saga.masks.scene.structure import SceneStructure
from saga.masks.scene.surface import Lattice
from saga.methods.whole_scene import objects_of_scene
from saga.raster import DeviceScene
from saga.regions import RegionConfig, SceneRegions
from saga.scene import Camera, Gaussians, Scene

SUPPORT, FIRST, SECOND, LOOSE, HIDDEN = range(5)
"""Five patches of opaque Gaussians side by side; the last lies behind the first object, where no view sees it."""
PLACES = {SUPPORT: (-2.0, 4.0), FIRST: (-1.0, 4.0), SECOND: (0.0, 4.0), LOOSE: (1.0, 4.0), HIDDEN: (-1.0, 4.6)}
KINDS = [Kind.SUPPORT, Kind.OBJECT, Kind.OBJECT, Kind.OTHER]
SIDE = 9


@pytest.fixture(scope="module")
def patches() -> tuple[DeviceScene, np.ndarray]:
    """The scene, and the patch of each Gaussian."""
    offsets = np.linspace(-0.4, 0.4, SIDE)
    u, v = (each.ravel() for each in np.meshgrid(offsets, offsets))
    means = np.concatenate([np.stack([x + u, v, np.full_like(u, z)], 1) for x, z in PLACES.values()])
    count = len(means)
    gaussians = Gaussians.from_arrays(
        means=means.astype(np.float32),
        scales=np.full((count, 3), 0.08, np.float32),
        quaternions=np.tile(np.array([1, 0, 0, 0], np.float32), (count, 1)),
        opacities=np.full(count, 0.99, np.float32),
        sh=np.zeros((count, 1, 3), np.float32),
    )
    scene = Scene(gaussians, [Camera("a", 64, 48, 40, 40, 32, 24, np.eye(4))])
    return DeviceScene(scene, "cpu"), np.repeat(np.arange(len(PLACES)), SIDE**2)


@pytest.fixture(scope="module")
def structure(patches: tuple[DeviceScene, np.ndarray]) -> SceneStructure:
    """A voxel at each Gaussian of the first four patches, with the patch as its label."""
    scene, patch = patches
    seen = patch != HIDDEN
    lattice = Lattice(np.arange(seen.sum()), np.zeros(3), 0.1, np.inf, np.inf)
    points = scene.scene.gaussians.means[seen]
    labels = Labels(patch[seen].copy(), list(KINDS), [0, 0, 0, -1])
    return SceneStructure(lattice, points, labels, np.zeros(len(points), bool))


def regions_of(patch: np.ndarray, *members: tuple[int, ...]) -> SceneRegions:
    """A cell for each patch, and regions of some."""
    return SceneRegions(
        scene_digest="",
        config=RegionConfig(),
        cells=patch.astype(np.int32),
        shares=np.full(len(PLACES), 0.2, np.float32),
        members=np.array([np.isin(np.arange(len(PLACES)), each) for each in members]),
        own=np.zeros(len(members), bool),
        borders=np.zeros((2, 0), np.int32),
        lengths=np.zeros(0, np.float32),
        closed=np.zeros(0, np.float32),
        boxes=np.tile(np.float32([[[0, 0, 0], [1, 1, 1]]]), (len(PLACES), 1, 1)),
    )


def found_of(patch: np.ndarray, *patches: int) -> tuple[Tensor, Tensor]:
    members = torch.from_numpy(np.isin(patch, patches))
    return members, 0.5 * members.float()


def held(patch: np.ndarray, members: Tensor) -> set[int]:
    """The patches that are members as a whole; a part of one is no set of patches."""
    inside = {int(each) for each in np.unique(patch[members.numpy()])}
    assert int(members.sum()) == len(inside) * SIDE**2
    return inside


def test_supports_and_objects_are_there_and_share_nothing(patches, structure) -> None:
    scene, patch = patches
    objects = objects_of_scene([], scene, structure)
    assert [(held(patch, each.members), each.kind) for each in objects] == [
        ({FIRST, HIDDEN}, Kind.OBJECT), ({SUPPORT}, Kind.SUPPORT), ({SECOND}, Kind.OBJECT)
    ]  # fmt: skip


def test_the_method_decides_about_what_no_view_sees(patches, structure) -> None:
    """It has the hidden patch with the second object, and the first object's seen patch with it too: that stays."""
    scene, patch = patches
    members, scores = found_of(patch, SECOND, HIDDEN)
    objects = objects_of_scene([(members, scores), found_of(patch, FIRST)], scene, structure)
    assert [held(patch, each.members) for each in objects] == [{SECOND, HIDDEN}, {SUPPORT}, {FIRST}]
    assert torch.equal(objects[0].scores, scores)


def test_where_views_see_well_the_structure_decides(patches, structure) -> None:
    scene, patch = patches
    members, scores = found_of(patch, SECOND)
    members[np.flatnonzero(patch == SUPPORT)[:20]] = True
    objects = objects_of_scene([(members, scores)], scene, structure)
    assert {frozenset(held(patch, each.members)) for each in objects} == {
        frozenset({FIRST, HIDDEN}), frozenset({SUPPORT}), frozenset({SECOND})
    }  # fmt: skip


def test_what_no_support_carries_needs_the_method_or_a_region(patches, structure) -> None:
    scene, patch = patches
    for found, regions, expected in (
        ([found_of(patch, LOOSE)], None, True),
        ([], regions_of(patch, (LOOSE,)), True),
        ([], regions_of(patch, (LOOSE, SECOND)), False),
    ):
        objects = objects_of_scene(found, scene, structure, regions)
        assert ({LOOSE} in [held(patch, each.members) for each in objects]) is expected


def test_something_beside_the_structure_is_an_object_where_a_region_confirms_it(patches, structure) -> None:
    scene, patch = patches
    labels = np.where(structure.labels.of_voxel == LOOSE, -1, structure.labels.of_voxel)
    unknown = replace(structure, labels=Labels(labels, KINDS[:3], [0, 0, 0]))
    for region, expected in ((LOOSE, True), (FIRST, False)):
        objects = objects_of_scene([found_of(patch, LOOSE)], scene, unknown, regions_of(patch, (region,)))
        assert ({LOOSE} in [held(patch, each.members) for each in objects]) is expected


def test_without_a_structure_regions_confirm_or_know_less(patches) -> None:
    scene, patch = patches
    found = [found_of(patch, FIRST, SECOND), found_of(patch, LOOSE)]

    def kept(regions: SceneRegions | None) -> list[set[int]]:
        return [held(patch, each.members) for each in objects_of_scene(found, scene, None, regions)]

    assert kept(None) == [{FIRST, SECOND}, {LOOSE}]
    assert kept(regions_of(patch, (LOOSE,), (FIRST,))) == [{LOOSE}]
    assert kept(regions_of(patch, (SUPPORT,))) == [{FIRST, SECOND}, {LOOSE}]
