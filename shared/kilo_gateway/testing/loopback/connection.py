"""One TCP connection of the server: numbered, watched for its end, and cut on demand. Knows no route."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import math
import socket
import struct
from typing import TYPE_CHECKING, Any, cast

from uvicorn.protocols.http.h11_impl import H11Protocol

if TYPE_CHECKING:
    from collections.abc import MutableMapping

    from uvicorn.config import Config
    from uvicorn.server import ServerState

_SCOPE_KEY = "kilo_gateway.connection"
_LINGER_ZERO = struct.pack("ii", 1, 0)


class NumberedProtocol(H11Protocol):
    """Uvicorn's HTTP/1.1 protocol that hands itself to the application through the scope's state."""

    def __init__(
        self,
        config: Config,
        server_state: ServerState,
        app_state: dict[str, Any],
        _loop: asyncio.AbstractEventLoop | None = None,
    ) -> None:
        super().__init__(config, server_state, {**app_state, _SCOPE_KEY: self}, _loop)
        numbers = app_state.setdefault("kilo_gateway.numbers", itertools.count(1))
        self.number: int = next(numbers)
        self.lost = asyncio.Event()
        self.original_headers: list[tuple[str, str]] = []
        """The current request's headers in the spelling of arrival."""
        self._keep_original_headers()

    def _keep_original_headers(self) -> None:
        """Look at each request before uvicorn does, which writes the names of headers in lower case."""
        read = self.conn.next_event

        def next_event() -> Any:
            event: Any = read()
            if hasattr(event, "target"):  # a request; no other event has one
                pairs = event.headers.raw_items()
                self.original_headers = [(name.decode("latin-1"), value.decode("latin-1")) for name, value in pairs]
            return event

        self.conn.next_event = next_event  # type: ignore[method-assign]

    def connection_lost(self, exc: Exception | None) -> None:
        """Wake whoever waits for the end of this connection."""
        super().connection_lost(exc)
        self._unset_keepalive_if_required()
        self.lost.set()

    @property
    def is_lost(self) -> bool:
        """Whether the client is gone or the connection was cut."""
        return self.lost.is_set() or self.transport.is_closing()

    async def pause(self, seconds: float) -> bool:
        """Wait so long, or until the connection is lost; return whether it still stands."""
        if seconds > 0:
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self.lost.wait(), None if math.isinf(seconds) else seconds)
        return not self.is_lost

    async def cut(self, *, reset: bool = False) -> None:
        """Close the connection where it is: what was written still arrives, unless by `reset` it is torn down."""
        if reset:
            raw = self.transport.get_extra_info("socket")
            if raw is not None:
                raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _LINGER_ZERO)
            await asyncio.sleep(0.01)  # what was written before is sent first
            self.transport.abort()
        else:
            self.transport.close()
        await self.lost.wait()


def connection_of(scope: MutableMapping[str, Any]) -> NumberedProtocol:
    """Return the connection that a request came on."""
    return cast("NumberedProtocol", scope["state"][_SCOPE_KEY])
