"""When the built-in models call tools, and with what."""

from __future__ import annotations

from typing import Any

import orjson
import pytest

from kilo_gateway.testing.builtin_models.models import draft_answer


def _tool(name: str, description: str, required: list[str] | None = None, **properties: Any) -> dict[str, Any]:
    schema = {
        "type": "object",
        "properties": properties,
        "required": list(properties) if required is None else required,
    }
    return {"type": "function", "function": {"name": name, "description": description, "parameters": schema}}


TEXT, WHOLE, NUMBER = {"type": "string"}, {"type": "integer"}, {"type": "number"}
UNIT = {"type": "string", "enum": ["celsius", "fahrenheit"]}
WEATHER = _tool("get_weather", "Get the current weather in a city.", ["city"], city=TEXT, unit=UNIT)
MULTIPLY = _tool("multiply", "Multiply two integers.", a=WHOLE, b=WHOLE)
ADD = _tool("add", "Add two numbers.", a=NUMBER, b=NUMBER)
SUBTRACT = _tool("subtract", "Subtract b from a.", a=WHOLE, b=WHOLE)
SEARCH = _tool("search", "Search the web for a query.", query=TEXT)
FLIGHT = _tool(
    "book_flight",
    "Book a flight.",
    ["origin", "destination", "date"],
    origin=TEXT,
    destination=TEXT,
    date={"type": "string", "format": "date"},
    passengers={"type": "integer", "default": 1},
)
EMAIL = _tool("send_email", "Send an email.", to=TEXT, subject=TEXT, body=TEXT)
LIGHT = _tool("set_light", "Switch the light.", room=TEXT, on={"type": "boolean"})
NOTE = {
    "type": "function",
    "function": {
        "name": "save_person",
        "description": "Save a person.",
        "parameters": {
            "type": "object",
            "properties": {"person": {"$ref": "#/$defs/Person"}},
            "required": ["person"],
            "$defs": {
                "Person": {
                    "type": "object",
                    "properties": {"name": TEXT, "age": WHOLE, "tags": {"type": "array", "items": TEXT}},
                    "required": ["name", "age"],
                }
            },
        },
    },
}
TOOLS = [WEATHER, MULTIPLY, ADD, SUBTRACT, SEARCH, FLIGHT, EMAIL, LIGHT, NOTE]


def _calls(text: str, tools: list[Any] | None = None, **body: Any) -> list[tuple[str, Any]]:
    draft = draft_answer({"messages": [{"role": "user", "content": text}], "tools": tools or TOOLS, **body})
    assert (draft.finish_reason == "tool_calls") == bool(draft.tool_calls)
    return [(call.name, orjson.loads(call.arguments)) for call in draft.tool_calls]


@pytest.mark.parametrize(
    ("text", "calls"),
    [
        ("What is the weather in Paris?", [("get_weather", {"city": "Paris"})]),
        (
            "Check the temperature in New York in fahrenheit.",
            [("get_weather", {"city": "New York", "unit": "fahrenheit"})],
        ),
        ("weather in Paris and Rome", [("get_weather", {"city": "Paris"}), ("get_weather", {"city": "Rome"})]),
        ("multiply 3 by 4", [("multiply", {"a": 3, "b": 4})]),
        ("What is 3 * 4?", [("multiply", {"a": 3, "b": 4})]),
        ("Please add 1.5 and 2", [("add", {"a": 1.5, "b": 2})]),
        ("Subtract 3 from 10", [("subtract", {"a": 10, "b": 3})]),
        ("Search the web for red pandas", [("search", {"query": "red pandas"})]),
        (
            "Book a flight from Berlin to Madrid on 2026-05-01 for 2 passengers",
            [("book_flight", {"origin": "Berlin", "destination": "Madrid", "date": "2026-05-01", "passengers": 2})],
        ),
        (
            'Send an email to ann@example.com with subject: Lunch and body "See you"',
            [("send_email", {"to": "ann@example.com", "subject": "Lunch", "body": "See you"})],
        ),
        (
            "Save the person John Smith, who is 42 years old",
            [("save_person", {"person": {"name": "John Smith", "age": 42}})],
        ),
        ("Hello there!", []),
        ("Who wrote Hamlet?", []),
        ("Thanks a lot", []),
    ],
)
def test_a_fitting_tool_is_called(text: str, calls: list[Any]) -> None:
    """A tool is called when the message asks for what it does, with the message's values; small talk calls none."""
    assert _calls(text) == calls


