"""What the viewer writes, asked for in a headless Chromium as a person does."""

from __future__ import annotations

import json
import zipfile

import pytest

pytestmark = pytest.mark.browser


def test_everything_is_found_and_written(page, tmp_path):
    page.press("f")
    page.until(lambda: len(page.state()["objects"]) > 8 and page.state()["job"] is None, 60)
    page.press("u")
    folder = page.viewed.folder / "out" / "objects-1"
    page.until(lambda: (folder / "labeled.ply").is_file() and page.state()["job"] is None, 60)
    assert len(list((folder / "objects").iterdir())) == len(page.state()["objects"])
    assert str(folder) in page.state()["written"]
    assert page.complaints() == []


def test_the_selection_and_a_turntable_are_written_and_come_to_the_browser(page, place_of, monkeypatch):
    monkeypatch.setattr("saga.viewer.downloads._PART", 20_000)  # so that they come in many parts
    page.click(place_of("ball"))
    page.page.click("#saga-out summary")
    folder = page.viewed.folder / "out"
    with page.page.expect_download(timeout=60_000) as waited:
        page.press("t")
    assert waited.value.suggested_filename == "object-1.zip"
    with zipfile.ZipFile(waited.value.path()) as archive:
        written = sorted(each for each in (folder / "object-1").rglob("*") if each.is_file())
        assert sorted(archive.namelist()) == [str(each.relative_to(folder)) for each in written]
        assert {"object-1/object.ply", "object-1/rest.ply", "object-1/masks/000.png"} <= set(archive.namelist())
        for each in written:
            assert archive.read(str(each.relative_to(folder))) == each.read_bytes()
    with page.page.expect_download(timeout=60_000) as waited:
        page.press("y")
    page.until(lambda: page.state()["job"] is None)
    assert waited.value.path().read_bytes() == (folder / "object-1.gif").read_bytes()

    page.page.uncheck("#saga-download")
    page.press("w")
    page.until(lambda: (folder / "object masks-1" / "000.png").is_file() and page.state()["job"] is None, 60)
    page.page.reload()  # what was written last can be had later too
    page.ready()
    page.page.click("#saga-out summary")
    with page.page.expect_download(timeout=60_000) as waited:
        page.page.click("#saga-fetch")
    assert waited.value.suggested_filename == "object masks-1.zip"
    assert page.complaints() == []


def test_objects_are_written_for_engines_too(page, place_of):
    pytest.importorskip("trimesh", reason="trimesh (extra mesh) is not installed")
    pytest.importorskip("fast_simplification", reason="fast-simplification (extra mesh) is not installed")
    page.click(place_of("ball"))
    page.page.click("#saga-out summary")
    page.page.check("#saga-asset")
    page.page.fill("#saga-scale", "2")
    page.page.uncheck("#saga-download")
    page.page.click("#saga-out-selection")
    made = page.viewed.folder / "out" / "object-1"
    page.until(lambda: (made / "asset" / "collision.glb").is_file() and page.state()["job"] is None, 60)
    assert json.loads((made / "asset" / "asset.json").read_text())["scene_units_per_meter"] == 2
    assert page.complaints() == []
