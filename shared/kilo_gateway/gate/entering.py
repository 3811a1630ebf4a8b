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

    Tickets = tuple[tuple[Gate, Ticket], ...]
    """The gates that a try has passed, each with what it gave."""

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
    whose = "for this model" if gate.is_of_model else "with this key"
    raise kind(
        f"The gateway has answered other calls {whose} with HTTP {int(status)}, so they are held back {told}. "
        "This one was not sent. Try again later; with shared_pause=False each call finds out by itself.",
        model=model,
        status=int(status),
        retry="soon" if pause <= MAX_RETRY_AFTER_SECONDS else "later",
        retry_after_seconds=pause or None,
    )


def is_busy(error: KiloError) -> bool:
    """Return whether an error says that requests are not taken for now."""
    return isinstance(error, GatewayError) and error.status in _BUSY and error.retry == "soon"


def may_try_again(gate: Gate, tickets: Tickets, error: KiloError, *, model_id: str, wait_seconds: float | None) -> bool:
    """Tell the gates what a failed try shows; return whether there may be another one.

    `wait_seconds` is how long its call would wait, None where it gives up anyway. After a 429 or 503 a gate sees to it
    that few are sent: that of the gateway, or, where a provider behind it refused, that of the model. Other tries are
    paid from the retry budget.
    """
    now = monotonic()
    busy = None
    if is_busy(error):
        is_of_provider = getattr(error, "provider", None) is not None
        busy = gate.of_model(model_id) if is_of_provider else gate
        ticket = dict(tickets).get(busy) or busy.sent_before()
        after, status = error.retry_after_seconds, getattr(error, "status", None)
        busy.refused(ticket, now=now, retry_after_seconds=after, own_wait_seconds=wait_seconds, status=status)
    for passed, ticket in tickets:
        if passed is busy:
            continue
        if isinstance(error, GatewayError) and passed is gate:
            passed.got_through(ticket)
        else:
            passed.left(ticket)
    return busy is not None or wait_seconds is None or gate.retries.take(now)
