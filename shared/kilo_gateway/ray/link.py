"""A worker's conversation with the coordinator: tells how it stands when that changes, hears of its share."""

from __future__ import annotations

import asyncio
import os
import socket
import uuid
from typing import TYPE_CHECKING, Any, Final

from ray.exceptions import ActorUnavailableError, RayActorError

from kilo_gateway.clock import monotonic
from kilo_gateway.errors import BatchStoppedError
from kilo_gateway.errors.text import one_line
from kilo_gateway.ray.messages import WATCH_SECONDS, Grant, WorkerReport

if TYPE_CHECKING:
    from collections.abc import Callable

_SOON_SECONDS: Final = 0.02
"""What happens within so long is told together."""
_QUIET_SECONDS: Final = 0.5
"""After so long it is told how things stand, whatever happened."""
_AGAIN_SECONDS: Final = 0.2
_LONGEST_SAID: Final = 300


class Link:
    """Runs on the worker's event loop; `fill` completes a report, `take` goes by a grant.

    `on_answer` gets each report that was answered, and the moment when it was sent.
    """

    def __init__(
        self,
        coordinator: Any,
        *,
        fill: Callable[[WorkerReport], None],
        take: Callable[[Grant], None],
        on_answer: Callable[[WorkerReport, float], None],
    ) -> None:
        self._coordinator = coordinator
        self._fill = fill
        self._take = take
        self._on_answer = on_answer
        self._worker = uuid.uuid4().hex[:12]
        self._place = f"process {os.getpid()} on {socket.gethostname()}"
        self._version = 0
        self._soon = asyncio.Event()
        self._at_once = asyncio.Event()
        self._tasks: list[asyncio.Task[None]] = []
        self._to_be_told: list[asyncio.Future[None]] = []

    def start(self) -> None:
        """Begin to talk."""
        if not self._tasks:
            self._tasks = [asyncio.create_task(self._talk()), asyncio.create_task(self._listen())]

    def change(self, is_urgent: bool) -> None:
        """Have it told soon, or at once, how things stand."""
        self._soon.set()
        if is_urgent:
            self._at_once.set()

    async def flush(self) -> None:
        """Return when the coordinator knows how things stand now."""
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._to_be_told.append(future)
        self.change(True)
        await future

    def new_report(self) -> WorkerReport:
        """Return a report that says who tells it."""
        return WorkerReport(self._worker, self._place)

    async def _talk(self) -> None:
        while True:
            await _wait(self._soon, _QUIET_SECONDS)
            self._soon.clear()
            self._at_once.clear()
            report = self.new_report()
            self._fill(report)
            to_be_told, self._to_be_told = self._to_be_told, []
            sent_at = monotonic()
            grant = await self._ask(self._coordinator.tell, report)
            if grant is not None:
                self._take_newer(grant)
                self._on_answer(report, sent_at)
            for future in to_be_told:
                if not future.done():
                    future.set_result(None)
            await _wait(self._at_once, _SOON_SECONDS)

    async def _listen(self) -> None:
        while True:
            sent_at = monotonic()
            grant = await self._ask(self._coordinator.watch, self._worker, self._version, WATCH_SECONDS)
            if grant is None:
                self._soon.set()
                await _wait(self._at_once, _AGAIN_SECONDS)
                continue
            self._take_newer(grant)
            self._on_answer(self.new_report(), sent_at)

    def _take_newer(self, grant: Grant) -> None:
        if grant.version > self._version:
            self._version = grant.version
            self._take(grant)

    async def _ask(self, method: Any, *arguments: Any) -> Grant | None:
        try:
            answer: Grant | None = await method.remote(*arguments)
        except ActorUnavailableError:  # it is being restarted
            await asyncio.sleep(_AGAIN_SECONDS)
            return None
        except Exception as error:  # noqa: BLE001 - whatever it is, its rows must hear of it
            self._take(Grant(self._version, stop=_ended(error)))
            await asyncio.sleep(WATCH_SECONDS)
            return None
        return answer


async def _wait(event: asyncio.Event, seconds: float) -> None:
    try:
        async with asyncio.timeout(seconds):
            await event.wait()
    except TimeoutError:
        return


def _ended(error: Exception) -> BatchStoppedError:
    if isinstance(error, RayActorError):
        why = "its coordinator has ended, as it does with the program that started the run"
    else:
        why = f"its coordinator failed. It said: {one_line(str(error), _LONGEST_SAID)}"
    stop = BatchStoppedError(f"The run was stopped: {why}. Start it again; what is in the journal is not paid twice.")
    stop.__cause__ = error
    return stop
