"""The body of a request: proxy style, row by row, with everything that is never added."""

from __future__ import annotations

import copy
import json
import math
import types
from typing import Any

import pytest

from kilo_gateway.errors import InvalidRequestError
from kilo_gateway.jsontext import dumps
from kilo_gateway.request.body import render_request
from kilo_gateway.request.options import OPTIONS

MESSAGES: list[dict[str, Any]] = [{"role": "user", "content": "Hello"}]
TOOL = {"type": "function", "function": {"name": "look", "parameters": {"type": "object", "properties": {}}}}
MODELS = ["kilo/auto", "x-ai/grok-4", "google/gemini-3-pro-preview", "openai/gpt-5.4", "anthropic/claude-sonnet-4"]


def body_of(
    messages: Any = MESSAGES, *, model_id: str = "anthropic/claude-sonnet-4", stream: bool = False, **options: Any
) -> dict[str, Any]:
    """Return the body, after checking that neither messages nor options were changed."""
    is_copied = isinstance(messages, (list, tuple))
    before = copy.deepcopy((messages if is_copied else None, options))
    body = render_request(messages, model_id=model_id, stream=stream, options=options)
    assert (messages if is_copied else None, options) == before
    return body


@pytest.mark.parametrize("model_id", MODELS)
def test_exact_body(model_id: str) -> None:
    """Without options the body is the model and the messages; a stream adds its two keys, and nothing else is added."""
    assert body_of(model_id=model_id) == {"model": model_id, "messages": MESSAGES}
    assert body_of(model_id=model_id, stream=True) == {
        "model": model_id,
        "messages": MESSAGES,
        "stream": True,
        "stream_options": {"include_usage": True},
    }


_NEVER_ADDED = frozenset(
    (
        *("store", "service_tier", "prompt_cache_key", "prompt_cache_retention", "context_management"),
        *("reasoning_effort", "include_reasoning", "thinking", "enable_thinking", "verbosity"),
        *("max_tokens", "max_completion_tokens", "temperature", "top_p", "stop", "n", "seed"),
        *("tools", "tool_choice", "parallel_tool_calls", "response_format"),
        *("metadata", "user", "provider", "models", "transforms", "plugins", "usage", "cache_control", "route"),
        *("session_id", "safety_identifier", "providerOptions", "functions", "function_call"),
    )
)


@pytest.mark.parametrize("model_id", MODELS)
@pytest.mark.parametrize("stream", [False, True])
def test_no_key_is_added(stream: bool, model_id: str) -> None:
    """What nobody asked for is absent, not null and not false, for every family of models, with a level or without."""
    bodies = [body_of(model_id=model_id, stream=stream), body_of(model_id=model_id, stream=stream, reasoning="high")]
    assert [_NEVER_ADDED.intersection(body) for body in bodies] == [set(), set()]
    assert b"cache_control" not in dumps(body_of(model_id=model_id, stream=stream, tools=[TOOL]))


VALUES: dict[str, Any] = {
    "a number": 0.5,
    "a whole number": 3,
    "true or false": False,
    "text": "x",
    "a mapping": {"a": 1},
    "a list": [{"a": 1}],
    "anything": ["x"],
}


@pytest.mark.parametrize("name", OPTIONS)
def test_what_the_caller_gives_is_left_untouched(name: str) -> None:
    """Every option is sent under its own name as it is, also those that are never added, such as `store`."""
    options: dict[str, Any] = {"tools": [TOOL], name: VALUES[OPTIONS[name]]}
    nothing: dict[str, Any] = {name: None}
    for model_id in ("kilo/auto", "openai/gpt-5.4"):
        assert body_of(model_id=model_id, **options)[name] == VALUES[OPTIONS[name]]
        assert name not in body_of(model_id=model_id, **nothing)


@pytest.mark.parametrize("name", ["max_tokens", "max_completion_tokens"])
def test_output_limit_keeps_the_name_that_the_caller_used(name: str) -> None:
    """The limit is sent under the one name it was given by."""
    limit: dict[str, Any] = {name: 100}
    body = body_of(**limit)
    assert {key: value for key, value in body.items() if key.startswith("max_")} == {name: 100}


