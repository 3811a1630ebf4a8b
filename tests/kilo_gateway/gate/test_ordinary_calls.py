"""Calls of ordinary code, from threads and tasks, before a gateway that refuses for a while; counted at the server."""

from __future__ import annotations

import asyncio
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from types import SimpleNamespace
from typing import Any

import pytest

from kilo_gateway import (
    AsyncKiloClient,
    Budget,
    KiloClient,
    KiloError,
    RateLimitError,
    ServerError,
    Timeouts,
    cost_tracker,
)
from kilo_gateway.gate import gate_of
from kilo_gateway.gate.retry_budget import FIRST_RETRIES
from kilo_gateway.testing import EmbeddedGateway, Fault, Reply

from ..batch.counting_server import CountingServer  # noqa: TID252 - test folders are no packages

KEY = "sk-of-this-test"
MODEL = "openai/gpt-4.1-mini"


def ask(text: str) -> list[dict[str, str]]:
    """Return messages with one prompt."""
    return [{"role": "user", "content": text}]


def storm(*, after: int, seconds: float, retry_after: float = 0.3) -> Callable[[int], float | None]:
    """Return what refuses for some seconds, beginning with a request."""
    begun: list[float] = []

    def busy(number: int) -> float | None:
        if number < after:
            return None
        begun.append(time.monotonic())
        return retry_after if time.monotonic() < begun[0] + seconds else None

    return busy


def in_threads(server: CountingServer, count: int, workers: int, **settings: Any) -> list[KiloError | None]:
    """Ask so many times from threads; return the errors."""
    client = KiloClient(api_key=KEY, base_url=server.base_url, model=MODEL, **settings)

    def call(number: int) -> KiloError | None:
        try:
            client.complete(ask(f"p{number}"))
        except KiloError as error:
            return error
        return None

    with ThreadPoolExecutor(workers) as pool:
        return list(pool.map(call, range(count)))


def in_tasks(server: CountingServer, count: int, workers: int, **settings: Any) -> list[KiloError | None]:
    """Ask so many times from tasks; return the errors."""
    client = AsyncKiloClient(api_key=KEY, base_url=server.base_url, model=MODEL, **settings)

    async def run() -> list[KiloError | None]:
        room = asyncio.Semaphore(workers)

        async def call(number: int) -> KiloError | None:
            async with room:
                try:
                    await client.complete(ask(f"p{number}"))
                except KiloError as error:
                    return error
            return None

        return await asyncio.gather(*(call(number) for number in range(count)))

    return asyncio.run(run())


@pytest.mark.parametrize("run", [in_threads, in_tasks], ids=["threads", "tasks"])
def test_a_storm_is_met_by_few_requests_and_loses_no_call(run: Callable[..., list[KiloError | None]]) -> None:
    """While a gateway says 429, those under way and one probe a pause draw it; each prompt is answered once."""
    with CountingServer(latency_seconds=0.005, busy=storm(after=60, seconds=0.7)) as server:
        errors = run(server, 200, 24)
    assert [error for error in errors if error is not None] == []
    assert set(server.prompts.values()) == {1}
    assert len(server.refusals) <= 24 + 3


def test_nothing_is_sent_in_a_pause() -> None:
    """Between the first refusals and the moment that the gateway named nobody sends, whoever refused or not."""
    with CountingServer(latency_seconds=0.005, busy=storm(after=20, seconds=0.1, retry_after=0.3)) as server:
        in_threads(server, 60, 8)
    first = server.refusals[0]
    assert [moment for moment in server.arrivals if first + 0.05 < moment < first + 0.29] == []


def test_the_setting_turns_the_pause_off() -> None:
    """With shared_pause=False each call finds out by itself, and many more are refused."""
    with CountingServer(latency_seconds=0.005, busy=storm(after=60, seconds=0.7)) as server:
        errors = in_threads(server, 200, 24, shared_pause=False)
    assert len(errors) == 200
    assert len(server.refusals) > 24 + 10


@pytest.fixture
def gateway() -> Iterator[EmbeddedGateway]:
    """A gateway of this test's."""
    with EmbeddedGateway() as running:
        yield running


