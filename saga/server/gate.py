"""What every request passes before anything reads it: where it comes from, its token, and its size."""

from __future__ import annotations

import hmac
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any
from urllib.parse import urlsplit

from saga.files.json_values import json_text

_Message = MutableMapping[str, Any]
_Receive = Callable[[], Awaitable[_Message]]
_Send = Callable[[_Message], Awaitable[None]]
_App = Callable[[_Message, _Receive, _Send], Awaitable[None]]

LOCAL = ("127.0.0.1", "localhost", "::1")
"""Names that only this machine is reached by."""
OPEN_PATHS = ("/docs", "/openapi.json")
"""What needs no token: it says nothing of any scene."""
DOCS_FILES = "/docs-files"
"""Where the script and style of the page at /docs lie."""


class Gate:
    """Lets a request pass to an app, or answers it in one line.

    A page of another site could have a browser send requests to this machine: those carry an Origin, or, where the
    site's name was made to mean this machine, a Host that is not this machine's.
    """

    def __init__(self, app: _App, token: str | None, most_bytes: int, origins: tuple[str, ...] = ()) -> None:
        """Takes the app, the token that requests carry (None asks for none), and the most bytes of a body.

        Args:
            app: what answers.
            token: what requests have to carry as `Authorization: Bearer TOKEN`; None asks for none.
            most_bytes: of a request's body.
            origins: web pages that may ask, as `https://example.org`.
        """
        self._app, self._token, self._most, self._origins = app, token, most_bytes, origins

    async def __call__(self, scope: _Message, receive: _Receive, send: _Send) -> None:
        """Answers one request, as ASGI has it."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        headers = {key.lower(): value.decode("latin-1") for key, value in scope["headers"]}
        refused = self._refusal(scope, headers)
        if refused is not None:
            await _answer(send, *refused)
            return
        body = await self._body(receive, headers)
        if body is None:
            await _answer(send, 413, f"body: expected at most {self._most} bytes, found more; send less.")
            return
        await self._app(scope, _again(body, receive), send)

    def _refusal(self, scope: _Message, headers: dict[bytes, str]) -> tuple[int, str] | None:
        host = urlsplit(f"//{headers.get(b'host', '')}").hostname
        if self._token is None and host not in LOCAL:
            return 403, "host: expected a request to this machine by its own name, found another; ask 127.0.0.1."
        origin = headers.get(b"origin")
        if origin is not None and origin not in self._origins and urlsplit(origin).netloc != headers.get(b"host"):
            return 403, "origin: expected a page that may ask, found another; name it when saga-serve is started."
        path = str(scope["path"])
        open_to_all = path in OPEN_PATHS or path.startswith(f"{DOCS_FILES}/") or scope["method"] == "OPTIONS"
        if self._token is None or open_to_all:
            return None
        kind, _, given = headers.get(b"authorization", "").partition(" ")
        if kind.lower() != "bearer" or not hmac.compare_digest(given.strip().encode(), self._token.encode()):
            return 401, "token: expected the one that saga-serve printed, found another or none; send it as a bearer."
        return None

    async def _body(self, receive: _Receive, headers: dict[bytes, str]) -> bytes | None:
        """Returns the body, None for one that is too large; no more than that is ever held."""
        told = headers.get(b"content-length", "0")
        if told.isdecimal() and int(told) > self._most:
            return None
        parts, size, more = [], 0, True
        while more:
            message = await receive()
            if message["type"] != "http.request":
                break
            parts.append(message.get("body", b""))
            size += len(parts[-1])
            if size > self._most:
                return None
            more = message.get("more_body", False)
        return b"".join(parts)


def _again(body: bytes, receive: _Receive) -> _Receive:
    """A body that was read already, and then what comes after it."""
    waiting = [{"type": "http.request", "body": body, "more_body": False}]

    async def receive_again() -> _Message:
        return waiting.pop() if waiting else await receive()

    return receive_again


async def _answer(send: _Send, status: int, line: str) -> None:
    body = json_text({"error": line}).encode()
    headers = [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode())]
    if status == 401:
        headers.append((b"www-authenticate", b"Bearer"))
    if status == 413:
        headers.append((b"connection", b"close"))
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})
