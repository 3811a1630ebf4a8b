"""What the built-in models say and how they fill schemas."""

from __future__ import annotations

import math
from typing import Any

import jsonschema
import orjson
import pytest

from kilo_gateway.testing.builtin_models.extractive import NO_TEXT, NOT_IN_TEXT
from kilo_gateway.testing.builtin_models.models import draft_answer
from kilo_gateway.testing.builtin_models.search import find_answer
from kilo_gateway.testing.builtin_models.tokens import count_prompt, count_tokens, split_tokens
from kilo_gateway.testing.builtin_models.words import sentences, stem

CONTEXT = """Context information is below.
---------------------
page_label: 1
file_path: essay.txt

Paul Graham grew up in Pittsburgh. Before college he worked on writing and programming. He founded Viaweb in 1995 \
with Robert Morris. Viaweb was bought by Yahoo for 49 million dollars.
---------------------
Given the context information and not prior knowledge, answer the query.
Query: {}
Answer: """
TOWER = (
    "The Eiffel Tower is 330 metres tall. It was built by Gustave Eiffel in 1889. The Louvre is a museum in Paris.\n\n"
)


def _say(*texts: str, system: str | None = None, **body: Any) -> str:
    """Return the answer to a conversation of alternating user and assistant messages."""
    messages = [{"role": ("user", "assistant")[at % 2], "content": text} for at, text in enumerate(texts)]
    if system is not None:
        messages.insert(0, {"role": "system", "content": system})
    return draft_answer({"messages": messages, **body}).text or ""


@pytest.mark.parametrize(
    ("text", "answered"),
    [
        (CONTEXT.format("When was Viaweb founded?"), "He founded Viaweb in 1995 with Robert Morris."),
        (
            CONTEXT.format("What did Paul Graham do before college?"),
            "Before college he worked on writing and programming.",
        ),
        (CONTEXT.format("Who bought Viaweb?"), "Viaweb was bought by Yahoo for 49 million dollars."),
        (CONTEXT.format("What is the capital of Spain?"), NOT_IN_TEXT),
        (TOWER + "How tall is the Eiffel Tower?", "The Eiffel Tower is 330 metres tall."),
        (TOWER + "Who built the Eiffel Tower?", "It was built by Gustave Eiffel in 1889."),
        (TOWER + "Where is the Louvre?", "The Louvre is a museum in Paris."),
        (
            "Use this context.\n" + TOWER + "Question: How tall is the Eiffel Tower?\nHelpful Answer:",
            "The Eiffel Tower is 330 metres tall.",
        ),
    ],
)
def test_questions_about_a_text_are_answered_by_quoting(text: str, answered: str) -> None:
    """The sentence that answers is quoted; when the text does not answer, the model says so."""
    assert _say(text) == answered


def test_the_system_message_is_text_too() -> None:
    """A context in the system message answers the user's question."""
    assert _say("How tall is the tower?", system="You are brief. " + TOWER) == "The Eiffel Tower is 330 metres tall."


def test_conversations_are_remembered() -> None:
    """What the user said before answers his questions."""
    said = "My name is Bob and I live in Oslo."
    assert _say(said, "Noted.", "What is my name?") == said
    assert _say(TOWER + "How tall is the Eiffel Tower?", "330 metres.", "And the Louvre?").endswith("museum in Paris.")


@pytest.mark.parametrize(
    ("text", "answered"),
    [
        ("Reply with exactly the word 'pong'", "pong"),
        ("Say hello.", "hello"),
        ('Say "two words", please.', "two words"),
        ("What is the meaning of life?", NO_TEXT),
        ("Hello", NO_TEXT),
        ("", NO_TEXT),
    ],
)
def test_what_is_to_be_said_is_said(text: str, answered: str) -> None:
    """Words that are asked for are returned; what cannot be answered is said plainly."""
    assert _say(text) == answered


REFINE = """The original query is as follows: When was Viaweb founded?
We have provided an existing answer: {}
We have the opportunity to refine the existing answer (only if needed) with some more context below.
------------
{}
------------
Given the new context, refine the original answer to better answer the query. If the context isn't useful, return the \
original answer.
Refined Answer: """
REFINE_CHAT = "New Context: {1}\nQuery: When was Viaweb founded?\nOriginal Answer: {0}\nNew Answer: "