def test_a_long_pause_is_told_and_not_waited_for(gateway: EmbeddedGateway) -> None:
    """A pause that outlasts the time of a call is an error that says so; nothing is sent."""
    client = KiloClient(api_key=gateway.api_key, base_url=gateway.base_url, model=MODEL, max_retries=0)
    gateway.enqueue(Fault(status=429, headers={"Retry-After": "30"}, body={"error": {"code": 429, "message": "Slow"}}))
    with pytest.raises(RateLimitError):
        client.complete(ask("Hello"))
    with pytest.raises(RateLimitError, match="not sent") as caught:
        client.complete(ask("Hello"), timeout=Timeouts(total=5))
    assert caught.value.model == f"kilocode/{MODEL}"
    assert 29 < (caught.value.retry_after_seconds or 0) <= 33
    assert len(gateway.requests) == 1


def test_another_gateway_is_not_held_back(gateway: EmbeddedGateway) -> None:
    """A refusal of one gateway says nothing about another."""
    gateway.enqueue(Fault(status=429, headers={"Retry-After": "30"}, body={"error": {"code": 429, "message": "Slow"}}))
    with pytest.raises(RateLimitError):
        KiloClient(api_key=gateway.api_key, base_url=gateway.base_url, model=MODEL, max_retries=0).complete(
            ask("Hello")
        )
    with EmbeddedGateway() as other:
        assert KiloClient(api_key=other.api_key, base_url=other.base_url, model=MODEL).complete(ask("Hello")).text


def test_what_a_provider_refuses_holds_its_model_back_only(gateway: EmbeddedGateway) -> None:
    """A 429 of a provider behind the gateway is about a model: another one, as a fallback, goes out at once."""
    error = {"code": 429, "message": "Provider returned error", "metadata": {"provider_name": "Acme", "raw": "busy"}}
    gateway.enqueue(Fault(status=429, headers={"Retry-After": "30"}, body={"error": error}), Reply(text="Yes."))
    client = KiloClient(api_key=gateway.api_key, base_url=gateway.base_url, model=MODEL, max_retries=0)
    with pytest.raises(RateLimitError):
        client.complete(ask("Hello"))
    assert client.complete(ask("Hello"), model="openai/gpt-5-mini").text == "Yes."
    with pytest.raises(RateLimitError, match="for this model"):
        client.complete(ask("Hello"), timeout=Timeouts(total=5))
    assert len(gateway.requests) == 2


def test_a_model_recovers_as_the_gateway_does(gateway: EmbeddedGateway) -> None:
    """After the pause of a model one call tries, the rest follows, and no call is lost or sent in the pause."""
    error = {"code": 503, "message": "Overloaded", "metadata": {"provider_name": "Acme", "raw": "busy"}}
    gateway.enqueue(Fault(status=503, headers={"Retry-After": "0.2"}, body={"error": error}))
    gateway.enqueue(Reply(text="Yes.", times=99))
    client = KiloClient(api_key=gateway.api_key, base_url=gateway.base_url, model=MODEL)
    began = time.monotonic()
    assert client.complete(ask("Hello")).text == "Yes."
    assert time.monotonic() >= began + 0.2
    with ThreadPoolExecutor(8) as pool:
        assert {answer.text for answer in pool.map(lambda _: client.complete(ask("Hello")), range(20))} == {"Yes."}
    assert len(gateway.requests) == 22


def test_a_fleet_does_not_storm_a_gateway_that_is_down(gateway: EmbeddedGateway, monkeypatch: Any) -> None:
    """When every call fails, all together try again as often as the stock allows, not three times each."""
    monkeypatch.setattr("kilo_gateway.sync_loop.time", SimpleNamespace(sleep=lambda seconds: None))
    gateway.enqueue(Fault(status=500, body={"error": {"code": 500, "message": "Broken"}}, times=10_000))
    client = KiloClient(api_key=gateway.api_key, base_url=gateway.base_url, model=MODEL, max_retries=5)
    for _ in range(60):
        with pytest.raises(ServerError):
            client.complete(ask("Hello"))
    assert 60 + FIRST_RETRIES <= len(gateway.requests) <= 60 + FIRST_RETRIES + 30


