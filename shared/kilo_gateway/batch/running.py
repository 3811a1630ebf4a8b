"""`arun_batch` and `run_batch`: many requests in, results out as they finish."""

from __future__ import annotations

import asyncio
import contextvars
import queue
import threading
from collections.abc import AsyncIterable
from typing import TYPE_CHECKING, Any, Final, TypedDict, Unpack

from kilo_gateway.batch.asking import ask_with, chosen_model, client_without_retries, prices_of
from kilo_gateway.batch.options import RunOptions
from kilo_gateway.batch.requests import PreparedRequest, prepare
from kilo_gateway.batch.runner import BatchRun
from kilo_gateway.errors import InvalidRequestError, KiloError
from kilo_gateway.gate import gate_of

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterable, Iterator

    from kilo_gateway.async_client import AsyncKiloClient
    from kilo_gateway.batch.requests import Request
    from kilo_gateway.batch.results import Result
    from kilo_gateway.catalog.prices import Pricing
    from kilo_gateway.client import KiloClient
    from kilo_gateway.costs.budget import Budget

_MOST_AHEAD: Final = 64
"""Results that wait for a blocking caller."""


class BatchOptions(TypedDict, total=False):
    """What `run_batch` and `arun_batch` take beside the requests."""

    client: AsyncKiloClient | KiloClient | None
    """Whose settings count; None makes one from the environment."""
    model: str | None
    """Taken where a body names no model; beside a different one it is refused. None: that of the client, if one was
    chosen, which may be another one."""
    budget: Budget | None
    """What the run may spend; None: no limit."""
    price: Pricing | None
    """Prices for all models, in place of those of the model list."""
    concurrency: int
    """The most requests under way at once, 100 unless given; fewer while the gateway takes fewer."""
    tries: int
    """How often a request is sent at the most, 3 unless given, not counting when the gateway was too busy."""
    row_timeout_seconds: float
    """How long a request may take with all its tries, 600 unless given; waiting for a busy gateway does not count."""
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

    `requests` are taken as they are needed, never all at once. One that fails, that cannot be sent, or whose id was
    there before, is a result with its `error`.

    Raises:
        InvalidSettingError: an option that cannot work.
        BatchStoppedError: out of the iteration: no credits, a refused key, a budget that is used up, no progress.
        InvalidRequestError: out of the iteration: a `custom_id` that is no string; it ends the run.
    """
    given: dict[str, Any] = dict(options)
    client = client_without_retries(given.pop("client", None))
    model, budget, price = (given.pop(name, None) for name in ("model", "budget", "price"))
    numbers = RunOptions(**given)
    return BatchRun(
        _prepared(requests, model, chosen_model(client.settings)),
        ask_with(client, budget),
        gate=gate_of(client.settings),
        options=numbers,
        budget=budget,
        price_of=prices_of(client, price),
    )


def run_batch(requests: Iterable[Request], **options: Unpack[BatchOptions]) -> Iterator[Result]:
    """Yield the results as they finish, blocking; the requests are taken and sent in a thread of their own.

    Takes and raises what `arun_batch` does. Leaving the iteration early ends what is under way.
    """
    return _results_of(arun_batch(requests, **options))


def _results_of(run: BatchRun) -> Iterator[Result]:
    found: queue.Queue[Result | BaseException | None] = queue.Queue(_MOST_AHEAD)
    is_left = threading.Event()
    context = contextvars.copy_context()
    thread = threading.Thread(target=context.run, args=(_run_in_thread, run, found, is_left), daemon=True)
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


def _run_in_thread(run: BatchRun, found: queue.Queue[Any], is_left: threading.Event) -> None:
    async def drive() -> None:
        async with run:
            async for result in run:
                try:
                    found.put_nowait(result)
                except queue.Full:
                    await asyncio.to_thread(found.put, result)
                if is_left.is_set():
                    return

    try:
        asyncio.run(drive())
    except BaseException as error:  # noqa: BLE001 - handed to the caller's thread
        found.put(error)
    else:
        found.put(None)


class _Preparation:
    """Prepares the requests of a run; one that cannot be sent carries its problem. Grows by a number an id."""

    def __init__(self, model: str | None, usual_model: str | None) -> None:
        self._models = {"default_model": model, "usual_model": usual_model}
        self._seen: set[int] = set()

    def prepare(self, request: Request, place: int) -> PreparedRequest:
        """Return a request as it will be sent, or as it cannot be.

        Raises:
            InvalidRequestError: an id that is no string, so that no result could be tied to it.
        """
        try:
            prepared = prepare(request, **self._models, place=place)
        except KiloError as problem:
            if not isinstance(request.custom_id, str):
                raise
            return PreparedRequest(request.custom_id, "chat", "", {}, place, problem=problem)
        key = hash(request.custom_id)
        if key in self._seen:
            prepared.problem = InvalidRequestError(
                f"The custom_id {request.custom_id!r} is there twice (the second: request {place}); give each its own."
            )
        self._seen.add(key)
        return prepared


def _prepared(
    requests: Iterable[Request] | AsyncIterable[Request], model: str | None, usual_model: str | None
) -> Iterator[PreparedRequest] | AsyncIterator[PreparedRequest]:
    preparation = _Preparation(model, usual_model)
    if isinstance(requests, AsyncIterable):
        return _prepared_later(requests, preparation)
    return (preparation.prepare(request, place) for place, request in enumerate(requests, 1))


async def _prepared_later(
    requests: AsyncIterable[Request], preparation: _Preparation
) -> AsyncIterator[PreparedRequest]:
    place = 0
    async for request in requests:
        place += 1
        yield preparation.prepare(request, place)
