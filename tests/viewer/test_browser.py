"""The viewer in a headless Chromium: what a person clicks, and what the page then shows."""

from __future__ import annotations

import numpy as np
import pytest

pytestmark = pytest.mark.browser


def test_a_click_selects_and_highlights_and_a_second_one_goes_to_the_group(page, place_of, iou_with):
    session = page.viewed.session
    ball = place_of("ball")
    page.page.wait_for_timeout(1500)
    assert page.picture()[:, 300:].std() > 20  # an empty canvas passes every other test
    before = page.around(ball)
    page.click(ball)
    assert iou_with(session.selection, "ball") == 1
    page.page.wait_for_timeout(1200)
    red, green, blue = page.around(ball)
    assert red > green > blue and red - blue > 60, (before, (red, green, blue))
    assert "selected" in page.says() and " ms" in page.says()
    answers = page.state()["answers"]
    assert [each["name"] for each in answers] == ["part", "object", "group"]

    page.click(ball)
    assert len(session) == answers[2]["size"]
    page.click(ball)
    assert len(session) == answers[0]["size"]
    page.press("Tab")
    assert iou_with(session.selection, "ball") == 1
    assert page.complaints() == []


def test_shift_adds_alt_takes_away_and_undo_goes_back(page, place_of, iou_with, tiny_demo):
    session = page.viewed.session
    page.click(place_of("ball"))
    page.click(place_of("mug"), "Shift")
    both = np.isin(tiny_demo.labels, [tiny_demo.names["ball"], tiny_demo.names["mug"]])
    assert (session.selection == both).all()
    page.click(place_of("ball"), "Alt")
    assert iou_with(session.selection, "mug") == 1
    page.press("Control+z")
    assert (session.selection == both).all()
    page.press("Control+y")
    assert iou_with(session.selection, "mug") == 1
    page.press("Escape")
    assert len(session) == 0


def test_objects_are_kept_and_found_again_after_a_reload_and_a_crash(page, place_of):
    page.click(place_of("ball"))
    page.page.fill("#saga-name", "my ball")
    page.page.click("#saga-save")
    page.until(lambda: [each["name"] for each in page.state()["objects"]] == ["my ball"])
    page.page.reload()
    page.ready()
    assert [each["name"] for each in page.state()["objects"]] == ["my ball"]

    kept = (page.viewed.folder / "scene.session").read_bytes()
    page.viewed.session.file.flush()
    page.viewed.close()
    (page.viewed.folder / "scene.session").write_bytes(kept)  # as a crash would have left it
    page.viewed.open()
    page.load()
    assert [each["name"] for each in page.state()["objects"]] == ["my ball"]
    assert page.state()["selected"] == page.state()["objects"][0]["count"]
