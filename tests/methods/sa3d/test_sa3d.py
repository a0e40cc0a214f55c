"""SA3D from prompts to objects, on the tiny demo with exact masks."""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from saga.demo import DemoScene
from saga.errors import SagaError
from saga.masks import SamConfig, open_model
from saga.methods.prompter import MaskPrompter
from saga.methods.sa3d import Sa3d, Sa3dConfig
from saga.query import Prompt, Segmentation
from saga.raster.device_scene import DeviceScene
from saga.scene import Camera, Gaussians, Scene

sys.path.insert(0, str(Path(__file__).parents[2] / "masks"))
from sam_models import small_sam  # noqa: E402

VIEW = "000.png"
Shown = Callable[..., np.ndarray]
Middle = Callable[..., tuple[int, int]]


class Fixed:
    """A Prompter whose masks depend on nothing but the view; it remembers what it was asked."""

    description = "fixed masks"

    def __init__(self, masks: dict[str, np.ndarray]) -> None:
        self.masks = masks
        self.asked: list[tuple[str, np.ndarray, np.ndarray]] = []

    def mask(
        self,
        camera: Camera,
        points: np.ndarray,  # [K, 2]
        labels: np.ndarray,  # [K]
        box: tuple[int, int, int, int] | None = None,
        rough: np.ndarray | None = None,  # [H, W]
    ) -> np.ndarray | None:  # [H, W]
        self.asked.append((camera.name, points, labels))
        return self.masks.get(camera.name)


@pytest.fixture
def exact(tiny_views: DeviceScene, instance_masks: object) -> MaskPrompter:
    return MaskPrompter(tiny_views, instance_masks)  # type: ignore[arg-type]


@pytest.fixture
def sa3d(tiny_views: DeviceScene, exact: MaskPrompter) -> Sa3d:
    return Sa3d(tiny_views, prompter=exact, progress=False)


@pytest.fixture
def fixed(tiny_scene: Scene, shown: Shown) -> Fixed:
    """The lamp's masks in all views, whatever is asked."""
    return Fixed({camera.name: shown("lamp", camera.name) for camera in tiny_scene.cameras})


def overlap(found: Segmentation, demo: DemoScene, name: str) -> float:
    truth, mask = demo.labels == demo.names[name], found.mask
    return float((truth & mask).sum() / (truth | mask).sum())


def views_of(found: Segmentation) -> dict[str, int]:
    return {name: len(views) for name, views in found.report["views"].items()}


@pytest.mark.parametrize("name", ["lamp", "ball"])
def test_a_click_finds_the_object(sa3d: Sa3d, tiny_demo: DemoScene, middle: Middle, name: str) -> None:
    found = sa3d.segment(VIEW, points=[middle(name)])
    assert overlap(found, tiny_demo, name) > 0.85
    assert found.mask.dtype == bool and found.scores.dtype == np.float32
    assert found.scores.max() <= 1 and found.scores.min() >= -sa3d.config.negative_weight
    assert sum(views_of(found).values()) == len(tiny_demo.cameras) - 1
    assert found.report["counts"]["views_used"] >= 3


def test_other_views_improve_on_the_prompts_own(
    tiny_views: DeviceScene, exact: MaskPrompter, tiny_demo: DemoScene, shown: Shown
) -> None:
    prompt = Prompt(VIEW, mask=shown("ball"))
    alone = Sa3d(tiny_views, Sa3dConfig(propagate=False), prompter=exact, progress=False).segment_prompt(prompt)
    whole = Sa3d(tiny_views, prompter=exact, progress=False).segment_prompt(prompt)
    assert sum(views_of(alone).values()) == 0
    assert overlap(whole, tiny_demo, "ball") > overlap(alone, tiny_demo, "ball") + 0.2


def test_boxes_scribbles_and_masks_find_what_clicks_find(
    sa3d: Sa3d, tiny_demo: DemoScene, shown: Shown, middle: Middle
) -> None:
    mask = shown("ball")
    ys, xs = np.nonzero(mask)
    (x, y), box = middle("ball"), (xs.min(), ys.min(), xs.max() + 1, ys.max() + 1)
    for prompt in (
        Prompt(VIEW, mask=mask),
        Prompt(VIEW, box=box),
        Prompt(VIEW, scribble=[(x - 2, y), (x + 2, y + 1)], negative=[middle("lamp")]),
    ):
        assert overlap(sa3d.segment_prompt(prompt), tiny_demo, "ball") > 0.85


def test_prompts_of_several_views_start_together(
    sa3d: Sa3d, tiny_views: DeviceScene, tiny_demo: DemoScene, middle: Middle, shown: Shown
) -> None:
    other = max((camera.name for camera in tiny_demo.cameras[1:]), key=lambda name: shown("lamp", name).sum())
    prompts = [Prompt(view, points=[middle("lamp", view)]) for view in (VIEW, other)]
    found = sa3d.segment_prompts(prompts)
    assert overlap(found, tiny_demo, "lamp") > 0.85
    assert sum(views_of(found).values()) == len(tiny_demo.cameras) - 2
    assert found.report["further_prompts"][0]["view"] == other


