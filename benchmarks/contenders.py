"""Who is measured: our two classes, and the nearest package of each framework where it is installed."""

from __future__ import annotations

import time
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable

KEY = "benchmark-key"


class Contender(Protocol):
    """One way to talk to the gateway. Streams return how many chunks came, and the delays of those that say when."""

    name: str

    def call(self, prompt: Any) -> None: ...
    async def acall(self, prompt: Any) -> None: ...
    def stream(self, prompt: Any) -> int: ...
    async def astream(self, prompt: Any) -> int: ...
    async def adelays(self, prompt: Any) -> list[float]: ...
    def history(self, count: int) -> Any: ...


class Core:
    """KiloClient and AsyncKiloClient."""

    name = "kilo_gateway core"

    def __init__(self, base_url: str) -> None:
        from kilo_gateway import AsyncKiloClient, KiloClient

        self.client = KiloClient(api_key=KEY, base_url=base_url)
        self.async_client = AsyncKiloClient(api_key=KEY, base_url=base_url)

    @staticmethod
    def _messages(prompt: Any) -> Any:
        return [{"role": "user", "content": prompt}] if isinstance(prompt, str) else prompt

    def call(self, prompt: Any) -> None:
        self.client.complete(self._messages(prompt))

    async def acall(self, prompt: Any) -> None:
        await self.async_client.complete(self._messages(prompt))

    def stream(self, prompt: Any) -> int:
        return sum(1 for _ in self.client.stream(self._messages(prompt)))

    async def astream(self, prompt: Any) -> int:
        return sum([1 async for _ in self.async_client.stream(self._messages(prompt))])

    async def adelays(self, prompt: Any) -> list[float]:
        return [_delay(delta.text) async for delta in self.async_client.stream(self._messages(prompt)) if delta.text]

    def history(self, count: int) -> Any:
        roles = ("user", "assistant")
        return [{"role": roles[i % 2], "content": f"Message {i} of a talk."} for i in range(count - 1)] + [
            {"role": "user", "content": "And now?"}
        ]


class LangChain:
    """A LangChain chat model."""

    def __init__(self, name: str, model: Any) -> None:
        self.name = name
        self.model = model

    def call(self, prompt: Any) -> None:
        self.model.invoke(prompt)

    async def acall(self, prompt: Any) -> None:
        await self.model.ainvoke(prompt)

    def stream(self, prompt: Any) -> int:
        return sum(1 for _ in self.model.stream(prompt))

    async def astream(self, prompt: Any) -> int:
        return sum([1 async for _ in self.model.astream(prompt)])

    async def adelays(self, prompt: Any) -> list[float]:
        return [_delay(text) async for chunk in self.model.astream(prompt) if (text := chunk.text)]

    def history(self, count: int) -> Any:
        from langchain_core.messages import AIMessage, HumanMessage

        classes = (HumanMessage, AIMessage)
        return [classes[i % 2](f"Message {i} of a talk.") for i in range(count - 1)] + [HumanMessage("And now?")]


class LlamaIndex:
    """A LlamaIndex LLM."""

    def __init__(self, name: str, llm: Any) -> None:
        self.name = name
        self.llm = llm

    @staticmethod
    def _messages(prompt: Any) -> Any:
        from llama_index.core.llms import ChatMessage

        return [ChatMessage(role="user", content=prompt)] if isinstance(prompt, str) else prompt

    def call(self, prompt: Any) -> None:
        self.llm.chat(self._messages(prompt))

    async def acall(self, prompt: Any) -> None:
        await self.llm.achat(self._messages(prompt))

    def stream(self, prompt: Any) -> int:
        return sum(1 for _ in self.llm.stream_chat(self._messages(prompt)))

    async def astream(self, prompt: Any) -> int:
        return sum([1 async for _ in await self.llm.astream_chat(self._messages(prompt))])

    async def adelays(self, prompt: Any) -> list[float]:
        responses = await self.llm.astream_chat(self._messages(prompt))
        return [_delay(response.delta) async for response in responses if response.delta]

    def history(self, count: int) -> Any:
        from llama_index.core.llms import ChatMessage

        roles = ("user", "assistant")
        messages = [ChatMessage(role=roles[i % 2], content=f"Message {i} of a talk.") for i in range(count - 1)]
        return [*messages, ChatMessage(role="user", content="And now?")]


def _delay(text: str) -> float:
    """Return the seconds since the moment that a chunk says it was sent."""
    return time.monotonic() - float(text)


def _chat_kilo(base_url: str) -> Contender:
    from langchain_kilo import ChatKilo

    return LangChain("ChatKilo", ChatKilo(api_key=KEY, base_url=base_url))


def _chat_openai(base_url: str) -> Contender:
    from langchain_openai import ChatOpenAI

    return LangChain("langchain-openai", ChatOpenAI(model="kilo/auto", api_key=KEY, base_url=base_url, max_retries=0))


def _kilo_llm(base_url: str) -> Contender:
    from llama_index_kilo import KiloLLM

    return LlamaIndex("KiloLLM", KiloLLM(api_key=KEY, base_url=base_url))


def _llama_openrouter(base_url: str) -> Contender:
    from llama_index.llms.openrouter import OpenRouter

    llm = OpenRouter(model="kilo/auto", api_key=KEY, api_base=base_url, max_retries=0)
    return LlamaIndex("llama-index-llms-openrouter", llm)


@dataclass(frozen=True)
class Pair:
    """One of ours and the package it is measured against."""

    ours: str
    peer: str
    packages: tuple[str, ...]
    """Whose versions the table names."""


MAKERS: dict[str, Callable[[str], Contender]] = {
    "core": Core,
    "ChatKilo": _chat_kilo,
    "langchain-openai": _chat_openai,
    "KiloLLM": _kilo_llm,
    "llama-index-llms-openrouter": _llama_openrouter,
}
PAIRS = (
    Pair("ChatKilo", "langchain-openai", ("langchain-core", "langchain-openai", "openai")),
    Pair("KiloLLM", "llama-index-llms-openrouter", ("llama-index-core", "llama-index-llms-openrouter")),
)


def is_installed(name: str) -> bool:
    """Return whether a contender can take part: ours always, a peer where its package is there."""
    if name in {"core", "ChatKilo", "KiloLLM"}:
        return True
    try:
        return bool(version(name))
    except PackageNotFoundError:
        return False
