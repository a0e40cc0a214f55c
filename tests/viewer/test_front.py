"""Who gets an answer from the viewer, and what of."""

from __future__ import annotations

import json
import urllib.error
import urllib.request
from collections.abc import Iterator

import numpy as np
import pytest

from saga.errors import SagaError
from saga.viewer.front import File, Front, Tab

websockets = pytest.importorskip("websockets.sync.client")


class Echo:
    """Says what it was told."""

    def file(self, path, query):
        return File("text/plain", path.encode()) if path == "known" else None

    def receive(self, tab, message):
        tab.send({"kind": "done", "id": message.get("id"), "told": message})

    def left(self, tab):
        pass


@pytest.fixture(scope="module")
def behind() -> Iterator[int]:
    """The port of something that answers as viser does: a page, and messages that come back as they are."""
    import threading

    from websockets.datastructures import Headers
    from websockets.http11 import Response
    from websockets.sync.server import serve

    def page(connection, request):
        if request.headers.get("Upgrade"):
            return None
        return Response(200, "OK", Headers({"Content-Length": "19"}), b"<head></head>viser!")

    def echo(connection):
        for message in connection:
            connection.send(message)

    server = serve(echo, "127.0.0.1", 0, process_request=page, subprotocols=["viser-v9"])
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield server.socket.getsockname()[1]
    server.shutdown()
    thread.join(5)


@pytest.fixture(params=[None, "secret"])
def front(request, behind: int) -> Iterator[Front]:
    opened = Front(Echo(), behind, "<script></script>", port=0, token=request.param)
    yield opened
    opened.close()


def get(front: Front, path: str, **headers: str) -> tuple[int, bytes]:
    request = urllib.request.Request(f"http://127.0.0.1:{front.port}{path}", headers=headers)
    try:
        with urllib.request.urlopen(request, timeout=5) as answer:
            return answer.status, answer.read()
    except urllib.error.HTTPError as error:
        return error.code, error.read()


def asked(front: Front) -> str:
    return f"?token={front._token}" if front._token else ""


def test_the_page_has_what_is_put_into_it_and_files_are_those_that_are_known(front: Front):
    import gzip

    status, page = get(front, "/" + asked(front))
    assert status == 200 and gzip.decompress(page) == b"<head><script></script></head>viser!"
    assert get(front, "/saga/known" + asked(front)) == (200, b"known")
    for path in ("/saga/unknown", "/etc/passwd", "/saga/../known", "/saga/%2e%2e/known", "/index.html"):
        assert get(front, path + asked(front))[0] == 404


def test_without_the_token_there_is_nothing(behind: int):
    front = Front(Echo(), behind, "", port=0, token="secret")
    for path in ("/", "/saga/known", "/?token=wrong", "/?token="):
        assert get(front, path)[0] == 403
    assert get(front, "/saga/known", Cookie="saga_token=secret")[0] == 200
    assert get(front, "/saga/known", Cookie="saga_token=secre\u00f6".encode().decode("latin-1"))[0] == 403
    with pytest.raises(Exception, match="403"):
        websockets.connect(f"ws://127.0.0.1:{front.port}/", subprotocols=["saga"])
    front.close()


def test_pages_of_other_sites_and_names_pointed_here_get_nothing(front: Front):
    here = f"127.0.0.1:{front.port}"
    assert get(front, "/saga/known" + asked(front), Origin="http://evil.example")[0] == 403
    assert get(front, "/saga/known" + asked(front), Origin=f"http://{here}")[0] == 200
    foreign = get(front, "/saga/known" + asked(front), Host="evil.example")[0]
    assert foreign == (403 if front._token is None else 200)
    with pytest.raises(Exception, match="403"):
        websockets.connect(f"ws://{here}/{asked(front)}", origin="http://evil.example", subprotocols=["saga"])


