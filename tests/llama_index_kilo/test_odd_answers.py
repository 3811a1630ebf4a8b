"""Whatever JSON a gateway sends as an answer, it is read or refused with a typed error; nothing else comes out."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import orjson
from hypothesis import given
from hypothesis import strategies as st
from llama_index.core.base.llms.types import ChatMessage, ChatResponse

from kilo_gateway.answer.completion import parse_completion
from kilo_gateway.stream.accumulator import Accumulator
from llama_index_kilo import KiloLLM
from llama_index_kilo.answers import parse_chat_response, parse_completion_response
from llama_index_kilo.messages import render_messages
from llama_index_kilo.streaming import ResponseWriter

if TYPE_CHECKING:
    from collections.abc import Mapping

INTEGERS = st.integers(-(2**63), 2**64 - 1)  # a reader makes no greater ones
SCALARS = st.one_of(st.none(), st.booleans(), INTEGERS, st.floats(allow_nan=False), st.text(max_size=8))
JSON = st.recursive(
    SCALARS,
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(st.text(max_size=6), inner, max_size=3)),
    max_leaves=8,
)


def _or_odd(**keys: Any) -> Any:
    """Return objects with these keys, each as it should be or anything at all, and sometimes left out."""
    return st.fixed_dictionaries({}, optional={key: st.one_of(value, JSON) for key, value in keys.items()})


URL = st.one_of(
    st.just("https://example.com/a.png"),
    st.just("data:image/png;base64,aGk="),
    st.just("data:image/png;base64,"),
    st.just("data:,x"),
    st.text(max_size=8),
)
FUNCTION = _or_odd(name=st.text(max_size=5), arguments=st.one_of(st.just('{"a": 1}'), st.text(max_size=8)))
CALLS = st.lists(_or_odd(index=st.integers(0, 2), id=st.text(max_size=3), function=FUNCTION), max_size=3)
DETAILS = st.lists(_or_odd(type=st.just("reasoning.text"), text=st.text(max_size=5), signature=st.text()), max_size=2)
CITATION = _or_odd(url=URL, title=st.text(max_size=3), content=st.text(max_size=3), start_index=INTEGERS)
MESSAGE = _or_odd(
    role=st.just("assistant"),
    content=st.text(max_size=8),
    reasoning=st.text(max_size=8),
    reasoning_details=DETAILS,
    tool_calls=CALLS,
    refusal=st.text(max_size=4),
    images=st.lists(_or_odd(image_url=_or_odd(url=URL)), max_size=2),
    audio=_or_odd(data=st.text(max_size=4), format=st.text(max_size=3)),
    annotations=st.lists(_or_odd(type=st.just("url_citation"), url_citation=CITATION), max_size=2),
)
TOKENS = st.lists(_or_odd(token=st.text(max_size=3), logprob=st.floats(-9, 0), top_logprobs=JSON), max_size=2)
REST = {"finish_reason": st.sampled_from(["stop", "length", "tool_calls"]), "logprobs": _or_odd(content=TOKENS)}
USAGE = _or_odd(prompt_tokens=INTEGERS, completion_tokens=INTEGERS, cost=st.floats(0, 9))


def _check(response: ChatResponse) -> None:
    """Use a response as LlamaIndex and a next request would: stored, it is sent back as it would have been."""
    assert parse_completion_response(response).text == (response.message.content or "")
    LLM.get_tool_calls_from_response(response, error_on_no_tool_call=False)
    stored = ChatMessage.model_validate_json(response.message.model_dump_json())
    hello = ChatMessage(content="hi")
    assert orjson.dumps(render_messages([hello, stored])) == orjson.dumps(render_messages([hello, response.message]))
    response.model_dump_json()


LLM = KiloLLM(api_key="test-key")


@given(message=MESSAGE, rest=_or_odd(**REST), usage=USAGE)
def test_odd_whole_answers(message: Any, rest: Mapping[str, Any], usage: Any) -> None:
    """A whole answer of any shape can be read, stored, and sent back."""
    body = {"id": "g", "choices": [{**rest, "index": 0, "message": message}], "usage": usage}
    _check(parse_chat_response(parse_completion(body, requested_model="m")))


@given(messages=st.lists(MESSAGE, max_size=4), rest=_or_odd(**REST))
def test_odd_streams(messages: list[Any], rest: Mapping[str, Any]) -> None:
    """A stream of deltas of any shape can be read, each snapshot and the end."""
    accumulator, writer = Accumulator(requested_model="m"), ResponseWriter()
    for delta in [*messages, {}]:
        chunk = {"id": "g", "choices": [{**rest, "index": 0, "delta": delta}]}
        for piece in accumulator.add(chunk):
            if writer.is_shown_choice(piece):
                _check(writer.add(piece))
    for piece in accumulator.finish():
        _check(writer.add(piece))
    _check(writer.finish(accumulator.completion()))
