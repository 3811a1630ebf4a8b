"""An embedded gateway for the tests of KiloLLM, and one way to ask a model that serves sync and async alike."""

from __future__ import annotations

import asyncio
import os
from typing import TYPE_CHECKING, Any

import pytest
from llama_index.core.base.llms.types import ChatMessage

from kilo_gateway.catalog import discovery
from kilo_gateway.gate import forget_gates
from kilo_gateway.testing import EmbeddedGateway
from llama_index_kilo import KiloLLM

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

MODEL = "anthropic/claude-sonnet-4.6"


@pytest.fixture
def gateway(running_gateway: EmbeddedGateway) -> EmbeddedGateway:
    """Return the gateway with nothing scripted and nothing recorded."""
    running_gateway.clear()
    return running_gateway


@pytest.fixture(autouse=True)
def _bare_environment(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Keep the settings of whoever runs the tests out of them, and one test's discoveries out of the next."""
    for name in [name for name in os.environ if name.startswith("KILO")]:
        monkeypatch.delenv(name)
    discovery.forget()
    forget_gates()
    yield
    discovery.forget()
    forget_gates()


@pytest.fixture(autouse=True)
def _no_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let a retry follow at once."""
    monkeypatch.setattr("kilo_gateway.errors.waits.FIRST_BACKOFF_SECONDS", 0.0)
    monkeypatch.setattr("kilo_gateway.gate.gate.FIRST_PAUSE_SECONDS", 0.0)


@pytest.fixture
def make_llm(gateway: EmbeddedGateway) -> Callable[..., KiloLLM]:
    """Return a maker of models that talk to the embedded gateway."""

    def make(**arguments: Any) -> KiloLLM:
        given = {"base_url": gateway.base_url, "api_key": gateway.api_key, "model": MODEL, "timeout": 10}
        return KiloLLM(**(given | arguments))

    return make


@pytest.fixture
def llm(make_llm: Callable[..., KiloLLM]) -> KiloLLM:
    """Return a model with no options set."""
    return make_llm()


class Asker:
    """Calls the entry points of a model, the sync ones or the async ones."""

    def __init__(self, *, is_async: bool) -> None:
        self.is_async = is_async

    def _call(self, llm: Any, name: str, *args: Any, **kwargs: Any) -> Any:
        if not self.is_async:
            return getattr(llm, name)(*args, **kwargs)

        async def call() -> Any:
            return await getattr(llm, f"a{name}")(*args, **kwargs)

        return asyncio.run(call())

    def _stream(
        self, llm: Any, name: str, *args: Any, note: Callable[[Any], None] = lambda _item: None, **kwargs: Any
    ) -> list[Any]:
        items: list[Any] = []

        def keep(item: Any) -> None:
            note(item)
            items.append(item)

        async def collect() -> None:
            async for item in await getattr(llm, f"a{name}")(*args, **kwargs):
                keep(item)

        if self.is_async:
            asyncio.run(collect())
        else:
            for item in getattr(llm, name)(*args, **kwargs):
                keep(item)
        return items

    def chat(self, llm: Any, messages: str | Sequence[ChatMessage], **kwargs: Any) -> Any:
        """Return the response of `chat` or `achat`."""
        return self._call(llm, "chat", _messages(messages), **kwargs)

    def stream(self, llm: Any, messages: str | Sequence[ChatMessage], **kwargs: Any) -> list[Any]:
        """Return every response of `stream_chat` or `astream_chat`; `note` is called with each as it comes."""
        return self._stream(llm, "stream_chat", _messages(messages), **kwargs)

    def complete(self, llm: Any, prompt: str, **kwargs: Any) -> Any:
        """Return the response of `complete` or `acomplete`."""
        return self._call(llm, "complete", prompt, **kwargs)

    def stream_complete(self, llm: Any, prompt: str, **kwargs: Any) -> list[Any]:
        """Return every response of `stream_complete` or `astream_complete`."""
        return self._stream(llm, "stream_complete", prompt, **kwargs)

    def call(self, llm: Any, name: str, *args: Any, **kwargs: Any) -> Any:
        """Return what another method returns, by its sync name."""
        return self._call(llm, name, *args, **kwargs)

    def collect(self, llm: Any, name: str, *args: Any, **kwargs: Any) -> list[Any]:
        """Return everything that another streaming method yields, by its sync name."""
        return self._stream(llm, name, *args, **kwargs)

    def every(self, llm: Any, prompt: str) -> list[tuple[str, Any]]:
        """Return the last response of each of the four entry points, by name."""
        return [
            ("chat", self.chat(llm, prompt)),
            ("stream_chat", self.stream(llm, prompt)[-1]),
            ("complete", self.complete(llm, prompt)),
            ("stream_complete", self.stream_complete(llm, prompt)[-1]),
        ]


def _messages(messages: str | Sequence[ChatMessage]) -> Sequence[ChatMessage]:
    return [ChatMessage(content=messages)] if isinstance(messages, str) else messages


@pytest.fixture(params=["sync", "async"])
def ask(request: pytest.FixtureRequest) -> Asker:
    """Return the asker; a test that takes it runs twice."""
    return Asker(is_async=request.param == "async")
