"""The eight entry points: text in and out, streamed and not, and what each response carries."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING, Any

import pytest
from llama_index.core.base.llms.types import (
    ChatMessage,
    ChatResponse,
    CompletionResponse,
    MessageRole,
    TextBlock,
)

from kilo_gateway.testing import EmbeddedGateway, Reply
from llama_index_kilo import KiloLLM

if TYPE_CHECKING:
    from collections.abc import Callable


USAGE = {
    "prompt_tokens": 11,
    "completion_tokens": 7,
    "total_tokens": 18,
    "cost": 0.00123,
    "prompt_tokens_details": {"cached_tokens": 4},
    "completion_tokens_details": {"reasoning_tokens": 2},
}


def test_every_entry_point_returns_the_text(gateway: EmbeddedGateway, llm: KiloLLM, ask: Any) -> None:
    """All eight entry points give the same text, as the response type of LlamaIndex."""
    gateway.enqueue(Reply(text="Hello, world", times=4))
    for name, response in ask.every(llm, "hi"):
        if name.endswith("chat"):
            assert isinstance(response, ChatResponse)
            assert response.message.role == MessageRole.ASSISTANT
            assert response.message.content == "Hello, world"
        else:
            assert isinstance(response, CompletionResponse)
            assert response.text == "Hello, world"


def test_roles_and_turns_reach_the_wire(gateway: EmbeddedGateway, llm: KiloLLM, ask: Any) -> None:
    """System, developer, user and assistant messages are sent in order, a developer's as a system message."""
    messages = [
        ChatMessage(role="system", content="Be brief."),
        ChatMessage(role="developer", content="Be kind."),
        ChatMessage(role="user", content="One?"),
        ChatMessage(role="chatbot", content="Two."),
        ChatMessage(role="model", content="Three."),
        ChatMessage(role="user", content="Four?"),
    ]
    ask.chat(llm, messages)
    assert gateway.requests[-1].body["messages"] == [
        {"role": "system", "content": "Be brief."},
        {"role": "system", "content": "Be kind."},
        {"role": "user", "content": "One?"},
        {"role": "assistant", "content": "Two."},
        {"role": "assistant", "content": "Three."},
        {"role": "user", "content": "Four?"},
    ]


def test_stream_is_cumulative_with_deltas(gateway: EmbeddedGateway, llm: KiloLLM, ask: Any) -> None:
    """Each streamed message holds the text so far in one block, and the deltas add up to it."""
    gateway.enqueue(Reply(text="one two three four five"))
    responses = ask.stream(llm, "hi")
    assert len(responses) > 2
    so_far = ""
    for response in responses:
        so_far += response.delta
        assert response.message.content == so_far
        assert [type(block) for block in response.message.blocks] == [TextBlock]
    assert so_far == "one two three four five"


def test_stream_completion_is_cumulative_with_deltas(gateway: EmbeddedGateway, llm: KiloLLM, ask: Any) -> None:
    """A streamed completion holds the text so far, and the deltas add up to it."""
    gateway.enqueue(Reply(text="one two three four five"))
    responses = ask.stream_complete(llm, "hi")
    assert "".join(response.delta for response in responses) == responses[-1].text == "one two three four five"
    assert all(response.text.startswith(before.text) for before, response in pairwise(responses))


def test_usage_is_exact_everywhere(gateway: EmbeddedGateway, llm: KiloLLM, ask: Any) -> None:
    """The tokens that the gateway counted are in additional_kwargs and in raw, also at the end of a stream."""
    gateway.enqueue(Reply(text="Hello", usage=USAGE, times=4))
    for _, response in ask.every(llm, "hi"):
        assert response.raw["usage"] == USAGE
        counts = {
            key: response.additional_kwargs[key] for key in ("prompt_tokens", "completion_tokens", "total_tokens")
        }
        assert counts == {"prompt_tokens": 11, "completion_tokens": 7, "total_tokens": 18}


def test_cost_cached_and_reasoning_tokens(gateway: EmbeddedGateway, llm: KiloLLM, ask: Any) -> None:
    """Cost, cached tokens and reasoning tokens are in additional_kwargs of all eight entry points."""
    gateway.enqueue(Reply(text="Hello", usage=USAGE, times=4))
    for _, response in ask.every(llm, "hi"):
        found = {key: response.additional_kwargs[key] for key in ("cost", "cached_tokens", "reasoning_tokens")}
        assert found == {"cost": 0.00123, "cached_tokens": 4, "reasoning_tokens": 2}


