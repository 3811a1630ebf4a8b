"""Leaving a stream of KiloLLM in the middle: nothing is printed when its event loop ends."""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from kilo_gateway.testing import EmbeddedGateway

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
