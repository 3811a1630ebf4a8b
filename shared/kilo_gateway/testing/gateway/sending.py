"""Carries out steps and answers on one connection. The only place of the server that writes."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from kilo_gateway.testing.fault import HTML_PAGE
from kilo_gateway.testing.gateway.steps import Comments, Cut, Step, Wait, Write, json_bytes

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from starlette.types import Send

    from kilo_gateway.testing.gateway.connection import NumberedProtocol
    from kilo_gateway.testing.gateway.state import GatewayState
    from kilo_gateway.testing.options import Version
    from kilo_gateway.testing.received import Received

_SITE_HEADERS = {
    "cache-control": "public, max-age=0, must-revalidate",
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "strict-transport-security": "max-age=63072000",
}
_FEBRUARY_HEADERS = {"cross-origin-opener-policy": "same-origin"}


class Exchange:
    """One request and the connection that its answer goes to."""

    def __init__(self, state: GatewayState, received: Received, connection: NumberedProtocol, send: Send) -> None:
        self.state = state
        self.received = received
        self.connection = connection
        self._send = send
        self.number = state.next_number()

    @property
    def version(self) -> Version:
        """The server generation in use."""
        return self.state.options.version

    def site_headers(self, content_type: str | None) -> dict[str, str]:
        """Return the headers that every answer of the site carries."""
        february = _FEBRUARY_HEADERS if self.version == "2026-02" else {}
        headers = {**_SITE_HEADERS, **february, "x-vercel-id": f"iad1::embedded-{self.number}"}
        return headers if content_type is None else {"content-type": content_type, **headers}

    def relayed_headers(self, content_type: str) -> dict[str, str]:
        """Return the headers of an answer that comes from upstream."""
        relayed = {"content-encoding": "identity", "request-id": f"req_embedded_{self.number}"}
        return {**self.site_headers(content_type), **relayed}

    async def send_head(self, status: int, headers: Mapping[str, str]) -> None:
        """Send the status line and the headers."""
        self.received.status = status
        encoded = [(name.lower().encode("latin-1"), value.encode("latin-1")) for name, value in headers.items()]
        await self._send({"type": "http.response.start", "status": status, "headers": encoded})

    async def send_body(self, data: bytes, *, more: bool) -> None:
        """Send a part of the body, or its end."""
        await self._send({"type": "http.response.body", "body": data, "more_body": more})

    async def send_answer(
        self, status: int, body: Any, *, headers: Mapping[str, str] | None = None, base: Mapping[str, str] | None = None
    ) -> None:
        """Send a whole answer: objects as JSON, text as text or HTML, bytes as they are, None as nothing."""
        data, content_type = encode_body(body)
        merged = {**(self.site_headers(content_type) if base is None else base)}
        merged.update({name.lower(): value for name, value in (headers or {}).items()})
        merged.setdefault("content-length", str(len(data)))
        await self.send_head(status, merged)
        await self.send_body(data, more=False)

    async def send_steps(self, steps: Sequence[Step], headers: Mapping[str, str]) -> None:
        """Send a streamed answer; a client that goes away ends it."""
        self.state.count_stream(1)
        try:
            await self.send_head(200, headers)
            for step in steps:
                if self.connection.is_lost or not await self._do(step):
                    return
            await self.send_body(b"", more=False)
        finally:
            self.state.count_stream(-1)

    async def _do(self, step: Step) -> bool:
        """Carry out one step; return whether the connection still stands."""
        if isinstance(step, Write):
            await self.send_body(step.data, more=True)
            return True
        if isinstance(step, Wait):
            return await self.connection.pause(step.seconds)
        if isinstance(step, Cut):
            await self.connection.cut(reset=step.reset)
            return False
        return await self._send_comments(step)

    async def _send_comments(self, step: Comments) -> bool:
        end = time.monotonic() + step.seconds
        while (left := end - time.monotonic()) > 0:
            await self.send_body(step.data, more=True)
            if not await self.connection.pause(min(step.every_seconds, left)):
                return False
        return True


def encode_body(body: Any) -> tuple[bytes, str | None]:
    """Return the bytes of a body and its content type; None when there is nothing to type."""
    if body is None or (isinstance(body, (bytes, str)) and not body):
        return b"", None
    if isinstance(body, bytes):
        return body, "application/octet-stream"
    if isinstance(body, str):
        text = HTML_PAGE if body == "html" else body
        kind = "text/html" if text.lstrip().startswith("<") else "text/plain"
        return text.encode(), f"{kind}; charset=utf-8"
    return json_bytes(body), "application/json"
