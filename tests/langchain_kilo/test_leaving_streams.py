"""Leaving a stream of ChatKilo in the middle: nothing is printed when its event loop ends."""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from kilo_gateway.testing import EmbeddedGateway

LEAVE = """
import asyncio, logging, sys
from contextlib import suppress
from langchain_kilo import ChatKilo
logging.getLogger("asyncio").addFilter(lambda record: " took " not in record.getMessage())  # a slow machine
given = {"base_url": sys.argv[1], "api_key": sys.argv[2], "model": "anthropic/claude-sonnet-4.6"}
held = []
async def held_to_the_end():
    held.append(ChatKilo(**given).astream("Hello there"))
    await anext(held[-1])
async def dropped():
    await anext(ChatKilo(**given).astream("Hello there"))
async def raised():
    async for _ in ChatKilo(**given).astream("Hello there"):
        raise ZeroDivisionError
for way in (held_to_the_end, dropped, raised):
    with suppress(ZeroDivisionError):
        asyncio.run(way())
    print(way.__name__)
"""


def test_a_stream_left_when_its_loop_ends_prints_nothing(gateway: EmbeddedGateway) -> None:
    """A loop that ends with an astream in the middle ends without a word, however it was left."""
    flags = ("-X", "dev", "-W", "error::ResourceWarning")
    command = [sys.executable, *flags, "-c", LEAVE, gateway.base_url, gateway.api_key]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert (done.stdout, done.stderr) == ("held_to_the_end\ndropped\nraised\n", "")
