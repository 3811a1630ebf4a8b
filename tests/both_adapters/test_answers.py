"""Both adapters find the same object and the same calls in an answer, whole or streamed."""

from __future__ import annotations

from functools import reduce
from operator import add
from typing import TYPE_CHECKING, Any

import pytest
from llama_index.core.base.llms.types import ChatMessage
from llama_index.core.prompts import PromptTemplate
from llama_index.core.types import PydanticProgramMode
from pydantic import BaseModel

from kilo_gateway.errors import AnswerError
from kilo_gateway.testing import Reply
from tests.both_adapters.conftest import MODEL, whole

if TYPE_CHECKING:
    from collections.abc import Callable

    from kilo_gateway.testing import EmbeddedGateway
    from langchain_kilo import ChatKilo
    from llama_index_kilo import KiloLLM

OSLO, ROME = '{"name":"Oslo","size":3}', '{"name":"Rome","size":4}'


class City(BaseModel):
    """A city."""

    name: str
    size: int = 0


def calls(*made: str | tuple[str, str]) -> dict[str, Any]:
    """Return a message of calls: of City by their arguments, or of (name, arguments)."""
    pairs = [("City", one) if isinstance(one, str) else one for one in made]
    functions = [{"name": name, "arguments": arguments} for name, arguments in pairs]
    return {
        "content": None,
        "tool_calls": [{"id": f"c{i}", "type": "function", "function": one} for i, one in enumerate(functions)],
    }


STRUCTURED: dict[str, tuple[dict[str, Any], str, str | None]] = {
    "a call": (calls(OSLO), "tool_calls", "Oslo"),
    "a broken call beside a good one": (calls('{"name":', ROME), "tool_calls", "Rome"),
    "a cut-off call behind a good one": (calls(OSLO, '{"name":"Ro'), "length", "Oslo"),
    "a call by another name before the wanted one": (calls(("note", OSLO), ROME), "tool_calls", "Rome"),
    "a call by another name": (calls(("city", OSLO)), "tool_calls", "Oslo"),
    "a call with a last comma": (calls('{"name":"Oslo","size":3,}'), "tool_calls", "Oslo"),
    "a call with a list of one": (calls(f"[{OSLO}]"), "tool_calls", "Oslo"),
    "a broken call beside text": ({**calls('{"name":'), "content": ROME}, "tool_calls", "Rome"),
    "a cut-off call": (calls('{"name":"Oslo","size":'), "length", None),
    "a last comma": ({"content": '{"name":"Oslo","size":3,}'}, "stop", "Oslo"),
    "a list of one": ({"content": f"[{OSLO}]"}, "stop", "Oslo"),
    "a list of two": ({"content": f"[{OSLO},{ROME}]"}, "stop", None),
    "words around it": ({"content": f"Here you go: {OSLO} Enjoy {{1}}."}, "stop", "Oslo"),
    "two objects": ({"content": f"{OSLO}\n{ROME}"}, "stop", "Oslo"),
    "all in the reasoning": ({"content": "", "reasoning": OSLO}, "stop", "Oslo"),
    "an object in a refusal": ({"content": OSLO, "refusal": "No."}, "stop", None),
    "cut off": ({"content": '{"name":"Os'}, "length", None),
    "nothing": ({"content": ""}, "stop", None),
}
"""Name -> an answer's message, its finish reason, and the city's name in it; None where it gives no city."""


def streamed(message: dict[str, Any], finish: str) -> Reply:
    """Return the same answer as a stream, a piece an event."""
    facts = {"id": "gen-1", "model": MODEL, "object": "chat.completion.chunk"}
    deltas = [{key: message[key]} for key in ("reasoning", "refusal", "content") if message.get(key)]
    for index, call in enumerate(message.get("tool_calls", ())):
        arguments = call["function"]["arguments"]
        deltas.append({"tool_calls": [{**call, "index": index, "function": {**call["function"], "arguments": ""}}]})
        deltas += [{"tool_calls": [{"index": index, "function": {"arguments": piece}}]} for piece in arguments]
    events = [{**facts, "choices": [{"index": 0, "delta": delta, "finish_reason": None}]} for delta in deltas]
    last = {**facts, "choices": [{"index": 0, "delta": {}, "finish_reason": finish}]}
    return Reply(events=[*events, last, "data: [DONE]\n\n"])