@pytest.mark.parametrize(
    ("stop", "sent"),
    [("END", ["END"]), ("", [""]), (["a", "b"], ["a", "b"]), (("a",), ("a",)), ({"x": 1}, {"x": 1}), (5, 5)],
)
def test_stop_that_is_text_becomes_a_list(stop: Any, sent: Any) -> None:
    """Text becomes a list of one; lists and others stay; it holds for extra_body too."""
    assert body_of(stop=stop)["stop"] == sent
    assert body_of(extra_body={"stop": stop})["stop"] == sent
    assert body_of(stop="other", extra_body={"stop": stop})["stop"] == sent


def test_empty_stop_is_not_sent() -> None:
    """An empty list of stops means none."""
    assert "stop" not in body_of(stop=[])
    assert "stop" not in body_of(stop=())


@pytest.mark.parametrize("choice", ["auto", "none", "required", {"type": "function", "function": {"name": "look"}}])
@pytest.mark.parametrize("parallel", [True, False])
def test_tool_options_are_the_callers(choice: Any, parallel: bool) -> None:
    """`tool_choice` and `parallel_tool_calls` are sent as given, and never by themselves."""
    body = body_of(tools=[TOOL], tool_choice=choice, parallel_tool_calls=parallel)
    assert (body["tool_choice"], body["parallel_tool_calls"]) == (choice, parallel)
    bare = body_of(tools=[TOOL])
    assert bare["tools"] == [TOOL]
    assert not {"tool_choice", "parallel_tool_calls"} & set(bare)
    assert "parallel_tool_calls" not in body_of(tools=[TOOL], parallel_tool_calls=None)


@pytest.mark.parametrize("tools", [None, [], ()])
def test_tool_options_go_where_there_are_no_tools(tools: Any) -> None:
    """Empty tools are not sent, nor is what only makes sense with tools, even when the history has tool calls."""
    history = [*MESSAGES, {"role": "assistant", "content": None, "tool_calls": []}]
    body = body_of(history, tools=tools, tool_choice="auto", parallel_tool_calls=True)
    assert body == {"model": "anthropic/claude-sonnet-4", "messages": history}


def test_tool_options_stay_when_the_tools_are_in_extra_body() -> None:
    """Tools count wherever they were given; extra_body itself is sent as it is."""
    assert body_of(tool_choice="auto", extra_body={"tools": [TOOL]})["tool_choice"] == "auto"
    assert "tool_choice" not in body_of(tools=[TOOL], tool_choice="auto", extra_body={"tools": []})
    assert body_of(extra_body={"tools": [], "tool_choice": "none"})["tool_choice"] == "none"


@pytest.mark.parametrize("strict", [None, True, False])
def test_strict_is_the_callers(strict: bool | None) -> None:
    """A tool has no `strict` key unless its function came with one, and then that one."""
    function = {**TOOL["function"], **({} if strict is None else {"strict": strict})}  # type: ignore[dict-item]
    (sent,) = body_of(tools=[{**TOOL, "function": function}])["tools"]
    assert sent["function"].get("strict", "absent") == ("absent" if strict is None else strict)


@pytest.mark.parametrize("model_id", [*MODELS, "openai/o3"])
def test_developer_is_told_as_system(model_id: str) -> None:
    """Role `developer` becomes `system` for every model, with the rest of the message as it was."""
    messages = [
        {"role": "developer", "content": "Be short.", "name": "x"},
        {"role": "system", "content": "y"},
        *MESSAGES,
    ]
    sent = body_of(messages, model_id=model_id)["messages"]
    assert sent == [{"role": "system", "content": "Be short.", "name": "x"}, *messages[1:]]
    assert sent[1] is messages[1]


@pytest.mark.parametrize(
    "messages",
    [
        [{"role": "assistant", "content": "first"}],
        [{"role": "assistant", "content": "a"}, {"role": "assistant", "content": "b"}],
        [{"role": "user", "content": "a"}, {"role": "user", "content": "b"}],
        [
            {
                "role": "assistant",
                "tool_calls": [{"id": "call_a-b|c", "type": "function", "function": {"arguments": "{}"}}],
            }
        ],
        [{"role": "user", "content": [{"type": "text", "text": "x", "cache_control": {"type": "ephemeral"}}]}],
        [{"role": "assistant", "content": None, "reasoning_details": [{"type": "reasoning.text", "signature": "x"}]}],
        [{"role": "tool", "tool_call_id": "orphan", "content": ""}],
        [{"role": "function", "name": "f", "content": "x"}, {"role": "other"}],
    ],
)
@pytest.mark.parametrize("model_id", MODELS)
def test_history_is_replayed_as_it_is(messages: list[dict[str, Any]], model_id: str) -> None:
    """No turn is merged, prepended, dropped or renamed, for Gemini as for any other; ids and markers stay."""
    assert body_of(messages, model_id=model_id)["messages"] == messages


