"""Workers and their coordinator in one process, on one event loop: what they say takes its time and is copied."""

from __future__ import annotations

import asyncio
import json
import pickle
import random
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from kilo_gateway.answer.completion import parse_completion
from kilo_gateway.batch.requests import PreparedRequest, Request, prepare
from kilo_gateway.batch.results import Result
from kilo_gateway.catalog.prices import Pricing
from kilo_gateway.errors import KiloError
from kilo_gateway.ray import coordinator as coordinators
from kilo_gateway.ray.coordinator import Coordinator
from kilo_gateway.ray.plan import RunPlan
from kilo_gateway.ray.worker import Worker

PRICE = Pricing(prompt=Decimal(0), completion=Decimal(1_000_000), request=Decimal(0))
"""A dollar a token of the answer."""


@dataclass
class Gateway:
    """Answers after a while, counts, and knows how many requests of all workers are under way."""

    seconds: float = 0.005
    fate: Callable[[str, int], KiloError | None] = lambda custom_id, number: None
    cost: float | None = 0.001
    sent: Counter[str] = field(default_factory=Counter)
    under_way: int = 0
    most_under_way: int = 0
    spent: Decimal = Decimal(0)

    async def ask(self, request: PreparedRequest, seconds: float) -> Result:
        """Answer one request."""
        self.sent[request.custom_id] += 1
        number = self.sent.total()
        self.under_way += 1
        self.most_under_way = max(self.most_under_way, self.under_way)
        try:
            await asyncio.sleep(self.seconds * random.uniform(0.5, 1.5))
        finally:
            self.under_way -= 1
        if (error := self.fate(request.custom_id, number)) is not None:
            raise error
        usage = {"prompt_tokens": 3, "completion_tokens": 2, **({} if self.cost is None else {"cost": self.cost})}
        self.spent += Decimal(str(self.cost or 0))
        message = {"content": f"Answer to {request.custom_id}"}
        body = {"id": "gen-1", "model": "lab/model", "choices": [{"message": message, "finish_reason": "stop"}]}
        text = json.dumps({**body, "usage": usage}).encode()
        return Result(request.custom_id, request, parse_completion({**body, "usage": usage}), body=text)


@dataclass
class Cluster:
    """A run of one process."""

    plan: RunPlan
    gateway: Gateway
    run_id: str = "run"

    def __post_init__(self) -> None:
        self.coordinator = Coordinator(self.plan.limits, self.plan.journal, self.run_id)
        self.workers: list[Worker] = []

    def restart_coordinator(self) -> None:
        """Have the coordinator die and begin anew."""
        self._kill_coordinator()
        self.coordinator = Coordinator(self.plan.limits, self.plan.journal, self.run_id)

    async def add_worker(self) -> Worker:
        """Have one more worker."""

        async def price_of(model_id: str) -> Pricing | None:
            return self.plan.price

        await self.coordinator.join()
        worker = Worker(self.plan, self._handle(), self.gateway.ask, price_of)
        await worker.start()
        self.workers.append(worker)
        return worker

    def kill(self, worker: Worker) -> None:
        """Have a worker die: it says and does nothing any more."""
        for task in (*worker._link._tasks, *worker._runners):
            task.cancel()
        worker._folder.close()
        self.workers.remove(worker)

    async def end(self) -> None:
        """End everything."""
        for worker in list(self.workers):
            self.kill(worker)
        self._kill_coordinator()
        await asyncio.sleep(0)

    def _kill_coordinator(self) -> None:
        if self.coordinator._watch_task is not None:
            self.coordinator._watch_task.cancel()
        self.coordinator._let_folder_go()

    def _handle(self) -> Any:
        def remote(name: str) -> Any:
            async def call(*arguments: Any) -> Any:
                await asyncio.sleep(random.uniform(0, 0.003))
                answer = await getattr(self.coordinator, name)(*pickle.loads(pickle.dumps(arguments)))
                await asyncio.sleep(random.uniform(0, 0.003))
                return pickle.loads(pickle.dumps(answer))

            return SimpleNamespace(remote=call)

        return SimpleNamespace(tell=remote("tell"), watch=remote("watch"), totals=remote("totals"))


def rows(first: int, count: int, **options: Any) -> list[PreparedRequest]:
    """Return the requests of so many rows."""
    made = []
    for number in range(first, first + count):
        body = {"model": "lab/model", "messages": [{"role": "user", "content": f"r{number}"}], **options}
        made.append(prepare(Request(f"r{number}", body)))
    return made


@pytest.fixture
def restarted(monkeypatch: pytest.MonkeyPatch) -> Callable[[bool], None]:
    """Say whether a coordinator that begins has lived before."""
    return lambda is_restarted: monkeypatch.setattr(coordinators, "_is_restarted", lambda: is_restarted)


def plan_of(folder: Path, **fields: Any) -> RunPlan:
    """Return a plan."""
    return RunPlan("{text}", folder, **fields)
