"""How one call passes the gate: at once while all is well, else in the queue; and what it tells the gate afterwards.

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
    from kilo_gateway.gate.gate import Gate, Permit

    Permits = tuple[tuple[Gate, Permit], ...]
    """The gates that a try has passed, each with what it gave."""

_BUSY: Final = frozenset({HTTPStatus.TOO_MANY_REQUESTS, HTTPStatus.SERVICE_UNAVAILABLE})


def wait_in_queue(gate: Gate, *, deadline: float | None, model: str) -> Permit:
    """Return a permit, once the gate gives one; the call waits a minute at the most.

    Raises:
        RateLimitError, ServiceUnavailableError: it would have to wait longer; nothing was sent.
    """
    waiter = ThreadWaiter()
    queued = gate.queue.join(waiter)
    last = _last_moment(deadline)
    is_overdue = False
    try:
        while isinstance(found := gate.queue.try_acquire(queued, monotonic(), is_overdue=is_overdue), float):
            _check_wait(gate, last, model)
            is_overdue = not waiter.wait(min(found, last - monotonic()))
    finally:
        gate.queue.leave(queued)
    return found


async def wait_in_queue_async(gate: Gate, *, deadline: float | None, model: str) -> Permit:
    """Return what `wait_in_queue` does; raises what it does."""
    waiter = TaskWaiter()
    queued = gate.queue.join(waiter)
    last = _last_moment(deadline)
    is_overdue = False
    try:
        while isinstance(found := gate.queue.try_acquire(queued, monotonic(), is_overdue=is_overdue), float):
            _check_wait(gate, last, model)
            is_overdue = not await waiter.wait(min(found, last - monotonic()))
    finally:
        gate.queue.leave(queued)
    return found


def _last_moment(deadline: float | None) -> float:
    last = monotonic() + MAX_RETRY_AFTER_SECONDS
    return last if deadline is None else min(last, deadline)


def _check_wait(gate: Gate, last: float, model: str) -> None:
    now = monotonic()
    if gate.paused_until <= last and now < last:
        return
    pause = max(0.0, gate.paused_until - now)
    status = gate.refused_status or HTTPStatus.TOO_MANY_REQUESTS
    kind = RateLimitError if status == HTTPStatus.TOO_MANY_REQUESTS else ServiceUnavailableError
    how_long = f"for {render_wait(pause)} more" if pause else "and takes none at the moment"
    whose = "for this model" if gate.is_of_model else "with this key"
    raise kind(
        f"The gateway has answered other calls {whose} with HTTP {int(status)}, so they are held back {how_long}. "
        "This one was not sent. Try again later; with shared_pause=False each call finds out by itself.",
        model=model,
        status=int(status),
        retry="soon" if pause <= MAX_RETRY_AFTER_SECONDS else "later",
        retry_after_seconds=pause or None,
    )


def is_busy(error: KiloError) -> bool:
    """Return whether an error says that requests are not taken for now."""
    return isinstance(error, GatewayError) and error.status in _BUSY and error.retry == "soon"


def may_try_again(gate: Gate, permits: Permits, error: KiloError, *, model_id: str, wait_seconds: float | None) -> bool:
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
        permit = dict(permits).get(busy) or busy.permit_of_sent_request()
        after, status = error.retry_after_seconds, getattr(error, "status", None)
        busy.note_refusal(permit, now=now, retry_after_seconds=after, own_wait_seconds=wait_seconds, status=status)
    for passed, permit in permits:
        if passed is busy:
            continue
        if isinstance(error, GatewayError) and passed is gate:
            passed.note_success(permit)
        else:
            passed.note_abandoned(permit)
    return busy is not None or wait_seconds is None or gate.retries.take(now)