@pytest.mark.parametrize("prompt", [REFINE, REFINE_CHAT])
@pytest.mark.parametrize(
    ("existing", "context", "refined"),
    [
        (NOT_IN_TEXT, "Viaweb was founded in 1995.", "Viaweb was founded in 1995."),
        ("Viaweb was founded in 1995.", "Tea is a drink.", "Viaweb was founded in 1995."),
    ],
)
def test_refinement(prompt: str, existing: str, context: str, refined: str) -> None:
    """A refine prompt returns the new context's answer when it has one, else the answer so far."""
    assert _say(prompt.format(existing, context)) == refined


def test_summaries_and_standalone_questions() -> None:
    """A summary consists of the text's sentences; a condensed question is the follow-up."""
    summary = _say(f'Write a summary of the following. Try to be brief.\n\n\n{TOWER}\n\nSUMMARY:"""')
    assert summary
    assert all(sentence in TOWER for sentence in sentences(summary))
    prompt = (
        "Given the following conversation, rephrase the follow up question to be a standalone question.\n"
        "Chat History:\nuser: hi\nFollow Up Input: Who built the tower?\nStandalone question: "
    )
    assert _say(prompt) == "Who built the tower?"


def test_a_megabyte_is_read() -> None:
    """A needle in a very long prompt is found, and the prompt counted."""
    hay = "The quick brown fox jumps over the lazy dog near the river bank today. " * 14_000
    body = {"messages": [{"role": "user", "content": f"{hay}The vault code is 7391.\n\nWhat is the vault code?"}]}
    assert draft_answer(body).text == "The vault code is 7391."
    assert count_prompt(body) > 200_000


@pytest.mark.parametrize(
    "messages",
    [
        None,
        [],
        [None],
        ["x"],
        [{"role": "user"}],
        [{"content": "a"}],
        [{"role": "user", "content": [1, {"text": None}]}],
    ],
)
def test_odd_messages_do_no_harm(messages: Any) -> None:
    """Messages of odd shapes still get an answer in words."""
    assert draft_answer({"messages": messages}).text


@pytest.mark.parametrize(
    ("word", "root"),
    [("founded", "found"), ("cities", "cit"), ("city", "cit"), ("running", "run"), ("tea", "tea"), ("1995", "1995")],
)
def test_stems_are_beginnings(word: str, root: str) -> None:
    """A stem is the word without its ending."""
    assert stem(word) == root
    assert word.startswith(root)


def test_sentences_survive_titles_and_wrapped_lines() -> None:
    """Titles and initials end no sentence, and a wrapped line goes on."""
    text = 'Dr. Smith met J. Doe.\nThey talked\nfor long. "Really?" Yes'
    assert sentences(text) == ["Dr. Smith met J. Doe.", "They talked for long.", '"Really?"', "Yes"]


def test_two_sentences_answer_when_both_are_good() -> None:
    """Two equally good sentences are both quoted."""
    found = find_answer("What do cats eat?", ["Cats eat fish. Cats eat mice. Dogs bark."], least_coverage=0.5)
    assert {one.sentence for one in found} == {"Cats eat fish.", "Cats eat mice."}


@pytest.mark.parametrize("text", ["", "a", "Hello, world!\n\n  x", "naïve 日本語 🙂"])
def test_pieces_join_to_the_text(text: str) -> None:
    """Nothing is lost between tokens."""
    assert "".join(split_tokens(text)) == text
    assert count_tokens(text) == len(split_tokens(text))


