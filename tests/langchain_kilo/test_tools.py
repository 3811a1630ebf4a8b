"""Tools and tool calls between LangChain and the wire."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from langchain_core.messages import AIMessage, AIMessageChunk, HumanMessage, ToolMessage
from langchain_core.messages.tool import tool_call_chunk
from langchain_core.runnables import RunnableBinding
from langchain_core.tools import Tool, tool
from pydantic import BaseModel
from pydantic.v1 import BaseModel as BaseModelV1

from kilo_gateway.answer.tool_calls import ToolCallDelta
from kilo_gateway.errors import InvalidRequestError
from kilo_gateway.stream.delta import Delta
from kilo_gateway.testing import Reply
from langchain_kilo.streaming import ChunkWriter
from langchain_kilo.tools import parse_calls, render_tool_choice, render_tools

if TYPE_CHECKING:
    from collections.abc import Callable

    from kilo_gateway.testing import EmbeddedGateway
    from langchain_kilo import ChatKilo

PARAMETERS = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}


@tool
def weather(city: str) -> str:
    """Tell the weather."""
    return f"It is sunny in {city}."


def weather_function(city: str) -> str:
    """Tell the weather."""
    return city


class Weather(BaseModel):
    """Tell the weather."""

    city: str


class OldWeather(BaseModelV1):
    """Tell the weather."""

    city: str


@pytest.mark.parametrize(
    ("given_tool", "name"),
    [
        (weather, "weather"),
        (weather_function, "weather_function"),
        (Weather, "Weather"),
        (OldWeather, "OldWeather"),
        ({"title": "from_schema", "description": "d", **PARAMETERS}, "from_schema"),
        ({"name": "from_function", "description": "d", "parameters": PARAMETERS}, "from_function"),
        ({"name": "from_anthropic", "description": "d", "input_schema": PARAMETERS}, "from_anthropic"),
        ({"type": "function", "function": {"name": "as_sent", "parameters": PARAMETERS}}, "as_sent"),
        ({"type": "function", "name": "of_responses", "description": "d", "parameters": PARAMETERS}, "of_responses"),
        ({"name": "of_mcp", "description": "d", "inputSchema": PARAMETERS}, "of_mcp"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_everything_that_describes_a_tool_becomes_one(given_tool: Any, name: str) -> None:
    """Functions, classes of both pydantics, tools and schemas become the wire's function, without `strict`."""
    [rendered] = render_tools([given_tool])
    assert rendered["type"] == "function"
    assert rendered["function"]["name"] == name
    assert rendered["function"]["parameters"]["properties"]["city"]["type"] == "string"
    assert "strict" not in rendered["function"]


@pytest.mark.parametrize(
    "own", [{"type": "openrouter:web_search"}, {"type": "web_search_20250305", "name": "web_search", "max_uses": 3}]
)
def test_tools_of_the_gateway_go_as_they_are(own: dict[str, Any]) -> None:
    """A tool that runs at the gateway or the provider is sent as written, whatever its type."""
    assert render_tools([own]) == [own]


class Folder(BaseModel):
    """A folder."""

    name: str
    folders: list[Folder] = []


@tool
def pack(folder: Folder, level: int = 3) -> str:
    """Pack a folder."""
    return folder.name * level


@pytest.mark.parametrize("given_tool", [Folder, pack])
def test_a_type_that_holds_itself_keeps_what_is_in_it(given_tool: Any) -> None:
    """The model is told what the inner values are; LangChain's own schema allows anything there."""
    [rendered] = render_tools([given_tool])
    parameters = rendered["function"]["parameters"]
    assert parameters["type"] == "object"
    assert parameters["$defs"]["Folder"]["properties"]["folders"]["items"] == {"$ref": "#/$defs/Folder"}


def test_a_tool_that_takes_text_is_no_function() -> None:
    """One that LangChain makes for OpenAI's models to write freely is sent in the wire's shape."""
    free = Tool("sh", str, "Run.", metadata={"type": "custom_tool"})
    assert render_tools([free]) == [{"type": "custom", "custom": {"name": "sh", "description": "Run."}}]


def test_cache_marks_of_tools_are_kept() -> None:
    """`cache_control` beside a tool reaches the wire, from a mapping and from a tool's extras."""
    mark = {"type": "ephemeral"}
    marked = weather.model_copy(update={"extras": {"cache_control": mark}})
    schema = {"name": "t", "description": "d", "input_schema": PARAMETERS, "cache_control": mark}
    assert [one["cache_control"] for one in render_tools([marked, schema])] == [mark, mark]


