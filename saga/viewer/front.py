"""The one port that a browser talks to: viser's page with saga's own script, viser's messages, and saga's.

viser listens on this machine alone, behind it. Who listens on other addresses asks for a token, pages of other sites
get nothing, and what is sent is bounded.
"""

from __future__ import annotations

import asyncio
import gzip
import http
import json
import secrets
import threading
import urllib.request
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from http.cookies import CookieError, SimpleCookie
from typing import Any, Protocol
from urllib.parse import parse_qs, urlsplit

from saga.errors import SagaError
from saga.files.json_values import json_text

LOCAL = ("127.0.0.1", "localhost", "::1")
"""Addresses that only this machine reaches."""
COOKIE = "saga_token"
_CHANNEL = "saga"
"""The subprotocol of saga's own messages; all others are viser's."""
_MOST_BYTES = 4 << 20
"""Of a message of a page."""
_MOST_WAITING = 64
"""Messages of a page that wait; more are refused."""
_TRIES = 100
"""Ports that are tried, from the one asked for."""


@dataclass(frozen=True)
class File:
    """What a page is given for an address."""

    kind: str
    """Its type, e.g. image/jpeg."""
    content: bytes
    lasting: bool = False
    """Whether it never changes."""


class Backend(Protocol):
    """What answers the pages."""

    def file(self, path: str, query: dict[str, str]) -> File | None:
        """Returns what lies at an address beneath /saga/, None for nothing; may be called by several threads."""
        ...

    def receive(self, tab: Tab, message: dict[str, Any]) -> None:
        """Acts on a message; called by one thread at a time, in the order of a page's messages."""
        ...

    def left(self, tab: Tab) -> None:
        """Forgets a page that is gone."""
        ...


class Tab:
    """A page that is open."""

    def __init__(self, number: int, connection: Any, loop: asyncio.AbstractEventLoop) -> None:
        """Takes the connection; anything may be sent from any thread."""
        self.number, self._connection, self._loop = number, connection, loop
        self.state: dict[str, Any] = {}
        """What the backend knows of the page."""

    def send(self, message: dict[str, Any] | bytes) -> None:
        """Sends JSON values (null for numbers that JSON lacks), or a picture; nothing when the page is gone."""
        data = message if isinstance(message, bytes) else json_text(message)
        if not self._loop.is_closed():
            asyncio.run_coroutine_threadsafe(self._send(data), self._loop)

    async def _send(self, data: str | bytes) -> None:
        from websockets.exceptions import ConnectionClosed

        try:
            await self._connection.send(data)
        except ConnectionClosed:
            return