@pytest.mark.parametrize("name", STRUCTURED)
def test_an_object_is_found_alike(name: str, gateway: EmbeddedGateway, chat: ChatKilo, llm: KiloLLM) -> None:
    """Both adapters find the same object in an answer, whole or streamed, or none."""
    message, finish, expected = STRUCTURED[name]
    gateway.enqueue(*[one for one in (whole(message, finish), streamed(message, finish)) for _ in range(2)])
    asking = chat.with_structured_output(City, method="function_calling")
    llm.pydantic_program_mode = PydanticProgramMode.FUNCTION
    prompt = PromptTemplate("q")
    ways: list[Callable[[], Any]] = [
        lambda: asking.invoke("q"),
        lambda: llm.structured_predict(City, prompt),
        lambda: list(asking.stream("q"))[-1],
        lambda: list(llm.stream_structured_predict(City, prompt))[-1],
    ]
    for way in ways:
        if expected is None:
            with pytest.raises(AnswerError):
                way()
        else:
            assert way().name == expected


@pytest.mark.parametrize("ids", [("a", "b", "c"), (None, None, None)], ids=["with ids", "without ids"])
@pytest.mark.parametrize("last", ['{"n":3}', '{"n":'], ids=["whole", "cut off"])
def test_calls_that_begin_out_of_order(
    ids: tuple[str | None, ...], last: str, gateway: EmbeddedGateway, chat: ChatKilo, llm: KiloLLM
) -> None:
    """A call that begins before one of a smaller index stands behind it, as in the answer that is not streamed."""
    arguments = ('{"n":1}', '{"n":2}', last)
    made = [
        {**({"id": id_} if id_ else {}), "type": "function", "function": {"name": f"f{place}", "arguments": one}}
        for place, (id_, one) in enumerate(zip(ids, arguments, strict=True))
    ]
    facts = {"id": "gen-1", "model": MODEL, "object": "chat.completion.chunk"}
    heads = [{**made[i], "index": i, "function": {**made[i]["function"], "arguments": ""}} for i in (2, 0, 1)]
    pieces = [{"index": i, "function": {"arguments": arguments[i]}} for i in (1, 2, 0)]
    deltas = [{"content": "Look."}, *({"tool_calls": [one]} for one in (*heads, *pieces))]
    finish = "tool_calls" if last.endswith("}") else "length"
    events = [
        *({**facts, "choices": [{"index": 0, "delta": delta}]} for delta in deltas),
        {**facts, "choices": [{"index": 0, "delta": {}, "finish_reason": finish}]},
        "data: [DONE]\n\n",
    ]
    reply = whole({"content": "Look.", "tool_calls": made}, finish)
    gateway.enqueue(reply, reply, reply, *[Reply(events=events) for _ in range(3)])
    v1 = chat.model_copy(update={"output_version": "v1"})
    expected = chat.invoke("q")
    assert [call["name"] for call in expected.tool_calls] == ["f0", "f1", "f2"][: len(expected.tool_calls)]
    blocks = [block for block in v1.invoke("q").content if isinstance(block, dict)]
    asked = [ChatMessage(content="q")]
    answered = llm.chat(asked).message
    total = reduce(add, chat.stream("q"))
    assert (total.tool_calls, total.invalid_tool_calls) == (expected.tool_calls, expected.invalid_tool_calls)
    streamed_blocks = [block for block in reduce(add, v1.stream("q")).content if isinstance(block, dict)]
    assert [block.get("id") for block in streamed_blocks] == [block.get("id") for block in blocks]
    assert list(llm.stream_chat(asked))[-1].message == answered