def test_trio_waits_in_the_same_queue(gateway: EmbeddedGateway) -> None:
    """Tasks of trio share the pause as those of asyncio do: nothing is sent in it, and all are answered."""
    import trio

    gateway.enqueue(Fault(status=429, headers={"Retry-After": "0.2"}, body={"error": {"code": 429, "message": "Slow"}}))
    gateway.enqueue(Reply(text="Yes.", times=99))
    client = AsyncKiloClient(api_key=gateway.api_key, base_url=gateway.base_url, model=MODEL)
    found: list[str] = []

    async def call() -> None:
        found.append((await client.complete(ask("Hello"))).text)

    async def run() -> None:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(call)
            await trio.sleep(0.05)
            for _ in range(9):
                nursery.start_soon(call)

    began = time.monotonic()
    trio.run(run)
    assert time.monotonic() >= began + 0.2
    assert found == ["Yes."] * 10
    assert len(gateway.requests) == 11


def test_a_cancelled_call_in_the_queue_holds_nobody_back(gateway: EmbeddedGateway) -> None:
    """Who stops waiting leaves the queue, and what it held in a budget is free again."""
    gateway.enqueue(Fault(status=429, headers={"Retry-After": "0.4"}, body={"error": {"code": 429, "message": "Slow"}}))
    gateway.enqueue(Reply(text="Yes.", times=99))
    client = AsyncKiloClient(api_key=gateway.api_key, base_url=gateway.base_url, model=MODEL)
    budget = Budget(1)

    async def run() -> str:
        with cost_tracker(budget=budget):
            first = asyncio.create_task(client.complete(ask("Hello"), max_tokens=5))
            await asyncio.sleep(0.15)
            second = asyncio.create_task(client.complete(ask("Hello"), max_tokens=5))
            await asyncio.sleep(0.05)
            second.cancel()
            return (await first).text

    assert asyncio.run(run()) == "Yes."
    assert budget.reserved == 0
    assert len(gate_of(client.settings).queue) == 0
    assert len([request for request in gateway.requests if request.body]) == 2


def test_leaving_a_stream_early_frees_the_gate(gateway: EmbeddedGateway) -> None:
    """A stream that is closed before its first delta, as the probe after a pause, blocks nobody."""
    client = KiloClient(api_key=gateway.api_key, base_url=gateway.base_url, model=MODEL)
    gateway.enqueue(
        Fault(status=429, headers={"Retry-After": "0.05"}, body={"error": {"code": 429, "message": "Slow"}})
    )
    assert client.complete(ask("Hello")).text
    stream = client.stream(ask("Hello"))
    next(stream)
    stream.close()
    assert client.complete(ask("Hello")).text
    assert gate_of(client.settings).free is not None


_NOTES = {"_acquire_permits", "_takes_free_permit", "_note_success", "_note_abandoned", "_return_permits"}
"""What a client does for the sake of the gate."""


def gate_calls_of(function: Callable[[], object]) -> list[str]:
    """Return the functions that a function calls for the sake of the gate."""
    found: list[str] = []

    def note(frame: Any, event: str, argument: Any) -> None:
        code = frame.f_code
        is_ours = "shared/kilo_gateway/gate/" in code.co_filename or code.co_name in _NOTES
        if event == "call" and is_ours:
            found.append(code.co_name)

    sys.setprofile(note)
    try:
        function()
    finally:
        sys.setprofile(None)
    return found


def test_while_all_is_well_the_gate_costs_a_handful_of_calls_and_a_chunk_none(gateway: EmbeddedGateway) -> None:
    """A call makes five Python calls more with the gate, which take no lock, however many chunks it has."""
    client = KiloClient(api_key=gateway.api_key, base_url=gateway.base_url, model=MODEL)
    list(client.stream(ask("Hello")))
    gate_of(client.settings).retries.is_full = True  # as after many answered calls
    gateway.enqueue(*(Reply(text="Yes. " * count) for count in (1, 300, 1)))
    for _ in range(2):
        called = gate_calls_of(lambda: list(client.stream(ask("Hello"))))
        assert sorted(called) == sorted(_NOTES)
    assert gate_calls_of(lambda: client.complete(ask("Hello"))) == called
