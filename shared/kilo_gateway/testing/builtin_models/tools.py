"""Decides which offered tools to call, and with what. Fixed rules over words; runs no tool."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import orjson

from kilo_gateway.testing.builtin_models.draft import CallDraft
from kilo_gateway.testing.builtin_models.schema import fill_schema
from kilo_gateway.testing.builtin_models.strings import question_text
from kilo_gateway.testing.builtin_models.values import Finder, entity_list, name_words
from kilo_gateway.testing.builtin_models.words import STOP_WORDS, stem, words

if TYPE_CHECKING:
    from kilo_gateway.testing.builtin_models.conversation import ReadConversation, ToolResult

_THRESHOLD = 2.0
_NAME_WEIGHT = 2.0
_GENERIC_WEIGHT = 0.5
_DESCRIPTION_WEIGHT = 0.75
_GENERIC = frozenset(
    ("get", "tool", "fetch", "info", "do", "run", "cal", "function", "find", "lookup", "quer", "engin")
)
"""Stems that say little in a tool's name."""
_MEANINGS = {
    "multiply": "times multiplied product * x", "add": "plus sum addition + total", "subtract": "minus difference",
    "divide": "divided quotient /", "weather": "temperature forecast rain raining sunny cold warm hot snow",
    "search": "google lookup web internet", "calculator": "calculate compute * + / plus minus times",
    "time": "clock", "email": "mail", "translate": "translation",
}  # fmt: skip
_STEPS = re.compile(
    r"(?:,\s*|\s+and\s+|;\s*|\.\s+)(?:and\s+)?(?:then|after that|afterwards|finally)\b,?\s*|;\s*|\bthen\b",
    re.IGNORECASE,
)
_REFERS = re.compile(r"\b(?:the (?:result|answer|outcome|sum|product|total|output)|it|that)\b", re.IGNORECASE)
_ENTITY_WORDS = {"city", "location", "place", "country", "name", "person", "company", "destination", "symbol", "ticker"}
_MAX_EARLIER = 2000
_NUMBER = re.compile(r"-?\d+(?:\.\d+)?")


@dataclass(frozen=True)
class ToolSpec:
    """One offered tool."""

    name: str
    description: str
    parameters: dict[str, Any]


def read_tools(tools: Any) -> list[ToolSpec]:
    """Return the function tools of a request; anything else is passed over."""
    specs: list[ToolSpec] = []
    for tool in tools if isinstance(tools, list) else []:
        function = tool.get("function") if isinstance(tool, dict) else None
        if isinstance(function, dict) and isinstance(function.get("name"), str):
            parameters = function.get("parameters")
            schema = parameters if isinstance(parameters, dict) else {}
            specs.append(ToolSpec(function["name"], str(function.get("description") or ""), schema))
    return specs


def plan_calls(
    tools: list[ToolSpec], conversation: ReadConversation, *, choice: Any = None, parallel: bool = True
) -> list[CallDraft]:
    """Return the calls to make now; empty when the answer can be given in words."""
    forced = _forced_name(choice)
    if choice == "none" or not tools:
        return []
    offered = [tool for tool in tools if tool.name == forced] or tools
    is_forced = forced is not None or choice in ("required", "any")
    done = {_key(result.name, result.arguments) for result in conversation.results}
    used = 0
    for step in _steps(conversation.last):
        number = _last_number(conversation.results[:used])
        planned = _calls_for_step(step, offered, conversation, is_forced=False, number=number)
        if fresh := _fresh(planned, done):
            return fresh if parallel else fresh[:1]
        used += len(planned)
    if not is_forced:
        return []
    planned = _calls_for_step(conversation.last, offered, conversation, is_forced=True, number=None)
    wanted = _fresh(planned, done) or planned
    return wanted if parallel else wanted[:1]


def _forced_name(choice: Any) -> str | None:
    if not isinstance(choice, dict):
        return None
    function = choice.get("function")
    name = function.get("name") if isinstance(function, dict) else choice.get("name")
    return name if isinstance(name, str) else None


def _key(name: str, arguments: Any) -> tuple[str, bytes]:
    return name, orjson.dumps(arguments, option=orjson.OPT_SORT_KEYS | orjson.OPT_NON_STR_KEYS)


def _fresh(calls: list[CallDraft], done: set[tuple[str, bytes]]) -> list[CallDraft]:
    return [call for call in calls if _key(call.name, orjson.loads(call.arguments)) not in done]


