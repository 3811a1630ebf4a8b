"""How one call passes the gate: at once while all is well, else in the line; and what it tells the gate afterwards.

The two loops sleep; everything else decides.
"""

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING, Final

from kilo_gateway.clock import monotonic
from kilo_gateway.errors import GatewayError, RateLimitError, ServiceUnavailableError
from kilo_gateway.errors.waits import MAX_RETRY_AFTER_SECONDS, render_wait
from kilo_gateway.waiting import TaskWaiter, ThreadWaiter

if TYPE_CHECKING:
    from kilo_gateway.errors import KiloError
    from kilo_gateway.gate.gate import Gate, Ticket

_BUSY: Final = frozenset({HTTPStatus.TOO_MANY_REQUESTS, HTTPStatus.SERVICE_UNAVAILABLE})


def wait_in_line(gate: Gate, *, deadline: float | None, model: str) -> Ticket:
    """Return a ticket, once the gate gives one; the call waits a minute at the most.

    Raises:
        RateLimitError, ServiceUnavailableError: it would have to wait longer; nothing was sent.
    """
    waiter = ThreadWaiter()
    place = gate.line.join(waiter)
    last = _last_moment(deadline)
    is_overdue = False
    try:
        while isinstance(found := gate.line.ask(place, monotonic(), is_overdue=is_overdue), float):
            _check_patience(gate, last, model)
            is_overdue = not waiter.wait(min(found, last - monotonic()))
    finally:
        gate.line.leave(place)
    return found


async def wait_in_line_async(gate: Gate, *, deadline: float | None, model: str) -> Ticket:
    """Return what `wait_in_line` does; raises what it does."""
    waiter = TaskWaiter()
    place = gate.line.join(waiter)
    last = _last_moment(deadline)
    is_overdue = False
    try:
        while isinstance(found := gate.line.ask(place, monotonic(), is_overdue=is_overdue), float):
            _check_patience(gate, last, model)
            is_overdue = not await waiter.wait(min(found, last - monotonic()))
    finally:
        gate.line.leave(place)
    return found


def _last_moment(deadline: float | None) -> float:
    last = monotonic() + MAX_RETRY_AFTER_SECONDS
    return last if deadline is None else min(last, deadline)


def _check_patience(gate: Gate, last: float, model: str) -> None:
    now = monotonic()
    if gate.paused_until <= last and now < last:
        return
    pause = max(0.0, gate.paused_until - now)
    status = gate.refused_status or HTTPStatus.TOO_MANY_REQUESTS
    kind = RateLimitError if status == HTTPStatus.TOO_MANY_REQUESTS else ServiceUnavailableError
    told = f"for {render_wait(pause)} more" if pause else "and takes none at the moment"
    raise kind(
        f"The gateway has answered other calls with this key with HTTP {int(status)}, so calls are held back {told}. "
        "This one was not sent. Try again later; with shared_pause=False each call finds out by itself.",
        model=model,
        status=int(status),
        retry="soon" if pause <= MAX_RETRY_AFTER_SECONDS else "later",
        retry_after_seconds=pause or None,
    )


def is_busy(error: KiloError) -> bool:
    """Return whether an error says that the gateway takes no request of this key for now.

    What a provider behind the gateway says is about its models only.
    """
    return (
        isinstance(error, GatewayError) and error.status in _BUSY and error.retry == "soon" and error.provider is None
    )


def may_try_again(gate: Gate, ticket: Ticket, error: KiloError, *, wait_seconds: float | None) -> bool:
    """Tell the gate what a failed try shows; return whether there may be another one.

    `wait_seconds` is how long its call would wait, None where it gives up anyway. After a 429 or 503 the gate itself
    sees to it that few are sent; other tries are paid from the retry budget.
    """
    now = monotonic()
    if is_busy(error):
        after, status = error.retry_after_seconds, getattr(error, "status", None)
        gate.refused(ticket, now=now, retry_after_seconds=after, own_wait_seconds=wait_seconds, status=status)
        return True
    if isinstance(error, GatewayError):
        gate.got_through(ticket)
    else:
        gate.left(ticket)
    return wait_seconds is None or gate.retries.take(now)
