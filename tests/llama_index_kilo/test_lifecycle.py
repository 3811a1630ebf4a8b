"""One model object over threads, event loops and broken-off streams: each request once, and nothing left open."""

from __future__ import annotations

import asyncio
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import httpx
import pytest
from llama_index.core.async_utils import asyncio_run
from llama_index.core.base.llms.types import ChatMessage

from kilo_gateway.testing import Reply

if TYPE_CHECKING:
    from collections.abc import Callable

    from kilo_gateway.testing import EmbeddedGateway
    from llama_index_kilo import KiloLLM

HI = [ChatMessage(content="hi")]


@pytest.mark.parametrize("max_retries", [0, 2])
def test_second_event_loop(gateway: EmbeddedGateway, make_llm: Callable[..., KiloLLM], max_retries: int) -> None:
    """One object serves several `asyncio.run` calls, each call being exactly one request without an error."""
    llm = make_llm(max_retries=max_retries)
    gateway.enqueue(Reply(text="fine", times=6))

    async def use() -> list[str]:
        streamed = [response async for response in await llm.astream_chat(HI)]
        return [(await llm.acomplete("hi")).text, str(streamed[-1].message.content)]

    for _ in range(3):
        assert asyncio.run(use()) == ["fine", "fine"]
    assert len(gateway.requests) == 6


def test_loops_in_threads(gateway: EmbeddedGateway, llm: KiloLLM) -> None:
    """Loops in other threads, as LlamaIndex itself starts them, use the object at the same time."""
    gateway.enqueue(Reply(text="fine", times=9))

    def use(_: int) -> str:
        return asyncio.run(llm.acomplete("hi")).text

    with ThreadPoolExecutor(4) as pool:
        assert list(pool.map(use, range(8))) == ["fine"] * 8
    assert asyncio_run(llm.acomplete("hi")).text == "fine"
    assert len(gateway.requests) == 9


def test_sync_calls_from_many_threads(gateway: EmbeddedGateway, llm: KiloLLM) -> None:
    """Threads share one object and get each their own answer."""
    prompts = [f'Say "word{n}"' for n in range(16)]
    with ThreadPoolExecutor(8) as pool:
        texts = list(pool.map(lambda prompt: llm.complete(prompt).text, prompts))
    assert texts == [f"word{n}" for n in range(16)]
    assert len(gateway.requests) == 16


def test_many_streams_at_once(gateway: EmbeddedGateway, llm: KiloLLM) -> None:
    """Streams that run at the same time do not mix."""

    async def one(n: int) -> str:
        responses = await llm.astream_complete(f'Say "word{n}"')
        return "".join([response.delta async for response in responses])

    async def all_of_them() -> list[str]:
        return await asyncio.gather(*(one(n) for n in range(20)))

    assert asyncio.run(all_of_them()) == [f"word{n}" for n in range(20)]


def test_breaking_off_closes_at_once(gateway: EmbeddedGateway, llm: KiloLLM) -> None:
    """A sync stream that is left early ends its connection at once, so that the gateway stops."""
    gateway.enqueue(Reply(text="word " * 500, event_delay_seconds=0.02))
    for response in llm.stream_chat(HI):
        if response.delta:
            break
    del response
    assert gateway.wait_until(lambda: gateway.open_streams == 0, 2.0)


def test_closing_a_stream_closes_the_connection(gateway: EmbeddedGateway, llm: KiloLLM) -> None:
    """Closing the generator ends the connection although the generator is still held."""
    gateway.enqueue(Reply(text="word " * 500, event_delay_seconds=0.02, times=2))
    stream = llm.stream_complete("hi")
    next(stream)
    stream.close()
    assert gateway.wait_until(lambda: gateway.open_streams == 0, 2.0)

    async def use() -> None:
        responses = await llm.astream_complete("hi")
        await anext(responses)
        await responses.aclose()
        assert await asyncio.to_thread(gateway.wait_until, lambda: gateway.open_streams == 0, 2.0)

    asyncio.run(use())


def test_breaking_off_an_async_stream(gateway: EmbeddedGateway, llm: KiloLLM) -> None:
    """An async stream that is left early ends its connection at once, while the loop goes on."""
    gateway.enqueue(Reply(text="word " * 500, event_delay_seconds=0.02))

    async def use() -> bool:
        async for response in await llm.astream_chat(HI):
            if response.delta:
                break
        return await asyncio.to_thread(gateway.wait_until, lambda: gateway.open_streams == 0, 2.0)

    assert asyncio.run(use())


def test_cancelling_a_task_closes_the_connection(gateway: EmbeddedGateway, llm: KiloLLM) -> None:
    """A cancelled task stops the stream at the gateway, and CancelledError comes out as itself."""
    gateway.enqueue(Reply(text="word " * 500, event_delay_seconds=0.02))

    async def read(started: asyncio.Event) -> None:
        async for response in await llm.astream_chat(HI):
            if response.delta:
                started.set()

    async def use() -> bool:
        started = asyncio.Event()
        task = asyncio.create_task(read(started))
        await started.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        return await asyncio.to_thread(gateway.wait_until, lambda: gateway.open_streams == 0, 2.0)

    assert asyncio.run(use())


def test_own_clients_carry_the_requests(gateway: EmbeddedGateway, make_llm: Callable[..., KiloLLM]) -> None:
    """Httpx clients of the caller's are used, for calls and streams, and stay open."""
    gateway.enqueue(Reply(text="fine", times=4))
    seen: list[str] = []

    async def anote(request: httpx.Request) -> None:
        seen.append(f"async {request.url.path.rpartition('/')[2]}")

    with httpx.Client(event_hooks={"request": [lambda request: seen.append(f"sync {request.method}")]}) as client:

        async def use() -> None:
            async with httpx.AsyncClient(event_hooks={"request": [anote]}) as async_client:
                llm = make_llm(http_client=client, async_http_client=async_client)
                llm.chat(HI)
                list(llm.stream_chat(HI))
                await llm.achat(HI)
                assert [response async for response in await llm.astream_chat(HI)]
                assert not async_client.is_closed

        asyncio.run(use())
        assert not client.is_closed
    assert seen == ["sync POST", "sync POST", "async completions", "async completions"]


def test_a_stream_may_be_read_in_another_thread(gateway: EmbeddedGateway, llm: KiloLLM) -> None:
    """A stream that one thread opens may be read by another, as LlamaIndex's chat engines do."""
    gateway.enqueue(Reply(text="one two three"))
    stream = llm.stream_complete("hi")
    texts: list[str] = []
    reader = threading.Thread(target=lambda: texts.extend(response.delta or "" for response in stream))
    reader.start()
    reader.join(5)
    assert "".join(texts) == "one two three"
