"""A streamed answer, added up, is the whole answer: in every mode of LangChain, however the bytes are cut."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import pytest
from langchain_core.messages import AIMessage, AIMessageChunk, message_chunk_to_message
from langchain_tests.utils.stream_lifecycle import assert_valid_event_stream

from kilo_gateway.testing import Reply

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from kilo_gateway.testing import EmbeddedGateway
    from langchain_kilo import ChatKilo

pytestmark = pytest.mark.filterwarnings("ignore:.*:langchain_core._api.beta_decorator.LangChainBetaWarning")

USAGE = {
    "prompt_tokens": 11,
    "completion_tokens": 7,
    "total_tokens": 18,
    "cost": 0.25,
    "is_byok": False,
    "prompt_tokens_details": {"cached_tokens": 4, "cache_write_tokens": 2},
    "completion_tokens_details": {"reasoning_tokens": 3},
}
_FACTS = {"id": "gen-1", "created": 1_787_000_000, "model": "lab/model-1", "provider": "Provider"}


def chunk(delta: dict[str, Any], finish: str | None = None, **facts: Any) -> dict[str, Any]:
    """Return one event of a stream."""
    choice = {"index": 0, "delta": delta, "finish_reason": finish, "native_finish_reason": finish}
    return {**_FACTS, "object": "chat.completion.chunk", "choices": [choice], **facts}


def stream(*deltas: dict[str, Any], finish: str = "stop", shape: str = "c") -> list[Any]:
    """Return the events of a stream; `shape` is how the usage comes, as the embedded gateway names the three."""
    events: list[Any] = [
        chunk({"role": "assistant", "content": ""}),
        *map(chunk, deltas),
        chunk({"content": ""}, finish),
    ]
    ends = {
        "a": chunk({"content": ""}, None, usage=USAGE),
        "b": {**chunk({}), "choices": [], "usage": USAGE},
        "c": chunk({"content": ""}, finish, usage=USAGE),
    }
    return [*events, ends[shape], "data: [DONE]\n\n"]


def whole(message: dict[str, Any], finish: str = "stop") -> dict[str, Any]:
    """Return the answer that is not streamed."""
    choice = {
        "index": 0,
        "message": {"role": "assistant", **message},
        "finish_reason": finish,
        "native_finish_reason": finish,
    }
    return {**_FACTS, "object": "chat.completion", "choices": [choice], "usage": USAGE}


def call(index: int, arguments: str, *, id_: str | None = None, name: str | None = None) -> dict[str, Any]:
    """Return the delta with one fragment of a tool call."""
    function = {"arguments": arguments, **({"name": name} if name else {})}
    return {"tool_calls": [{"index": index, "function": function, **({"id": id_, "type": "function"} if id_ else {})}]}


def made(*calls: tuple[str, str, str]) -> list[dict[str, Any]]:
    """Return whole tool calls of (id, name, arguments)."""
    return [{"id": id_, "type": "function", "function": {"name": name, "arguments": args}} for id_, name, args in calls]


_SIGNED = {"type": "reasoning.text", "format": "anthropic-claude-v1", "index": 0}
_CITED = {
    "type": "url_citation",
    "url_citation": {"url": "https://a.example", "title": "A", "start_index": 0, "end_index": 4},
}
_IMAGE = {"type": "image_url", "image_url": {"url": "data:image/png;base64,iVBORw0KGgo="}}

SCENARIOS: dict[str, tuple[list[Any], dict[str, Any]]] = {
    "text": (stream({"content": "Hel"}, {"content": "lo"}), whole({"content": "Hello"})),
    "usage with a delta of its own": (stream({"content": "Hello"}, shape="a"), whole({"content": "Hello"})),
    "usage without a choice": (stream({"content": "Hello"}, shape="b"), whole({"content": "Hello"})),
    "usage with every event": (
        [{**event, "usage": USAGE} if isinstance(event, dict) else event for event in stream({"content": "Hello"})],
        whole({"content": "Hello"}),
    ),
    "length": (stream({"content": "Hel"}, finish="length"), whole({"content": "Hel"}, "length")),
    "reasoning": (
        stream({"reasoning": "Let me "}, {"reasoning": "see."}, {"content": "Yes."}),
        whole({"content": "Yes.", "reasoning": "Let me see."}),
    ),
    "reasoning_content": (
        stream({"reasoning_content": "Let me "}, {"reasoning_content": "see."}, {"content": "Yes."}),
        whole({"content": "Yes.", "reasoning_content": "Let me see."}),
    ),
    "signed reasoning": (
        stream(
            {"reasoning": "Let me ", "reasoning_details": [{**_SIGNED, "text": "Let me "}]},
            {"reasoning": "see.", "reasoning_details": [{**_SIGNED, "text": "see."}]},
            {"reasoning_details": [{**_SIGNED, "signature": "c2lnbmVk"}]},
            {"content": "Yes."},
        ),
        whole(
            {
                "content": "Yes.",
                "reasoning": "Let me see.",
                "reasoning_details": [{**_SIGNED, "text": "Let me see.", "signature": "c2lnbmVk"}],
            }
        ),
    ),
    "one tool call": (
        stream(call(0, "", id_="c1", name="add"), call(0, '{"a":'), call(0, " 1}"), finish="tool_calls"),
        whole({"content": None, "tool_calls": made(("c1", "add", '{"a": 1}'))}, "tool_calls"),
    ),
    "text, then parallel calls": (
        stream(
            {"content": "I "},
            {"content": "add.", **call(0, '{"a": 1}', id_="c1", name="add")},
            call(1, '{"a": ', id_="c2", name="add"),
            call(1, "2}"),
            call(2, "", id_="c3", name="now"),
            finish="tool_calls",
        ),
        whole(
            {
                "content": "I add.",
                "tool_calls": made(("c1", "add", '{"a": 1}'), ("c2", "add", '{"a": 2}'), ("c3", "now", "")),
            },
            "tool_calls",
        ),
    ),
    "a call that never gets an id": (
        stream(call(0, '{"a": 1}', name="add"), finish="tool_calls"),
        whole(
            {
                "content": None,
                "tool_calls": [{"type": "function", "function": {"name": "add", "arguments": '{"a": 1}'}}],
            },
            "tool_calls",
        ),
    ),
    "a whole call and a cut-off one": (
        stream(
            {"content": "I add."},
            call(0, '{"a": 1}', id_="c1", name="add"),
            call(1, "", id_="c2", name="add"),
            call(1, '{"a": '),
            finish="length",
        ),
        whole({"content": "I add.", "tool_calls": made(("c1", "add", '{"a": 1}'), ("c2", "add", '{"a": '))}, "length"),
    ),
    "citations": (
        stream({"content": "See."}, {"annotations": [_CITED]}),
        whole({"content": "See.", "annotations": [_CITED]}),
    ),
    "pictures": (
        stream({"content": "Here."}, {"images": [_IMAGE]}, {"images": [_IMAGE]}),
        whole({"content": "Here.", "images": [_IMAGE]}),
    ),
    "a voice": (
        stream({"audio": {"id": "au", "data": "AA==", "transcript": "Hel"}}, {"audio": {"transcript": "lo"}}),
        whole({"content": "", "audio": {"id": "au", "data": "AA==", "transcript": "Hello"}}),
    ),
    "refusal": (
        stream({"refusal": "I will "}, {"refusal": "not."}),
        whole({"content": "", "refusal": "I will not."}),
    ),
}
"""Name -> the events of the streamed answer, and the body of the whole one."""

NAMES = sorted(SCENARIOS)


def facts(message: AIMessage) -> dict[str, Any]:
    """Return everything that a message says, as plain values; ids differ by run."""
    return {
        "content": message.content,
        "additional_kwargs": message.additional_kwargs,
        "response_metadata": message.response_metadata,
        "tool_calls": message.tool_calls,
        "invalid_tool_calls": message.invalid_tool_calls,
        "usage_metadata": message.usage_metadata,
        "content_blocks": without_indexes(message.content_blocks),
    }


def without_indexes(blocks: Iterable[Any]) -> list[dict[str, Any]]:
    """Return content blocks without the numbers by which streamed ones are merged."""
    return [{key: value for key, value in block.items() if key != "index"} for block in blocks]


def added(chunks: list[AIMessageChunk]) -> AIMessageChunk:
    """Return the sum of the chunks, one by one, as callers make it."""
    total = chunks[0]
    for one in chunks[1:]:
        total = total + one
    return total


def play(gateway: EmbeddedGateway, name: str, *, times: int = 1, **reply: Any) -> None:
    """Script the streamed form of a scenario."""
    gateway.enqueue(Reply(events=SCENARIOS[name][0], times=times, **reply))


def whole_message(gateway: EmbeddedGateway, make: Callable[..., ChatKilo], name: str, **arguments: Any) -> AIMessage:
    """Return what `invoke` makes of the whole form of a scenario."""
    gateway.enqueue(Reply(body=SCENARIOS[name][1]))
    return make(**arguments).invoke("Hello")


@pytest.mark.parametrize("name", NAMES)
def test_stream_adds_up_to_invoke(name: str, gateway: EmbeddedGateway, make: Callable[..., ChatKilo]) -> None:
    """Text, blocks, tool calls, usage and every key of the metadata are those of the unstreamed answer."""
    expected = facts(whole_message(gateway, make, name))
    play(gateway, name)
    assert facts(added(list(make().stream("Hello")))) == expected


@pytest.mark.parametrize("name", NAMES)
def test_async_stream_adds_up_to_invoke(name: str, gateway: EmbeddedGateway, make: Callable[..., ChatKilo]) -> None:
    """The async stream says what the sync answer says, and so does the async answer."""
    expected = facts(whole_message(gateway, make, name))
    play(gateway, name)
    gateway.enqueue(Reply(body=SCENARIOS[name][1]))

    async def run() -> tuple[dict[str, Any], dict[str, Any]]:
        chunks = [one async for one in make().astream("Hello")]
        return facts(added(chunks)), facts(await make().ainvoke("Hello"))

    streamed, awaited = asyncio.run(run())
    assert streamed == expected
    assert awaited == expected


@pytest.mark.parametrize("name", NAMES)
def test_invoke_that_streams_inside_is_invoke(
    name: str, gateway: EmbeddedGateway, make: Callable[..., ChatKilo]
) -> None:
    """`streaming=True` changes when tokens are seen, not what the message says."""
    expected = facts(whole_message(gateway, make, name))
    play(gateway, name)
    assert facts(make(streaming=True).invoke("Hello")) == expected


@pytest.mark.parametrize("name", NAMES)
def test_v1_stream_adds_up_to_v1_invoke(name: str, gateway: EmbeddedGateway, make: Callable[..., ChatKilo]) -> None:
    """With `output_version="v1"` content is standard blocks, the same ones streamed and whole."""
    expected = facts(whole_message(gateway, make, name, output_version="v1"))
    play(gateway, name)
    streamed = facts(added(list(make(output_version="v1").stream("Hello"))))
    assert without_indexes(streamed.pop("content")) == without_indexes(expected.pop("content"))
    assert streamed == expected


@pytest.mark.parametrize("name", NAMES)
def test_v3_events_are_valid_and_add_up(name: str, gateway: EmbeddedGateway, make: Callable[..., ChatKilo]) -> None:
    """Event streaming of version 3 keeps its lifecycle and ends with the message that `invoke` returns."""
    expected = facts(whole_message(gateway, make, name, output_version="v1"))
    play(gateway, name, times=2)
    assert_valid_event_stream(list(make().stream_events("Hello", version="v3")))
    running = make().stream_events("Hello", version="v3")
    for _ in running:
        pass
    output = facts(running.output)
    for found in (output, expected):
        for key in ("content", "content_blocks"):  # where these events alone have invalid calls, too
            found[key] = without_indexes(block for block in found[key] if block["type"] != "invalid_tool_call")
    assert output == expected


@pytest.mark.parametrize("sizes", [[1], [7], [64, 3, 1], [4096]])
def test_byte_splits_change_nothing(sizes: list[int], gateway: EmbeddedGateway, make: Callable[..., ChatKilo]) -> None:
    """Wherever the network cuts the stream, in events or in characters, the answer is the same."""
    name = "text, then parallel calls"
    expected = facts(whole_message(gateway, make, name))
    play(gateway, name, pieces=sizes)
    assert facts(added(list(make().stream("Hello")))) == expected


@pytest.mark.parametrize("name", NAMES)
def test_every_fact_is_stated_on_one_chunk(name: str, gateway: EmbeddedGateway, make: Callable[..., ChatKilo]) -> None:
    """All chunks but the last carry text, reasoning or tool call fragments, and the last one everything else."""
    play(gateway, name)
    *early, last = list(make().stream("Hello"))
    assert last.chunk_position == "last"
    assert (last.content, last.tool_call_chunks) == ("", [])
    assert last.usage_metadata is not None
    for one in early:
        assert one.response_metadata == {"model_provider": "kilo"}
        assert one.usage_metadata is None
        assert one.additional_kwargs.keys() <= {"reasoning_content"}


def test_interleaved_thinking_keeps_its_order(gateway: EmbeddedGateway, make: Callable[..., ChatKilo]) -> None:
    """Reasoning after text is a block of its own, in its place, where content is blocks."""
    events = stream(
        {"reasoning": "a"}, {"content": "b"}, {"reasoning": "c"}, call(0, "{}", id_="1", name="f"), {"content": "d"}
    )
    expected = [
        {"type": "reasoning", "reasoning": "a"},
        {"type": "text", "text": "b"},
        {"type": "reasoning", "reasoning": "c"},
        {"type": "tool_call", "name": "f", "args": {}, "id": "1"},
        {"type": "text", "text": "d"},
    ]
    gateway.enqueue(Reply(events=events, times=3))
    assert without_indexes(added(list(make(output_version="v1").stream("x"))).content) == expected
    running = make().stream_events("x", version="v3")
    for _ in running:
        pass
    assert without_indexes(running.output.content) == expected
    plain = added(list(make().stream("x")))
    assert (plain.content, plain.additional_kwargs["reasoning_content"]) == ("bd", "ac")


@pytest.mark.parametrize(
    ("arguments", "finish"),
    [
        ('{"path": "/data/a", "fl', "length"),
        ('{"path": "/data/a"', "length"),
        ('{"path": ["/data/a", "b', "length"),
        ('{"path": "/data/a\\', "length"),
        ('{"a": NaN}', "tool_calls"),
        ('{"a": 1} and more', "tool_calls"),
        ("", "length"),
        ("[1, 2]", "tool_calls"),
        ("nonsense", "tool_calls"),
    ],
)
def test_cut_off_calls_are_never_made_valid(
    arguments: str, finish: str, gateway: EmbeddedGateway, make: Callable[..., ChatKilo]
) -> None:
    """A call whose arguments are not whole is an invalid one: whole, added up, and in events of version 3.

    Its arguments are what the model wrote, and it says why it is one.
    """
    gateway.enqueue(Reply(body=whole({"content": None, "tool_calls": made(("c1", "w", arguments))}, finish)))
    message = make().invoke("x")
    events = stream(call(0, arguments, id_="c1", name="w"), {"content": ""}, finish=finish)
    gateway.enqueue(Reply(events=events, times=3))
    total = added(list(make().stream("x")))
    running = make().stream_events("x", version="v3")
    for _ in running:
        pass
    assert message.invalid_tool_calls[0]["args"] == arguments
    for one in (message, total, message_chunk_to_message(total), running.output):
        assert isinstance(one, AIMessage)
        assert one.tool_calls == []
        assert [(bad["name"], bad["id"]) for bad in one.invalid_tool_calls] == [("w", "c1")]
        assert (one.invalid_tool_calls[0]["args"] or "") == arguments
        assert one.invalid_tool_calls[0]["error"] == message.invalid_tool_calls[0]["error"] is not None


def test_leaving_a_stream_closes_its_connection(gateway: EmbeddedGateway, make: Callable[..., ChatKilo]) -> None:
    """A loop that breaks leaves no answer running at the gateway."""
    gateway.enqueue(Reply(events=stream(*[{"content": "x"}] * 50), event_delay_seconds=0.02, times=2))
    for _ in make().stream("x"):
        break

    async def run() -> None:
        async for _ in make().astream("x"):
            break

    asyncio.run(run())
    assert gateway.wait_until(lambda: gateway.open_streams == 0)


def test_other_choices_do_not_mix_into_a_stream(gateway: EmbeddedGateway, make: Callable[..., ChatKilo]) -> None:
    """A gateway that sends two choices unasked does not interleave them in one message."""
    events = [
        {
            **chunk({"content": "first "}),
            "choices": [{"index": 0, "delta": {"content": "first "}, "finish_reason": None}],
        },
        {**chunk({}), "choices": [{"index": 1, "delta": {"content": "second"}, "finish_reason": "stop"}]},
        {**chunk({}), "choices": [{"index": 0, "delta": {"content": "too"}, "finish_reason": "length"}]},
        "data: [DONE]\n\n",
    ]
    gateway.enqueue(Reply(events=events))
    total = added(list(make().stream("x")))
    assert (total.content, total.response_metadata["finish_reason"]) == ("first too", "length")
