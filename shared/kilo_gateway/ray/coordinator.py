"""The one named actor of a run: takes the reports of workers, tells them their shares, and outlives its own death.

What must not be forgotten, what each worker may spend, stands in the journal's folder before a worker hears of it;
everything else the workers tell again.
"""

from __future__ import annotations

import asyncio
import json
import logging
import os
import socket
import time
import uuid
import warnings
from contextlib import suppress
from decimal import Decimal
from functools import cached_property
from typing import TYPE_CHECKING, Any, Final

import ray

from kilo_gateway.batch.lock import FileLock
from kilo_gateway.clock import monotonic
from kilo_gateway.errors import InvalidSettingError
from kilo_gateway.ray.messages import LEASE_SECONDS, Grant, RunTotals, WorkerReport
from kilo_gateway.ray.sharing import Sharing

if TYPE_CHECKING:
    from pathlib import Path

    from kilo_gateway.ray.plan import SharedLimits

NAMESPACE: Final = "kilo_gateway"
_LOOK_SECONDS: Final = 0.25
_LOCK_SECONDS: Final = 30.0
"""How long to wait for a folder that is in use: a killed run lets it go when its processes have ended."""
_IDLE_SECONDS: Final = 3.0
"""After so long without work the folder is let go: workers of a run that failed may live on for long."""
_MOST_CALLS: Final = 10_000
_logger = logging.getLogger("kilo_gateway.ray")