class Front:
    """The server, in a thread of its own."""

    def __init__(
        self,
        backend: Backend,
        viser_port: int,
        inserted: str,
        host: str = "127.0.0.1",
        port: int = 8080,
        token: str | None = None,
    ) -> None:
        """Starts to listen.

        Args:
            backend: what answers.
            viser_port: where viser listens on this machine.
            inserted: what is put into the head of viser's page.
            host: the address to listen on.
            port: the port, or the first free one after it; 0 takes any.
            token: what a page has to know; None asks for none, which only addresses of this machine may do.

        Raises:
            SagaError: no token for an address that others reach, or no port is free.
        """
        if token is None and host not in LOCAL:
            raise SagaError(f"host {host}: expected a token for an address that others reach, found none; give one.")
        self._backend, self._viser, self._token, self.host = backend, viser_port, token, host
        with urllib.request.urlopen(f"http://127.0.0.1:{viser_port}/", timeout=10) as answer:
            page = answer.read().decode()
        self._page = gzip.compress(page.replace("<head>", f"<head>{inserted}", 1).encode(), 5)
        self.port, self.tabs = port, set[Tab]()
        self._work = ThreadPoolExecutor(1, "saga-viewer")
        self._files = ThreadPoolExecutor(2, "saga-files")
        self._loop, self._stop = asyncio.new_event_loop(), asyncio.Event()
        started: list[BaseException | None] = []
        ready = threading.Event()

        def tell(failure: BaseException | None) -> None:
            started.append(failure)
            ready.set()

        self._thread = threading.Thread(target=self._run, args=(tell,), name="saga-front", daemon=True)
        self._thread.start()
        ready.wait()
        if started[0] is not None:
            raise SagaError(f"port {port}: expected one that is free, found none ({started[0]}); give another.")

    @property
    def address(self) -> str:
        """The address to open in a browser."""
        host = "127.0.0.1" if self.host in ("0.0.0.0", "::") else self.host
        shown = f"[{host}]" if ":" in host else host
        return f"http://{shown}:{self.port}/" + (f"?token={self._token}" if self._token else "")

    def broadcast(self, message: dict[str, Any]) -> None:
        """Sends a message to all pages."""
        for tab in list(self.tabs):
            tab.send(message)

    def submit(self, work: Callable[[], None]) -> None:
        """Has work done after what pages asked for before."""
        self._work.submit(work)

    def close(self) -> None:
        """Stops listening, once what is being done is done."""
        if not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join(5)
        self._work.shutdown(cancel_futures=True)
        self._files.shutdown(cancel_futures=True)

    def _run(self, tell: Callable[[BaseException | None], None]) -> None:
        asyncio.set_event_loop(self._loop)
        self._loop.run_until_complete(self._serve(tell))
        self._loop.run_until_complete(self._loop.shutdown_asyncgens())
        self._loop.close()

    async def _serve(self, tell: Callable[[BaseException | None], None]) -> None:
        from websockets.asyncio.server import serve

        failure: BaseException | None = None
        for port in range(self.port, self.port + _TRIES):
            try:
                server = await serve(
                    self._connected, self.host, port, process_request=self._requested, max_size=_MOST_BYTES,
                    compression=None, select_subprotocol=_chosen, logger=_quiet(),
                )  # fmt: skip
            except OSError as error:
                failure = error
                continue
            async with server:
                self.port = next(iter(server.sockets)).getsockname()[1]
                tell(None)
                await self._stop.wait()
            return
        tell(failure)

    async def _requested(self, connection: Any, request: Any) -> Any:
        """Answers what is no message; returns None for what is to become a connection of messages."""
        parts = urlsplit(request.path)
        query = {key: values[0] for key, values in parse_qs(parts.query).items()}
        if not self._may(request, query):
            text = "This viewer asks for a token: open the whole address that saga-view printed.\n"
            return _answer(http.HTTPStatus.FORBIDDEN, File("text/plain", text.encode()))
        if request.headers.get("Upgrade", "").lower() == "websocket":
            return None
        if parts.path == "/":
            headers = {"Content-Encoding": "gzip"}
            if self._token and query.get("token") == self._token:
                headers["Set-Cookie"] = f"{COOKIE}={self._token}; HttpOnly; SameSite=Strict; Path=/"
            return _answer(http.HTTPStatus.OK, File("text/html; charset=utf-8", self._page), headers)
        found = None
        if parts.path.startswith("/saga/"):
            try:
                found = await self._loop.run_in_executor(
                    self._files, self._backend.file, parts.path.removeprefix("/saga/"), query
                )
            except SagaError as error:
                return _answer(http.HTTPStatus.NOT_FOUND, File("text/plain", str(error).encode()))
        if found is None:
            return _answer(http.HTTPStatus.NOT_FOUND, File("text/plain", b"There is nothing here.\n"))
        return _answer(http.HTTPStatus.OK, found)

    def _may(self, request: Any, query: dict[str, str]) -> bool:
        """Whether a request knows the token, and comes from a page of this address, not from one of another site."""
        origin, host = request.headers.get("Origin"), request.headers.get("Host", "")
        if origin is not None and urlsplit(origin).netloc != host:
            return False
        if self._token is None:
            # A name that a page of another site had pointed here is none of this machine's.
            return urlsplit(f"//{host}").hostname in LOCAL
        try:
            known = SimpleCookie(request.headers.get("Cookie", "")).get(COOKIE)
        except CookieError:
            known = None
        given = query.get("token") or (known.value if known is not None else "")
        return secrets.compare_digest(given.encode(), self._token.encode())

    async def _connected(self, connection: Any) -> None:
        if connection.subprotocol == _CHANNEL:
            await self._talk(connection)
        else:
            await self._pass_on(connection)

    async def _talk(self, connection: Any) -> None:
        from websockets.exceptions import ConnectionClosed

        tab, waiting = Tab(id(connection), connection, self._loop), asyncio.Semaphore(_MOST_WAITING)
        self.tabs.add(tab)
        try:
            async for data in connection:
                message = _read(data)
                if message is None or waiting.locked():
                    tab.send({"kind": "error", "text": "That was too much at once: wait a moment."})
                    continue
                await waiting.acquire()
                done = self._loop.run_in_executor(self._work, self._backend.receive, tab, message)
                done.add_done_callback(lambda _: waiting.release())
        except ConnectionClosed:
            pass
        finally:
            self.tabs.discard(tab)
            self._loop.run_in_executor(self._work, self._backend.left, tab)

    async def _pass_on(self, connection: Any) -> None:
        """Passes viser's messages on in both directions until one side ends."""
        from websockets.asyncio.client import connect
        from websockets.exceptions import ConnectionClosed

        async def pump(source: Any, target: Any) -> None:
            try:
                async for data in source:
                    await target.send(data)
            except ConnectionClosed:
                return

        protocols = [connection.subprotocol] if connection.subprotocol else None
        address = f"ws://127.0.0.1:{self._viser}/"
        async with connect(address, subprotocols=protocols, max_size=None, compression=None) as viser:
            both = [asyncio.ensure_future(pump(*way)) for way in ((connection, viser), (viser, connection))]
            await asyncio.wait(both, return_when=asyncio.FIRST_COMPLETED)
            for task in both:
                task.cancel()
            await asyncio.gather(*both, return_exceptions=True)


def _chosen(connection: Any, offered: Any) -> Any:
    return next(iter(offered), None)


def _read(data: str | bytes) -> dict[str, Any] | None:
    try:
        message = json.loads(data)
    except (ValueError, RecursionError):
        return None
    return message if isinstance(message, dict) else None


def _answer(status: http.HTTPStatus, file: File, more: dict[str, str] | None = None) -> Any:
    from websockets.datastructures import Headers
    from websockets.http11 import Response

    headers = {
        "Content-Type": file.kind,
        "Content-Length": str(len(file.content)),
        "Cache-Control": "max-age=31536000, immutable" if file.lasting else "no-store",
        "X-Content-Type-Options": "nosniff",
        "Referrer-Policy": "no-referrer",
    }
    return Response(status.value, status.phrase, Headers(headers | (more or {})), file.content)


def _quiet() -> Any:
    """A logger that says nothing: every file that a page asks for counts as a failed handshake to websockets."""
    import logging

    logger = logging.getLogger("saga.viewer.front")
    logger.setLevel(logging.CRITICAL + 1)
    logger.propagate = False
    return logger
