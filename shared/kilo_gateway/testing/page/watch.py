"""An application in front of another: shows on the page what passes, and changes nothing of it."""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING, Any

from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse

from kilo_gateway.testing.loopback.connection import connection_of
from kilo_gateway.testing.page.changes import changes_of_gateway
from kilo_gateway.testing.page.guard import reason_to_refuse
from kilo_gateway.testing.page.site import HEADERS, answer_page
from kilo_gateway.testing.page.watched import clean_changes
from kilo_gateway.testing.received import RECEIVED_KEY

if TYPE_CHECKING:
    from collections.abc import Callable

    from starlette.types import ASGIApp, Message, Receive, Scope, Send

    from kilo_gateway.testing.page.board import Board
    from kilo_gateway.testing.page.watched import WatchedRequest


class WatchedApp:
    """Serves the page at `/`, and everything else from the application behind it."""

    def __init__(self, app: ASGIApp, board: Board) -> None:
        self._app = app
        self._board = board

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one HTTP request; a server that stops or a client that left ends it without a word."""
        with contextlib.suppress(asyncio.CancelledError, ClientDisconnect):
            headers = connection_of(scope).original_headers
            reason = reason_to_refuse(scope["method"], scope["path"], headers)
            if reason is not None:
                refusal = JSONResponse({"error": {"message": reason, "code": 403}}, 403, HEADERS)
                await refusal(scope, receive, send)
                return
            page = answer_page(self._board, Request(scope))
            if page is not None:
                await page(scope, receive, send)
                return
            raw = await Request(scope, receive).body()
            path = scope["raw_path"].decode("ascii", "replace")
            request, spellings = self._board.add(scope["method"], path, headers, raw)
            await _Passage(self._board, request, spellings, scope, receive, send).run(self._app, raw)


class _Passage:
    """One request on its way through."""

    def __init__(
        self,
        board: Board,
        request: WatchedRequest,
        spellings: tuple[str, ...],
        scope: Scope,
        receive: Receive,
        send: Send,
    ) -> None:
        self._board, self._request, self._spellings = board, request, spellings
        self._scope, self._receive, self._send = scope, receive, send
        self._is_whole = False

    async def run(self, app: ASGIApp, raw: bytes) -> None:
        """Let the application answer."""
        is_handed = False

        async def receive() -> Message:
            nonlocal is_handed
            if is_handed:
                return await self._receive()
            is_handed = True
            return {"type": "http.request", "body": raw, "more_body": False}

        try:
            await app(self._scope, receive, self._watch)
        finally:
            self._take_changes()
            self._look(lambda: self._request.end(is_whole=self._is_whole))
            self._board.note(self._request)

    def _look(self, read: Callable[[], None]) -> None:
        try:
            read()
        except Exception:  # noqa: BLE001 - what is only looked at must not stop what passes
            self._request.give_up()

    async def _watch(self, message: Message) -> None:
        self._is_whole = message["type"] == "http.response.body" and not message.get("more_body", False)
        self._look(lambda: self._read(message))
        self._board.note(self._request)
        await self._send(message)

    def _read(self, message: Message) -> None:
        request = self._request
        if message["type"] == "http.response.start":
            self._take_changes()
            headers = {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in message["headers"]}
            request.begin_answer(message["status"], headers, self._spellings)
        elif request.reader is not None:
            request.reader.feed(message.get("body", b""))

    def _take_changes(self) -> None:
        """Show what the gateway made of the body, where the one behind tells; once."""
        received: Any = self._scope.pop(RECEIVED_KEY, None)
        if received is not None and received.forwarded is not None:
            found = changes_of_gateway(received.body, received.forwarded)
            self._request.changes += clean_changes(found, self._spellings)
