"""`arun_batch` and `run_batch`: many requests in, results out as they finish."""

from __future__ import annotations

import asyncio
import queue
import threading
from collections.abc import AsyncIterable
from typing import TYPE_CHECKING, Any, TypedDict, Unpack

from kilo_gateway.batch.asking import ask_with, client_without_retries, prices_of
from kilo_gateway.batch.options import RunOptions
from kilo_gateway.batch.requests import prepare
from kilo_gateway.batch.runner import BatchRun
from kilo_gateway.gate import gate_of

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterable, Iterator

    from kilo_gateway.async_client import AsyncKiloClient
    from kilo_gateway.batch.budget import Budget
    from kilo_gateway.batch.requests import PreparedRequest, Request
    from kilo_gateway.batch.results import Result
    from kilo_gateway.catalog.prices import Pricing
    from kilo_gateway.client import KiloClient


class BatchOptions(TypedDict, total=False):
    """What `run_batch` and `arun_batch` take beside the requests."""

    client: AsyncKiloClient | KiloClient | None
    """Whose settings count; None makes one from the environment."""
    model: str | None
    """Taken where a body names no model; beside a different one it is refused."""
    budget: Budget | None
    """What the run may spend; None: no limit."""
    price: Pricing | None
    """Prices for all models, in place of those of the model list."""
    concurrency: int
    """The most requests under way at once, 100 unless given; fewer while the gateway takes fewer."""
    tries: int
    """How often a request is sent at the most, 3 unless given, not counting when the gateway was too busy."""
    row_timeout_seconds: float
    """How long one try may take, 600 unless given."""
    no_progress_seconds: float
    """After so long without any answer the run ends, 600 unless given."""
    grace_seconds: float
    """How long what is under way may go on when the run ends early, 5 unless given."""
    max_errors: int | None
    """After so many failed requests the run ends; None, the default: never."""
    ordered: bool
    """Whether results come in the order of the requests; a slow one then holds back later ones."""


def arun_batch(requests: Iterable[Request] | AsyncIterable[Request], **options: Unpack[BatchOptions]) -> BatchRun:
    """Return a run whose results are given as they finish; iterate it with `async for`.

    `requests` are taken as they are needed, never all at once. One that fails is a result with its `error`.

    Raises:
        InvalidSettingError: an option that cannot work.
        BatchStoppedError: out of the iteration: no credits, a refused key, a budget that is used up, no progress.
        InvalidRequestError: out of the iteration: a request that cannot be sent; it ends the run.
    """
    given: dict[str, Any] = dict(options)
    client = client_without_retries(given.pop("client", None))
    model, budget, price = (given.pop(name, None) for name in ("model", "budget", "price"))
    numbers = RunOptions(**given)
    return BatchRun(
        _prepared(requests, model),
        ask_with(client, row_timeout_seconds=numbers.row_timeout_seconds),
        gate=gate_of(client.settings),
        options=numbers,
        budget=budget,
        price_of=prices_of(client, price),
    )


def run_batch(requests: Iterable[Request], **options: Unpack[BatchOptions]) -> Iterator[Result]:
    """Yield the results as they finish, blocking; the requests are taken and sent in a thread of their own.

    Takes and raises what `arun_batch` does. Leaving the iteration early ends what is under way.
    """
    found: queue.Queue[Result | BaseException | None] = queue.Queue(1)
    is_left = threading.Event()
    thread = threading.Thread(target=_run_in_thread, args=(requests, options, found, is_left), daemon=True)
    thread.start()
    try:
        while (item := found.get()) is not None:
            if isinstance(item, BaseException):
                raise item
            yield item
    finally:
        is_left.set()
        while thread.is_alive():
            try:
                found.get(timeout=0.05)
            except queue.Empty:
                continue
        thread.join()


def _run_in_thread(
    requests: Iterable[Request], options: BatchOptions, found: queue.Queue[Any], is_left: threading.Event
) -> None:
    async def run() -> None:
        results = arun_batch(requests, **options)
        async with results:
            async for result in results:
                await asyncio.to_thread(found.put, result)
                if is_left.is_set():
                    return

    try:
        asyncio.run(run())
    except BaseException as error:  # noqa: BLE001 - handed to the caller's thread
        found.put(error)
    else:
        found.put(None)


def _prepared(
    requests: Iterable[Request] | AsyncIterable[Request], model: str | None
) -> Iterator[PreparedRequest] | AsyncIterator[PreparedRequest]:
    if isinstance(requests, AsyncIterable):
        return _prepared_later(requests, model)
    return (prepare(request, default_model=model, place=place) for place, request in enumerate(requests, 1))


async def _prepared_later(requests: AsyncIterable[Request], model: str | None) -> AsyncIterator[PreparedRequest]:
    place = 0
    async for request in requests:
        place += 1
        yield prepare(request, default_model=model, place=place)