@pytest.mark.parametrize(
    ("model_id", "kept"),
    [
        ("google/gemini-3-pro-preview", ["thoughtSignature"]),
        ("x/My-GEMINI-tune", ["thoughtSignature"]),
        ("anthropic/claude-sonnet-4", ["thoughtSignature", "other"]),
        ("kilo/auto", ["thoughtSignature", "other"]),
        ("google/gemma-3", ["thoughtSignature", "other"]),
    ],
)
def test_signatures_follow_the_rule_of_the_family(model_id: str, kept: list[str]) -> None:
    """Gemini refs lose every signature that is not base64, all others only Claude message ids."""
    parts = [
        {"type": "text", "text": "a", "thought_signature": "msg_abc123"},
        {"type": "text", "text": "b", "thoughtSignature": "c2ln"},
        {"type": "text", "text": "c", "thought_signature": "not base64", "id": "other"},
    ]
    messages = [{"role": "assistant", "content": parts}, {"role": "user", "content": parts}]
    assistant, user = body_of(messages, model_id=model_id)["messages"]
    assert [part["text"] for part in assistant["content"]] == ["a", "b", "c"]
    assert "thought_signature" not in assistant["content"][0]
    assert assistant["content"][1]["thoughtSignature"] == "c2ln"
    assert ("thought_signature" in assistant["content"][2]) is ("other" in kept)
    assert user["content"] == parts


@pytest.mark.parametrize(
    ("model_id", "options", "reasoning"),
    [
        ("anthropic/claude-sonnet-4", {"reasoning": "high"}, {"effort": "high"}),
        ("anthropic/claude-sonnet-4", {"reasoning_effort": "high"}, {"effort": "high"}),
        ("anthropic/claude-sonnet-4", {"reasoning": "low", "reasoning_effort": "low"}, {"effort": "low"}),
        (
            "anthropic/claude-sonnet-4",
            {"reasoning_effort": "high", "reasoning": {"max_tokens": 256}},
            {"max_tokens": 256},
        ),
        (
            "anthropic/claude-sonnet-4",
            {"reasoning_effort": "high", "reasoning": {"effort": "low", "summary": "auto"}},
            {"effort": "low", "summary": "auto"},
        ),
        (
            "anthropic/claude-sonnet-4",
            {"reasoning_effort": "high", "reasoning": {"exclude": True}},
            {"exclude": True, "effort": "high"},
        ),
        ("openai/gpt-5.4", {"reasoning": "adaptive"}, {"effort": "medium"}),
        ("openai/gpt-5.4", {"reasoning": "max"}, {"effort": "xhigh"}),
        ("openai/gpt-5.4", {"reasoning": "off"}, None),
        ("openai/gpt-5.4", {"reasoning_effort": "off"}, None),
        ("openai/gpt-5.4", {"reasoning": {"effort": "none"}}, {"effort": "none"}),
        ("kilo/auto", {"reasoning": "high"}, None),
        ("kilo-auto/balanced", {"reasoning_effort": "high"}, None),
        ("kilo/auto", {"reasoning": {"effort": "high"}}, {"effort": "high"}),
        ("x-ai/grok-3", {"reasoning_effort": "high"}, None),
        ("x-ai/grok-3", {"reasoning_effort": "high", "reasoning": {"max_tokens": 100}}, {"max_tokens": 100}),
        ("kilo/auto", {"reasoning_effort": "high", "reasoning": {}}, {}),
        (
            "a/b",
            {"reasoning": "high", "extra_body": {"reasoning": {"exclude": True}}},
            {"exclude": True, "effort": "high"},
        ),
        ("a/b", {"reasoning": "high", "extra_body": {"reasoning": None}}, {"effort": "high"}),
        ("a/b", {"reasoning": "high", "extra_body": {"reasoning": {"max_tokens": 9}}}, {"max_tokens": 9}),
        ("a/b", {"reasoning": {"max_tokens": 9}, "extra_body": {"reasoning": {"effort": "low"}}}, {"effort": "low"}),
        ("a/b", {"extra_body": {"reasoning_effort": "high"}}, {"effort": "high"}),
        ("a/b", {"extra_body": {"reasoning_effort": None}}, None),
        ("a/b", {"reasoning": "low", "extra_body": {"reasoning_effort": "high"}}, {"effort": "low"}),
        (
            "a/b",
            {"extra_body": {"reasoning_effort": "low", "reasoning": {"exclude": True}}},
            {"exclude": True, "effort": "low"},
        ),
        ("kilo/auto", {"extra_body": {"reasoning_effort": "high"}}, None),
        ("x-ai/grok-4", {"reasoning": "high", "extra_body": {"reasoning": {"exclude": True}}}, {"exclude": True}),
    ],
)
def test_reasoning(model_id: str, options: dict[str, Any], reasoning: dict[str, Any] | None) -> None:
    """A level becomes `reasoning.effort` where the family takes it, an own object stays, and no `reasoning_effort`."""
    body = body_of(model_id=model_id, **options)
    assert body.get("reasoning") == reasoning
    assert ("reasoning" in body) is (reasoning is not None)
    assert "reasoning_effort" not in body


