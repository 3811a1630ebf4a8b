"""Who is measured: each contender streams n chunks or makes one call, sync and async. Peers run when installed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

import httpx
import orjson

if TYPE_CHECKING:
    from collections.abc import Callable

QUESTION = "What is the answer?"
KEY = "benchmark-key"


class Contender(Protocol):
    """One way to talk to the gateway; a method it lacks is not measured."""

    name: str


class BareHttpx:
    """httpx and a JSON parse of each event: what any adapter over httpx pays."""

    name = "bare httpx + orjson"

    def __init__(self, base_url: str) -> None:
        self.url = f"{base_url}chat/completions"
        self.client = httpx.Client()
        self.async_client: httpx.AsyncClient | None = None

    @staticmethod
    def _body(chunks: int | None) -> dict[str, Any]:
        body: dict[str, Any] = {"model": "kilo/auto", "messages": [{"role": "user", "content": QUESTION}]}
        return body if chunks is None else {**body, "stream": True, "max_tokens": chunks}

    def stream(self, chunks: int) -> int:
        with self.client.stream("POST", self.url, json=self._body(chunks)) as response:
            return sum(_count(line) for line in response.iter_lines())

    def call(self) -> None:
        orjson.loads(self.client.post(self.url, json=self._body(None)).content)

    async def astream(self, chunks: int) -> int:
        async with self._async().stream("POST", self.url, json=self._body(chunks)) as response:
            return sum([_count(line) async for line in response.aiter_lines()])

    async def acall(self) -> None:
        orjson.loads((await self._async().post(self.url, json=self._body(None))).content)

    def _async(self) -> httpx.AsyncClient:
        if self.async_client is None:
            self.async_client = httpx.AsyncClient()
        return self.async_client


def _count(line: str) -> int:
    if not line.startswith("data: ") or line == "data: [DONE]":
        return 0
    return len(orjson.loads(line[6:])["choices"])


class Core:
    """KiloClient and AsyncKiloClient."""

    name = "kilo_gateway core"

    def __init__(self, base_url: str) -> None:
        from kilo_gateway import AsyncKiloClient, KiloClient

        self.client = KiloClient(api_key=KEY, base_url=base_url)
        self.async_client = AsyncKiloClient(api_key=KEY, base_url=base_url)
        self.messages = [{"role": "user", "content": QUESTION}]

    def stream(self, chunks: int) -> int:
        return sum(1 for _ in self.client.stream(self.messages, max_tokens=chunks))

    def call(self) -> None:
        self.client.complete(self.messages)

    async def astream(self, chunks: int) -> int:
        return sum([1 async for _ in self.async_client.stream(self.messages, max_tokens=chunks)])

    async def acall(self) -> None:
        await self.async_client.complete(self.messages)


class LangChain:
    """Any LangChain chat model."""

    def __init__(self, name: str, model: Any) -> None:
        self.name = name
        self.model = model

    def stream(self, chunks: int) -> int:
        return sum(1 for _ in self.model.stream(QUESTION, max_tokens=chunks))

    def call(self) -> None:
        self.model.invoke(QUESTION)

    async def astream(self, chunks: int) -> int:
        return sum([1 async for _ in self.model.astream(QUESTION, max_tokens=chunks)])

    async def acall(self) -> None:
        await self.model.ainvoke(QUESTION)


class LlamaIndex:
    """Any LlamaIndex LLM."""

    def __init__(self, name: str, llm: Any) -> None:
        from llama_index.core.llms import ChatMessage

        self.name = name
        self.llm = llm
        self.messages = [ChatMessage(role="user", content=QUESTION)]

    def stream(self, chunks: int) -> int:
        return sum(1 for _ in self.llm.stream_chat(self.messages, max_tokens=chunks))

    def call(self) -> None:
        self.llm.chat(self.messages)

    async def astream(self, chunks: int) -> int:
        return sum([1 async for _ in await self.llm.astream_chat(self.messages, max_tokens=chunks)])

    async def acall(self) -> None:
        await self.llm.achat(self.messages)


def contenders(base_url: str) -> list[Any]:
    """Return everybody who can take part here, floors first."""
    from benchmarks.floors import langchain_floor, llama_index_floor
    from langchain_kilo import ChatKilo
    from llama_index_kilo import KiloLLM

    found: list[Any] = [
        BareHttpx(base_url),
        Core(base_url),
        LangChain("LangChain alone", langchain_floor()),
        LangChain("ChatKilo", ChatKilo(api_key=KEY, base_url=base_url)),
        LlamaIndex("LlamaIndex alone", llama_index_floor()),
        LlamaIndex("KiloLLM", KiloLLM(api_key=KEY, base_url=base_url)),
    ]
    for make in (_chat_openai, _chat_openrouter, _llama_openrouter):
        try:
            found.append(make(base_url))
        except ImportError:
            continue
    return found


def _chat_openai(base_url: str) -> LangChain:
    from langchain_openai import ChatOpenAI

    return LangChain("langchain-openai", ChatOpenAI(model="kilo/auto", api_key=KEY, base_url=base_url))


def _chat_openrouter(base_url: str) -> LangChain:
    from langchain_openrouter import ChatOpenRouter

    return LangChain("langchain-openrouter", ChatOpenRouter(model="kilo/auto", api_key=KEY, base_url=base_url))


def _llama_openrouter(base_url: str) -> LlamaIndex:
    from llama_index.llms.openrouter import OpenRouter

    llm = OpenRouter(model="kilo/auto", api_key=KEY, api_base=base_url, max_retries=0)
    return LlamaIndex("llama-index-llms-openrouter", llm)


def warm_up(contender: Any, run: Callable[[Any], Any]) -> None:
    """Make the first call of a contender, which pays for its clients, outside of the measurement."""
    contender.call()
    contender.stream(10)
    run(contender.acall())
    run(contender.astream(10))