def test_messages_reach_saga_or_viser_by_their_protocol(front: Front):
    address = f"ws://127.0.0.1:{front.port}/{asked(front)}"
    with websockets.connect(address, subprotocols=["saga"]) as page:
        page.send(json.dumps({"id": 7, "do": "x"}))
        assert json.loads(page.recv(5)) == {"kind": "done", "id": 7, "told": {"id": 7, "do": "x"}}
        page.send('{"id": NaN, "values": [1e999, 2]}')  # which Python takes for JSON, and a page does not
        told = page.recv(5)
        assert json.loads(told, parse_constant=pytest.fail)["told"] == {"id": None, "values": [None, 2]}
        for wrong in ("[1]", "{", "[" * 100_000):
            page.send(wrong)
            assert json.loads(page.recv(5))["kind"] == "error"
    with websockets.connect(address, subprotocols=["viser-v9"]) as page:
        page.send(b"splats")
        assert page.recv(5) == b"splats"


def test_messages_that_are_too_large_end_the_connection(front: Front):
    def send() -> None:
        with websockets.connect(f"ws://127.0.0.1:{front.port}/{asked(front)}", subprotocols=["saga"]) as page:
            page.send("x" * (5 << 20))
            page.recv(5)

    with pytest.raises(Exception, match="1009|too big"):
        send()


def test_an_address_that_others_reach_takes_a_token(behind: int):
    with pytest.raises(SagaError, match="expected a token"):
        Front(Echo(), behind, "", host="0.0.0.0", port=0)


def test_a_port_that_is_taken_gives_way_to_the_next(behind: int):
    first = Front(Echo(), behind, "", port=0)
    second = Front(Echo(), behind, "", port=first.port)
    assert second.port != first.port and get(second, "/saga/known")[0] == 200
    first.close()
    second.close()


class Anywhere(Tab):
    """A page that keeps what it is sent."""

    def __init__(self):
        self.state, self.number, self.sent = {}, 0, []

    def send(self, message):
        self.sent.append(message)


def test_objects_are_written_for_engines_where_a_page_wants_that(viewed, tiny_demo):
    pytest.importorskip("trimesh", reason="trimesh (extra mesh) is not installed")
    pytest.importorskip("fast_simplification", reason="fast-simplification (extra mesh) is not installed")
    from saga.viewer.actions import Actions

    tab, actions = Anywhere(), Actions(viewed.viewer)
    for label in ("mug", "ball"):
        viewed.session.select(tiny_demo.labels == tiny_demo.names[label])
        viewed.session.save_object(label)
    asked = {"do": "export", "what": "objects", "asset": True}
    for scale in (-1, "two", True):
        with pytest.raises(SagaError, match="scale"):
            actions.act(tab, {**asked, "scale": scale})
    actions.act(tab, {**asked, "scale": 2})
    viewed.viewer.jobs.wait(60)
    for label in ("mug", "ball"):
        made = viewed.folder / "out" / "objects-1" / "assets" / label
        assert json.loads((made / "asset.json").read_text())["scene_units_per_meter"] == 2
        assert (made / "collision.glb").is_file()


def test_what_a_page_asks_for_is_checked(viewed):
    from saga.viewer.actions import Actions

    tab, actions = Anywhere(), Actions(viewed.viewer)
    for message in (
        {"do": "__init__"}, {"do": "nothing"}, {}, {"do": "click"}, {"do": "click", "at": [0.5, "x"]},
        {"do": "click", "at": [0.5, float("nan")], "view": "000.png"},
        {"do": "click", "at": [0.5, 0.5], "view": "../x"},
        {"do": "click", "at": [0.5, 0.5]}, {"do": "lasso", "line": [[0, 0]] * 5000, "view": "000.png"},
        {"do": "see", "value": "x"}, {"do": "export", "what": "/etc"}, {"do": "recolor", "name": "a", "color": "red"},
        {"do": "save", "name": "../../x"}, {"do": "choose", "index": 10**9}, {"do": "delete", "names": 3},
        {"do": "look", "still": 1}, {"do": "click", "at": [0.4, 0.5], "mode": "?", "view": "000.png"},
    ):  # fmt: skip
        if message.get("do") == "look":
            assert actions.act(tab, message) == {}
            continue
        with pytest.raises(SagaError):
            actions.act(tab, message)
    assert not viewed.session.selection.any() and not np.any(viewed.session.objects)
