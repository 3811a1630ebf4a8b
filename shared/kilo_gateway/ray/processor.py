"""`KiloProcessor`: what Ray Data calls with each batch. It gives the batch back with the answers behind its columns."""

from __future__ import annotations

import asyncio
import hashlib
import os
import socket
import threading
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Any, Unpack

import ray

from kilo_gateway.async_client import AsyncKiloClient
from kilo_gateway.batch.asking import ask_with, chosen_model, client_without_retries, prices_of
from kilo_gateway.batch.requests import EMBEDDINGS_URL
from kilo_gateway.ray.answer_folder import check_folder
from kilo_gateway.ray.coordinator import start_coordinator
from kilo_gateway.ray.credentials import ClientSettings, Credentials, of_arguments, take_settings
from kilo_gateway.ray.plan import Prompt, RunArguments, RunPlan, make_plan
from kilo_gateway.ray.row_requests import RowRequests
from kilo_gateway.ray.tables import columns_of, rows_of, with_outcomes
from kilo_gateway.ray.worker import Worker

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Coroutine

    from kilo_gateway.ray.outcomes import Outcome


class ProcessorArguments(RunArguments, ClientSettings, total=False):
    """What `KiloProcessor` takes beside the prompt: the run, and where the gateway is."""

    api_key: Callable[[], str] | None
    """A function that returns the key, called on each worker. None: the worker's environment has it."""


@dataclass(frozen=True, slots=True)
class Run:
    """What a program hands to its workers."""

    plan: RunPlan
    credentials: Credentials
    coordinator: Any


class KiloProcessor:
    """For `Dataset.map_batches(KiloProcessor, fn_constructor_kwargs={...}, concurrency=4, batch_size=256)`.

    Raises:
        InvalidSettingError: an argument that cannot work, a journal that cannot be used, or columns that clash.
        BatchStoppedError: out of a batch: what no further request of the run can mend. Answers are in the journal.
    """

    def __init__(self, prompt: Prompt, **arguments: Unpack[ProcessorArguments]) -> None:
        given: dict[str, Any] = dict(arguments)
        credentials = of_arguments(take_settings(given))
        plan = make_plan(prompt, given)
        self._start(Run(plan, credentials, start_coordinator(plan.limits, plan.journal, _name_of(plan))))

    def _start(self, run: Run) -> None:
        self._plan = run.plan
        self._loop = asyncio.new_event_loop()
        threading.Thread(target=self._loop.run_forever, daemon=True, name="kilo_gateway.ray").start()
        self._worker: Worker = self._wait_for(self._begin(run))

    def _wait_for(self, coroutine: Coroutine[Any, Any, Any]) -> Any:
        return asyncio.run_coroutine_threadsafe(coroutine, self._loop).result()

    async def _begin(self, run: Run) -> Worker:
        name = await run.coordinator.join.remote()
        check_folder(run.plan.journal, name, socket.gethostname())
        client = client_without_retries(AsyncKiloClient(run.credentials.settings(os.environ)))
        worker = Worker(run.plan, run.coordinator, ask_with(client, None), prices_of(client, run.plan.price))
        await worker.start()
        self._requests = RowRequests(run.plan, chosen_model(client.settings))
        return worker

    async def __call__(self, batch: Any) -> AsyncIterator[Any]:
        """Yield the batch with its answers.

        Raises:
            InvalidSettingError: a column that is missing, or there already.
            BatchStoppedError: the run ends early.
        """
        self._plan.check_columns(columns_of(batch))
        rows = rows_of(batch)
        future = asyncio.run_coroutine_threadsafe(self._worker.complete(self._requests.render(rows)), self._loop)
        outcomes: list[Outcome] = await asyncio.wrap_future(future)
        has_vectors = self._plan.url == EMBEDDINGS_URL
        yield with_outcomes(batch, self._plan.columns, outcomes, has_vectors=has_vectors)


class PlannedProcessor(KiloProcessor):
    """One whose program has made the plan and started the coordinator."""

    def __init__(self, run: Run) -> None:
        self._start(run)


def _name_of(plan: RunPlan) -> str:
    """Return the name that all workers of a run give to their coordinator: the job's, and what they were told."""
    arguments = repr([getattr(plan, field.name) for field in fields(plan) if field.name != "prompt"])
    job = ray.get_runtime_context().get_job_id()
    return f"{job}-{hashlib.blake2b(arguments.encode(), digest_size=6).hexdigest()}"