def test_metadata_of_the_answer(gateway: EmbeddedGateway, llm: KiloLLM, ask: Any) -> None:
    """Provider, model and finish reasons are in additional_kwargs of all eight entry points."""
    reply = Reply(text="Hello", model="lab/model-20260101", provider="Host", native_finish_reason="end_turn", times=4)
    gateway.enqueue(reply)
    for _, response in ask.every(llm, "hi"):
        found = response.additional_kwargs
        assert found["model"] == "lab/model-20260101"
        assert found["requested_model"] == "anthropic/claude-sonnet-4.6"
        assert found["provider"] == "Host"
        assert found["finish_reason"] == "stop"
        assert found["native_finish_reason"] == "end_turn"


def test_stream_ends_like_the_unstreamed_answer(gateway: EmbeddedGateway, llm: KiloLLM, ask: Any) -> None:
    """The last streamed response equals the unstreamed one in message, metadata and usage."""
    reply = Reply(
        text="Hello",
        reasoning="Thinking hard.",
        tool_calls=[{"name": "add", "arguments": {"a": 1, "b": 2}, "id": "call_1"}],
        usage=USAGE,
        times=2,
    )
    gateway.enqueue(reply)
    whole = ask.chat(llm, "hi")
    last = ask.stream(llm, "hi")[-1]
    assert last.message == whole.message
    ignored = {"id", "created"}
    assert {k: v for k, v in last.additional_kwargs.items() if k not in ignored} == {
        k: v for k, v in whole.additional_kwargs.items() if k not in ignored
    }
    assert last.raw["usage"] == whole.raw["usage"]


def test_snapshots_are_immutable(gateway: EmbeddedGateway, llm: KiloLLM, ask: Any) -> None:
    """A streamed response shows at the end what it showed when it was yielded."""
    gateway.enqueue(
        Reply(
            text="some text here",
            reasoning="some thoughts here",
            tool_calls=[{"name": "add", "arguments": {"a": 1, "b": "two and more"}}] * 2,
        )
    )
    shown: list[tuple[Any, str]] = []
    ask.stream(llm, "hi", note=lambda response: shown.append((response, response.model_dump_json())))
    assert len(shown) > 5
    assert [response.model_dump_json() for response, _ in shown] == [text for _, text in shown]


@pytest.mark.parametrize("pieces", [(1,), (7,), (64,), (3, 1, 200)])
def test_byte_splits_do_not_matter(gateway: EmbeddedGateway, llm: KiloLLM, ask: Any, pieces: tuple[int, ...]) -> None:
    """However the bytes of a stream are cut, text and reasoning arrive whole, also outside ASCII."""
    gateway.enqueue(Reply(text="Grüße 🌍 из Киева", reasoning="思考", pieces=pieces))
    responses = ask.stream(llm, "hi")
    assert "".join(response.delta for response in responses) == "Grüße 🌍 из Киева"
    assert "".join(response.additional_kwargs.get("thinking_delta", "") for response in responses) == "思考"


def test_the_default_model_answers(gateway: EmbeddedGateway, make_llm: Callable[..., KiloLLM], ask: Any) -> None:
    """The default model works on a gateway that has retired its id, and the answer says which id was asked instead."""
    llm = make_llm(model=None)
    for _, response in ask.every(llm, "Hello"):
        assert response.additional_kwargs["requested_model"] == "kilo/auto"
        assert response.additional_kwargs["sent_model"] == "kilo-auto/balanced"
    assert llm.model == "kilocode/kilo/auto"


def test_an_older_gateway_answers(ask: Any) -> None:
    """On a gateway of the older generation the default model is asked under its own id, and everything else works."""
    with EmbeddedGateway(version="2026-02") as older:
        llm = KiloLLM(base_url=older.base_url, api_key=older.api_key)
        for name, response in ask.every(llm, "Hello"):
            assert response.message.content if name.endswith("chat") else response.text
            assert response.additional_kwargs["prompt_tokens"] > 0
            assert "sent_model" not in response.additional_kwargs


def test_empty_answer(gateway: EmbeddedGateway, llm: KiloLLM, ask: Any) -> None:
    """An answer without any text is an empty text, not an error."""
    gateway.enqueue(Reply(text="", times=4))
    for name, response in ask.every(llm, "hi"):
        assert (response.message.content if name.endswith("chat") else response.text) == ""
