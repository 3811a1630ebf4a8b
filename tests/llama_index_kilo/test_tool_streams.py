"""Tool calls in every shape that gateways stream them in give the same selections as an unstreamed answer."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from kilo_gateway.testing import Reply

if TYPE_CHECKING:
    from kilo_gateway.testing import EmbeddedGateway
    from llama_index_kilo import KiloLLM

ONE = ("call_a", "add", '{"a": 1, "b": 2}')
TWO = ("call_b", "mul", '{"x": "3"}')


def _fragment(index: int | None, arguments: str | None = None, **given: Any) -> dict[str, Any]:
    function = {key: given[key] for key in ("name",) if key in given}
    if arguments is not None:
        function["arguments"] = arguments
    fragment: dict[str, Any] = {"function": function}
    if index is not None:
        fragment["index"] = index
    if "id" in given:
        fragment |= {"id": given["id"], "type": "function"}
    return fragment


def _opening(index: int | None, call: tuple[str, str, str], arguments: str = "") -> dict[str, Any]:
    return _fragment(index, arguments, id=call[0], name=call[1])


SHAPES: dict[str, list[list[dict[str, Any]]]] = {
    "one after the other": [
        [_opening(0, ONE)],
        [_fragment(0, ONE[2][:7])],
        [_fragment(0, ONE[2][7:])],
        [_opening(1, TWO)],
        [_fragment(1, TWO[2])],
    ],
    "two in one delta": [[_opening(0, ONE, ONE[2]), _opening(1, TWO, TWO[2])]],
    "interleaved": [
        [_opening(0, ONE)],
        [_opening(1, TWO)],
        [_fragment(0, ONE[2][:5])],
        [_fragment(1, TWO[2][:3])],
        [_fragment(0, ONE[2][5:])],
        [_fragment(1, TWO[2][3:])],
    ],
    "id and name repeated": [
        [_opening(0, ONE, ONE[2][:4])],
        [_opening(0, ONE, ONE[2][4:])],
        [_opening(1, TWO, TWO[2][:4])],
        [_opening(1, TWO, TWO[2][4:])],
    ],
    "index 0 for both": [[_opening(0, ONE, ONE[2])], [_opening(0, TWO, TWO[2])]],
    "no index": [
        [_opening(None, ONE, ONE[2][:6])],
        [_fragment(None, ONE[2][6:])],
        [_opening(None, TWO, TWO[2])],
    ],
}


def _events(deltas: list[list[dict[str, Any]]]) -> list[dict[str, Any]]:
    chunk = {"id": "gen-1", "model": "m", "object": "chat.completion.chunk"}
    events: list[dict[str, Any]] = [
        {**chunk, "choices": [{"index": 0, "delta": {"content": None, "tool_calls": calls}}]} for calls in deltas
    ]
    usage = {"prompt_tokens": 5, "completion_tokens": 6, "total_tokens": 11}
    events.append({**chunk, "choices": [{"index": 0, "delta": {"content": ""}, "finish_reason": "tool_calls"}]})
    return [*events, {**chunk, "choices": [], "usage": usage}]


@pytest.mark.parametrize("shape", SHAPES)
def test_every_stream_shape(gateway: EmbeddedGateway, llm: KiloLLM, ask: Any, shape: str) -> None:
    """Both calls come out whole, with their own ids, names and arguments, whatever the shape of the stream."""
    gateway.enqueue(Reply(events=[*_events(SHAPES[shape]), "data: [DONE]\n\n"]))
    last = ask.stream(llm, "hi")[-1]
    found = [(call.tool_id, call.tool_name, call.tool_kwargs) for call in llm.get_tool_calls_from_response(last)]
    assert found == [("call_a", "add", {"a": 1, "b": 2}), ("call_b", "mul", {"x": "3"})]
    assert last.additional_kwargs["prompt_tokens"] == 5


@pytest.mark.parametrize("shape", SHAPES)
def test_snapshots_only_grow(gateway: EmbeddedGateway, llm: KiloLLM, ask: Any, shape: str) -> None:
    """On the way, the number of calls and the texts of their arguments only grow."""
    gateway.enqueue(Reply(events=[*_events(SHAPES[shape]), "data: [DONE]\n\n"]))
    before: list[str] = []
    for response in ask.stream(llm, "hi"):
        stored = response.message.additional_kwargs.get("tool_calls", [])
        texts = [call["function"]["arguments"] for call in stored]
        assert len(texts) >= len(before)
        assert all(text.startswith(old) for text, old in zip(texts, before, strict=False))
        before = texts
    assert before == [ONE[2], TWO[2]]


def test_identical_calls_stay_two(gateway: EmbeddedGateway, llm: KiloLLM, ask: Any) -> None:
    """Two calls that are alike but for their ids are two calls."""
    again = ("call_c", ONE[1], ONE[2])
    gateway.enqueue(Reply(events=[*_events([[_opening(0, ONE, ONE[2])], [_opening(1, again, ONE[2])]])]))
    last = ask.stream(llm, "hi")[-1]
    assert [call.tool_id for call in llm.get_tool_calls_from_response(last)] == ["call_a", "call_c"]


def test_other_choices_do_not_mix_in(gateway: EmbeddedGateway, llm: KiloLLM, ask: Any) -> None:
    """With n above 1, the stream shows the first choice, and raw holds them all."""

    def chunk(index: int, text: str, finish: str | None = None) -> dict[str, Any]:
        choice = {"index": index, "delta": {"content": text}, "finish_reason": finish}
        return {"id": "g", "model": "m", "choices": [choice]}

    events = [chunk(0, "Hel"), chunk(1, "Bye"), chunk(0, "lo", "stop"), chunk(1, "!", "stop"), "data: [DONE]\n\n"]
    gateway.enqueue(Reply(events=events))
    responses = ask.stream(llm, "hi", n=2)
    assert "".join(response.delta for response in responses) == "Hello"
    assert responses[-1].message.content == "Hello"
    assert [choice["message"]["content"] for choice in responses[-1].raw["choices"]] == ["Hello", "Bye!"]
