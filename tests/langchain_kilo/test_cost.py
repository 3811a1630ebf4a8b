"""What ChatKilo costs: at import, per call, per chunk. Counted, never timed: `make bench` times."""

from __future__ import annotations

import asyncio
import gc
import json
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import httpx
import pytest

from langchain_kilo import ChatKilo

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterator

CHUNKS = 200
USAGE = {"prompt_tokens": 1, "completion_tokens": 2, "total_tokens": 3}

PROBE = """
import json, sys
import langchain_core.language_models.chat_models
known = set(sys.modules)
from langchain_kilo import ChatKilo
imported = sorted(set(sys.modules) - known)
ChatKilo(api_key="k" * 20).profile
client = sorted({"kilo_gateway.client", "kilo_gateway.transport.exchange"} & set(sys.modules))
print(json.dumps([imported, client]))
"""


def test_importing_and_constructing_load_little() -> None:
    """Importing loads this package's own modules and little more; neither constructor nor profile loads a client."""
    output = subprocess.run([sys.executable, "-c", PROBE], capture_output=True, text=True, check=True, timeout=120)
    found, client = json.loads(output.stdout)
    assert client == []
    foreign = {name.partition(".")[0] for name in found} - {"kilo_gateway", "langchain_kilo"}
    assert foreign <= {"langchain_core", "pydantic", "difflib", "orjson"}
    assert len([name for name in found if name.startswith(("kilo_gateway", "langchain_kilo"))]) <= 82


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
def canned() -> ChatKilo:
    """Return a model whose answers are ready, so that only the client's own work is counted."""
    facts: dict[str, Any] = {"id": "gen-1", "provider": "Host", "model": "lab/model-20260101", "created": 1787000000}
    events = [{**facts, "choices": [{"index": 0, "delta": {"content": "word "}, "finish_reason": None}]}] * CHUNKS
    events.append({**facts, "choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}], "usage": USAGE})
    lines = [f"data: {json.dumps(event)}\n\n".encode() for event in events] + [b"data: [DONE]\n\n"]
    message = {"role": "assistant", "content": "fine"}
    whole = {**facts, "choices": [{"index": 0, "finish_reason": "stop", "message": message}], "usage": USAGE}

    def answer(request: httpx.Request) -> httpx.Response:
        if b'"stream":true' in request.content:
            return httpx.Response(200, stream=_Body(lines))
        return httpx.Response(200, json=whole)

    transport = httpx.MockTransport(answer)
    return ChatKilo(
        api_key="test-key",
        http_client=httpx.Client(transport=transport),
        http_async_client=httpx.AsyncClient(transport=transport),
    )


def _python_calls(work: Callable[[], object]) -> int:
    """Return how many Python functions a piece of work calls: a cost that does not depend on the machine."""
    count = 0

    def profile(frame: object, event: str, argument: object) -> None:
        nonlocal count
        count += event == "call"

    work()
    gc.collect()
    gc.disable()  # what other tests left behind is not this work's to count
    sys.setprofile(profile)
    try:
        work()
    finally:
        sys.setprofile(None)
        gc.enable()
    return count


def test_cost_of_a_streamed_chunk(canned: ChatKilo) -> None:
    """A streamed chunk takes few Python calls, LangChain's own included, sync and async."""

    async def read() -> int:
        return len([chunk async for chunk in canned.astream("hi")])

    ways: tuple[Callable[[], int], ...] = (lambda: len(list(canned.stream("hi"))), lambda: asyncio.run(read()))
    for work in ways:
        assert work() == CHUNKS + 1
        assert _python_calls(work) / CHUNKS < 80


def test_cost_of_a_call(canned: ChatKilo) -> None:
    """A call takes few Python calls, LangChain's and httpx's own included."""
    assert _python_calls(lambda: canned.invoke("hi")) < 1500


def test_cost_of_construction() -> None:
    """A model object is made without building clients, pools or TLS contexts."""
    assert _python_calls(lambda: ChatKilo(api_key="test-key", model="anthropic/claude-sonnet-4.6")) < 900