def test_masks_of_prompts_in_one_view_are_united(sa3d: Sa3d, tiny_demo: DemoScene, middle: Middle) -> None:
    alone = replace(sa3d.config, propagate=False)
    single = Sa3d(sa3d.device_scene, alone, prompter=sa3d.prompter, progress=False)
    parts = [single.segment(VIEW, points=[middle(name)]).scores > 0 for name in ("lamp", "ball")]
    both = single.segment_prompts([Prompt(VIEW, points=[middle(name)]) for name in ("lamp", "ball")])
    assert (both.mask & parts[0]).sum() > 0.9 * parts[0].sum()
    assert (both.mask & parts[1]).sum() > 0.9 * parts[1].sum()


def test_negative_points_of_another_view_join_its_prompt(tiny_views: DeviceScene, fixed: Fixed, middle: Middle) -> None:
    other = tiny_views.scene.cameras[1].name
    prompts = [Prompt(VIEW, points=[middle("lamp")]), Prompt(other, negative=[middle("ball", other)])]
    Sa3d(tiny_views, prompter=fixed, progress=False).segment_prompts(prompts)
    asked = {name: (points, labels) for name, points, labels in fixed.asked}
    points, labels = asked[other]
    assert points[labels == 0].tolist() == [list(middle("ball", other))]
    assert (labels == 1).any()
    assert all((labels == 1).all() for name, (_, labels) in asked.items() if name != other)


def test_masks_unlike_what_is_known_are_rejected(tiny_views: DeviceScene, fixed: Fixed, shown: Shown) -> None:
    wrong = tiny_views.scene.cameras[1].name
    fixed.masks[wrong] = ~shown("lamp", wrong)
    prompt = Prompt(VIEW, mask=shown("lamp"))
    found = Sa3d(tiny_views, prompter=fixed, progress=False).segment_prompt(prompt)
    assert wrong in found.report["views"]["rejected"]
    kept = Sa3d(tiny_views, Sa3dConfig(rejection=0), prompter=fixed, progress=False).segment_prompt(prompt)
    assert views_of(kept)["rejected"] == 0 and wrong in kept.report["views"]["used"]
    assert not np.array_equal(found.scores, kept.scores)


def test_without_rejection_the_order_of_views_does_not_matter(
    tiny_views: DeviceScene, fixed: Fixed, shown: Shown
) -> None:
    prompt = Prompt(VIEW, mask=shown("lamp"))
    scores = [
        Sa3d(tiny_views, Sa3dConfig(rejection=0, order=order), prompter=fixed, progress=False)
        .segment_prompt(prompt)
        .scores
        for order in ("nearest", "farthest", "file")
    ]
    np.testing.assert_allclose(scores[0], scores[1], rtol=1.3e-6, atol=1e-5)
    np.testing.assert_allclose(scores[0], scores[2], rtol=1.3e-6, atol=1e-5)


def test_number_of_views_and_points_are_bounded(tiny_views: DeviceScene, fixed: Fixed, shown: Shown) -> None:
    prompt = Prompt(VIEW, mask=shown("lamp"))
    found = Sa3d(tiny_views, Sa3dConfig(views=2, points=1), prompter=fixed, progress=False).segment_prompt(prompt)
    assert sum(views_of(found).values()) == 2 and len(fixed.asked) <= 2
    assert all(len(points) == 1 for _, points, _ in fixed.asked)


def test_the_second_pass_prompts_against_what_the_first_got_wrong(
    tiny_views: DeviceScene, tiny_demo: DemoScene, shown: Shown
) -> None:
    """Every other view shows lamp and ball as one."""
    both = {camera.name: shown("lamp", camera.name) | shown("ball", camera.name) for camera in tiny_views.scene.cameras}
    prompt, masks = Prompt(VIEW, mask=shown("lamp")), Fixed(both)
    settings = Sa3dConfig(rejection=0, passes=2)
    Sa3d(tiny_views, settings, prompter=masks, progress=False).segment_prompt(prompt)
    first = [labels for _, _, labels in masks.asked][: len(tiny_views.scene.cameras) - 1]
    second = masks.asked[len(first) :]
    assert all((labels == 1).all() for labels in first)
    on_ball = [
        both[name][y, x] & ~shown("lamp", name)[y, x]
        for name, points, labels in second[::2]
        for x, y in points[labels == 0]
    ]
    assert len(on_ball) > 3 and np.mean(on_ball) > 0.9


