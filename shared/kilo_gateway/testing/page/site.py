"""The page's own addresses: the page, its files, and the events that keep it up to date. Answers nobody else."""

from __future__ import annotations

import asyncio
import re
from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING

import orjson
from starlette.responses import PlainTextResponse, Response, StreamingResponse

from kilo_gateway.testing.page.elements import join
from kilo_gateway.testing.page.view import (
    render_answer_html,
    render_changes_html,
    render_head_html,
    render_request_html,
    render_totals_html,
)

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping

    from starlette.requests import Request

    from kilo_gateway.testing.page.board import Board
    from kilo_gateway.testing.page.watched import WatchedRequest

PREFIX = "/_page/"
"""Where the page's files and events are; no gateway has such a path."""
_FILES = {"page.css": "text/css", "page.js": "text/javascript"}
_PAUSE_SECONDS = 0.1
"""Between two looks: many small changes, such as those of a stream, go together."""
_KEEPALIVE_SECONDS = 15.0
_RETRY_MILLISECONDS = 500
"""After which a page looks whether a server that is gone was started anew; browsers would wait for seconds."""
_MARK = re.compile(r"([0-9a-f]{16})-(\d{1,15})")

HEADERS = {
    "cache-control": "no-store",
    "content-security-policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src data:; base-uri 'none'; "
        "form-action 'none'; frame-ancestors 'none'"
    ),
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "referrer-policy": "no-referrer",
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
}
"""Nothing is loaded from elsewhere, no other site may frame or read it, and nothing inline runs."""


def answer_page(board: Board, request: Request) -> Response | None:
    """Return the answer to one of the page's own addresses; None for any other."""
    path = request.url.path
    if path not in ("/", "/favicon.ico") and not path.startswith(PREFIX):
        return None
    if request.method != "GET":
        return PlainTextResponse("Only GET.", 405, {**HEADERS, "allow": "GET"})
    if path == "/":
        return Response(_render_page(board), headers=HEADERS, media_type="text/html")
    name = path.removeprefix(PREFIX)
    if name in _FILES:
        return Response(_file(name), headers=HEADERS, media_type=_FILES[name])
    if name == "events" and board.is_full:
        return PlainTextResponse("Too many pages are open.", 503, HEADERS)
    if name == "events":
        last = request.headers.get("last-event-id") or request.query_params.get("after") or ""
        return StreamingResponse(_events(board, last), headers=HEADERS, media_type="text/event-stream")
    return PlainTextResponse("Not found.", 404, HEADERS)


@cache
def _file(name: str) -> str:
    return files("kilo_gateway.testing.page").joinpath("files", name).read_text(encoding="utf-8")


def _render_page(board: Board) -> bytes:
    requests = list(board.requests.values())
    for one in requests:
        one.take_snapshot()
    last = next((one.number for one in reversed(requests) if one.kind != "other"), None)
    filled = {
        "{{title}}": join([board.title]),
        "{{mark}}": f"{board.id}-{board.revision}",
        "{{totals}}": render_totals_html(requests, board.total),
        "{{requests}}": join(render_request_html(one, is_open=one.number == last) for one in reversed(requests)),
    }
    # One pass: what is put in is not looked through again for places of the template.
    text = re.sub(r"\{\{\w+\}\}", lambda place: str(filled[place.group()]), _file("page.html"))
    return text.encode("utf-8", "replace")


async def _events(board: Board, last: str) -> AsyncIterator[bytes]:
    """Yield what has changed since the event that was seen last, then every change as it comes."""
    found = _MARK.fullmatch(last)
    if found is None or found.group(1) != board.id:
        yield b"event: reload\ndata: {}\n\n"
        return
    seen = int(found.group(2))
    with board.viewer() as changed:
        yield b"retry: %d\n\n" % _RETRY_MILLISECONDS
        while True:
            changed.clear()
            if board.revision > seen:
                before, seen = seen, board.revision
                for one in board.changed_since(before):
                    yield _event("request", f"{board.id}-{before}", _update(one, is_new=one.revision > before))
                totals = {"html": render_totals_html(board.requests.values(), board.total)}
                yield _event("totals", f"{board.id}-{seen}", totals)
            await asyncio.sleep(_PAUSE_SECONDS)
            try:
                await asyncio.wait_for(changed.wait(), _KEEPALIVE_SECONDS)
            except TimeoutError:
                yield b": still here\n\n"


def _update(request: WatchedRequest, *, is_new: bool) -> dict[str, object]:
    request.take_snapshot()
    head = {"number": request.number, "kind": request.kind}
    if is_new:
        return {**head, "whole": render_request_html(request)}
    parts = {
        "head": render_head_html(request),
        "answer": render_answer_html(request),
        "changes": render_changes_html(request),
    }
    return {**head, "parts": parts}


def _event(name: str, mark: str, data: Mapping[str, object]) -> bytes:
    r"""Return one event. `<` is written `\u003c`, so that nothing in it looks like HTML to whoever only glances."""
    text = orjson.dumps(data).replace(b"<", b"\\u003c")
    return b"id: %s\nevent: %s\ndata: %s\n\n" % (mark.encode(), name.encode(), text)
