"""What the package costs: at import, per call, per streamed chunk, in dependencies. The bounds leave room for noise."""

from __future__ import annotations

import asyncio
import json
import re
import subprocess
import sys
from importlib.metadata import requires
from time import process_time
from typing import TYPE_CHECKING

import httpx
import pytest
from llama_index.core.base.llms.types import ChatMessage

from llama_index_kilo import KiloLLM

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterator
    from pathlib import Path

HI = [ChatMessage(content="hi")]
CHUNKS = 2000
USAGE = {"prompt_tokens": 1, "completion_tokens": 2, "total_tokens": 3}

PROBE = """
import json, sys, time
import llama_index.core
sys.pycache_prefix, sys.dont_write_bytecode = {prefix!r}, False
known = set(sys.modules)
import llama_index_kilo
new = sorted(set(sys.modules) - known)
for name in new:
    if name.partition(".")[0] in ("kilo_gateway", "llama_index_kilo"):
        del sys.modules[name]
began = time.process_time()
import llama_index_kilo
print(json.dumps({{"new": new, "seconds": time.process_time() - began}}))
"""


def test_b29_import_cost(tmp_path: Path) -> None:
    """B29: beyond LlamaIndex itself, importing costs little time, no SDK, and not even the HTTP library."""
    code = PROBE.format(prefix=str(tmp_path))
    output = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=120)
    found = json.loads(output.stdout)
    packages = {name.partition(".")[0] for name in found["new"]}
    assert not packages & {"httpx", "httpcore", "anyio", "openai", "tiktoken", "transformers", "requests", "uvicorn"}
    assert len(found["new"]) < 60
    assert found["seconds"] < 0.08


def test_b30_dependencies() -> None:
    """B30: of LlamaIndex only the core is needed, in its current line, and no other integration or SDK."""
    needed = [line.replace(" ", "") for line in requires("kilo-gateway") or []]
    llama_index = {line.partition(";")[0] for line in needed if line.startswith("llama-index")}
    assert llama_index == {"llama-index-core<0.15,>=0.14"}
    plain = {re.split("[<>=;~!]", line)[0] for line in needed if "extra==" not in line}
    assert plain <= {"anyio", "httpx", "orjson", "pydantic"}


class _Body(httpx.SyncByteStream, httpx.AsyncByteStream):
    """One event a piece, as a gateway sends them."""

    def __init__(self, events: list[bytes]) -> None:
        self._events = events

    def __iter__(self) -> Iterator[bytes]:
        return iter(self._events)

    async def __aiter__(self) -> AsyncIterator[bytes]:
        for event in self._events:
            yield event


@pytest.fixture(scope="module")
def canned() -> KiloLLM:
    """Return a model whose answers are ready, so that only the client's own work is measured."""
    chunk = {"id": "gen-1787000000-abcdefghijklmnopqrst", "provider": "Host", "model": "lab/model-20260101"}
    chunk |= {"object": "chat.completion.chunk", "created": 1787000000}
    events = [{**chunk, "choices": [{"index": 0, "delta": {"content": "word "}, "finish_reason": None}]}] * CHUNKS
    events.append({**chunk, "choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}], "usage": USAGE})
    lines = [f"data: {json.dumps(event)}\n\n".encode() for event in events] + [b"data: [DONE]\n\n"]
    message = {"role": "assistant", "content": "fine"}
    whole = {"id": "g", "model": "m", "choices": [{"index": 0, "finish_reason": "stop", "message": message}]}

    def answer(request: httpx.Request) -> httpx.Response:
        if b'"stream":true' in request.content:
            return httpx.Response(200, stream=_Body(lines))
        return httpx.Response(200, json={**whole, "usage": USAGE})

    transport = httpx.MockTransport(answer)
    return KiloLLM(
        api_key="test-key",
        http_client=httpx.Client(transport=transport),
        async_http_client=httpx.AsyncClient(transport=transport),
    )


def _least_seconds(work: Callable[[], object]) -> float:
    """Return the CPU seconds of the quickest of five runs."""
    best = float("inf")
    for _ in range(5):
        began = process_time()
        work()
        best = min(best, process_time() - began)
    return best


def test_b31_cpu_of_a_streamed_chunk(canned: KiloLLM) -> None:
    """B31: a streamed chunk costs at most 60 microseconds of CPU, LlamaIndex's own share included, sync and async."""

    async def read() -> int:
        return len([response async for response in await canned.astream_chat(HI)])

    for work in (lambda: len(list(canned.stream_chat(HI))), lambda: asyncio.run(read())):
        assert work() == CHUNKS + 1
        assert _least_seconds(work) / CHUNKS < 60e-6


def test_b32_cpu_of_a_call(canned: KiloLLM) -> None:
    """B32: a call costs at most 2 milliseconds of CPU, LlamaIndex's and httpx's own shares included."""
    calls = 50
    assert _least_seconds(lambda: [canned.chat(HI) for _ in range(calls)]) / calls < 2e-3


def test_long_histories_stay_cheap(canned: KiloLLM) -> None:
    """A history of 1000 messages is sent in a few milliseconds."""
    history = [ChatMessage(role=role, content="some words") for role in ("user", "assistant") * 500]
    assert _least_seconds(lambda: canned.chat(history)) < 25e-3
