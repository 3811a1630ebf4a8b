"""Recorded answers of real gateways, replayed byte for byte over HTTP: each is read whole, or raised as the error."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from llama_index.core.base.llms.types import ThinkingBlock

from kilo_gateway.errors import KiloError
from kilo_gateway.testing import Reply

if TYPE_CHECKING:
    from collections.abc import Callable

    from kilo_gateway.testing import EmbeddedGateway
    from llama_index_kilo import KiloLLM

SAMPLES = Path(__file__).parent.parent / "data" / "samples"
STREAMS = sorted(path for path in SAMPLES.rglob("*.sse") if not path.name.startswith("fim"))
ERRORS = {"stream_error", "feb-midstream-provider-error", "newest-midstream-gateway-timeout"} | {
    "newest-midstream-provider-error"
}


def _sent_deltas(path: Path) -> list[dict[str, Any]]:
    """Return the deltas of a recording, read without this package."""
    lines = [line[6:] for line in path.read_text("utf-8").splitlines() if line.startswith("data: {")]
    choices = [choice for line in lines for choice in json.loads(line).get("choices") or []]
    return [choice.get("delta") or {} for choice in choices]


@pytest.mark.parametrize("path", STREAMS, ids=lambda path: path.stem)
def test_recorded_streams(gateway: EmbeddedGateway, make_llm: Callable[..., KiloLLM], ask: Any, path: Path) -> None:
    """Text, reasoning and tool calls of a recorded stream arrive whole."""
    gateway.enqueue(Reply.from_sse(path.read_bytes(), pieces=(1000, 7)))
    llm, seen = make_llm(max_retries=0), []
    try:
        responses = ask.stream(llm, "hi", note=seen.append)
    except KiloError:
        assert path.stem in ERRORS
        return
    assert path.stem not in ERRORS
    deltas = _sent_deltas(path)
    last = responses[-1]
    text = "".join(delta.get("content") or "" for delta in deltas)
    assert "".join(response.delta for response in responses) == text
    assert (last.message.content or "") == text
    reasoning = "".join(response.additional_kwargs.get("thinking_delta", "") for response in responses)
    thoughts = [block.content or "" for block in last.message.blocks if isinstance(block, ThinkingBlock)]
    assert "".join(thoughts) == reasoning
    assert reasoning or not any(delta.get("reasoning") for delta in deltas)
    names = [call["function"]["name"] for delta in deltas for call in delta.get("tool_calls") or [] if call.get("id")]
    assert [call.tool_name for call in llm.get_tool_calls_from_response(last, error_on_no_tool_call=False)] == names
    assert last.additional_kwargs["prompt_tokens"] > 0


@pytest.mark.parametrize("path", [path for path in STREAMS if path.stem not in ERRORS], ids=lambda path: path.stem)
def test_recorded_reasoning_goes_back(
    gateway: EmbeddedGateway, make_llm: Callable[..., KiloLLM], ask: Any, path: Path
) -> None:
    """Signatures and encrypted reasoning of a recorded stream go back to the letter, after a pass through JSON."""
    gateway.enqueue(Reply.from_sse(path.read_bytes()), Reply(text="ok"))
    llm = make_llm(max_retries=0)
    message = ask.stream(llm, "hi")[-1].message
    ask.chat(llm, [message.model_validate_json(message.model_dump_json())])
    sent = gateway.requests[-1].body["messages"][0].get("reasoning_details", [])
    items = [item for delta in _sent_deltas(path) for item in delta.get("reasoning_details") or []]
    for key in ("signature", "data"):
        assert [item[key] for item in sent if item.get(key)] == [item[key] for item in items if item.get(key)]
    assert "".join(item.get("text") or "" for item in sent) == "".join(item.get("text") or "" for item in items)
