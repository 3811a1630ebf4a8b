"""Leaving a stream of KiloLLM in the middle: nothing is printed when its event loop ends."""

from __future__ import annotations

import asyncio
import gc
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import anyio
import pytest
from llama_index.core.base.llms.types import ChatMessage

from kilo_gateway.testing import Reply

if TYPE_CHECKING:
    from collections.abc import Callable

    from kilo_gateway.testing import EmbeddedGateway
    from llama_index_kilo import KiloLLM


@pytest.mark.filterwarnings("error::ResourceWarning")
@pytest.mark.parametrize("entry_point", ["astream_chat", "astream_complete"])
def test_a_stream_left_when_its_loop_ends_prints_nothing(
    entry_point: str, llm: KiloLLM, capfd: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    """A loop that ends with an asynchronous stream in the middle ends without a word, however it was left."""
    caplog.handler.addFilter(lambda record: " took " not in record.getMessage())  # a slow machine
    asked: Any = [ChatMessage(content="Hello there")] if entry_point == "astream_chat" else "Hello there"
    held: list[Any] = []

    async def held_to_the_end() -> None:
        held.append(await getattr(llm, entry_point)(asked))
        await anext(held[-1])

    async def dropped() -> None:
        await anext(await getattr(llm, entry_point)(asked))

    async def raised() -> None:
        async for _ in await getattr(llm, entry_point)(asked):
            raise ZeroDivisionError

    for way in (held_to_the_end, dropped, raised):
        with suppress(ZeroDivisionError):
            asyncio.run(way(), debug=True)
    held.clear()
    gc.collect()
    assert capfd.readouterr() == ("", "")
    assert caplog.messages == []


@pytest.mark.parametrize("is_scope", [False, True])
@pytest.mark.parametrize("way", ["astream_chat", "astream_complete"])
def test_leaving_twice_leaves_nothing(
    way: str, is_scope: bool, gateway: EmbeddedGateway, make_llm: Callable[..., KiloLLM]
) -> None:
    """A task that is cancelled twice, or again and again by a scope of anyio, closes its connection at once."""
    gateway.enqueue(Reply(text="word " * 500, event_delay_seconds=0.02))
    asked: Any = [ChatMessage(content="x")] if way == "astream_chat" else "x"

    async def read(begun: asyncio.Event) -> None:
        async for _ in await getattr(make_llm(), way)(asked):
            begun.set()

    async def run() -> None:
        begun = asyncio.Event()
        task: asyncio.Task[None] | None = None
        async with anyio.create_task_group() as group:
            if is_scope:
                group.start_soon(read, begun)
            else:
                task = asyncio.create_task(read(begun))
            await begun.wait()
            assert await asyncio.to_thread(gateway.wait_until, lambda: gateway.open_streams == 1)
            if task is None:
                group.cancel_scope.cancel()
            else:
                task.cancel()
                await asyncio.sleep(0)
                task.cancel()
        if task is not None:
            await asyncio.wait([task])
        assert await asyncio.to_thread(gateway.wait_until, lambda: gateway.open_streams == 0)
        assert asyncio.all_tasks() == {asyncio.current_task()}

    asyncio.run(run())
