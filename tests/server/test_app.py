"""saga-serve as another program uses it: scenes, prompts, objects, and what is refused."""

from __future__ import annotations

import base64
import io
import json
import re
import threading
import time
import warnings
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from fastapi.testclient import TestClient
from PIL import Image

from saga.scene import Gaussians, Scene
from saga.server import Folders, Scenes, build_app
from saga.server.bodies import OpenBody

from .conftest import VIEW, Served, load

Middle = Callable[..., tuple[int, int]]
Iou = Callable[[np.ndarray, str], float]


def bits(served: Served, scene: str, **query: str) -> np.ndarray:
    """The Gaussians of the selection or an object, bool."""
    data = served.client.get(f"{scene}/bits", params=query).content
    count = served.client.get(scene).json()["gaussians"]
    assert len(data) == -(-count // 8)
    return np.unpackbits(np.frombuffer(data, np.uint8), count=count).astype(bool)


def click(served: Served, scene: str, point: tuple[int, int], **more: object) -> dict:
    prompt = {"view": VIEW, "points": [point], **more}
    return served.post(f"{scene}/prompt", prompts=[prompt])


def png(picture: np.ndarray) -> str:
    written = io.BytesIO()
    Image.fromarray(picture).save(written, "PNG")
    return base64.b64encode(written.getvalue()).decode()


def test_a_click_selects_the_object_and_its_bits_come_out(served: Served, middle_of: Middle, iou_with: Iou) -> None:
    scene = served.open()
    known = served.client.get(scene).json()
    assert known["features"] and known["regions"] and known["path"] == "scene.ply" and VIEW in known["views"]
    found = click(served, scene, middle_of("mug"))
    mask = bits(served, scene)
    assert iou_with(mask, "mug") > 0.9
    assert found["selected"] == found["answers"][found["chosen"]]["gaussians"] == mask.sum()
    assert served.client.get(f"{scene}/selection").json()["selected"] == mask.sum()


def test_nested_answers_can_be_chosen_and_steps_taken_back(served: Served, middle_of: Middle) -> None:
    scene = served.open()
    found = click(served, scene, middle_of("mug"))
    sizes = [each["gaussians"] for each in found["answers"]]
    assert len(sizes) > 1 and sizes == sorted(sizes)
    for place, size in enumerate(sizes):
        chosen = served.post(f"{scene}/answer", answer=place)
        assert chosen["selected"] == size == bits(served, scene).sum() and chosen["chosen"] == place
    assert served.post(f"{scene}/selection", action="clear")["selected"] == 0
    assert served.post(f"{scene}/selection", action="undo")["selected"] == sizes[-1]
    assert served.post(f"{scene}/selection", action="invert")["selected"] > 0
    served.refused(409, "POST", f"{scene}/answer", json={"answer": 0})


def test_a_camera_that_is_no_view_is_as_good(served: Served, middle_of: Middle, iou_with: Iou) -> None:
    scene = served.open()
    camera = next(each["camera"] for each in served.client.get(f"{scene}/views").json() if each["name"] == VIEW)
    x, y = middle_of("bottle")
    for key, factor in (("width", 2), ("height", 2), ("fx", 2.0), ("fy", 2.0), ("cx", 2.0), ("cy", 2.0)):
        camera[key] = camera[key] * factor
    served.post(f"{scene}/prompt", prompts=[{"camera": camera, "points": [[2 * x, 2 * y]]}])
    assert iou_with(bits(served, scene), "bottle") > 0.9
    answer = served.client.post(f"{scene}/mask", json={"camera": camera})
    mask = np.asarray(Image.open(io.BytesIO(answer.content)))
    assert answer.headers["content-type"] == "image/png"
    assert mask.shape == (camera["height"], camera["width"]) and mask[2 * y, 2 * x] == 255
    assert set(np.unique(mask)) == {0, 255}
    camera["world_to_camera"][0][0] += 1
    line = served.refused(422, "POST", f"{scene}/mask", json={"camera": camera})
    assert "right angles" in line


def _polygon(mask: np.ndarray) -> list[list[float]]:
    """A closed line well inside the outline of an object."""
    rows = np.flatnonzero(mask.any(1))[2:-2]
    ends = [np.flatnonzero(mask[row])[[0, -1]] for row in rows]
    left = [[float(0.8 * low + 0.2 * high), float(row)] for row, (low, high) in zip(rows, ends, strict=True)]
    right = [[float(0.2 * low + 0.8 * high), float(row)] for row, (low, high) in zip(rows, ends, strict=True)]
    return left + right[::-1]


def test_boxes_masks_and_strokes_are_prompts_too(served: Served, middle_of: Middle, iou_with: Iou) -> None:
    scene = served.open()
    click(served, scene, middle_of("mug"))
    mask = np.asarray(Image.open(io.BytesIO(served.client.post(f"{scene}/mask", json={"view": VIEW}).content)))
    rows, columns = np.nonzero(mask)
    corners = [int(columns.min()), int(rows.min()), int(columns.max()) + 1, int(rows.max()) + 1]
    x, y = middle_of("mug")
    tight = _polygon(mask)
    for prompt in (
        {"mask": png(mask)}, {"box": corners}, {"scribble": [[x - 1, y], [x + 1, y]]}, {"lasso": tight},
    ):  # fmt: skip
        served.post(f"{scene}/selection", action="clear")
        served.post(f"{scene}/prompt", prompts=[{"view": VIEW, **prompt}])
        assert iou_with(bits(served, scene), "mug") > 0.8, prompt.keys()
    line = served.refused(
        422, "POST", f"{scene}/prompt", json={"prompts": [{"view": VIEW, "lasso": tight, "box": corners}]}
    )
    assert line.startswith("lasso: expected it alone")
    for wrong in (png(mask[:-1]), png(mask)[:-40], "no base64!", base64.b64encode(b"no picture").decode()):
        line = served.refused(422, "POST", f"{scene}/prompt", json={"prompts": [{"view": VIEW, "mask": wrong}]})
        assert line.startswith("mask: expected a")


def test_prompts_of_several_views_and_further_ones_mean_one_object(served: Served, middle_of: Middle) -> None:
    scene = served.open()
    served.refused(409, "POST", f"{scene}/refine", json={"prompts": [{"view": VIEW, "points": [middle_of("mug")]}]})
    both = [{"view": view, "points": [middle_of("mug", view)]} for view in (VIEW, "001.png")]
    found = served.post(f"{scene}/prompt", prompts=both)["selected"]
    click(served, scene, middle_of("mug"))
    assert served.post(f"{scene}/refine", prompts=both[1:])["selected"] == found
    added = served.post(f"{scene}/prompt", prompts=[{"view": VIEW, "points": [middle_of("bottle")]}], mode="add")[
        "selected"
    ]
    assert added > found


def test_objects_are_kept_beside_the_scene(served: Served, middle_of: Middle, iou_with: Iou) -> None:
    scene = served.open()
    served.refused(409, "POST", f"{scene}/objects", json={})
    click(served, scene, middle_of("mug"))
    kept = served.post(f"{scene}/objects", name="cup", color=[1, 2, 3])
    assert kept["name"] == "cup" and kept["color"] == [1, 2, 3] and kept["gaussians"] > 0
    served.refused(409, "POST", f"{scene}/objects", json={"name": "CUP"})
    served.refused(422, "POST", f"{scene}/objects", json={"name": "a/b"})
    changed = served.client.patch(f"{scene}/objects/cup", json={"name": "mug of tea"}).json()
    assert changed == kept | {"name": "mug of tea"}
    served.post(f"{scene}/selection", action="clear")
    assert served.post(f"{scene}/selection", action="object", object="mug of tea")["selected"] == kept["gaussians"]
    assert served.client.delete(scene).status_code == 204
    served.refused(404, "GET", scene)
    scene = served.open()
    assert served.client.get(f"{scene}/objects").json() == [changed]
    assert iou_with(bits(served, scene, object="mug of tea"), "mug") > 0.9
    assert served.client.delete(f"{scene}/objects/mug of tea").status_code == 204
    served.refused(404, "DELETE", f"{scene}/objects/mug of tea")
    served.refused(404, "GET", f"{scene}/bits?object=mug of tea")


def test_everything_is_found_once(served: Served) -> None:
    scene = served.open()
    found = served.post(f"{scene}/find")
    assert len(found) > 2 and served.client.get(f"{scene}/objects").json() == found
    assert served.post(f"{scene}/find") == []


def test_files_are_sent_and_written(served: Served, middle_of: Middle, tmp_path: Path) -> None:
    scene = served.open()
    served.refused(409, "GET", f"{scene}/file")
    served.refused(409, "POST", f"{scene}/export", json={"folder": "out"})
    selected = click(served, scene, middle_of("mug"))["selected"]
    answer = served.client.get(f"{scene}/file")
    assert answer.headers["content-disposition"] == 'attachment; filename="object.ply"'
    (tmp_path / "object.ply").write_bytes(answer.content)
    assert len(Gaussians.read(tmp_path / "object.ply")) == selected
    written = served.post(f"{scene}/export", folder="out/mug", masks=False)
    assert written["folder"] == "out/mug" and {"object.ply", "rest.ply", "preview.png"} <= set(written["files"])
    assert (served.folder / "out" / "mug" / "object.ply").read_bytes() == answer.content
    refused = (({"scale": 0}, "scale"), ({"upp": "z"}, "upp"), ({"up": "sideways"}, "up"), ({"origin": "x"}, "origin"))
    for asset, words in refused:
        said = served.refused(422, "POST", f"{scene}/export", json={"folder": "out/mug", "asset": asset})
        assert words in said
    served.refused(422, "GET", f"{scene}/file?format=doc")
    served.refused(422, "POST", f"{scene}/export", json={"folder": "."})
    served.refused(422, "POST", f"{scene}/export", json={"folder": "images"})


def test_an_object_is_written_for_engines(served: Served, middle_of: Middle) -> None:
    pytest.importorskip("trimesh", reason="trimesh (extra mesh) is not installed")
    pytest.importorskip("fast_simplification", reason="fast-simplification (extra mesh) is not installed")
    scene = served.open()
    click(served, scene, middle_of("mug"))
    written = served.post(f"{scene}/export", folder="out", masks=False, asset={"up": "z", "scale": 2})
    named = {f"asset/{name}" for name in ("object.ply", "collision.glb", "hull.glb", "asset.json")}
    assert named <= set(written["files"])
    facts = json.loads((served.folder / "out" / "asset" / "asset.json").read_text())
    assert (facts["scene_units_per_meter"], facts["up"]["source"], facts["origin"]) == (2, "given", "base")


@pytest.mark.parametrize(
    ("status", "body", "words"),
    [
        (422, {"prompts": []}, "prompts"),
        (422, {"prompts": [{"view": VIEW}]}, "one of points, scribble, mask or box"),
        (422, {"prompts": [{"points": [[1, 1]]}]}, "found neither"),
        (422, {"prompts": [{"view": VIEW, "points": [[999, 1]]}]}, "expected a pixel of 000.png"),
        (422, {"prompts": [{"view": VIEW, "points": [[1]]}]}, "prompts.0.points.0"),
        (422, {"prompts": [{"view": VIEW, "point": [[1, 1]]}]}, "prompts.0.point"),
        (422, {"prompts": [{"view": VIEW, "scribble": []}]}, "scribble"),
        (422, {"prompts": [{"view": VIEW, "points": [[5, 5]]}], "mode": "none"}, "mode"),
        (404, {"prompts": [{"view": "nowhere.png", "points": [[5, 5]]}]}, "nowhere.png"),
    ],
)
def test_a_prompt_that_makes_no_sense_is_told_in_a_line(served: Served, status: int, body: dict, words: str) -> None:
    assert words in served.refused(status, "POST", f"{served.open()}/prompt", json=body)


def test_what_cannot_be_read_is_told_in_a_line(served: Served) -> None:
    scene = served.open()
    json = {"content-type": "application/json"}
    assert "JSON" in served.refused(422, "POST", "/scenes", content=b"{", headers=json)
    served.refused(422, "POST", "/scenes", content=b"path=scene.ply")
    served.refused(404, "GET", "/nowhere")
    assert "JSON" in served.refused(422, "POST", "/scenes", content=b"[", headers=json)
    served.refused(400, "POST", "/scenes", content=b"\xff\xfe*", headers=json)
    for path, ways in (("/scenes", "GET, POST"), (scene, "DELETE, GET")):
        served.refused(405, "PUT", path)
        assert served.client.put(path).headers["allow"] == ways
    for key in ("images", "cameras"):
        served.refused(404, "POST", "/scenes", json={"path": "scene.ply", key: "nothing"})
    served.refused(404, "GET", "/scenes/7")
    served.refused(404, "POST", "/scenes", json={"path": "nothing.ply"})
    served.refused(422, "POST", "/scenes", json={"path": "transforms.json"})
    served.refused(422, "POST", f"{scene}/selection", json={"action": "object"})
    served.refused(422, "POST", f"{scene}/selection", json={"action": "undo", "object": "mug"})


def test_a_scene_is_opened_once_and_not_too_many_are(served: Served) -> None:
    assert served.open() == served.open()
    for name in ("second", "third"):
        (served.folder / name).mkdir()
        for file in ("scene.ply", "transforms.json", "scene.regions"):
            (served.folder / name / file).write_bytes((served.folder / file).read_bytes())
    served.post("/scenes", path="second/scene.ply")
    assert "close one" in served.refused(409, "POST", "/scenes", json={"path": "third/scene.ply"})
    assert [each["path"] for each in served.client.get("/scenes").json()] == ["scene.ply", "second/scene.ply"]


def test_a_session_that_another_program_has_open_is_said(served: Served) -> None:
    other = Scenes(Folders([served.folder]), load, "cpu")
    with TestClient(build_app(other), base_url="http://127.0.0.1") as client:
        assert client.post("/scenes", json={"path": "scene.ply"}).status_code == 201
        assert "no other program has open" in served.refused(409, "POST", "/scenes", json={"path": "scene.ply"})
    served.open()


def test_requests_wait_for_their_turn_and_not_without_end(served: Served) -> None:
    scene = served.open().rpartition("/")[2]
    begun, going, order = threading.Event(), threading.Event(), []

    def slow(_: object) -> None:
        begun.set()
        going.wait(20)
        order.append("slow")

    first = served.scenes.submit(scene, slow)
    assert begun.wait(20)
    waiting = [served.scenes.submit(scene, lambda _, n=number: order.append(n)) for number in range(2)]
    assert "ask later" in served.refused(503, "GET", f"/scenes/{scene}")
    assert served.client.get("/").status_code == 200
    going.set()
    for each in (first, *waiting):
        each.result(20)
    assert order == ["slow", 0, 1]
    assert served.client.get(f"/scenes/{scene}").status_code == 200


def test_a_scene_without_anything_beside_it_gets_regions(served: Served, middle_of: Middle) -> None:
    for name in ("scene.saga", "scene.regions"):
        (served.folder / name).unlink()
    scene = served.open()
    known = served.client.get(scene).json()
    assert known["regions"] and not known["features"]
    assert (served.folder / "scene.regions").is_file()
    assert click(served, scene, middle_of("mug"))["selected"] > 0


def test_a_bug_is_no_answer_to_anybody_but_the_terminal(
    served: Served, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    scene = served.open()
    monkeypatch.setattr("saga.server.opened.OpenScene.selection", lambda _: 1 / 0)
    client = TestClient(served.client.app, base_url="http://127.0.0.1", raise_server_exceptions=False)
    answer = client.get(f"{scene}/selection")
    assert answer.status_code == 500 and "bug" in answer.json()["error"]
    assert "ZeroDivisionError" in capsys.readouterr().err


def test_short_memory_is_no_bug(
    served: Served, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def short(_: object) -> None:
        raise MemoryError

    scene = served.open()
    monkeypatch.setattr("saga.server.opened.OpenScene.selection", short)
    client = TestClient(served.client.app, base_url="http://127.0.0.1", raise_server_exceptions=False)
    answer = client.get(f"{scene}/selection")
    assert answer.status_code == 503 and answer.json()["error"].startswith("memory: expected enough")
    assert "Traceback" not in capsys.readouterr().err


def test_a_session_that_cannot_be_kept_is_said_with_every_answer(
    served: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    scene = served.open()
    opened = next(iter(served.scenes._entries.values())).opened.session
    with monkeypatch.context() as patch:
        patch.setattr("saga.session.store.save_file", _full)
        served.post(f"{scene}/selection", action="invert")
        opened.file._idle.wait(10)
        with pytest.warns(UserWarning, match="the session is not kept"):
            answer = opened.clear()
        opened.file._idle.wait(10)
    for told in (answer.warnings, served.client.get(scene).json()["notes"]):
        assert any("the session is not kept" in line and "disk full" in line for line in told)
    with pytest.warns(UserWarning, match="the session is not kept"):
        opened.invert()
    opened.file._idle.wait(10)
    assert served.client.get(f"{scene}/selection").json()["warnings"] == []


def test_an_object_that_is_said_to_be_kept_is_in_the_file(served: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    from saga.session import store

    def slow(*arguments: object) -> None:
        time.sleep(0.3)
        save(*arguments)

    save = store.save_file
    scene = served.open()
    monkeypatch.setattr(store, "save_file", slow)
    served.post(f"{scene}/selection", action="invert")
    for number in range(2):
        served.post(f"{scene}/objects", name=f"kept{number}")
        assert f"kept{number}".encode() in (served.folder / "scene.session").read_bytes()


def _full(*_: object) -> None:
    raise OSError(28, "No space left on device", "a file")


def test_the_page_describes_every_address(served: Served) -> None:
    schema = served.client.get("/openapi.json").json()
    assert {"/scenes", "/scenes/{scene}/prompt", "/scenes/{scene}/bits", "/scenes/{scene}/export"} <= set(
        schema["paths"]
    )
    for path in schema["paths"].values():
        for way in path.values():
            assert way["summary"] and "422" in way["responses"]
            assert way["responses"]["422"]["content"]["application/json"]["schema"]["$ref"].endswith("ErrorAnswer")


def test_the_page_needs_nothing_but_this_server(served: Served) -> None:
    page = served.client.get("/docs").text
    addresses = re.findall(r"""(?:src|href)=["']([^"']+)""", page)
    assert len(addresses) >= 2
    for address in addresses:
        assert address.startswith("/"), address
        assert served.client.get(address).status_code == 200
    assert "://" not in page


def test_opening_a_scene_keeps_no_other_waiting(served: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    (served.folder / "slow").mkdir()
    for file in ("scene.ply", "transforms.json", "scene.regions"):
        (served.folder / "slow" / file).write_bytes((served.folder / file).read_bytes())
    begun, going = threading.Event(), threading.Event()
    plain = served.scenes._load

    def slowly(path: Path, *more: object) -> Scene:
        if path.parent.name == "slow":
            begun.set()
            warnings.warn("of the slow one", stacklevel=1)
            assert going.wait(20)
        else:
            warnings.warn("of the other one", stacklevel=1)
        return plain(path, *more)  # type: ignore[arg-type]

    monkeypatch.setattr(served.scenes, "_load", slowly)
    twice = [served.scenes.open(OpenBody("slow/scene.ply")) for _ in range(2)]
    assert begun.wait(20)
    other = served.post("/scenes", path="scene.ply")
    assert not any(each.done() for each in twice)
    assert other["notes"] == ["of the other one"]
    going.set()
    one, same = (each.result(20) for each in twice)
    assert one.id == same.id != other["id"]
    assert one.notes == ["of the slow one"]


@pytest.mark.filterwarnings("ignore:.*the run starts afresh")  # which is meant: it is given others
def test_features_are_trained_by_request_and_answer_then(served: Served, middle_of: Middle) -> None:
    (served.folder / "scene.saga").unlink()
    scene = served.open()
    address = f"{scene}/training"
    assert not served.client.get(scene).json()["features"]
    assert served.client.get(address).json()["state"] == "none"
    assert served.client.post(address, json={"iterations": 20_000}).status_code == 202
    assert "busy" in served.refused(409, "POST", address, json={})
    until(lambda: served.client.get(address).json()["total"] == 20_000)
    assert click(served, scene, middle_of("mug"))["selected"] > 0  # prompts need not wait
    assert served.client.delete(address).json()["state"] == "cancelled"
    assert not (served.folder / "scene.saga").exists()

    served.post(address, iterations=0)
    until(lambda: served.client.get(address).json()["state"] != "running")
    assert served.client.get(address).json()["state"] == "done", served.client.get(address).json()
    assert (served.folder / "scene.saga").is_file()
    assert served.client.get(scene).json()["features"]
    assert click(served, scene, middle_of("mug"))["selected"] > 0


def test_what_is_trained_with_lies_in_the_folders(served: Served, tmp_path: Path) -> None:
    (tmp_path / "masks").mkdir()
    (served.folder / "empty").mkdir()
    address = f"{served.open()}/training"
    served.refused(403, "POST", address, json={"masks": str(tmp_path / "masks")})
    served.refused(403, "POST", address, json={"sam": "/etc/passwd"})
    served.refused(404, "POST", address, json={"sam": "vit_h"})
    served.refused(422, "POST", address, json={"masks": "images", "sam": "scene.ply"})
    served.post(address, masks="empty")
    until(lambda: served.client.get(address).json()["state"] == "failed")
    told = served.client.get(address).json()["text"]
    assert "empty" in told and "bug" not in told and served.client.get(address.rpartition("/")[0]).json()["features"]


def until(holds: Callable[[], bool], seconds: float = 60) -> None:
    end = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < end
        time.sleep(0.02)


def test_a_request_without_views_names_none(served: Served, tiny_scene: Scene) -> None:
    views = served.client.get(f"{served.open()}/views").json()
    assert [each["name"] for each in views] == [camera.name for camera in tiny_scene.cameras]
    assert all(each["photograph"] for each in views)
