"""Objects instead of text: every method, every kind of schema, and why there is none when there is none."""

from __future__ import annotations

import asyncio
import datetime
import json
import pickle
from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING, Annotated, Any, Literal

import pytest
from langchain_core.exceptions import OutputParserException
from pydantic import BaseModel, Field, RootModel
from pydantic.v1 import BaseModel as BaseModelV1
from typing_extensions import TypedDict

from kilo_gateway.errors import InvalidRequestError, KiloError
from kilo_gateway.testing import Fault, Reply
from langchain_kilo.errors import KiloBadRequestError
from langchain_kilo.structured_parser import RefusedOutputError, StructuredOutputError, TruncatedOutputError

if TYPE_CHECKING:
    from collections.abc import Callable

    from kilo_gateway.testing import EmbeddedGateway
    from langchain_kilo import ChatKilo


class Person(BaseModel):
    """A person."""

    name: str = Field(description="first name")
    age: int


class OldPerson(BaseModelV1):
    """A person."""

    name: str
    age: int


class PersonDict(TypedDict):
    """A person."""

    name: str
    age: int


PERSON_SCHEMA = {
    "title": "Person",
    "description": "A person.",
    "type": "object",
    "properties": {"name": {"type": "string"}, "age": {"type": "integer"}},
    "required": ["name", "age"],
}
ANN = '{"name": "Ann", "age": 41}'
METHODS = ["json_schema", "function_calling", "json_mode"]


def answer(method: str, text: str, **facts: Any) -> Reply:
    """Return an answer that holds the text where the method puts it."""
    if method == "function_calling":
        return Reply(tool_calls=[{"name": "Person", "arguments": text}], **facts)
    return Reply(text=text, **facts)


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("schema", [Person, OldPerson, PersonDict, PERSON_SCHEMA], ids=["v2", "v1", "typed", "json"])
def test_every_schema_works_with_every_method(
    schema: Any, method: str, gateway: EmbeddedGateway, make: Callable[..., ChatKilo]
) -> None:
    """A class gives an instance, anything else a mapping; called, awaited and streamed."""
    names = {"function_calling": getattr(schema, "__name__", "Person")}
    call = [{"name": names.get(method), "arguments": ANN}]
    reply = Reply(tool_calls=call, times=3) if method == "function_calling" else Reply(text=ANN, times=3)
    gateway.enqueue(reply)
    chain = make().with_structured_output(schema, method=method)
    found = [chain.invoke("x"), asyncio.run(chain.ainvoke("x")), list(chain.stream("x"))[-1]]
    for one in found:
        values = one if isinstance(one, dict) else {"name": one.name, "age": one.age}
        assert values == {"name": "Ann", "age": 41}
        assert isinstance(one, schema) if schema in (Person, OldPerson) else isinstance(one, dict)


def test_requests_of_the_methods(gateway: EmbeddedGateway, make: Callable[..., ChatKilo]) -> None:
    """`json_schema` sends the schema, `function_calling` forces the tool, `json_mode` asks for any object."""
    for method in METHODS:
        gateway.enqueue(answer(method, ANN))
        make().with_structured_output(Person, method=method).invoke("x")
    by_schema, by_call, by_mode = (request.body for request in gateway.requests)
    wanted = by_schema["response_format"]["json_schema"]
    assert (wanted["name"], wanted["strict"]) == ("Person", True)
    assert wanted["schema"]["additionalProperties"] is False
    assert by_call["tool_choice"] == {"type": "function", "function": {"name": "Person"}}
    assert "response_format" not in by_call
    assert by_mode["response_format"] == {"type": "json_object"}