@pytest.mark.parametrize(
    "options",
    [
        {"reasoning": "high", "reasoning_effort": "low"},
        {"reasoning": "hihg"},
        {"reasoning": 5},
        {"reasoning": True},
        {"reasoning_effort": {"effort": "high"}},
        {"reasoning": {1: 2}},
        {"extra_body": {"reasoning_effort": "hihg"}},
    ],
)
def test_unusable_reasoning_is_refused(options: dict[str, Any]) -> None:
    """A level that does not exist, or two that disagree, are refused before anything is sent."""
    with pytest.raises(InvalidRequestError, match=r"reasoning"):
        body_of(**options)


@pytest.mark.parametrize(
    "extra",
    [
        {"temperature": 1, "brand_new": {"x": [1]}},
        {"reasoning": {"effort": "low"}},
        {"max_tokens": None},
        {},
    ],
)
def test_extra_body_wins_over_everything(extra: dict[str, Any]) -> None:
    """What is in extra_body is sent over options of the same name."""
    body = body_of(stream=True, temperature=0, reasoning="high", extra_body=extra)
    assert {**body, **extra} == body
    assert body["messages"] == MESSAGES
    assert "extra_body" not in body
    read_only = {"extra_body": types.MappingProxyType(extra)}
    assert render_request(MESSAGES, model_id="m", stream=False, options=read_only) == {
        "model": "m",
        "messages": MESSAGES,
        **extra,
    }


@pytest.mark.parametrize(
    ("own", "sent"),
    [
        ({"include_usage": False}, {"include_usage": False}),
        ({"include_obfuscation": False}, {"include_usage": True, "include_obfuscation": False}),
        (None, {"include_usage": True}),
    ],
)
def test_options_of_streams_go_out_with_streams(own: Any, sent: dict[str, Any]) -> None:
    """They still ask for the tokens unless they say otherwise, and no other call has them."""
    extra = {"stream_options": own}
    assert body_of(stream=True, extra_body=extra)["stream_options"] == sent
    assert body_of(extra_body=extra) == body_of()


def test_an_empty_list_of_tools_is_not_sent() -> None:
    """Some servers refuse it, wherever it was given."""
    assert body_of(tools=[TOOL], tool_choice="auto", extra_body={"tools": []}) == body_of()


@pytest.mark.parametrize("name", ["model", "messages", "stream"])
def test_extra_body_cannot_replace_an_argument(name: str) -> None:
    """What this package itself relies on is refused in extra_body, by name."""
    with pytest.raises(InvalidRequestError, match=f"extra_body holds '{name}'"):
        body_of(extra_body={name: None})