SCHEMAS: list[Any] = [
    {},
    {"type": "object"},
    {"type": "object", "properties": {"a": {"type": "string", "minLength": 5, "maxLength": 6}}, "required": ["a"]},
    {"type": "object", "properties": {"a": {"enum": ["x", "y"]}, "b": {"const": 3}}, "required": ["a", "b"]},
    {"type": "object", "properties": {"a": {"type": "integer", "minimum": 3, "maximum": 4}}, "required": ["a"]},
    {
        "type": "object",
        "properties": {"a": {"type": "number", "exclusiveMinimum": 0, "exclusiveMaximum": 1}},
        "required": ["a"],
    },
    {"type": "object", "properties": {"a": {"type": "integer", "multipleOf": 7, "minimum": 10}}, "required": ["a"]},
    {
        "type": "object",
        "properties": {"a": {"anyOf": [{"type": "string"}, {"type": "null"}], "default": None}},
        "required": ["a"],
    },
    {"type": "object", "properties": {"a": {"type": ["string", "null"]}}, "required": ["a"]},
    {"type": "object", "properties": {"a": {"oneOf": [{"type": "integer"}, {"type": "boolean"}]}}, "required": ["a"]},
    {
        "type": "object",
        "properties": {"a": {"allOf": [{"$ref": "#/$defs/A"}, {"required": ["x"]}]}},
        "required": ["a"],
        "$defs": {"A": {"type": "object", "properties": {"x": {"type": "integer"}}}},
    },
    {"type": "array", "items": {"type": "string"}, "minItems": 3, "uniqueItems": True},
    {"type": "array", "items": {"type": "integer"}, "maxItems": 1},
    {"type": "array", "items": {"enum": ["p", "q", "r"]}, "minItems": 2, "uniqueItems": True},
    {"type": "array", "prefixItems": [{"type": "integer"}, {"type": "string"}], "minItems": 2},
    {
        "type": "object",
        "properties": {
            "d": {"type": "string", "format": "date"},
            "e": {"type": "string", "format": "email"},
            "u": {"type": "string", "format": "uuid"},
            "t": {"type": "string", "format": "date-time"},
        },
        "required": ["d", "e", "u", "t"],
    },
    {
        "$ref": "#/$defs/Node",
        "$defs": {
            "Node": {
                "type": "object",
                "properties": {
                    "v": {"type": "integer"},
                    "next": {"anyOf": [{"$ref": "#/$defs/Node"}, {"type": "null"}]},
                    "kids": {"type": "array", "items": {"$ref": "#/$defs/Node"}},
                },
                "required": ["v", "next", "kids"],
            }
        },
    },
    {"type": "object", "additionalProperties": {"type": "integer"}, "minProperties": 2},
    {
        "type": "object",
        "properties": {"a": {"type": "boolean"}, "b": {"type": "null"}},
        "required": ["a", "b"],
        "additionalProperties": False,
    },
    {"type": "object", "required": ["free"]},
]
TEXTS = ["", "Ann Lee is 30 years old, lives in Paris and has 3 cats: Tom, Tim, Tam. q and x.", "42"]


@pytest.mark.parametrize("schema", SCHEMAS, ids=range(len(SCHEMAS)))
def test_filled_schemas_are_valid(schema: Any) -> None:
    """Whatever the text, the JSON that is answered is valid against the schema that was asked for."""
    wanted = {"type": "json_schema", "json_schema": {"name": "x", "schema": schema, "strict": True}}
    validator = jsonschema.Draft202012Validator(schema, format_checker=jsonschema.FormatChecker())
    for text in TEXTS:
        assert list(validator.iter_errors(orjson.loads(_say(text, response_format=wanted)))) == [], text


PERSON = {
    "type": "object",
    "properties": {
        "name": {"type": "string"},
        "age": {"type": "integer"},
        "city": {"type": "string"},
        "email": {"anyOf": [{"type": "string", "format": "email"}, {"type": "null"}]},
    },
    "required": ["name", "age", "city", "email"],
}


def test_schemas_are_filled_from_the_text() -> None:
    """Names, numbers, places and addresses of the text stand in the fields that ask for them."""
    text = "John Smith is 30 years old and lives in Paris. Write to js@example.com."
    wanted = {"type": "json_schema", "json_schema": {"name": "person", "schema": PERSON}}
    assert orjson.loads(_say(text, response_format=wanted)) == {
        "name": "John Smith",
        "age": 30,
        "city": "Paris",
        "email": "js@example.com",
    }


def test_lists_are_filled_from_the_text() -> None:
    """A list gets what is quoted in the text."""
    schema = {"type": "object", "properties": {"tags": {"type": "array", "items": {"type": "string"}}}}
    wanted = {"type": "json_schema", "json_schema": {"schema": schema}}
    assert orjson.loads(_say('Tag it "red" and "blue".', response_format=wanted)) == {"tags": ["red", "blue"]}


def test_json_without_a_schema() -> None:
    """`json_object` gives an object."""
    assert orjson.loads(_say("Say hello.", response_format={"type": "json_object"})) == {"answer": "hello"}


def test_numbers_are_finite() -> None:
    """No bound leads to a number that JSON cannot hold."""
    schema = {"type": "number", "minimum": -1e308}
    wanted = {"type": "json_schema", "json_schema": {"schema": schema}}
    assert math.isfinite(orjson.loads(_say("1e999 and 5", response_format=wanted)))