@pytest.mark.parametrize(
    ("profile", "method"),
    [
        ({"structured_output": True, "tool_calling": True}, "json_schema"),
        ({"structured_output": False, "tool_calling": True}, "function_calling"),
        ({"tool_calling": False}, "json_mode"),
        (None, "function_calling"),
    ],
)
def test_the_catalog_chooses_the_method(
    profile: Any, method: str, gateway: EmbeddedGateway, make: Callable[..., ChatKilo]
) -> None:
    """Without `method` the best way that the model is known to support is taken."""
    gateway.enqueue(answer(method, ANN))
    model = make(profile=profile, model="lab/unknown-model")
    assert model.with_structured_output(Person).invoke("x", model="openai/gpt-5.2") == Person(name="Ann", age=41)
    sent = gateway.requests[-1].body
    kinds = {"json_schema": "json_schema", "json_mode": "json_object"}
    assert sent.get("response_format", {}).get("type") == kinds.get(method)
    assert ("tools" in sent) is (method == "function_calling")


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize(
    ("text", "facts", "error"),
    [
        ('{"name": "Ann", "a', {"finish_reason": "length"}, TruncatedOutputError),
        ('{"name": "Ann", "a', {}, StructuredOutputError),
        ('{"name": "Ann"}', {}, StructuredOutputError),
        ('["Ann"]', {}, StructuredOutputError),
        ('{"name": "Ann", "age": "old"}', {}, StructuredOutputError),
    ],
    ids=["cut off", "broken", "incomplete", "no object", "wrong type"],
)
def test_half_an_object_is_no_object(
    text: str,
    facts: dict[str, Any],
    error: type[Exception],
    method: str,
    gateway: EmbeddedGateway,
    make: Callable[..., ChatKilo],
) -> None:
    """A cut-off, broken or unfitting answer raises, called and streamed; nothing half-filled is returned."""
    gateway.enqueue(answer(method, text, times=2, **facts))
    chain = make().with_structured_output(Person, method=method)
    for attempt in (lambda: chain.invoke("x"), lambda: list(chain.stream("x"))):
        with pytest.raises(error) as caught:
            attempt()
        assert isinstance(caught.value, OutputParserException)


@pytest.mark.parametrize("method", METHODS)
def test_refusals_are_raised_as_such(method: str, gateway: EmbeddedGateway, make: Callable[..., ChatKilo]) -> None:
    """A model that refuses gives its reason in an error of its own, whatever the method."""
    message = {"role": "assistant", "content": "", "refusal": "That would be unwise."}
    gateway.enqueue(Reply(body={"choices": [{"index": 0, "message": message, "finish_reason": "stop"}]}))
    with pytest.raises(RefusedOutputError, match="unwise"):
        make().with_structured_output(Person, method=method).invoke("x")


@pytest.mark.parametrize(
    "text",
    [f"```json\n{ANN}\n```", f"Here it is:\n```\n{ANN}\n```\nBye.", f"Sure: {ANN} Anything else?", f"\n {ANN} \n"],
)
@pytest.mark.parametrize("method", METHODS)
def test_words_around_the_object_are_no_obstacle(
    text: str, method: str, gateway: EmbeddedGateway, make: Callable[..., ChatKilo]
) -> None:
    """Fences and prose are looked through, also when a tool was asked for and text came."""
    gateway.enqueue(Reply(text=text))
    assert make().with_structured_output(Person, method=method).invoke("x") == Person(name="Ann", age=41)


def test_prose_instead_of_a_call_says_what_to_try(gateway: EmbeddedGateway, make: Callable[..., ChatKilo]) -> None:
    """An answer without any object raises, quotes what was said, and names the way out."""
    gateway.enqueue(Reply(text="I would rather talk."))
    with pytest.raises(StructuredOutputError, match=r"rather talk.*another method"):
        make().with_structured_output(Person, method="function_calling").invoke("x")


@pytest.mark.parametrize("method", METHODS)
def test_include_raw_reports_instead_of_raising(
    method: str, gateway: EmbeddedGateway, make: Callable[..., ChatKilo]
) -> None:
    """With `include_raw` the message comes with the object, or with the error."""
    gateway.enqueue(answer(method, ANN), answer(method, "{"))
    chain = make().with_structured_output(Person, method=method, include_raw=True)
    good, bad = chain.invoke("x"), chain.invoke("x")
    assert (good["parsed"], good["parsing_error"]) == (Person(name="Ann", age=41), None)
    assert bad["parsed"] is None
    assert isinstance(bad["parsing_error"], StructuredOutputError)
    assert bad["raw"].response_metadata["finish_reason"]


@pytest.mark.parametrize("method", METHODS)
def test_streams_show_the_object_growing(method: str, gateway: EmbeddedGateway, make: Callable[..., ChatKilo]) -> None:
    """A mapping is yielded while it grows, each time with more in it, and whole at the end."""
    gateway.enqueue(answer(method, '{"name": "Ann Elizabeth", "age": 41}'))
    seen = list(make().with_structured_output(PERSON_SCHEMA, method=method).stream("x"))
    assert seen[-1] == {"name": "Ann Elizabeth", "age": 41}
    assert len(seen) > 2
    assert [len(str(one)) for one in seen] == sorted(len(str(one)) for one in seen)