def _steps(text: str) -> list[str]:
    return [step.strip() for step in _STEPS.split(text) if step and step.strip()]


def _calls_for_step(
    step: str, tools: list[ToolSpec], conversation: ReadConversation, *, is_forced: bool, number: float | None
) -> list[CallDraft]:
    """Return the calls of one step: of the tool that fits best, one for each name of a list."""
    last = number if _REFERS.search(step) else None
    tool = _best(step, tools) or (max(tools, key=lambda one: _score(step, one)) if is_forced else None)
    return [] if tool is None else _unique(_calls_of(tool, step, conversation, last))


def _unique(calls: list[CallDraft]) -> list[CallDraft]:
    return list({(call.name, call.arguments): call for call in calls}.values())


def _calls_of(tool: ToolSpec, text: str, conversation: ReadConversation, number: float | None) -> list[CallDraft]:
    names = entity_list(text)
    name = _entity_field(tool.parameters)
    if name is None or not names:
        return [_call(tool, _arguments_for(tool.parameters, text, conversation, number=number))]
    at = text.find(names[0])
    end = text.find(names[-1], at) + len(names[-1])
    texts = [text[:at] + one + text[end:] for one in names]
    return [
        _call(tool, {**_arguments_for(tool.parameters, one, conversation, number=number), name: entity})
        for one, entity in zip(texts, names, strict=True)
    ]


def _call(tool: ToolSpec, arguments: dict[str, Any]) -> CallDraft:
    return CallDraft(tool.name, orjson.dumps(arguments).decode())


def _last_number(results: list[ToolResult]) -> float | None:
    numbers = [match for result in results for match in _NUMBER.findall(result.text)]
    return float(numbers[-1]) if numbers else None


def _best(text: str, tools: list[ToolSpec]) -> ToolSpec | None:
    scored = [(_score(text, tool), -at, tool) for at, tool in enumerate(tools)]
    score, _, tool = max(scored, key=lambda row: row[:2])
    return tool if score >= _THRESHOLD else None


def _score(text: str, tool: ToolSpec) -> float:
    lowered = words(text)
    marks = set(re.findall(r"(?<=\d)\s*([*x+/])\s*(?=\d)", text))
    said = {stem(word) for word in lowered if word not in STOP_WORDS} | set(lowered) | marks
    named = [word for word in name_words(tool.name) if word not in STOP_WORDS or word == "time"]
    score = sum(_GENERIC_WEIGHT if stem(word) in _GENERIC else _NAME_WEIGHT for word in named if stem(word) in said)
    for word in {*named, *(one for one in _MEANINGS if one in words(tool.description))}:
        meanings = _MEANINGS.get(word, "").split()
        if any(one in said or one in marks for one in meanings):
            score += _NAME_WEIGHT
    described = {stem(word) for word in words(tool.description) if word not in STOP_WORDS}
    score += _DESCRIPTION_WEIGHT * len(
        described & {stem(word) for word in lowered if word not in STOP_WORDS} - _GENERIC
    )
    capitals = set(re.findall(r"\b[A-Z][a-z]{2,}", tool.description)) & set(re.findall(r"\b[A-Z][a-z]{2,}", text))
    return score + _NAME_WEIGHT * len([word for word in capitals if word.lower() not in STOP_WORDS])


def _arguments_for(
    parameters: dict[str, Any], text: str, conversation: ReadConversation, *, number: float | None = None
) -> dict[str, Any]:
    """Return the arguments for a call that `text` asks for; `number` is a result that the text refers to."""
    finder = Finder(text, number=number)
    if not finder.phrases and not finder.quoted:
        earlier = Finder("\n".join([*conversation.user_texts[-2:]])[-_MAX_EARLIER:])
        finder.phrases, finder.places, finder.quoted = earlier.phrases, earlier.places, earlier.quoted
    filled = fill_schema(parameters, finder, fallback=question_text(text), takes_optional=False)
    return filled if isinstance(filled, dict) else {}


def _entity_field(parameters: dict[str, Any]) -> str | None:
    """Return the one string field that names what the call is about, so that a list of names makes several calls."""
    properties = parameters.get("properties")
    rows = properties if isinstance(properties, dict) else {}
    fields = [
        name
        for name, row in rows.items()
        if isinstance(row, dict) and row.get("type") == "string" and set(name_words(name)) & _ENTITY_WORDS
    ]
    required = [name for name in fields if name in (parameters.get("required") or [])]
    wanted = required or fields
    return wanted[0] if len(wanted) == 1 else None
