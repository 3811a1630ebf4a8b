"""Runs many requests at once and gives each result as it finishes. The only layer that tries again.

A request that the gateway was too busy for (429, 503, a refused connection) waits at the gate and uses up no tries.
What no further request can mend (no credits, a refused key, a budget that is used up, no progress) ends the run.
"""

from __future__ import annotations

import asyncio
from collections import deque
from dataclasses import replace
from decimal import Decimal
from time import monotonic
from typing import TYPE_CHECKING, Any, Self

from kilo_gateway.batch.concurrency import ConcurrencyLimit
from kilo_gateway.batch.order import Order
from kilo_gateway.batch.results import Result, Totals
from kilo_gateway.batch.source import Source
from kilo_gateway.batch.spending import Spending, no_prices
from kilo_gateway.batch.stops import meaning_of, no_progress, pause_too_long, stop_after, too_many_errors, was_sent
from kilo_gateway.batch.throttle import Throttle
from kilo_gateway.errors import BatchStoppedError, GatewayError, KiloError
from kilo_gateway.errors.waits import retry_delay

if TYPE_CHECKING:
    from collections.abc import AsyncIterable, Awaitable, Callable, Iterable
    from types import TracebackType

    from kilo_gateway.batch.budget import Budget
    from kilo_gateway.batch.options import RunOptions
    from kilo_gateway.batch.requests import PreparedRequest
    from kilo_gateway.batch.spending import PriceOf
    from kilo_gateway.gate import Gate, Ticket

    Ask = Callable[[PreparedRequest], Awaitable[Result]]
    """Sends a request once and returns its result; raises KiloError."""