@pytest.mark.parametrize("method", METHODS)
def test_streams_work_where_streaming_is_off(
    method: str, gateway: EmbeddedGateway, make: Callable[..., ChatKilo]
) -> None:
    """A chain that streams gives the object also when the model is told not to stream."""
    gateway.enqueue(answer(method, ANN))
    chain = make(disable_streaming=True).with_structured_output(Person, method=method)
    assert list(chain.stream("x")) == [Person(name="Ann", age=41)]


def test_tools_beside_the_schema(gateway: EmbeddedGateway, make: Callable[..., ChatKilo]) -> None:
    """Other tools may be called first; such an answer is no object yet, and `include_raw` shows the call."""
    tool = {"type": "function", "function": {"name": "look", "parameters": {"type": "object", "properties": {}}}}
    for method in ("json_schema", "function_calling"):
        gateway.enqueue(Reply(tool_calls=[{"name": "look", "arguments": {}}]), answer(method, ANN))
        chain = make().with_structured_output(Person, method=method, tools=[tool], include_raw=True)
        first, second = chain.invoke("x"), chain.invoke("x")
        assert (first["parsed"], first["parsing_error"]) == (None, None)
        assert first["raw"].tool_calls[0]["name"] == "look"
        assert second["parsed"] == Person(name="Ann", age=41)


@pytest.mark.parametrize(
    "arguments",
    [
        {"schema": Person, "method": "json_shcema"},
        {"schema": Person, "method": "json_mode", "strict": True},
        {"schema": None, "method": "json_schema"},
        {"schema": 3},
        {"schema": {"type": "object"}},
    ],
)
def test_misuse_is_refused_before_anything_is_sent(arguments: dict[str, Any], make: Callable[..., ChatKilo]) -> None:
    """A method or a schema that cannot work is a typed error at once."""
    with pytest.raises(InvalidRequestError):
        make().with_structured_output(**arguments)


def test_json_mode_needs_no_schema(gateway: EmbeddedGateway, make: Callable[..., ChatKilo]) -> None:
    """Any object can be asked for."""
    gateway.enqueue(Reply(text='{"anything": [1]}'))
    assert make().with_structured_output(method="json_mode").invoke("x") == {"anything": [1]}


def test_strict_closes_the_schema(gateway: EmbeddedGateway, make: Callable[..., ChatKilo]) -> None:
    """With `strict=True` every property is required and no other allowed, by schema and by call."""
    schema = {**PERSON_SCHEMA, "required": ["name"]}
    for method in METHODS[:2]:
        gateway.enqueue(answer(method, ANN))
        make().with_structured_output(schema, method=method, strict=True).invoke("x")
    by_schema, by_call = (request.body for request in gateway.requests)
    function = by_call["tools"][0]["function"]
    wanted = by_schema["response_format"]["json_schema"]
    for strict, sent in ((function["strict"], function["parameters"]), (wanted["strict"], wanted["schema"])):
        assert strict is True
        assert (sent["required"], sent["additionalProperties"]) == (["name", "age"], False)


def test_what_an_answer_said_is_quoted_on_one_line() -> None:
    """A model's text of several lines, with controls in it, is told like any other error."""
    error = StructuredOutputError("It says: one\n\x1b[31mtwo\u202e " + "x" * 5000, llm_output="one\ntwo")

    assert str(error).isprintable()
    assert str(error).startswith(r"It says: one \x1b[31mtwo xxx")
    assert len(str(error)) <= 2000
    assert error.llm_output == "one\ntwo"


CALLS_TOOLS: Any = {"tool_calling": True}
"""What is known of a model that takes no schemas."""


