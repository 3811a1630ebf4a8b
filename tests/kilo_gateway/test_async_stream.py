"""Leaving an awaited stream: by `break`, by an exception, while its loop ends, from another task."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from kilo_gateway import AsyncKiloClient
from kilo_gateway.testing import Reply

MODEL = "openai/gpt-4.1-mini"
ASK = [{"role": "user", "content": "Hello"}]

LEAVE = """
import asyncio, logging, sys
from contextlib import suppress
from kilo_gateway import AsyncKiloClient
logging.getLogger("asyncio").addFilter(lambda record: " took " not in record.getMessage())  # a slow machine
given = {"base_url": sys.argv[1], "api_key": sys.argv[2], "model": sys.argv[3]}
held = []
def start():
    return AsyncKiloClient(**given).stream([{"role": "user", "content": "Hello there"}])
async def outer(stream):
    async with stream:
        async for delta in stream:
            yield delta
async def dropped():
    await anext(start())
async def held_to_the_end():
    held.append(start())
    await anext(held[-1])
async def held_in_a_generator():
    held.append(outer(start()))
    await anext(held[-1])
async def raised():
    async for _ in start():
        raise ZeroDivisionError
async def raised_in_a_generator():
    async for _ in outer(start()):
        raise ZeroDivisionError
for way in (dropped, held_to_the_end, held_in_a_generator, raised, raised_in_a_generator):
    with suppress(ZeroDivisionError):
        asyncio.run(way())
    print(way.__name__)
"""


def client_of(gateway: Any) -> AsyncKiloClient:
    """Return a client of the test's gateway."""
    return AsyncKiloClient(api_key=gateway.api_key, base_url=gateway.base_url, model=MODEL)


def test_a_stream_left_when_its_loop_ends_prints_nothing(gateway: Any, scripts: Any) -> None:
    """A loop that ends with a stream in the middle, alone or inside a generator, ends without a word."""
    done = scripts.run(LEAVE, gateway.base_url, gateway.api_key, MODEL)
    assert done.stderr == ""
    assert len(done.stdout.splitlines()) == 5


def test_a_stream_left_by_break_ends_at_the_gateway(gateway: Any) -> None:
    """An awaited stream that nobody holds any more closes its connection while the loop goes on."""
    gateway.enqueue(Reply(text="word " * 500, event_delay_seconds=0.02))

    async def main() -> bool:
        async for _ in client_of(gateway).stream(ASK):
            break
        return await asyncio.to_thread(gateway.wait_until, lambda: gateway.open_streams == 0, 2)

    assert asyncio.run(main())


def test_a_closed_stream_ends_and_asks_nothing_more(gateway: Any) -> None:
    """Closing is final, may be repeated, and keeps what had arrived; a stream never begun sends nothing."""

    async def main() -> None:
        stream, unread = client_of(gateway).stream(ASK), client_of(gateway).stream(ASK)
        first = await anext(stream)
        for left in (stream, unread):
            await left.aclose()
            await left.aclose()
            assert [delta async for delta in left] == []
        assert stream.completion.text == first.text

    asyncio.run(main())
    assert len(gateway.requests) == 1


def test_a_stream_closed_by_another_task_ends(gateway: Any) -> None:
    """A second reader is refused; closing a stream that another task reads ends that task's loop, without a retry."""
    gateway.enqueue(Reply(text="word " * 500, event_delay_seconds=0.1))

    async def main() -> None:
        stream, begun = client_of(gateway).stream(ASK), asyncio.Event()

        async def consume() -> None:
            async for _ in stream:
                begun.set()

        task = asyncio.create_task(consume())
        await begun.wait()
        with pytest.raises(RuntimeError, match="Another task"):
            await anext(stream)
        await stream.aclose()
        await asyncio.wait_for(task, 5)

    asyncio.run(main())
    assert len(gateway.requests) == 1
