"""Answers prompts of the ReAct kind (Thought, Action, Action Input, Observation) in the form that they ask for."""

from __future__ import annotations

import ast
import contextlib
import re
from dataclasses import replace
from typing import Any

import orjson

from kilo_gateway.testing.brain.conversation import Conversation, ToolResult, parse_arguments
from kilo_gateway.testing.brain.results import compose_results
from kilo_gateway.testing.brain.strings import question_text
from kilo_gateway.testing.brain.tokens import content_text
from kilo_gateway.testing.brain.tools import ToolSpec, plan_calls

_LLAMA_TOOL = re.compile(
    r">\s*Tool Name:\s*(?P<name>\S+)\s*\nTool Description:\s*(?P<description>.*?)\n"
    r"Tool Args:\s*(?P<args>\{.*?\})\s*(?=\n)",
    re.DOTALL,
)
_PLAIN_TOOL = re.compile(
    r"^(?P<name>[A-Za-z_][\w-]*)\s*(?:\([^\n]*?\)(?:\s*->\s*\S+)?)?\s*[-:]\s+(?P<description>[^\n]+)$", re.MULTILINE
)
_ACTION = re.compile(
    r"Action:[ \t]*(?P<name>[^\n(]+?)[ \t]*\n+Action Input:[ \t]*(?P<input>.*?)(?=\n+Observation:|\Z)", re.DOTALL
)
_OBSERVATION = re.compile(r"Observation:[ \t]*(?P<text>.*?)(?=\n+(?:Thought|Action|Final Answer):|\Z)", re.DOTALL)
_QUESTION = re.compile(r"(?:^|\n)Question:[ \t]*(?P<text>[^\n]+)")
_STRING_INPUT = {"type": "object", "properties": {"input": {"type": "string"}}, "required": ["input"]}
_NEED = "I need to use a tool to help me answer the question."
_DONE = "I can answer without using any more tools. I'll use the user's language to answer"


def is_react(messages: list[Any]) -> bool:
    """Whether the messages ask for the ReAct form."""
    texts = [content_text(row.get("content")) for row in messages if isinstance(row, dict)]
    return any("Action Input:" in text and "Thought:" in text and "Observation" in text for text in texts[:2])


def answer_react(messages: list[Any]) -> tuple[str, Conversation, bool]:
    """Return (text, conversation, is final): a Thought with its Action, or the opening of a final answer.

    When final, the caller puts the answer after the text.
    """
    rows = [(str(row.get("role")), content_text(row.get("content"))) for row in messages if isinstance(row, dict)]
    prompt = "\n".join(text for _, text in rows)
    tools = _read_tools(prompt)
    is_classic = "Final Answer:" in prompt
    conversation = _read_classic(rows) if is_classic else _read_turns(rows)
    calls = plan_calls(tools, conversation, parallel=False)
    if not calls:
        opening = "I now know the final answer\nFinal Answer: " if is_classic else f"{_DONE}\nAnswer: "
        return f"{'' if is_classic else 'Thought: '}{opening}", conversation, True
    arguments: Any = calls[0].arguments
    if is_classic:
        value = orjson.loads(arguments)
        arguments = value.get("input", question_text(conversation.last))
        return f"{_NEED}\nAction: {calls[0].name}\nAction Input: {arguments}", conversation, False
    return f"Thought: {_NEED}\nAction: {calls[0].name}\nAction Input: {arguments}", conversation, False


def final_text(conversation: Conversation, otherwise: str) -> str:
    """Return the final answer: what the tools found, else the given one."""
    return compose_results(conversation) if conversation.results else otherwise


def _read_tools(prompt: str) -> list[ToolSpec]:
    tools = [
        ToolSpec(match["name"], match["description"], _schema(parse_arguments(match["args"])))
        for match in _LLAMA_TOOL.finditer(prompt)
    ]
    if tools:
        return tools
    start = prompt.find("following tools:")
    end = prompt.find("Use the following format", start)
    section = prompt[max(start, 0) : end if end > 0 else None]
    return [ToolSpec(match["name"], match["description"], _STRING_INPUT) for match in _PLAIN_TOOL.finditer(section)]


def _schema(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else _STRING_INPUT


def _read_turns(rows: list[tuple[str, str]]) -> Conversation:
    """Return the conversation of a chat in which observations are messages of their own."""
    asked = [
        at for at, (role, text) in enumerate(rows) if role == "user" and not text.lstrip().startswith("Observation:")
    ]
    last = asked[-1] if asked else len(rows)
    conversation = Conversation(last=rows[last][1] if asked else "")
    conversation.earlier = [(role, text) for role, text in rows[:last] if role != "system"]
    later = "\n".join(text for _, text in rows[last + 1 :])
    return replace(conversation, results=_results(later))


def _read_classic(rows: list[tuple[str, str]]) -> Conversation:
    """Return the conversation of a single prompt with its scratchpad after the last `Question:`."""
    text = "\n".join(text for _, text in rows)
    questions = list(_QUESTION.finditer(text))
    if not questions:
        return Conversation(last=rows[-1][1] if rows else "")
    return Conversation(last=questions[-1]["text"], results=_results(text[questions[-1].end() :]))


def _read_input(text: str) -> Any:
    """Return the input as JSON, or as the Python literal that frameworks write back into the scratchpad."""
    value = parse_arguments(text)
    if isinstance(value, str) and text.startswith("{"):
        with contextlib.suppress(ValueError, SyntaxError):
            return ast.literal_eval(text)
    return value


def _results(text: str) -> list[ToolResult]:
    results: list[ToolResult] = []
    for match in _ACTION.finditer(text):
        observation = _OBSERVATION.search(text, match.end())
        if observation is not None:
            arguments = _read_input(match["input"].strip())
            given = arguments if isinstance(arguments, dict) else {"input": str(arguments)}
            results.append(ToolResult(match["name"].strip(), given, observation["text"].strip()))
    return results
