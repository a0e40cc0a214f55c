"""Masks carried through a ring of views by trackers that make mistakes, held against exact labels."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
import pytest
from trackers import Fault, drifting, dropped, hidden, merged, swapped

from saga.demo import DemoScene
from saga.masks.propagation.config import PropagationConfig
from saga.masks.propagation.generator import PropagatedGenerator, prompts
from saga.masks.propagation.things import reach
from saga.raster import DeviceScene

Make = Callable[..., PropagatedGenerator]


@dataclass
class Judged:
    """What came of a propagation, against the exact labels."""

    wrong: int
    """Masks that overlap with the thing of their id by less than a half; specks of a few pixels do not count."""
    right: int
    """Masks that overlap by more."""
    ids: dict[int, set[int]]
    """Label -> the ids that it has in any view."""
    labels: dict[int, set[str]]
    """Label -> the views in which it has a right mask."""


def iou(one: np.ndarray, other: np.ndarray) -> float:
    return float((one & other).sum() / max((one | other).sum(), 1))


def judge(
    generator: PropagatedGenerator, placed: DeviceScene, truth: dict[str, np.ndarray], labels: np.ndarray
) -> Judged:
    things = generator.things(progress=False)
    owners = [int(np.bincount(labels[row.indices]).argmax()) for row in things.members]
    judged = Judged(0, 0, {}, {})
    for camera in placed.scene.cameras:
        made = generator.generate_view(placed.scene, camera)
        assert made.ids is not None and len(set(made.ids.tolist())) == len(made.ids) == len(made.masks)
        for mask, number in zip(made.masks, made.ids, strict=True):
            label = owners[number - 1]
            judged.ids.setdefault(label, set()).add(int(number))
            if iou(mask, truth[camera.name] == label) >= 0.5:
                judged.right += 1
                judged.labels.setdefault(label, set()).add(camera.name)
            elif mask.mean() >= 1e-3:
                judged.wrong += 1
    return judged


def seen(truth: dict[str, np.ndarray], label: int) -> set[str]:
    """Views in which a thing is large enough to be judged: a tenth of a percent of the picture."""
    return {name for name, shown in truth.items() if (shown == label).mean() >= 1e-3}


def test_a_perfect_tracker_gives_every_thing_one_id(
    propagated: Make, placed: DeviceScene, truth: dict[str, np.ndarray], ring: DemoScene
) -> None:
    judged = judge(propagated(), placed, truth, ring.labels)
    assert judged.wrong == 0
    often = [label for label in ring.names.values() if label and len(seen(truth, label)) >= 9]
    assert len(often) >= 8
    assert all(judged.labels[label] >= seen(truth, label) for label in often)
    # A sliver that a keyframe has of a thing may share no surface with the rest of it.
    assert sum(len(judged.ids[label]) > 1 for label in often) <= 1


@pytest.mark.slow
@pytest.mark.parametrize(
    ("names", "fault"),
    [
        (("bowl", "plant"), lambda one, other: swapped(one, other, 2)),
        (("duck", "bowl"), lambda one, other: merged(one, other, 2)),
        (("lamp",), lambda one: drifting(one, 1.5)),
        (("lamp",), lambda one: dropped(one, 2)),
    ],
    ids=["two swapped", "two merged", "one drifts", "one lost"],
)
def test_what_a_tracker_does_wrong_is_cut_and_filled(
    propagated: Make, placed: DeviceScene, truth: dict[str, np.ndarray], ring: DemoScene, names: tuple[str, ...],
    fault: Callable[..., Fault],
) -> None:  # fmt: skip
    labels = [ring.names[name] for name in names]
    generator = propagated(fault(*labels))
    judged = judge(generator, placed, truth, ring.labels)
    assert tracked_wrong(generator, truth) >= 3, "the tracker has masks of something else"
    assert judged.wrong == 0
    for label in labels:
        assert len(judged.ids[label]) == 1
        assert len(judged.labels[label] & seen(truth, label)) >= 0.7 * len(seen(truth, label))


def tracked_wrong(generator: PropagatedGenerator, truth: dict[str, np.ndarray]) -> int:
    """Masks of the tracker itself that are missing or of something else than they began with."""
    route, wrong = generator.route(), 0
    for keyframe in route.keyframes:
        first = truth[generator.cameras[route.views[keyframe]].name]
        labels = [int(np.bincount(first[mask]).argmax()) for mask in generator._read(keyframe, keyframe)]
        for position in reach(route, keyframe):
            shown = truth[generator.cameras[route.views[position]].name]
            masks = generator._read(keyframe, position)
            wrong += sum(
                iou(mask, shown == label) < 0.5
                for mask, label in zip(masks, labels, strict=True)
                if (shown == label).mean() >= 1e-3
            )
    return wrong


@pytest.mark.slow
def test_without_filling_only_tracked_masks_remain(
    propagated: Make, placed: DeviceScene, truth: dict[str, np.ndarray], ring: DemoScene
) -> None:
    label = ring.names["lamp"]
    generator = propagated(hidden(label, 3), spacing=6)
    filled = judge(generator, placed, truth, ring.labels)
    generator.config = replace(generator.config, filled=False)
    bare = judge(generator, placed, truth, ring.labels)
    assert filled.wrong == bare.wrong == 0
    assert bare.labels[label] < filled.labels[label]


@pytest.mark.slow
def test_the_ring_is_closed_so_its_ends_are_compared(propagated: Make) -> None:
    route = propagated().route()
    assert route.closed
    first, last = route.keyframes[0], route.keyframes[-1]
    around = [span for span in route.spans() if span.keyframe == last and span.forward]
    assert first in around[0].positions, "what was tracked over the end of the loop meets what it began with"


def test_an_interrupted_run_goes_on_where_it_stopped(propagated: Make) -> None:
    class StopError(Exception):
        pass

    def stops(step: int, followed: np.ndarray, drift: np.ndarray) -> None:
        if generator.tracker.asked == 6:
            raise StopError

    generator = propagated(stops)
    with pytest.raises(StopError):
        generator._track(generator.route(), generator._make_prompts(generator.route(), False) or False)
    done = [span for span in generator.route().spans() if generator.store.path(span).exists()]
    assert done and not list(generator.store.folder.glob("things.npz"))
    again = propagated()
    again._make_prompts(again.route(), False)
    again._track(again.route(), False)
    assert again.images.asked == 0
    assert again.tracker.asked == sum(len(span.positions) for span in again.route().spans() if span not in done)


def test_judging_goes_on_where_it_was_interrupted_and_how_long_tracking_takes_is_said(
    propagated: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    from saga.masks.propagation import generator as module

    judged, done, said = module.judged, [], list[str]()

    def interrupted(*given: object) -> object:
        if len(done) == 2:
            raise KeyboardInterrupt
        done.append(given[2])
        return judged(*given)  # type: ignore[arg-type]

    generator = propagated()
    monkeypatch.setattr(module, "judged", interrupted)
    with pytest.raises(KeyboardInterrupt):
        generator.things(progress=False, say=said.append)
    assert len(said) == 1 and "masks to carry on to the next photograph, about" in said[0]
    again, more = propagated(), list[object]()
    monkeypatch.setattr(module, "judged", lambda *given: more.append(given[2]) or judged(*given))  # type: ignore[arg-type,func-returns-value]
    found = again.things(progress=False, say=said.append)
    assert len(said) == 1, "everything is tracked"
    assert len(more) == len(again.route().keyframes) - 2 and not set(more) & set(done)
    monkeypatch.setattr(module, "judged", judged)
    undisturbed = module.find_things(
        again.sights, again.route(), again._read,
        lambda keyframe: judged(again.sights, again.route(), keyframe, again._read, again.config), again.config,
    )  # fmt: skip
    assert found.runs == undisturbed.runs and (found.members != undisturbed.members).nnz == 0
    np.testing.assert_array_equal(found.owner, undisturbed.owner)


def test_a_damaged_file_is_made_again(propagated: Make) -> None:
    generator = propagated()
    route = generator.route()
    generator._make_prompts(route, False)
    path = generator.store.prompts_of(route.keyframes[0])
    path.write_bytes(path.read_bytes()[:-30])
    again = propagated()
    with pytest.warns(UserWarning, match="tracked again"):
        again._make_prompts(again.route(), False)
    assert again.images.asked == 1
    (generator.store.folder / "route.json").write_text('{"views": [0], "closed": true, "keyframes": [0]}')
    with pytest.warns(UserWarning, match="found again"):
        assert propagated().route() == route


@pytest.mark.slow
def test_what_was_found_is_read_back(propagated: Make, placed: DeviceScene) -> None:
    generator = propagated(spacing=12)
    things = generator.things(progress=False)
    again = propagated(spacing=12)
    kept = again.things(progress=False)
    assert again.images.asked == again.tracker.asked == 0
    assert kept.runs == things.runs and (kept.members != things.members).nnz == 0
    np.testing.assert_array_equal(kept.owner, things.owner)
    camera = placed.scene.cameras[0]
    one, other = (each.generate_view(placed.scene, camera) for each in (generator, again))
    np.testing.assert_array_equal(one.masks, other.masks)
    assert f"{things.members.shape[0]} things" in again.description and "cut" in again.description


def test_other_settings_are_tracked_elsewhere(propagated: Make) -> None:
    assert propagated().store.folder == propagated().store.folder
    assert propagated().store.folder != propagated(spacing=5).store.folder


def test_prompts_are_neither_small_nor_twice_there() -> None:
    masks = np.zeros((4, 20, 20), bool)
    masks[0, :2, :2] = masks[1, :10, :10] = masks[2, :10, :9] = masks[3, 5:, 5:] = True
    kept = prompts(masks, PropagationConfig(smallest=0.02))
    assert [int(mask.sum()) for mask in kept] == [225, 100], "larger first, without the small and the doubled one"
    assert len(prompts(masks, PropagationConfig(masks=1))) == 1
    assert prompts(masks[:0], PropagationConfig()).shape == (0, 20, 20)