class Merging(Fixed):
    """Shows lamp and ball as one, unless a negative point parts them."""

    def __init__(self, lamps: dict[str, np.ndarray], balls: dict[str, np.ndarray]) -> None:
        super().__init__({})
        self.parts = lamps, balls

    def mask(
        self,
        camera: Camera,
        points: np.ndarray,  # [K, 2]
        labels: np.ndarray,  # [K]
        box: tuple[int, int, int, int] | None = None,
        rough: np.ndarray | None = None,  # [H, W]
    ) -> np.ndarray | None:  # [H, W]
        parts = [part[camera.name] for part in self.parts]
        left = [part for part in parts if not any(part[y, x] for x, y in points[labels == 0])]
        return np.any(left or parts, axis=0)


def test_the_second_pass_takes_away_what_the_first_got_wrong(
    tiny_views: DeviceScene, tiny_demo: DemoScene, shown: Shown
) -> None:
    names = [camera.name for camera in tiny_views.scene.cameras]
    masks = Merging({name: shown("lamp", name) for name in names}, {name: shown("ball", name) for name in names})
    prompt, settings = Prompt(VIEW, mask=shown("lamp")), Sa3dConfig(rejection=0, statistical_filter=False)
    ball = tiny_demo.labels == tiny_demo.names["ball"]
    once = Sa3d(tiny_views, settings, prompter=masks, progress=False).segment_prompt(prompt)
    twice = Sa3d(tiny_views, replace(settings, passes=2), prompter=masks, progress=False).segment_prompt(prompt)
    assert (once.mask & ball).sum() > 0.84 * ball.sum()
    assert (twice.mask & ball).sum() < 0.2 * ball.sum()
    assert overlap(twice, tiny_demo, "lamp") > 0.85


def test_two_passes_keep_what_is_right(
    tiny_views: DeviceScene, exact: MaskPrompter, tiny_demo: DemoScene, middle: Middle
) -> None:
    found = Sa3d(tiny_views, Sa3dConfig(passes=2), prompter=exact, progress=False).segment(
        VIEW, points=[middle("lamp")]
    )
    assert overlap(found, tiny_demo, "lamp") > 0.85


def test_views_without_masks_leave_the_prompts_own(
    tiny_views: DeviceScene, fixed: Fixed, tiny_demo: DemoScene, shown: Shown
) -> None:
    fixed.masks = {}
    found = Sa3d(tiny_views, prompter=fixed, progress=False).segment_prompt(Prompt(VIEW, mask=shown("lamp")))
    alone = Sa3d(tiny_views, Sa3dConfig(propagate=False), prompter=fixed, progress=False).segment_prompt(
        Prompt(VIEW, mask=shown("lamp"))
    )
    assert np.array_equal(found.mask, alone.mask) and len(found) > 0
    assert any("no other view was used" in warning for warning in found.report["warnings"])
    assert views_of(found)["without_mask"] > 0


def test_a_view_that_shows_nothing_is_passed_over(tiny_scene: Scene, fixed: Fixed, shown: Shown) -> None:
    away = np.diag([-1.0, 1.0, -1.0, 1.0]) @ tiny_scene.cameras[1].world_to_camera
    cameras = [tiny_scene.cameras[0], replace(tiny_scene.cameras[1], world_to_camera=away)]
    scene = Scene(tiny_scene.gaussians, cameras, tiny_scene.path)
    found = Sa3d(DeviceScene(scene), prompter=fixed, progress=False).segment_prompt(Prompt(VIEW, mask=shown("lamp")))
    assert found.report["views"]["not_showing"] == [cameras[1].name]
    assert len(found) > 0


def some(scene: Scene, rows: slice) -> Gaussians:
    whole = scene.gaussians
    return Gaussians.from_arrays(
        whole.means[rows], whole.scales[rows], whole.quaternions[rows], whole.opacities[rows], whole.sh[rows]
    )


@pytest.mark.parametrize("count", [0, 1])
def test_scenes_of_hardly_anything_give_hardly_anything(
    tiny_scene: Scene, fixed: Fixed, shown: Shown, count: int
) -> None:
    scene = Scene(some(tiny_scene, slice(0, count)), tiny_scene.cameras, tiny_scene.path)
    found = Sa3d(DeviceScene(scene), prompter=fixed, progress=False).segment_prompt(Prompt(VIEW, mask=shown("lamp")))
    assert found.mask.shape == found.scores.shape == (count,)
    assert len(found) > 0 or any("nothing was selected" in warning for warning in found.report["warnings"])