class BatchRun:
    """A run: iterate its results with `async for`; `totals` has the sums so far.

    Leaving the iteration early ends what is under way. Out of it comes, after the results of what was under way:

    Raises:
        BatchStoppedError: the run ended early; its `reason` says why.
    """

    def __init__(
        self,
        requests: Iterable[PreparedRequest] | AsyncIterable[PreparedRequest],
        ask: Ask,
        *,
        gate: Gate,
        options: RunOptions,
        budget: Budget | None = None,
        price_of: PriceOf = no_prices,
    ) -> None:
        self.totals = Totals()
        self.stopped: BatchStoppedError | None = None
        """Why the run ends early; None while it does not."""
        self._ask = ask
        self._options = options
        self._order = Order(options.concurrency, is_wanted=options.ordered)
        self._source = Source(requests)
        self._limit = ConcurrencyLimit(options.concurrency)
        self._throttle = Throttle(gate, self._limit)
        self._spending = Spending(budget, price_of)
        self._ready: deque[Result] = deque()
        self._results: asyncio.Queue[tuple[int, Result] | None] = asyncio.Queue(options.concurrency)
        self._workers: set[asyncio.Task[None]] = set()
        self._sending: set[asyncio.Task[Any]] = set()
        """Workers that wait for an answer."""
        self._delivering: set[asyncio.Task[Any]] = set()
        """Workers that hold a result, which must not be lost."""
        self._keepers: tuple[asyncio.Task[None], ...] = ()
        self._progress_at = monotonic()

    @property
    def under_way(self) -> int:
        """Requests that are being sent or answered."""
        return self._throttle.under_way

    @property
    def limit(self) -> int:
        """How many may be under way now."""
        return self._limit.value

    @property
    def pause_seconds(self) -> float:
        """How long the gate stays closed; 0 while it is open."""
        return max(0.0, self._throttle.paused_until - monotonic())

    def stop(self, reason: BatchStoppedError) -> None:
        """Send nothing new. What is under way may go on for the grace, inside a pause for none."""
        if self.stopped is not None:
            return
        self.stopped = reason
        for worker in self._workers - self._sending - self._delivering:
            worker.cancel()
        grace = 0.0 if self.pause_seconds else self._options.grace_seconds
        asyncio.get_running_loop().call_later(grace, self.abort)

    def abort(self) -> None:
        """End what is under way; what was answered is still given out."""
        for worker in self._workers - self._delivering:
            worker.cancel()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None
    ) -> None:
        await self.aclose()

    async def aclose(self) -> None:
        """End the run and all that is under way."""
        for task in (*self._workers, *self._keepers):
            task.cancel()
        await asyncio.gather(*self._workers, *self._keepers, return_exceptions=True)
        self._throttle.close()

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> Result:
        if not self._keepers:
            self._begin()
        while not self._ready:
            found = await self._results.get()
            if found is None:
                await self._end()
                raise StopAsyncIteration
            self._ready.extend(self._order.put(*found))
        return self._ready.popleft()

    def _begin(self) -> None:
        self._throttle.open()
        self._hire()
        self._keepers = asyncio.create_task(self._wait_for_workers()), asyncio.create_task(self._watch_progress())

    async def _end(self) -> None:
        """Clear up, and raise what ended the run early."""
        await self.aclose()
        self._results.put_nowait(None)  # whoever asks again is told the same
        for keeper in self._keepers:
            if not keeper.cancelled():
                keeper.result()  # raises what went wrong with the requests themselves
        if self.stopped is not None:
            raise self.stopped

    def _hire(self) -> None:
        """Have as many workers as requests may be under way: each holds one request."""
        while len(self._workers) < self._limit.value and self.stopped is None and not self._source.is_over:
            worker = asyncio.create_task(self._work())
            self._workers.add(worker)

    async def _wait_for_workers(self) -> None:
        """Wait until the last worker has ended, then end the results."""
        failure: BaseException | None = None
        while self._workers:
            done, _ = await asyncio.wait(self._workers, return_when=asyncio.FIRST_COMPLETED)
            self._workers -= done
            for worker in done:
                failure = failure or (None if worker.cancelled() else worker.exception())
            if failure is not None:
                self.abort()
        await self._results.put(None)
        if failure is not None:
            raise failure

    async def _watch_progress(self) -> None:
        limit = self._options.no_progress_seconds
        while (left := self._progress_at + limit - monotonic()) > 0:  # noqa: ASYNC110 - the moment moves as it sleeps
            await asyncio.sleep(left)
        self.stop(no_progress(limit))

    async def _work(self) -> None:
        while self.stopped is None:
            await self._order.wait_for_room()
            taken = await self._source.take()
            if taken is None:
                return
            place, request = taken
            result = await self._finish(request)
            if result is None:
                return
            await self._deliver(place, result)

    async def _deliver(self, place: int, result: Result) -> None:
        task = _this_task()
        self._delivering.add(task)
        try:
            self.totals.add(result)
            most = self._options.max_errors
            if most is not None and self.totals.failed >= most:
                self.stop(too_many_errors(self.totals.failed))
            self._hire()
            await self._results.put((place, result))
        finally:
            self._delivering.discard(task)

    async def _finish(self, request: PreparedRequest) -> Result | None:
        """Return what becomes of a request; None when the run ends before it is known."""
        tries = 0
        while self.stopped is None:
            try:
                result = await self._try(request)
            except BatchStoppedError as stop:
                self.stop(stop)
                return None
            if result.error is None:
                return replace(result, tries=tries + 1)
            meaning = meaning_of(result.error)
            if meaning == "busy":
                continue
            tries += 1
            delay = retry_delay(result.error, attempt=tries - 1, max_retries=self._options.tries - 1)
            if meaning == "failed" or delay is None:
                return replace(result, tries=tries)
            await asyncio.sleep(delay)
        return None

    async def _try(self, request: PreparedRequest) -> Result:
        """Send a request once and return what came of it.

        Raises:
            BatchStoppedError: what came of it ends the run.
        """
        reserved = await self._spending.reserve(request)
        cost: Decimal | None = Decimal(0)
        try:
            ticket = await self._throttle.enter()
            cost = None  # from here on the gateway may have seen it
            result = await self._send(request, ticket)
            if result.error is None:
                cost = result.cost
            elif isinstance(result.error, GatewayError) or not was_sent(result.error):
                cost = Decimal(0)
        finally:
            self._spending.settle(reserved, cost)
        if result.error is not None and (stop := stop_after(result.error)) is not None:
            raise stop
        return result

    async def _send(self, request: PreparedRequest, ticket: Ticket) -> Result:
        task = _this_task()
        self._sending.add(task)
        try:
            result = await self._ask(request)
        except KiloError as error:
            result = Result(request.custom_id, request, error=error)
        except BaseException:
            self._throttle.left(ticket)
            raise
        finally:
            self._sending.discard(task)
        self._tell_gate(ticket, result.error)
        return result

    def _tell_gate(self, ticket: Ticket, error: KiloError | None) -> None:
        if error is not None and meaning_of(error) == "busy":
            self._throttle.refused(ticket, error.retry_after_seconds)
            if self.pause_seconds > self._options.no_progress_seconds:
                raise pause_too_long(self.pause_seconds, error)
        elif error is None or isinstance(error, GatewayError):
            self._progress_at = monotonic()
            self._throttle.got_through(ticket)
        else:
            self._throttle.left(ticket)


def _this_task() -> asyncio.Task[Any]:
    task = asyncio.current_task()
    if task is None:
        raise RuntimeError("workers are tasks")
    return task
