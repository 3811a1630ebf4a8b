"""What the package costs: at import, per call, per chunk, in dependencies. Counted, never timed: `make bench` times."""

from __future__ import annotations

import asyncio
import importlib
import json
import re
import sys
from importlib.metadata import requires
from typing import TYPE_CHECKING
from unittest.mock import patch

import httpx
import pytest
from llama_index.core.base.llms.types import ChatMessage

from llama_index_kilo import KiloLLM

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterator

HI = [ChatMessage(content="hi")]
CHUNKS = 200
USAGE = {"prompt_tokens": 1, "completion_tokens": 2, "total_tokens": 3}

OURS = ("kilo_gateway", "llama_index_kilo")
HEAVY = {"httpx", "httpcore", "anyio", "openai", "tiktoken", "transformers", "requests", "uvicorn"}


def test_import_cost(monkeypatch: pytest.MonkeyPatch) -> None:
    """Beyond LlamaIndex itself, importing loads few modules, no SDK, and not even the HTTP library."""

    class Noticing:
        """Notices what is asked for that is not loaded."""

        def __init__(self) -> None:
            self.names: set[str] = set()

        def find_spec(self, name: str, path: object = None, target: object = None) -> None:
            self.names.add(name)

    asked = Noticing()
    with patch.dict(sys.modules):  # put back afterwards
        for name in list(sys.modules):
            if name.partition(".")[0] in {*OURS, *HEAVY}:
                del sys.modules[name]
        monkeypatch.setattr(sys, "meta_path", [asked, *sys.meta_path])
        assert hasattr(importlib.import_module("llama_index_kilo"), "KiloLLM")
    assert not {name.partition(".")[0] for name in asked.names} & HEAVY
    assert 10 < len([name for name in asked.names if name.startswith(OURS)]) < 80


def test_dependencies() -> None:
    """Of LlamaIndex only the core is needed, in its current line, and no other integration or SDK."""
    needed = [line.replace(" ", "") for line in requires("kilo-gateway") or []]
    llama_index = {re.split("[<>=;~!]", line)[0] for line in needed if line.startswith("llama-index")}
    assert llama_index == {"llama-index-core"}
    plain = {re.split("[<>=;~!]", line)[0] for line in needed if "extra==" not in line}
    assert plain <= {"anyio", "certifi", "httpcore", "httptools", "httpx", "orjson", "pydantic", "pydantic-core"}


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


def _python_calls(work: Callable[[], object]) -> int:
    """Return how many Python functions a piece of work calls: a cost that does not depend on the machine."""
    count = 0

    def profile(frame: object, event: str, argument: object) -> None:
        nonlocal count
        count += event == "call"

    work()
    sys.setprofile(profile)
    try:
        work()
    finally:
        sys.setprofile(None)
    return count


def test_cost_of_a_streamed_chunk(canned: KiloLLM) -> None:
    """A streamed chunk takes few Python calls, LlamaIndex's own included, sync and async."""

    async def read() -> int:
        return len([response async for response in await canned.astream_chat(HI)])

    for work in (lambda: len(list(canned.stream_chat(HI))), lambda: asyncio.run(read())):
        assert work() == CHUNKS + 1
        assert _python_calls(work) / CHUNKS < 90


def test_cost_of_a_call(canned: KiloLLM) -> None:
    """A call takes few Python calls, LlamaIndex's and httpx's own included."""
    assert _python_calls(lambda: canned.chat(HI)) < 1300


def test_long_histories_stay_cheap(canned: KiloLLM) -> None:
    """A message of the history takes few Python calls."""
    history = [ChatMessage(role=role, content="some words") for role in ("user", "assistant") * 500]
    added = _python_calls(lambda: canned.chat(history)) - _python_calls(lambda: canned.chat(HI))
    assert added / len(history) < 25