def test_tool_choice_is_respected() -> None:
    """`none` forbids, a name and `required` force, `parallel_tool_calls: false` allows one call."""
    assert _calls("weather in Paris", tool_choice="none") == []
    named = {"type": "function", "function": {"name": "multiply"}}
    assert [name for name, _ in _calls("Hello", tool_choice=named)] == ["multiply"]
    assert len(_calls("Hello", tool_choice="required")) == 1
    assert _calls("weather in Paris and Rome", parallel_tool_calls=False) == [("get_weather", {"city": "Paris"})]


def test_results_are_composed_and_not_asked_for_again() -> None:
    """With its results there, the answer says them and calls nothing."""
    messages = [
        {"role": "user", "content": "weather in Paris and Rome"},
        {
            "role": "assistant",
            "tool_calls": [
                {"id": "1", "function": {"name": "get_weather", "arguments": '{"city": "Paris"}'}},
                {"id": "2", "function": {"name": "get_weather", "arguments": '{"city": "Rome"}'}},
            ],
        },
        {"role": "tool", "tool_call_id": "1", "content": "18 degrees"},
        {"role": "tool", "tool_call_id": "2", "content": '{"degrees": 25}'},
    ]
    draft = draft_answer({"messages": messages, "tools": TOOLS})
    assert draft.tool_calls == []
    assert draft.text is not None
    assert "18 degrees" in draft.text
    assert "degrees: 25" in draft.text


def test_steps_follow_one_another() -> None:
    """A second step waits for the first one's result and uses it; then comes the answer."""
    messages: list[dict[str, Any]] = [{"role": "user", "content": "What is 12 times 7, then add 5 to the result?"}]
    seen = []
    for result in ("84", "89", None):
        draft = draft_answer({"messages": messages, "tools": TOOLS})
        if result is None:
            assert "89" in (draft.text or "")
            break
        call = draft.tool_calls[0]
        seen.append((call.name, orjson.loads(call.arguments)))
        messages += [
            {
                "role": "assistant",
                "tool_calls": [{"id": result, "function": {"name": call.name, "arguments": call.arguments}}],
            },
            {"role": "tool", "tool_call_id": result, "content": result},
        ]
    assert seen == [("multiply", {"a": 12, "b": 7}), ("add", {"a": 84, "b": 5})]


def test_a_new_question_after_results_starts_anew() -> None:
    """Results of an earlier turn do not answer a new question."""
    messages = [
        {"role": "user", "content": "weather in Paris"},
        {"role": "assistant", "tool_calls": [{"id": "1", "function": {"name": "get_weather", "arguments": "{}"}}]},
        {"role": "tool", "tool_call_id": "1", "content": "18 degrees"},
        {"role": "assistant", "content": "18 degrees"},
        {"role": "user", "content": "And what is the weather in Rome?"},
    ]
    draft = draft_answer({"messages": messages, "tools": TOOLS})
    assert [orjson.loads(call.arguments) for call in draft.tool_calls] == [{"city": "Rome"}]


@pytest.mark.parametrize("text", ["Turn on the light in the kitchen", "Set the light with on: true in the kitchen"])
def test_booleans_and_lower_case_places(text: str) -> None:
    """A flag that the message names is true."""
    [(name, arguments)] = _calls(text, [LIGHT])
    assert (name, arguments["on"]) == ("set_light", True)


@pytest.mark.parametrize(
    "tools", [None, [], "x", [None], [{"type": "function"}], [{"function": {"name": 5}}], [{"function": {"name": "f"}}]]
)
def test_odd_tools_do_no_harm(tools: Any) -> None:
    """Tools of odd shapes are passed over; a tool without parameters can be called without arguments."""
    messages = [{"role": "user", "content": "call f"}]
    draft = draft_answer({"messages": messages, "tools": tools, "tool_choice": "auto"})
    assert all(call.arguments == "{}" for call in draft.tool_calls)
