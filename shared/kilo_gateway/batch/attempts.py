"""One request up to its final result: reserved in the budget, permitted by the gate, sent, and retried here only.

A request that the gateway was too busy for (429, 503, a refused connection) waits at the gate and uses up no tries.
"""

from __future__ import annotations

import asyncio
from dataclasses import replace
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Protocol

from kilo_gateway.batch.results import Result
from kilo_gateway.batch.stops import meaning_of, pause_too_long, stop_after, was_sent
from kilo_gateway.clock import monotonic
from kilo_gateway.errors import ConnectionFailedError, GatewayError, KiloError
from kilo_gateway.errors.text import one_line
from kilo_gateway.errors.waits import retry_delay

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from kilo_gateway.batch.options import RunOptions
    from kilo_gateway.batch.requests import PreparedRequest
    from kilo_gateway.batch.throttle import Throttle
    from kilo_gateway.gate import Permit

    Ask = Callable[[PreparedRequest, float], Awaitable[Result]]
    """Sends a request once, within so many seconds, and returns its result; raises KiloError."""


class Reservations(Protocol):
    """What holds money for requests: a run's own budget, or a part of one that is shared."""

    async def reserve(self, request: PreparedRequest) -> Decimal:
        """Return the amount that is held for a request, once it fits."""

    def settle(self, reserved: Decimal, cost: Decimal | None) -> None:
        """Replace what was held by what it cost; None, an unknown cost, counts as all of it."""


class Attempts:
    """What sends the requests of a run; `finish` may be awaited for many at once."""

    def __init__(self, ask: Ask, options: RunOptions, throttle: Throttle, spending: Reservations) -> None:
        self._ask = ask
        self._options = options
        self._throttle = throttle
        self._spending = spending
        self.open = 0
        """Requests that have no final result yet."""
        self.answers = 0
        """How often the gateway has answered, refusals for being busy left out."""
        self.cut_off = 0
        """Requests that were sent and not waited for; the gateway may bill them."""
        self.refusal: KiloError | None = None
        """The last refusal because the gateway was busy; None once it has accepted a request again."""
        self.sending: set[asyncio.Task[Any]] = set()
        """Tasks that wait for an answer."""
        self.is_ending = False
        """Whether what fails from now on is left for another run, and not tried again."""

    async def finish(self, request: PreparedRequest) -> Result:
        """Return the final result of a request.

        Raises:
            BatchStoppedError: what came of it ends the run.
        """
        if request.problem is not None:
            return Result(request.custom_id, request, error=request.problem, tries=0)
        self.open += 1
        try:
            return await self._retry_until_final(request)
        finally:
            self.open -= 1

    async def _retry_until_final(self, request: PreparedRequest) -> Result:
        tries, seconds = 0, self._options.row_timeout_seconds
        while True:
            result = await self._try(request, seconds)
            if result.error is None:
                return replace(result, tries=tries + 1) if tries else result
            meaning = meaning_of(result.error)
            if meaning == "busy":
                self._leave_if_ending()
                continue
            tries += 1
            delay = retry_delay(result.error, attempt=tries - 1, max_retries=self._options.tries - 1)
            seconds -= result.seconds + (delay or 0.0)
            if meaning == "failed" or delay is None or seconds <= 0:
                return replace(result, tries=tries)
            self._leave_if_ending()
            await asyncio.sleep(delay)

    def _leave_if_ending(self) -> None:
        """End the task, as those are ended that were waiting when the run was stopped."""
        if self.is_ending:
            raise asyncio.CancelledError

    async def _try(self, request: PreparedRequest, seconds: float) -> Result:
        """Send a request once and return what came of it.

        Raises:
            BatchStoppedError: what came of it ends the run.
        """
        reserved = await self._spending.reserve(request)
        cost: Decimal | None = Decimal(0)
        try:
            self._refuse_long_pause()
            permit = await self._throttle.acquire()
            cost = None  # from here on the gateway may have seen it
            result = await self._send(request, permit, seconds)
            cost = _cost_of(result)
        finally:
            self._spending.settle(reserved, cost)
        if result.error is not None and (stop := stop_after(result.error)) is not None:
            raise stop
        return result

    async def _send(self, request: PreparedRequest, permit: Permit, seconds: float) -> Result:
        task = _this_task()
        self.sending.add(task)
        began = monotonic()
        try:
            result = await self._ask(request, seconds)
        except KiloError as error:
            result = Result(request.custom_id, request, error=error, seconds=monotonic() - began)
        except Exception as failure:  # noqa: BLE001 - what a caller's HTTP client raises is an error of its row
            result = Result(request.custom_id, request, error=_unexpected(failure), seconds=monotonic() - began)
        except BaseException:
            self.cut_off += 1
            self._throttle.note_abandoned(permit)
            raise
        finally:
            self.sending.discard(task)
        self._note_at_gate(permit, result)
        return result

    def _note_at_gate(self, permit: Permit, result: Result) -> None:
        error = result.error
        if error is not None and meaning_of(error) == "busy":
            self.refusal = error
            self._throttle.note_refusal(permit, error.retry_after_seconds)
        elif result.answer is not None or isinstance(error, GatewayError):
            self.answers += 1
            self.refusal = None
            self._throttle.note_success(permit)
        else:
            self._throttle.note_abandoned(permit)

    def _refuse_long_pause(self) -> None:
        """Raise when the gateway's pause is longer than the run may go without progress."""
        pause = self._throttle.paused_until - monotonic()
        if pause > self._options.no_progress_seconds:
            raise pause_too_long(pause)


def _cost_of(result: Result) -> Decimal | None:
    """Return what a sent request has cost; None where nobody knows."""
    if result.answer is not None:
        return result.cost
    is_free = isinstance(result.error, GatewayError) or (result.error is not None and not was_sent(result.error))
    return Decimal(0) if is_free else None


def _unexpected(failure: Exception) -> KiloError:
    error = ConnectionFailedError(
        f"The HTTP client that was given failed with {type(failure).__name__}. It said: {one_line(str(failure), 300)}"
    )
    error.retry = "never"
    error.__cause__ = failure
    return error


def _this_task() -> asyncio.Task[Any]:
    task = asyncio.current_task()
    if task is None:
        raise RuntimeError("workers are tasks")
    return task
