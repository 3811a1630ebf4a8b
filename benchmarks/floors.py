"""The frameworks alone: models that hand out ready text, so that what they cost is what the framework costs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from langchain_core.language_models import BaseChatModel
from langchain_core.messages import AIMessage, AIMessageChunk
from langchain_core.outputs import ChatGeneration, ChatGenerationChunk, ChatResult
from llama_index.core.base.llms.types import ChatMessage, ChatResponse, LLMMetadata, TextBlock
from llama_index.core.llms import CustomLLM
from llama_index.core.llms.callbacks import llm_chat_callback, llm_completion_callback

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator

_TEXT = "The answer is forty-two."


class _ReadyChat(BaseChatModel):
    @property
    def _llm_type(self) -> str:
        return "ready"

    def _generate(self, messages: Any, stop: Any = None, run_manager: Any = None, **kwargs: Any) -> ChatResult:
        return ChatResult(generations=[ChatGeneration(message=AIMessage(_TEXT))])

    async def _agenerate(self, messages: Any, stop: Any = None, run_manager: Any = None, **kwargs: Any) -> ChatResult:
        return self._generate(messages)

    def _stream(
        self, messages: Any, stop: Any = None, run_manager: Any = None, **kwargs: Any
    ) -> Iterator[ChatGenerationChunk]:
        for i in range(kwargs["max_tokens"]):
            yield ChatGenerationChunk(message=AIMessageChunk(f" word{i % 10}"))

    async def _astream(
        self, messages: Any, stop: Any = None, run_manager: Any = None, **kwargs: Any
    ) -> AsyncIterator[ChatGenerationChunk]:
        for chunk in self._stream(messages, **kwargs):
            yield chunk


class _ReadyLLM(CustomLLM):
    @property
    def metadata(self) -> LLMMetadata:
        return LLMMetadata(is_chat_model=True)

    @llm_completion_callback()
    def complete(self, prompt: str, formatted: bool = False, **kwargs: Any) -> Any:
        raise AssertionError("not measured")

    @llm_completion_callback()
    def stream_complete(self, prompt: str, formatted: bool = False, **kwargs: Any) -> Any:
        raise AssertionError("not measured")

    @llm_chat_callback()
    def chat(self, messages: Any, **kwargs: Any) -> ChatResponse:
        return ChatResponse(message=ChatMessage(role="assistant", content=_TEXT), raw={"usage": {}})

    @llm_chat_callback()
    async def achat(self, messages: Any, **kwargs: Any) -> ChatResponse:
        return ChatResponse(message=ChatMessage(role="assistant", content=_TEXT), raw={"usage": {}})

    @llm_chat_callback()
    def stream_chat(self, messages: Any, **kwargs: Any) -> Any:
        return _responses(kwargs["max_tokens"])

    @llm_chat_callback()
    async def astream_chat(self, messages: Any, **kwargs: Any) -> Any:
        return _async_responses(kwargs["max_tokens"])


def _responses(count: int) -> Iterator[ChatResponse]:
    text = ""
    for i in range(count):
        delta = f" word{i % 10}"
        text += delta
        message = ChatMessage(role="assistant", blocks=[TextBlock(text=text)])
        yield ChatResponse(message=message, delta=delta, raw={"usage": {}})


async def _async_responses(count: int) -> AsyncIterator[ChatResponse]:
    for response in _responses(count):
        yield response


def langchain_floor() -> BaseChatModel:
    """Return a LangChain model that answers with ready text."""
    return _ReadyChat()


def llama_index_floor() -> CustomLLM:
    """Return a LlamaIndex LLM that answers with ready text."""
    return _ReadyLLM()