def test_strict_is_sent_only_when_asked() -> None:
    """`strict=True` closes the schema and says so."""
    [rendered] = render_tools([weather], strict=True)
    assert rendered["function"]["strict"] is True
    assert rendered["function"]["parameters"]["additionalProperties"] is False


@pytest.mark.parametrize("nonsense", [3, {"colour": "blue"}, None])
def test_what_is_no_tool_is_refused_by_its_place(nonsense: Any) -> None:
    """Something that no tool can be made of is a typed error that names which one."""
    with pytest.raises(InvalidRequestError, match=r"tools\[1\]"):
        render_tools([weather, nonsense])


@pytest.mark.parametrize(
    ("choice", "expected"),
    [
        (None, None),
        (False, None),
        (True, "required"),
        ("any", "required"),
        ("required", "required"),
        ("auto", "auto"),
        ("none", "none"),
        ("weather", {"type": "function", "function": {"name": "weather"}}),
        ({"type": "function", "function": {"name": "x"}}, {"type": "function", "function": {"name": "x"}}),
        ({"type": "tool", "name": "weather"}, {"type": "function", "function": {"name": "weather"}}),
        ({"type": "any"}, "required"),
    ],
)
def test_spellings_of_tool_choice(choice: Any, expected: Any) -> None:
    """Every way in which LangChain and its integrations say which tool means the wire's one."""
    assert render_tool_choice(choice, render_tools([weather, Weather])) == expected


def test_choice_of_an_unknown_tool_is_refused() -> None:
    """A name that no tool has is an error with the nearest name."""
    with pytest.raises(InvalidRequestError, match="did you mean 'weather'"):
        render_tool_choice("wether", render_tools([weather]))


def test_bound_tools_reach_the_wire(gateway: EmbeddedGateway, make: Callable[..., ChatKilo]) -> None:
    """`bind_tools` is a binding whose tools, choice and flags are in the request."""
    bound = make().bind_tools([weather, Weather], tool_choice=True, parallel_tool_calls=False)
    assert isinstance(bound, RunnableBinding)
    bound.invoke("What is the weather in Oslo?")
    body = gateway.requests[-1].body
    assert [one["function"]["name"] for one in body["tools"]] == ["weather", "Weather"]
    assert (body["tool_choice"], body["parallel_tool_calls"]) == ("required", False)


@pytest.mark.parametrize("arguments", [{}, {"tool_choice": "any"}, {"parallel_tool_calls": True}])
def test_no_tools_means_no_tool_options(
    arguments: dict[str, Any], gateway: EmbeddedGateway, make: Callable[..., ChatKilo]
) -> None:
    """`bind_tools([])` sends neither an empty list nor a choice, and takes the constructor's tools away."""
    make(tools=[weather]).bind_tools([], **arguments).invoke("Hello")
    assert not {"tools", "tool_choice", "parallel_tool_calls"} & gateway.requests[-1].body.keys()


def test_agent_loop_goes_round(make: Callable[..., ChatKilo], gateway: EmbeddedGateway) -> None:
    """A call is answered by its tool, and the answer uses the result."""
    model = make().bind_tools([weather])
    asked = HumanMessage("What is the weather in Oslo?")
    said = model.invoke([asked])
    results = [weather.invoke(call) for call in said.tool_calls]
    final = model.invoke([asked, said, *results])
    assert isinstance(results[0], ToolMessage)
    assert "sunny in Oslo" in final.text
    sent = gateway.requests[-1].body["messages"]
    assert json.loads(sent[1]["tool_calls"][0]["function"]["arguments"]) == {"city": "Oslo"}
    assert sent[2]["tool_call_id"] == sent[1]["tool_calls"][0]["id"]