@pytest.mark.parametrize("extra", [[], "x", 5, [("a", 1)], True])
def test_extra_body_is_a_mapping(extra: Any) -> None:
    """Anything but a mapping is refused."""
    with pytest.raises(InvalidRequestError, match=r"^extra_body must be a mapping"):
        body_of(extra_body=extra)


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
@pytest.mark.parametrize(
    ("wrap", "place"),
    [
        (lambda x: {"temperature": x}, "temperature="),
        (lambda x: {"logit_bias": {"5": x}}, "logit_bias.5="),
        (lambda x: {"tools": [{"function": {"parameters": {"maximum": x}}}]}, "tools[0].function.parameters.maximum="),
        (lambda x: {"reasoning": {"max_tokens": x}}, "reasoning.max_tokens="),
        (lambda x: {"extra_body": {"a": (1, x)}}, "extra_body"),
        (lambda x: {"messages": [{"role": "user", "content": [{"y": [x]}]}]}, "messages[0].content[0].y[0]="),
        (lambda x: {"messages": [*MESSAGES, {"role": "user", "content": x}]}, "messages[1].content="),
    ],
)
def test_nan_and_infinity_are_refused(value: float, wrap: Any, place: str) -> None:
    """A number that JSON does not know is refused with its place, wherever it stands, instead of being sent as null."""
    with pytest.raises(InvalidRequestError) as caught:
        body_of(**wrap(value))
    assert str(caught.value).startswith("a[1]=" if place == "extra_body" else place)
    assert isinstance(caught.value, ValueError)
    assert caught.value.model == "anthropic/claude-sonnet-4"


def test_circle_is_refused_at_once() -> None:
    """Values that hold themselves end in an error, not in a search without end."""
    ring: list[Any] = []
    ring += [ring, ring]
    with pytest.raises(InvalidRequestError, match=r"nested more than 200 deep, or in a circle"):
        render_request(MESSAGES, model_id="m/x", stream=False, options={"tools": ring})


@pytest.mark.parametrize("messages", [[], ()])
def test_empty_message_list_is_refused(messages: Any) -> None:
    """No messages is a clear ValueError that names the model and shows one."""
    with pytest.raises(
        InvalidRequestError, match=r"no messages to send to model 'anthropic/claude-sonnet-4'"
    ) as caught:
        body_of(messages)
    assert isinstance(caught.value, ValueError)


@pytest.mark.parametrize("messages", ["Hello", {"role": "user"}, None, 5, iter(MESSAGES), {1}])
def test_messages_are_a_list(messages: Any) -> None:
    """What is no list of messages is refused by its type."""
    with pytest.raises(InvalidRequestError, match=f"must be a list of messages, not a {type(messages).__name__}"):
        render_request(messages, model_id="m/x", stream=False, options={})


@pytest.mark.parametrize("odd", [None, "Hello", 5, [], {}, {"content": "x"}, {"role": None}, {"role": ""}, {"role": 5}])
def test_entry_that_is_no_message_names_its_place(odd: Any) -> None:
    """An entry without a role is refused with its position."""
    with pytest.raises(InvalidRequestError, match=r"^messages\[1\] is not a message"):
        body_of([*MESSAGES, odd])


@pytest.mark.parametrize("rule", ["gemini", "claude"])
def test_any_mapping_is_a_message(rule: str) -> None:
    """A read-only mapping is shaped like a dict, signatures and roles too."""
    part = {"type": "text", "text": "a", "thought_signature": "msg_abc123"}
    messages = tuple(
        types.MappingProxyType(message)
        for message in ({"role": "developer", "content": "x"}, {"role": "assistant", "content": [part]})
    )
    body = render_request(messages, model_id=f"x/{rule}", stream=False, options=types.MappingProxyType({"seed": 1}))
    assert json.loads(dumps(body))["messages"] == [
        {"role": "system", "content": "x"},
        {"role": "assistant", "content": [{"type": "text", "text": "a"}]},
    ]


def test_unknown_option_is_refused_with_the_nearest() -> None:
    """A misspelt option is an error that helps, and the names with rules of their own are known to it."""
    with pytest.raises(InvalidRequestError, match=r"'temprature'\. Did you mean 'temperature'\?"):
        body_of(temprature=0)
    with pytest.raises(InvalidRequestError, match=r"Did you mean 'reasoning_effort'\?"):
        body_of(reasoning_efort="high")


def test_what_is_not_changed_is_shared() -> None:
    """Large messages are not copied: those that no rule touches are the objects that were passed in."""
    messages = [{"role": "user", "content": "x" * 1000}, {"role": "assistant", "content": [{"type": "text"}]}]
    body = body_of(messages)
    assert all(sent is given for sent, given in zip(body["messages"], messages, strict=True))
    assert body["messages"] is not messages
