"""Runs many requests at once and gives each result as it finishes.

What no further request can mend (no credits, a refused key, a budget that is used up, no progress) ends the run.
"""

from __future__ import annotations

import asyncio
from collections import deque
from typing import TYPE_CHECKING, Any, Final, Self

from kilo_gateway.batch.attempts import Attempts
from kilo_gateway.batch.concurrency import ConcurrencyLimit
from kilo_gateway.batch.order import Order
from kilo_gateway.batch.results import Totals
from kilo_gateway.batch.source import Source
from kilo_gateway.batch.spending import Spending, no_prices
from kilo_gateway.batch.stops import no_progress, too_many_errors
from kilo_gateway.batch.throttle import GateThrottle
from kilo_gateway.clock import monotonic
from kilo_gateway.errors import BatchStoppedError

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, AsyncIterable, Iterable
    from types import TracebackType

    from kilo_gateway.batch.attempts import Ask
    from kilo_gateway.batch.options import RunOptions
    from kilo_gateway.batch.requests import PreparedRequest
    from kilo_gateway.batch.results import Result
    from kilo_gateway.batch.spending import PriceOf
    from kilo_gateway.costs.budget import Budget
    from kilo_gateway.errors import KiloError
    from kilo_gateway.gate import Gate

_LONGEST_LOOK_SECONDS: Final = 5.0
_LOOKS: Final = 20
"""How many times progress is checked within the time that a run may go without any."""


class BatchRun:
    """A run: iterate its results with `async for`; `totals` has the sums so far.

    Leaving the iteration early ends what is under way.

    Raises:
        BatchStoppedError: from the iteration, after the results of what was under way: the run ended early; its
            `reason` says why.
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
        self._failure: BaseException | None = None
        """What went wrong with the caller's requests."""
        self._options = options
        self._order = Order(options.concurrency, is_wanted=options.ordered)
        self._source = Source(requests)
        self._limit = ConcurrencyLimit(options.concurrency)
        self._throttle = GateThrottle(gate, self._limit, longest_pause_seconds=options.no_progress_seconds / 2)
        self._attempts = Attempts(ask, options, self._throttle, Spending(budget, price_of))
        self._ready: deque[Result] = deque()
        self._results: asyncio.Queue[tuple[int, Result, asyncio.Event] | None] = asyncio.Queue()
        self._taken: asyncio.Event | None = None
        """Set when the caller is done with the result that it got last: until then its worker sends nothing, so that
        results which a kill would lose count among the requests under way."""
        self._workers: set[asyncio.Task[None]] = set()
        self._delivering: set[asyncio.Task[Any]] = set()
        """Workers that hold a result, which must not be lost."""
        self._watchers: tuple[asyncio.Task[None], ...] = ()

    @property
    def under_way(self) -> int:
        """Requests that are being sent or answered."""
        return self._throttle.under_way

    @property
    def cut_off(self) -> int:
        """Requests that were sent and not waited for; the gateway may bill them."""
        return self._attempts.cut_off

    @property
    def refusal(self) -> KiloError | None:
        """Why the gateway accepts no requests now; None while it does."""
        return self._attempts.refusal

    @property
    def limit(self) -> int:
        """How many may be under way now."""
        return self._limit.value

    @property
    def pause_seconds(self) -> float:
        """How long the gate stays closed; 0 while it is open."""
        return max(0.0, self._throttle.paused_until - monotonic())

    def stop(self, reason: BatchStoppedError) -> None:
        """Start no further request. Those under way may go on for the grace time, but not during a pause."""
        if not self._is_ending:
            self.stopped = reason
            self._cancel_idle_workers()

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
        for task in (*self._workers, *self._watchers):
            task.cancel()
        await asyncio.gather(*self._workers, *self._watchers, return_exceptions=True)
        self._throttle.close()

    async def __aiter__(self) -> AsyncGenerator[Result]:
        try:
            while (result := await self._next()) is not None:
                yield result
        finally:
            await self.aclose()

    async def _next(self) -> Result | None:
        if not self._watchers:
            self._begin()
        if self._taken is not None:
            self._taken.set()
        while not self._ready:
            found = await self._results.get()
            if found is not None:
                place, result, self._taken = found
                self._ready.extend(self._order.add(place, result))
                if not self._ready:
                    self._taken.set()  # held back; the order has a bound of its own
                continue
            self._results.put_nowait(None)  # whoever asks again is told the same
            self._ready.extend(self._order.remaining())
            if not self._ready:
                self._raise_what_ended_it()
                return None
        return self._ready.popleft()

    def _raise_what_ended_it(self) -> None:
        failure = self._failure or self.stopped
        if failure is not None:
            raise failure

    @property
    def _is_ending(self) -> bool:
        return self.stopped is not None or self._failure is not None

    def _cancel_idle_workers(self) -> None:
        self._attempts.is_ending = True
        for worker in self._workers - self._attempts.sending - self._delivering:
            worker.cancel()
        grace = 0.0 if self.pause_seconds else self._options.grace_seconds
        asyncio.get_running_loop().call_later(grace, self.abort)

    def _fail(self, failure: BaseException) -> None:
        if self._failure is None:
            self._failure = failure
            self._cancel_idle_workers()

    def _begin(self) -> None:
        self._throttle.open()
        self._start_workers()
        self._watchers = asyncio.create_task(self._wait_for_workers()), asyncio.create_task(self._watch_progress())

    def _start_workers(self) -> None:
        """Have as many workers as requests may be under way: each holds one request."""
        while len(self._workers) < self._limit.value and not self._is_ending and not self._source.is_over:
            self._workers.add(asyncio.create_task(self._work()))

    async def _wait_for_workers(self) -> None:
        """Wait until the last worker has ended, then end the results."""
        while self._workers:
            done, _ = await asyncio.wait(self._workers, return_when=asyncio.FIRST_COMPLETED)
            self._workers -= done
            for worker in done:
                if not worker.cancelled() and (failure := worker.exception()) is not None:
                    self._fail(failure)
        self._results.put_nowait(None)

    async def _watch_progress(self) -> None:
        """Stop the run when requests wait and the gateway answers none.

        Counts checks and reads no clock: a caller that blocks the event loop, or is slow with a result, stops no run.
        """
        limit = self._options.no_progress_seconds
        look = min(limit / _LOOKS, _LONGEST_LOOK_SECONDS)
        seconds_still, answers = 0.0, 0
        while seconds_still < limit:
            await asyncio.sleep(look)
            is_still = answers == self._attempts.answers and self._attempts.open and self._results.empty()
            seconds_still = seconds_still + look if is_still else 0.0
            answers = self._attempts.answers
        self.stop(no_progress(limit, self.refusal))

    async def _work(self) -> None:
        while not self._is_ending:
            await self._order.wait_for_room()
            taken = await self._source.take()
            if taken is None:
                return
            place, request = taken
            try:
                result = await self._attempts.finish(request)
            except BatchStoppedError as stop:
                self.stop(stop)
                return
            await self._deliver(place, result)

    async def _deliver(self, place: int, result: Result) -> None:
        task: Any = asyncio.current_task()
        self._delivering.add(task)
        try:
            self.totals.add(result)
            most = self._options.max_errors
            if most is not None and self.totals.failed >= most:
                self.stop(too_many_errors(self.totals.failed))
            self._start_workers()
            taken = asyncio.Event()
            self._results.put_nowait((place, result, taken))
            await taken.wait()
        finally:
            self._delivering.discard(task)
