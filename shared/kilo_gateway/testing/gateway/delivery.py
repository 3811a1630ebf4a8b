"""Sends an answer on its connection, with what its fault and its reply do to it. The only place that writes."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from starlette.responses import Response

from kilo_gateway.testing.gateway.answer import Answer, encode_body, json_bytes
from kilo_gateway.testing.gateway.errors import render_error
from kilo_gateway.testing.gateway.events import comment_of
from kilo_gateway.testing.gateway.steps import (
    Comments,
    Cut,
    Pause,
    Write,
    cut_at,
    cut_into_pieces,
    event_bytes,
    merge_writes,
    plan_steps,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from starlette.types import ASGIApp, Receive, Scope, Send

    from kilo_gateway.testing.fault import Fault
    from kilo_gateway.testing.gateway.incoming import IncomingRequest
    from kilo_gateway.testing.gateway.steps import Step
    from kilo_gateway.testing.loopback.connection import NumberedProtocol
    from kilo_gateway.testing.reply import Reply

_SITE_HEADERS = {
    "cache-control": "public, max-age=0, must-revalidate",
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "strict-transport-security": "max-age=63072000",
}
_UPSTREAM_COMMENT = b": OPENROUTER PROCESSING"


def scripted_answer(incoming: IncomingRequest, reply: Reply) -> Answer | None:
    """Return the answer of a reply that gives the whole body or all events; None for one that is to be rendered."""
    if reply.body is None and reply.events is None:
        return None
    events = None if reply.events is None else [event_bytes(event) for event in reply.events]
    if events is not None and reply.rewrite_comments:
        events = [event.replace(_UPSTREAM_COMMENT, comment_of(incoming.version).rstrip()) for event in events]
    return Answer(reply.body, events=events, is_relayed=True)


async def response_of(incoming: IncomingRequest, answer: Answer) -> ASGIApp:
    """Pause as scripted, then return what sends the answer, or what the fault sends in its place.

    Raises: ClientDisconnect when the client left while it waited.
    """
    fault = incoming.fault
    if fault is not None:
        if fault.delay_seconds > 0:
            await incoming.pause(fault.delay_seconds)
        if fault.raw is not None or fault.cut_before_headers:
            return _Broken(incoming.connection, fault)
        if fault.error_id is not None:
            answer = render_error(fault.error_id, status=fault.status, fill=fault.fill)
        elif fault.status is not None:
            answer = Answer(fault.body, status=fault.status)
    if incoming.reply is not None and incoming.reply.delay_seconds > 0:
        await incoming.pause(incoming.reply.delay_seconds)
    headers = _headers(incoming, answer)
    wants_stream = answer.is_streamed and not (fault is not None and fault.as_json)
    if answer.events is not None and (wants_stream or answer.body is None):
        return _StreamedResponse(
            incoming, _steps(incoming, answer, answer.events), {"content-type": "text/event-stream", **headers}
        )
    data, content_type = encode_body(answer.body)
    if answer.is_relayed and content_type is not None:
        data, content_type = data if isinstance(answer.body, bytes) else json_bytes(answer.body), "application/json"
    if content_type is not None:
        headers = {"content-type": content_type, **headers}
    size = None if fault is None or fault.is_answer else _size_before_cut(fault, data)
    if size is not None and fault is not None:
        return _StreamedResponse(incoming, cut_at([Write(data)], size, is_reset=fault.reset), headers)
    return Response(data, answer.status, headers)


def _headers(incoming: IncomingRequest, answer: Answer) -> dict[str, str]:
    headers = {**_SITE_HEADERS, "x-vercel-id": f"iad1::embedded-{incoming.number}"}
    if answer.is_relayed:
        headers.update({"content-encoding": "identity", "request-id": f"req_embedded_{incoming.number}"})
    of_fault = incoming.fault.headers if incoming.fault is not None else {}
    headers.update({name.lower(): value for name, value in {**answer.headers, **of_fault}.items()})
    return headers


def _size_before_cut(fault: Fault, data: bytes) -> int | None:
    """Return how much of an unstreamed body is sent before it is cut; None sends it all."""
    return len(data) // 2 if fault.cut_after_events is not None else fault.cut_after_bytes


def _steps(incoming: IncomingRequest, answer: Answer, events: Sequence[bytes]) -> list[Step]:
    fault, reply, options = incoming.fault, incoming.reply, incoming.state.options
    steps = plan_steps(
        events, fault=fault, event_delay=answer.event_delay_seconds, comment=comment_of(incoming.version)
    )
    if fault is not None and fault.cut_after_bytes is not None:
        steps = cut_at(steps, fault.cut_after_bytes, is_reset=fault.reset)
    if reply is not None and reply.pieces:
        return cut_into_pieces(steps, reply.pieces, reply.piece_delay_seconds)
    if fault is None and reply is None:
        return merge_writes(steps, max(options.events_per_write, answer.events_per_write))
    return steps


class _Broken:
    """Sends bytes that need not be HTTP, or none, and closes the connection."""

    def __init__(self, connection: NumberedProtocol, fault: Fault) -> None:
        self._connection = connection
        self._data = fault.raw
        self._is_reset = fault.raw is None and fault.reset

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if self._data is not None:
            self._connection.transport.write(self._data)
        await self._connection.cut(reset=self._is_reset)


class _StreamedResponse(Response):
    """Sends a body step by step; a client that goes away ends it."""

    def __init__(self, incoming: IncomingRequest, steps: Sequence[Step], headers: dict[str, str]) -> None:
        self._incoming = incoming
        self._steps = steps
        self.status_code = 200
        self.init_headers(headers)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        state, connection = self._incoming.state, self._incoming.connection
        state.count_stream(1)
        try:
            await send({"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers})
            for step in self._steps:
                if connection.is_lost or not await self._do(step, send):
                    return
            await send({"type": "http.response.body", "body": b"", "more_body": False})
        finally:
            state.count_stream(-1)

    async def _do(self, step: Step, send: Send) -> bool:
        """Carry out one step; return whether the connection still stands."""
        if isinstance(step, Write):
            await send({"type": "http.response.body", "body": step.data, "more_body": True})
            return True
        connection = self._incoming.connection
        if isinstance(step, Pause):
            return await connection.pause(step.seconds)
        if isinstance(step, Comments):
            return await self._send_comments(step, send)
        await connection.cut(reset=isinstance(step, Cut) and step.is_reset)
        return False

    async def _send_comments(self, step: Comments, send: Send) -> bool:
        end = time.monotonic() + step.seconds
        message: dict[str, Any] = {"type": "http.response.body", "body": step.data, "more_body": True}
        while (left := end - time.monotonic()) > 0:
            await send(message)
            if not await self._incoming.connection.pause(min(step.every_seconds, left)):
                return False
        return True
