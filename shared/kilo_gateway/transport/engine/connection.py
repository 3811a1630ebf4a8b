"""A connection of the engine's between and during exchanges, and what both kinds of response share."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any, NoReturn

from kilo_gateway.clock import monotonic
from kilo_gateway.transport.body import Body
from kilo_gateway.transport.free_list import KEPT_SECONDS, FreeList
from kilo_gateway.transport.lazy_httpx import httpx
from kilo_gateway.transport.sockets.channel import AnswerCameError
from kilo_gateway.transport.vocabulary import name_request

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Mapping

    from kilo_gateway.transport.engine.reader import Reader
    from kilo_gateway.transport.engine.request import RenderedRequest
    from kilo_gateway.transport.outgoing import Bounds, Outgoing
    from kilo_gateway.transport.sockets.channel import Channel
    from kilo_gateway.transport.sockets.waits import Wait


class EngineConnection:
    """A channel, and since when nobody has used it. Bounds are arguments of a wait: nothing of an exchange stays."""

    __slots__ = ("__weakref__", "abort", "channel", "idle_since", "wait")

    def __init__(self, channel: Channel, wait: Any, abort: Callable[[], None]) -> None:
        self.channel = channel
        self.wait = wait
        """What waits for bytes, blocking or awaited."""
        self.abort = abort
        """Closes the socket at once, from any thread, any number of times."""
        self.idle_since = 0.0

    def is_fresh(self) -> bool:
        """Return whether it may carry another request: young enough, and silent since the last answer."""
        return monotonic() - self.idle_since < KEPT_SECONDS and self.channel.is_quiet()


def write(
    channel: Channel, request: RenderedRequest, seconds: float | None, bounds: Bounds
) -> Generator[Wait, bool, bool]:
    """Send a request; return whether it was sent whole. An answer wins over everything that fails meanwhile.

    Raises:
        httpx.WriteTimeout: the server took nothing for too long, and has not answered.
    """
    end_of_wait = partial(bounds.end_of_wait, seconds)
    try:
        yield from channel.write(request.head, end_of_wait)
        if request.body:
            yield from channel.write(request.body, end_of_wait)
    except AnswerCameError:
        return False
    except OSError as failure:
        if isinstance(failure, TimeoutError) and failure.errno is None:
            bounds.check()
            raise httpx.WriteTimeout(str(failure)) from failure
        return False  # what the server said before it closed is still at the socket, or reading tells why
    return True


class EngineResponseBase:
    """An answer whose head has come."""

    _is_over = True  # until all is set: a signal may interrupt the constructor

    def __init__(
        self,
        connection: EngineConnection,
        reader: Reader,
        request: RenderedRequest,
        outgoing: Outgoing,
        bounds: Bounds,
        free: FreeList[EngineConnection],
    ) -> None:
        self.status = reader.status
        self.headers: Mapping[str, str] = reader.fields
        self._connection = connection
        self._reader = reader
        self._request = request
        self._outgoing = outgoing
        self._bounds = bounds
        self._free = free
        self._body: Body | None = None
        self.was_sent = True
        """Whether the request was sent whole: only then the connection may be kept."""
        self._is_over = False

    def _begin(self) -> Body:
        self._body = Body(self.headers, self._request.offered)
        return self._body

    def _until(self) -> float | None:
        return self._bounds.end_of_wait(self._outgoing.timeouts.read_bound)

    def _give_back(self) -> None:
        """The answer is whole: keep the connection, or close it."""
        self._is_over = True
        if self._reader.is_spent or not self.was_sent or self._request.is_last:
            self._connection.abort()
        else:
            self._free.give_back(self._request.origin, self._connection)

    def close(self) -> None:
        """Close the connection unless it was given back."""
        if not self._is_over:
            self._is_over = True
            self._connection.abort()

    abort = close

    def __del__(self) -> None:
        if not self._is_over:
            self._connection.abort()

    def _fail(self, failure: httpx.RequestError) -> NoReturn:
        self.close()
        name_request(failure, self._outgoing)
        raise failure


def late(bounds: Bounds) -> NoReturn:
    """Say which bound ended a wait for bytes."""
    bounds.check()
    raise httpx.ReadTimeout("nothing came in time")


def not_connected(failure: OSError, bounds: Bounds) -> NoReturn:
    """Say why there is no connection."""
    if isinstance(failure, TimeoutError) and failure.errno is None:
        bounds.check()
        raise httpx.ConnectTimeout(str(failure)) from failure
    raise httpx.ConnectError(str(failure)) from failure