@pytest.mark.parametrize(
    ("arguments", "finish", "parsed"),
    [
        ('{"a": 1}', "tool_calls", {"a": 1}),
        ("", "tool_calls", {}),
        (None, "stop", {}),
        ('{"a": 1}', "length", {"a": 1}),
        ("", "length", None),
        ('{"a": 1', "tool_calls", None),
        ("[1]", "tool_calls", None),
        ('{"a": Infinity}', "tool_calls", None),
    ],
)
def test_only_whole_arguments_make_a_call(arguments: str | None, finish: str, parsed: Any) -> None:
    """A call may be executed when its arguments are a whole JSON object that the end of the answer did not cut."""
    call = {"id": "c", "function": {"name": "f", "arguments": arguments}}
    valid, invalid = parse_calls([call], finish)
    assert [one["args"] for one in valid] == ([] if parsed is None else [parsed])
    assert [one["args"] for one in invalid] == ([arguments] if parsed is None else [])


_FRAGMENTS = st.text(alphabet='{}[]":,\\ a1\n\t\ufeff', max_size=12) | st.none()


@settings(deadline=None)
@given(
    fragments=st.lists(
        st.tuples(st.none() | st.just("c"), st.none() | st.just("f"), _FRAGMENTS), min_size=1, max_size=3
    )
)
def test_fast_chunk_equals_langchains_own(fragments: list[tuple[str | None, str | None, str | None]]) -> None:
    """The chunk made without the parser of partial JSON has every field that LangChain's constructor gives it."""
    deltas = [ToolCallDelta(place, id_, name, text or "") for place, (id_, name, text) in enumerate(fragments)]
    made = ChunkWriter().write(Delta(0, "", "", deltas, {}))
    ordinary = AIMessageChunk(
        content="",
        response_metadata={"model_provider": "kilo"},
        tool_call_chunks=[
            tool_call_chunk(name=one.name, args=one.arguments, id=one.id, index=one.position) for one in deltas
        ],
    )
    assert made is not None
    assert made.message == ordinary
    assert made.message.model_dump() == ordinary.model_dump()


def test_invalid_calls_go_back_as_json(gateway: EmbeddedGateway, make: Callable[..., ChatKilo]) -> None:
    """A broken call of the history is sent with arguments that are JSON, in which the broken text can be read."""
    broken = {"name": "f", "args": '{"a": 1', "id": "c1", "error": None, "type": "invalid_tool_call"}
    said = AIMessage("", invalid_tool_calls=[broken])
    make().invoke([HumanMessage("x"), said, ToolMessage("Not JSON.", tool_call_id="c1")])
    [call] = gateway.requests[-1].body["messages"][1]["tool_calls"]
    assert json.loads(call["function"]["arguments"]) == {"invalid_arguments": '{"a": 1'}


def test_arguments_that_json_cannot_carry_are_refused(make: Callable[..., ChatKilo]) -> None:
    """NaN in the arguments of a call of the history is an error, not a null."""
    said = AIMessage("", tool_calls=[{"name": "f", "args": {"a": float("nan")}, "id": "c1"}])
    with pytest.raises(InvalidRequestError, match="finite"):
        make().invoke([HumanMessage("x"), said, ToolMessage("y", tool_call_id="c1")])


def test_odd_calls_of_an_answer_are_survived(gateway: EmbeddedGateway, make: Callable[..., ChatKilo]) -> None:
    """Null arguments, arguments that are an object already, and a missing name never break the message."""
    calls = [
        {"id": "a", "type": "function", "function": {"name": "f", "arguments": None}},
        {"id": "b", "type": "function", "function": {"name": "g", "arguments": {"x": 1}}},
        {"id": "c", "type": "function", "function": None},
    ]
    choice = {"index": 0, "finish_reason": "tool_calls", "message": {"content": None, "tool_calls": calls}}
    gateway.enqueue(Reply(body={"choices": [choice]}))
    message = make().invoke("x")
    assert [(one["name"], one["args"]) for one in message.tool_calls][:2] == [("f", {}), ("g", {"x": 1})]


@pytest.mark.parametrize(
    ("arguments", "finish_reason", "said"),
    [
        ('{"city": "Os', "length", "cut off"),
        ("Oslo", "stop", "not JSON"),
        ("[1]", "tool_calls", "not an object"),
        ("", "length", "before the arguments of this call came"),
    ],
)
def test_an_invalid_call_says_why_it_is_one(arguments: str, finish_reason: str, said: str) -> None:
    """The reason stands where LangChain has a place for it; it was None."""
    calls, invalid = parse_calls([{"id": "c1", "function": {"name": "f", "arguments": arguments}}], finish_reason)

    assert calls == []
    assert said in (invalid[0]["error"] or "")