class Coordinator:
    """Runs as an actor; `run_id` is new for each run, and the same after a restart.

    One that was started by its workers, `is_on_its_own`, ends when it has none for a while.
    """

    def __init__(self, limits: SharedLimits, folder: Path, run_id: str, *, is_on_its_own: bool = False) -> None:
        self._limits = limits
        self._folder = folder
        self._state = folder / f"{run_id}.state"
        self._is_on_its_own = is_on_its_own
        self._news: dict[str, asyncio.Event] = {}
        self._lock: FileLock | None = None
        self._opening = asyncio.Lock()
        self._watch_task: asyncio.Task[None] | None = None

    async def join(self) -> str:
        """Take hold of the journal's folder for the run; return the name of a file that it has now.

        Raises:
            InvalidSettingError: a folder that cannot be written, or that another run is writing.
        """
        async with self._opening:
            if self._lock is None:
                await self._take_folder()
            if self._watch_task is None:
                self._watch_task = asyncio.create_task(self._watch_time())
            return self._state.name

    async def tell(self, report: WorkerReport) -> Grant:
        """Take a report and return what its worker may do."""
        if self._watch_task is None or (self._lock is None and (report.waiting or report.under_way)):
            await self.join()  # after a restart, or a rest
        self._sharing.take(report, monotonic())
        self._keep_allowances()
        self._spread_news()
        return self._sharing.members[report.worker].grant

    async def watch(self, worker: str, version: int, seconds: float) -> Grant | None:
        """Return the newest grant of a worker as soon as there is one beside that of `version`; None: tell again."""
        member = self._sharing.members.get(worker)
        if member is None:
            return None
        member.seen_at = monotonic()
        if member.grant.version == version:
            news = self._news.setdefault(worker, asyncio.Event())
            news.clear()
            with suppress(TimeoutError):
                await asyncio.wait_for(news.wait(), seconds)
        member.seen_at = monotonic()
        return member.grant

    async def totals(self) -> RunTotals:
        """Return the sums of the run."""
        return self._sharing.totals(monotonic())

    @cached_property
    def _sharing(self) -> Sharing:
        """What the workers of the run share."""
        return Sharing(
            self._limits,
            epoch=int(time.time()),
            known_until=monotonic() + LEASE_SECONDS if _is_restarted() else 0.0,
            allowances=self._kept,
        )

    @cached_property
    def _kept(self) -> dict[str, Decimal]:
        """What workers may spend, as it stands in the file of the run."""
        if not (_is_restarted() and self._state.exists()):
            return {}
        kept: dict[str, str] = json.loads(self._state.read_text(encoding="utf-8"))
        return {name: Decimal(usd) for name, usd in kept.items()}

    def _spread_news(self) -> None:
        for name, member in self._sharing.members.items():
            if member.grant.version > member.report.version and (news := self._news.get(name)) is not None:
                news.set()

    async def _watch_time(self) -> None:
        idle_since = empty_since = monotonic()
        sharing = self._sharing
        while True:
            now = monotonic()
            pause = sharing.paused_until - now
            await asyncio.sleep(min(_LOOK_SECONDS, pause) if pause > 0 else _LOOK_SECONDS)
            now = monotonic()
            for lost in sharing.look(now):
                _logger.warning(
                    "The worker %s fell silent. At most %d requests were under way on it: they are sent again, and may "
                    "be paid twice.",
                    lost.report.place,
                    lost.held_slots,
                )
            self._news = {name: news for name, news in self._news.items() if name in sharing.members}
            self._keep_allowances()
            self._spread_news()
            idle_since = now if sharing.is_needed else idle_since
            empty_since = now if sharing.members else empty_since
            if now - idle_since > _IDLE_SECONDS:
                self._let_folder_go()
            if self._is_on_its_own and now - empty_since > LEASE_SECONDS:
                self._state.unlink(missing_ok=True)
                ray.kill(ray.get_runtime_context().current_actor)

    async def _take_folder(self) -> None:
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            self._write_state()
        except OSError as error:
            raise InvalidSettingError(
                f"The journal {self._folder} cannot be written on {socket.gethostname()}: {error.strerror}. "
                "Choose another folder."
            ) from None
        until = monotonic() + _LOCK_SECONDS
        while True:
            try:
                self._lock = FileLock(self._folder / "journal").acquire()
                self._clear_old_states()
                self._write_state()  # another run may have removed it while this one waited or rested
            except InvalidSettingError:
                if monotonic() > until:
                    raise
                await asyncio.sleep(0.2)
            else:
                return

    def _let_folder_go(self) -> None:
        if self._lock is not None:
            self._lock.release()
        self._lock = None

    def _keep_allowances(self) -> None:
        """Write what workers may spend before they hear of it."""
        if self._limits.budget is None:
            return
        allowances = self._sharing.allowances()
        if any(usd > self._kept.get(name, Decimal(0)) for name, usd in allowances.items()):
            self._kept = allowances
            self._write_state()

    def _write_state(self) -> None:
        beside = self._state.with_suffix(f".{os.getpid()}.new")
        beside.write_text(json.dumps({name: str(usd) for name, usd in self._kept.items()}), encoding="utf-8")
        beside.replace(self._state)

    def _clear_old_states(self) -> None:
        """Remove the states of runs that have ended: whoever holds the lock is the only one."""
        for path in self._folder.glob("*.state"):
            if path != self._state:
                path.unlink(missing_ok=True)


def _is_restarted() -> bool:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # of Ray, about itself
        return bool(ray.get_runtime_context().was_current_actor_reconstructed)


def start_coordinator(limits: SharedLimits, folder: Path, name: str | None = None) -> Any:
    """Return the handle of a run's coordinator.

    With a name, the one that runs under it in this cluster; it ends by itself. Without, a new one, which ends with the
    process that calls.
    """
    run_id = name or uuid.uuid4().hex[:12]
    options: dict[str, Any] = {
        "name": f"kilo_gateway-{run_id}",
        "namespace": NAMESPACE,
        "num_cpus": 0,
        "max_restarts": -1,
        "max_task_retries": -1,
        "max_concurrency": _MOST_CALLS,
    }
    if name is not None:
        options |= {"lifetime": "detached", "get_if_exists": True}
    actor = ray.remote(Coordinator).options(**options)
    return actor.remote(limits, folder, run_id, is_on_its_own=name is not None)