@pytest.mark.parametrize(
    ("arguments", "call"),
    [
        ({"reasoning": "high"}, {}),
        ({"reasoning_effort": "low"}, {}),
        ({"extra_body": {"reasoning": {"max_tokens": 2000}}}, {}),
        ({}, {"reasoning": "high"}),
        ({"model": "openai/gpt-5.2"}, {"model": "anthropic/claude-sonnet-4.6", "reasoning": {"effort": "low"}}),
    ],
)
@pytest.mark.parametrize("method", [None, "function_calling"])
def test_no_tool_is_forced_on_a_model_that_thinks(
    arguments: Any, call: Any, method: Any, gateway: EmbeddedGateway, make: Callable[..., ChatKilo]
) -> None:
    """Anthropic refuses reasoning together with a forced tool, so the tool is asked for in words, whoever says it."""
    person = {"name": "Person", "arguments": ANN}
    gateway.enqueue(*[Reply(tool_calls=[person], reasoning="Hm.")] * 2, Reply(text=f"Here: {ANN}"))
    chain = make(profile=CALLS_TOOLS, **arguments).with_structured_output(Person, method=method)
    found = [chain.invoke("x", **call), asyncio.run(chain.ainvoke("x", **call)), list(chain.stream("x", **call))[-1]]
    assert found == [Person(name="Ann", age=41)] * 3
    for request in gateway.requests:
        assert request.body["reasoning"]
        assert request.body["tool_choice"] == "auto"
        assert "by calling this tool" in request.body["tools"][0]["function"]["description"]


@pytest.mark.parametrize("arguments", [{}, {"reasoning": "off"}, {"model": "openai/gpt-5.2", "reasoning": "high"}])
def test_a_tool_is_forced_where_that_works(
    arguments: Any, gateway: EmbeddedGateway, make: Callable[..., ChatKilo]
) -> None:
    """Without reasoning, and with models that take both, the model must call the tool."""
    gateway.enqueue(Reply(tool_calls=[{"name": "Person", "arguments": ANN}]))
    make(**arguments).with_structured_output(Person, method="function_calling").invoke("x")
    [request] = gateway.requests
    assert request.body["tool_choice"] == {"type": "function", "function": {"name": "Person"}}
    assert request.body["tools"][0]["function"]["description"] == "A person."


def test_a_refused_forced_tool_names_the_remedies(gateway: EmbeddedGateway, make: Callable[..., ChatKilo]) -> None:
    """Whoever forces a tool himself learns what to do instead when the model refuses."""
    said = "Thinking may not be enabled when tool_choice forces tool use."
    gateway.enqueue(Fault(status=400, body={"error": {"message": said, "code": 400}}))
    model = make(reasoning="high").bind_tools([Person], tool_choice="any")
    with pytest.raises(KiloBadRequestError, match=r"turn reasoning off, leave tool_choice at 'auto', or .*json_schema"):
        model.invoke("x")
    assert gateway.requests[0].body["tool_choice"] == "required"


@dataclass
class Point:
    """A place on a map."""

    x: int
    y: int = 0


class Colour(Enum):
    """A colour."""

    RED = "red"
    BLUE = "blue"


class People(RootModel[list[Person]]):
    """Some persons."""


PERSON = Person(name="Ann", age=41)
VALUES: list[tuple[Any, Any, Any]] = [
    (list[Person], [{"name": "Ann", "age": 41}], [PERSON]),
    (Person | None, {"name": "Ann", "age": 41}, PERSON),
    (Person | None, None, None),
    (Person | Point, {"x": 1}, Point(1)),
    (Literal["yes", "no"], "yes", "yes"),
    (Annotated[list[int], Field(max_length=2)], [1, 2], [1, 2]),
    (dict[str, int], {"a": 1}, {"a": 1}),
    (Point, {"x": 1, "y": 2}, Point(1, 2)),
    (Colour, "red", Colour.RED),
    (tuple[int, str], [1, "a"], (1, "a")),
    (datetime.date, "2026-11-30", datetime.date(2026, 11, 30)),
    (int, 3, 3),
    (People, [{"name": "Ann", "age": 41}], People([PERSON])),
    ({"title": "Numbers", "type": "array", "items": {"type": "integer"}}, [1], [1]),
    ({"anyOf": [{"type": "integer"}, {"type": "null"}]}, 3, 3),
]


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize(("wanted", "value", "expected"), VALUES, ids=lambda one: str(one)[:40])
def test_every_type_can_be_wanted(
    wanted: Any, value: Any, expected: Any, method: Any, gateway: EmbeddedGateway, make: Callable[..., ChatKilo]
) -> None:
    """A type that is no object is asked for inside of one, and comes out as what was wanted, whole and streamed."""
    chain = make().with_structured_output(wanted, method=method)
    gateway.enqueue(Reply(text="no"))
    with pytest.raises(StructuredOutputError):
        chain.invoke("x")
    body = gateway.requests[-1].body
    schema: dict[str, Any] = {"properties": {}}
    name = "Person"
    if method == "function_calling":
        name, schema = body["tools"][0]["function"]["name"], body["tools"][0]["function"]["parameters"]
    elif method == "json_schema":
        schema = body["response_format"]["json_schema"]["schema"]
        assert schema["type"] == "object"
    is_inside = "answer" in schema.get("properties", ())
    text = json.dumps({"answer": value} if is_inside else value)
    gateway.enqueue(
        Reply(tool_calls=[{"name": name, "arguments": text}], times=2)
        if method == "function_calling"
        else Reply(text=text, times=2)
    )
    if method == "json_mode" and value is None:
        return  # a bare null is no answer
    assert chain.invoke("x") == expected
    assert list(chain.stream("x"))[-1:] == ([] if expected is None else [expected])


