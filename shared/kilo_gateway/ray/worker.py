"""What a worker does with the requests of its batches: looks each up in the journal, else has it sent, and writes it.

Requests of several batches are under way together; what a worker holds of the run's limit bounds them all.
"""

from __future__ import annotations

import asyncio
from collections import deque
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

from kilo_gateway.batch.attempts import Attempts
from kilo_gateway.errors import BatchStoppedError, KiloError
from kilo_gateway.ray.answer_folder import AnswerFolder
from kilo_gateway.ray.link import Link
from kilo_gateway.ray.messages import Grant, Tally, WorkerReport
from kilo_gateway.ray.outcomes import Outcome, outcome_of, read_outcome
from kilo_gateway.ray.shared_spending import SharedSpending
from kilo_gateway.ray.shared_throttle import SharedThrottle

if TYPE_CHECKING:
    from collections.abc import Sequence

    from kilo_gateway.batch.attempts import Ask
    from kilo_gateway.batch.requests import PreparedRequest
    from kilo_gateway.batch.spending import PriceOf
    from kilo_gateway.ray.plan import RunPlan

_LOOK_SECONDS: Final = 0.1


class Worker:
    """Made and used on one event loop."""

    def __init__(self, plan: RunPlan, coordinator: Any, ask: Ask, price_of: PriceOf) -> None:
        self._plan = plan
        self._coordinator = coordinator
        self._folder = AnswerFolder(plan.journal, has_names=plan.id_column is not None)
        self._link = Link(coordinator, fill=self._fill, take=self._take, on_answer=self._note_answer)
        self._throttle = SharedThrottle(self._link.change)
        is_limited = plan.limits.budget is not None
        self._spending = SharedSpending(is_limited=is_limited, price_of=price_of, on_change=self._link.change)
        self._attempts = Attempts(ask, plan.run, self._throttle, self._spending)
        self._open: deque[tuple[PreparedRequest, asyncio.Future[Outcome]]] = deque()
        self._runners: set[asyncio.Task[None]] = set()
        self._tally = Tally()
        self._stopped: BatchStoppedError | None = None

    async def start(self) -> None:
        """Read the journal and begin to talk to the coordinator."""
        await asyncio.to_thread(self._folder.read)
        self._link.start()

    async def complete(self, requests: Sequence[PreparedRequest]) -> list[Outcome]:
        """Return what becomes of the request of each row.

        Raises:
            BatchStoppedError: the run ends; what was answered is in the journal.
        """
        if not requests:
            return []
        futures = [self._begin(request) for request in requests]
        self._start_runners()
        self._link.change(False)
        try:
            await asyncio.wait(futures)
        finally:
            for future in futures:
                future.cancel()  # nobody waits for it any more
        errors = [future.exception() for future in futures if not future.cancelled()]
        stopped = next((error for error in errors if error is not None), None)
        if stopped is not None:
            await self._wait_for_others()
            raise stopped
        await self._link.flush()
        return [future.result() for future in futures]

    def _begin(self, request: PreparedRequest) -> asyncio.Future[Outcome]:
        future: asyncio.Future[Outcome] = asyncio.get_running_loop().create_future()
        known = None if request.problem is not None else self._look_up(request)
        if request.problem is not None:
            self._tally.failed += 1
            future.set_result(Outcome(error=request.problem.message))
        elif known is not None:
            self._tally.reused += 1
            self._tally.failed += known.error is not None
            self._tally.done += known.error is None
            future.set_result(known)
        elif self._stopped is not None:
            future.set_exception(self._stopped)
        else:
            self._open.append((request, future))
        return future

    def _look_up(self, request: PreparedRequest) -> Outcome | None:
        line = self._folder.find(request.fingerprint)
        found = None if line is None else read_outcome(line, request)
        return None if found is None or (found.error is not None and self._plan.retry_failed) else found

    def _start_runners(self) -> None:
        """Have as many runners as requests may be under way: each holds one request."""
        while self._open and len(self._runners) < self._throttle.slots and self._stopped is None:
            runner = asyncio.create_task(self._run())
            self._runners.add(runner)
            runner.add_done_callback(self._runners.discard)

    async def _run(self) -> None:
        while self._open and self._stopped is None and len(self._runners) <= max(1, self._throttle.slots):
            request, future = self._open.popleft()
            if future.done():
                continue
            try:
                result = await self._attempts.finish(request)
                self._folder.write(result)
            except asyncio.CancelledError:
                _fail(future, self._stopped)
                raise
            except Exception as error:  # noqa: BLE001 - whatever it is, nothing more is to be paid for
                stop = _as_stop(error)
                _fail(future, stop)
                self._stop(stop)
                return
            self._tally.add(result)
            if not result.is_done:
                self._link.change(False)
            if not future.done():
                future.set_result(outcome_of(result))

    def _stop(self, stop: BatchStoppedError) -> None:
        """Send nothing new, nor again; what is under way may go on for the grace."""
        if self._stopped is not None:
            return
        self._stopped = stop
        self._attempts.is_ending = True
        while self._open:
            _fail(self._open.popleft()[1], stop)
        for runner in self._runners - self._attempts.sending:
            if runner is not asyncio.current_task():
                runner.cancel()
        asyncio.get_running_loop().call_later(self._plan.run.grace_seconds, self._abort)
        self._link.change(True)

    def _abort(self) -> None:
        for runner in self._runners:
            runner.cancel()

    async def _wait_for_others(self) -> None:
        """Let the other workers finish what is under way: Ray ends them all at the first error."""
        self._folder.sync()
        try:
            async with asyncio.timeout(self._plan.run.grace_seconds):
                await self._link.flush()
                while (await self._coordinator.totals.remote()).under_way:  # noqa: ASYNC110 - in another process
                    await asyncio.sleep(_LOOK_SECONDS)
        except Exception:  # noqa: BLE001 - the coordinator may be gone; the error to tell is another
            return

    def _fill(self, report: WorkerReport) -> None:
        report.waiting = len(self._open)
        self._throttle.fill(report)
        soon = min(len(self._open), self._throttle.slots) if self._stopped is None else 0
        self._spending.fill(report, soon=soon)
        report.busy_error = self._attempts.refusal
        report.answers = self._attempts.answers
        report.tally = replace(self._tally)
        report.stop = self._stopped

    def _take(self, grant: Grant) -> None:
        self._spending.take(grant)
        self._throttle.take(grant)
        if grant.stop is not None:
            self._stop(grant.stop)
        self._start_runners()

    def _note_answer(self, report: WorkerReport, sent_at: float) -> None:
        self._throttle.note_answer(report, sent_at)
        self._start_runners()


def _fail(future: asyncio.Future[Outcome], error: BaseException | None) -> None:
    if not future.done():
        future.set_exception(error or BatchStoppedError("The run was stopped. Start it again to resume it."))
        future.exception()  # it is told once, by whoever waits


def _as_stop(error: Exception) -> BatchStoppedError:
    if isinstance(error, BatchStoppedError):
        return error
    if isinstance(error, KiloError):
        message = error.message
    else:
        message = f"The journal could not be written: {error}. Make room, then start it again."
    stop = BatchStoppedError(f"The run was stopped: {message}")
    stop.__cause__ = error
    return stop
