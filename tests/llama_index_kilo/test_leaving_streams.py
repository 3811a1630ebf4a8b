"""Leaving a stream of KiloLLM in the middle: nothing is printed when its event loop ends."""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

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
async def start():
    if sys.argv[4] == "astream_chat":
        return await llm.astream_chat([ChatMessage(content="Hello there")])
    return await llm.astream_complete("Hello there")
async def held_to_the_end():
    held.append(await start())
    await anext(held[0])
async def dropped():
    await anext(await start())
async def raised():
    async for _ in await start():
        raise ZeroDivisionError
with suppress(ZeroDivisionError):
    asyncio.run(globals()[sys.argv[3]]())
print("done")
"""


@pytest.mark.parametrize("entry", ["astream_chat", "astream_complete"])
@pytest.mark.parametrize("way", ["held_to_the_end", "dropped", "raised"])
def test_a_stream_left_when_its_loop_ends_prints_nothing(gateway: EmbeddedGateway, way: str, entry: str) -> None:
    """A loop that ends with an asynchronous stream in the middle ends without a word."""
    flags = ("-X", "dev", "-W", "error::ResourceWarning")
    command = [sys.executable, *flags, "-c", LEAVE, gateway.base_url, gateway.api_key, way, entry]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert (done.stdout, done.stderr) == ("done\n", "")
