"""The request as a client makes it, and what both kinds of response share."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from kilo_gateway.errors import InvalidSettingError
from kilo_gateway.transport.body import Body, offered_codings
from kilo_gateway.transport.decoding import ACCEPT_ENCODING
from kilo_gateway.transport.parser_buffer import states_two_ends, unread_bytes
from kilo_gateway.transport.vocabulary import render_timeouts

if TYPE_CHECKING:
    from collections.abc import Mapping

    from kilo_gateway.transport.outgoing import Bounds, Outgoing


def render_for_client(client: Any, outgoing: Outgoing, *, is_own: bool) -> Any:
    """Return the request, with the client's own timeouts and codings where nothing was said."""
    if client.is_closed:
        raise InvalidSettingError("The http_client that was passed in is closed: pass an open one, or none.")
    headers, options = list(outgoing.headers), {}
    if offered_codings(headers) is None:
        headers.append(("Accept-Encoding", ACCEPT_ENCODING if is_own else _codings_of(client)))
    if is_own or outgoing.timeout_is_given:
        options["timeout"] = tuple(render_timeouts(outgoing).values())
    return client.build_request(outgoing.method, outgoing.url, headers=headers, content=outgoing.content, **options)


def _codings_of(client: Any) -> str:
    """Return the codings that the client asks for and that can be read here with a bounded output."""
    return ", ".join(offered_codings(list(client.headers.items())) or ()) or "identity"


class HttpxResponseBase:
    """What both kinds of response share."""

    def __init__(self, response: Any, outgoing: Outgoing, bounds: Bounds) -> None:
        self.status: int = response.status_code
        self.headers: Mapping[str, str] = response.headers
        self._response = response
        self._outgoing = outgoing
        self._bounds = bounds
        self._body: Body | None = None
        self._is_over = False
        self._was_read: bool = response.is_stream_consumed
        """Whether somebody, such as a hook of the caller's, has read the body before us; httpx has then decoded it."""

    @property
    def _network(self) -> Any:
        return self._response.extensions.get("network_stream")

    def _begin(self) -> Body:
        if self._was_read:
            self._body = Body({})
        else:
            request: Any = self._response.request
            self._body = Body(self.headers, offered_codings(list(request.headers.items())) or ())
        return self._body

    def _is_last(self) -> bool:
        """Return whether the connection must not serve the next call: it holds more than the answer, or may."""
        return bool(unread_bytes(self._response.stream)) or states_two_ends(self.headers)

    def _take_what_was_read(self) -> bytes | None:
        self._is_over = True
        return self._response.content or None
