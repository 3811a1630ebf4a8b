"""Answers as they stream and as they come whole, for tests that compare the two."""

from __future__ import annotations

from typing import Any

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
    events: list[Any] = [chunk({"role": "assistant", "content": ""}), *map(chunk, deltas), chunk({"content": ""}, finish)]
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
_CITED = {"type": "url_citation", "url_citation": {"url": "https://a.example", "title": "A", "start_index": 0, "end_index": 4}}
_IMAGE = {"type": "image_url", "image_url": {"url": "data:image/png;base64,iVBORw0KGgo="}}

SCENARIOS: dict[str, tuple[list[Any], dict[str, Any]]] = {
    "text": (stream({"content": "Hel"}, {"content": "lo"}), whole({"content": "Hello"})),
    "usage with a delta of its own": (stream({"content": "Hello"}, shape="a"), whole({"content": "Hello"})),
    "usage without a choice": (stream({"content": "Hello"}, shape="b"), whole({"content": "Hello"})),
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
            {"content": None, "tool_calls": [{"type": "function", "function": {"name": "add", "arguments": '{"a": 1}'}}]},
            "tool_calls",
        ),
    ),
    "citations": (
        stream({"content": "See."}, {"annotations": [_CITED]}),
        whole({"content": "See.", "annotations": [_CITED]}),
    ),
    "pictures": (
        stream({"content": "Here."}, {"images": [_IMAGE]}, {"images": [_IMAGE]}),
        whole({"content": "Here.", "images": [_IMAGE]}),
    ),
    "refusal": (
        stream({"refusal": "I will "}, {"refusal": "not."}),
        whole({"content": "", "refusal": "I will not."}),
    ),
}
"""Name -> the events of the streamed answer, and the body of the whole one."""
