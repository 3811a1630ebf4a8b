"""Leaving a stream of KiloLLM in the middle: nothing is printed when its event loop ends."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import anyio
import pytest
from llama_index.core.base.llms.types import ChatMessage

from kilo_gateway.testing import Reply

if TYPE_CHECKING:
    from collections.abc import Callable

    from kilo_gateway.testing import EmbeddedGateway
    from llama_index_kilo import KiloLLM

LEAVE = """
import asyncio, logging, sys
from contextlib import suppress
from llama_index.core.llms import ChatMessage
from llama_index_kilo import KiloLLM
logging.getLogger("asyncio").addFilter(lambda record: " took " not in record.getMessage())  # a slow machine
llm = KiloLLM(base_url=sys.argv[1], api_key=sys.argv[2], model="anthropic/claude-sonnet-4.6")
held = []
def chat():
    return llm.astream_chat([ChatMessage(content="Hello there")])
def complete():
    return llm.astream_complete("Hello there")
async def held_to_the_end(start):
    held.append(await start())
    await anext(held[-1])
async def dropped(start):
    await anext(await start())
async def raised(start):
    async for _ in await start():
        raise ZeroDivisionError
for way in (held_to_the_end, dropped, raised):
    for start in (chat, complete):
        with suppress(ZeroDivisionError):
            asyncio.run(way(start))
        print(way.__name__, start.__name__)
"""


def test_a_stream_left_when_its_loop_ends_prints_nothing(gateway: EmbeddedGateway) -> None:
    """A loop that ends with an asynchronous stream in the middle ends without a word, however it was left."""
    flags = ("-X", "dev", "-W", "error::ResourceWarning")
    command = [sys.executable, *flags, "-c", LEAVE, gateway.base_url, gateway.api_key]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert done.stderr == ""
    assert done.stdout.splitlines() == [
        f"{way} {start}" for way in ("held_to_the_end", "dropped", "raised") for start in ("chat", "complete")
    ]


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