def test_a_list_grows_while_it_streams(gateway: EmbeddedGateway, make: Callable[..., ChatKilo]) -> None:
    """What the type accepts so far is yielded as it comes."""
    text = json.dumps({"answer": [{"name": "Ann", "age": 41}, {"name": "Bob", "age": 5}]})
    gateway.enqueue(Reply(text=text))
    seen = list(make().with_structured_output(list[Person], method="json_schema").stream("x"))
    assert seen[-1] == [PERSON, Person(name="Bob", age=5)]
    assert [PERSON] in seen


def test_what_no_schema_can_be_made_of_says_what_can(make: Callable[..., ChatKilo]) -> None:
    """A class of which pydantic knows nothing is refused with a list of what is taken."""

    class Strange:
        def __init__(self, a: Any) -> None:
            self.a = a

    for wanted in (object(), list[Strange]):
        with pytest.raises(InvalidRequestError, match=r"cannot be used: .* Pass a pydantic class, a TypedDict, .*list"):
            make().with_structured_output(wanted)


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("name", ["Person", "person", "functions.Person"])
def test_a_call_under_another_name_holds_the_object(
    name: str, method: str, gateway: EmbeddedGateway, make: Callable[..., ChatKilo]
) -> None:
    """Where no other tool was given, the arguments of the call are what was asked for, whatever the model calls it."""
    gateway.enqueue(*[Reply(tool_calls=[{"name": name, "arguments": ANN}])] * 2)
    chain = make().with_structured_output(Person, method=method)
    assert chain.invoke("x") == Person(name="Ann", age=41)
    assert list(chain.stream("x"))[-1] == Person(name="Ann", age=41)


@pytest.mark.parametrize("method", METHODS)
def test_an_object_that_just_fits_is_whole(
    method: str, gateway: EmbeddedGateway, make: Callable[..., ChatKilo]
) -> None:
    """An answer that reached its longest length with the last brace is not cut off."""
    gateway.enqueue(Reply(text=ANN, finish_reason="length"), Reply(text=f"{ANN} Or {{", finish_reason="length"))
    chain = make().with_structured_output(Person, method=method)
    assert chain.invoke("x") == Person(name="Ann", age=41)
    with pytest.raises(TruncatedOutputError):
        chain.invoke("x")


@pytest.mark.parametrize("method", METHODS)
def test_a_withheld_answer_says_so(method: str, gateway: EmbeddedGateway, make: Callable[..., ChatKilo]) -> None:
    """Another method would not help where a content filter took the answer away."""
    gateway.enqueue(Reply(text="", finish_reason="content_filter"))
    with pytest.raises(RefusedOutputError, match="content filter"):
        make().with_structured_output(Person, method=method).invoke("x")


def test_an_answer_without_an_object_is_an_error_of_this_package() -> None:
    """Whoever catches `KiloError` catches it, and it survives a process pool with what it says."""
    error = pickle.loads(pickle.dumps(TruncatedOutputError("It stopped.", llm_output="{")))
    assert isinstance(error, KiloError)
    assert isinstance(error, OutputParserException)
    assert (error.llm_output, error.snippet, error.retry) == ("{", "{", "never")
    assert str(error) == error.message
    assert str(error).startswith("It stopped.")