def test_gaussians_that_are_no_numbers_are_never_selected(
    tiny_scene: Scene, exact: MaskPrompter, tiny_demo: DemoScene, shown: Shown
) -> None:
    gaussians = some(tiny_scene, slice(None))
    members = np.flatnonzero(tiny_demo.labels == tiny_demo.names["lamp"])
    gaussians.valid[members[::3]], gaussians.opacities[members[::3]] = False, 0.0
    scene = Scene(gaussians, tiny_scene.cameras, tiny_scene.path)
    found = Sa3d(DeviceScene(scene), prompter=exact, progress=False).segment_prompt(Prompt(VIEW, mask=shown("lamp")))
    assert not found.mask[members[::3]].any() and np.isfinite(found.scores).all()
    assert len(found) > 0.5 * len(members)


def test_the_report_says_what_happened(sa3d: Sa3d, middle: Middle) -> None:
    report = sa3d.segment(VIEW, points=[middle("lamp")]).report
    assert report["view"] == VIEW and report["prompt"] == {"points": [list(middle("lamp"))]}
    stages = {"reference_mask", "projection", "rendering", "self_prompting", "masks", "inverse_rendering"}
    assert stages <= report["timings_ms"].keys()
    assert report["counts"]["selected"] > 0 and report["thresholds"]["score"] == 0


def test_a_batch_is_its_prompts_one_by_one(sa3d: Sa3d, middle: Middle) -> None:
    prompts = [Prompt(VIEW, points=[middle(name)]) for name in ("lamp", "ball")]
    together = sa3d.extract(prompts)
    assert all(np.array_equal(a.mask, sa3d.segment_prompt(b).mask) for a, b in zip(together, prompts, strict=True))


@pytest.mark.parametrize(
    "settings",
    [{"passes": 3}, {"points": 0}, {"rejection": 1.5}, {"negative_weight": -1.0}, {"views": -1}, {"order": "up"}],
)
def test_impossible_settings_are_refused_by_name(settings: dict[str, object]) -> None:
    with pytest.raises(SagaError, match=f"^{next(iter(settings))}: expected"):
        Sa3dConfig(**settings)  # type: ignore[arg-type]


def test_prompts_that_find_nothing_are_said_so(sa3d: Sa3d, tiny_instances: dict[str, np.ndarray]) -> None:
    ys, xs = np.nonzero(tiny_instances[VIEW] == 0)
    with pytest.raises(SagaError, match=f"show nothing there in {VIEW}"):
        sa3d.segment(VIEW, points=[(int(xs[0]), int(ys[0]))])
    with pytest.raises(SagaError, match="expected at least one prompt"):
        sa3d.segment_prompts([])


def test_segment_anything_prompts_every_view(tiny_scene: Scene, tmp_path: Path, middle: Middle) -> None:
    """Random weights: the masks mean nothing, but all must run."""
    pytest.importorskip("segment_anything")
    torch.save(small_sam(size=1024, width=8, global_blocks=()).state_dict(), tmp_path / "sam.pth")
    sam = open_model(tmp_path / "sam.pth", "cpu", SamConfig())
    views = DeviceScene(Scene(tiny_scene.gaussians, tiny_scene.cameras[:3], tiny_scene.path))
    prompt = Prompt(VIEW, points=[middle("lamp")], negative=[middle("ball")])
    found = Sa3d(views, Sa3dConfig(rejection=0, passes=2), sam=sam, progress=False).segment_prompt(prompt)
    assert len(found.mask) == len(tiny_scene.gaussians)
    assert sum(views_of(found).values()) == 2


def test_doubtful_gaussians_far_from_the_object_are_dropped(tiny_scene: Scene, fixed: Fixed, shown: Shown) -> None:
    """A large Gaussian far behind the lamp as the first view sees it, beside it as others do."""
    whole, camera = tiny_scene.gaussians, tiny_scene.cameras[0]
    ys, xs = np.nonzero(shown("lamp"))
    ray = np.array([(xs.mean() - camera.cx) / camera.fx, (ys.mean() - camera.cy) / camera.fy, 1.0])
    behind = camera.position + camera.world_to_camera[:3, :3].T @ ray * 12
    rows = np.append(np.arange(len(whole)), 0)
    means, scales, opacities = whole.means[rows], whole.scales[rows], whole.opacities[rows]
    means[-1], scales[-1], opacities[-1] = behind, 0.3, 0.9
    gaussians = Gaussians.from_arrays(means, scales, whole.quaternions[rows], opacities, whole.sh[rows])
    scene = Scene(gaussians, tiny_scene.cameras, tiny_scene.path)
    prompt, settings = Prompt(VIEW, mask=shown("lamp")), Sa3dConfig(negative_weight=0.0, rejection=0)
    plain = Sa3d(
        DeviceScene(scene), replace(settings, statistical_filter=False), prompter=fixed, progress=False
    ).segment_prompt(prompt)
    found = Sa3d(DeviceScene(scene), settings, prompter=fixed, progress=False).segment_prompt(prompt)
    assert plain.mask[-1] and not found.mask[-1]
    assert (plain.scores[plain.mask & ~found.mask] < 0.5).all()
