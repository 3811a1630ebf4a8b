"""The built-in models: reads a request, decides what kind of answer it wants, and drafts it. Deterministic."""

from __future__ import annotations

from typing import Any

from kilo_gateway.testing.brain.conversation import Conversation, read_conversation
from kilo_gateway.testing.brain.extractive import answer_text
from kilo_gateway.testing.brain.react import answer_react, final_text, is_react
from kilo_gateway.testing.brain.results import compose_results
from kilo_gateway.testing.brain.structured import answer_json, schema_in_text, schema_of_format
from kilo_gateway.testing.brain.thinking import add_reasoning
from kilo_gateway.testing.brain.tools import plan_calls, read_tools
from kilo_gateway.testing.draft import Draft

EXTRACTIVE = "kilo-embedded/extractive-1"
TOOL_CALLER = "kilo-embedded/tool-caller-1"
SCHEMA_FILLER = "kilo-embedded/schema-filler-1"
REACT = "kilo-embedded/react-1"


def answer(body: dict[str, Any], family: str) -> Draft:
    """Return the answer to a chat request; `family` is kept for the shape of reasoning, not for what is said."""
    messages = body.get("messages") or []
    conversation = read_conversation(messages)
    draft = _draft(body, messages, conversation)
    add_reasoning(draft, body, conversation.last)
    return draft


def _draft(body: dict[str, Any], messages: list[Any], conversation: Conversation) -> Draft:
    calls = plan_calls(
        read_tools(body.get("tools")),
        conversation,
        choice=body.get("tool_choice"),
        parallel=body.get("parallel_tool_calls") is not False,
    )
    if calls:
        return Draft(tool_calls=calls, finish_reason="tool_calls", model=TOOL_CALLER)
    if is_react(messages):
        text, asked, is_final = answer_react(messages)
        return Draft(text=text + final_text(asked, answer_text(asked)) if is_final else text, model=REACT)
    schema = schema_of_format(body.get("response_format"))
    if schema is not None:
        return Draft(text=answer_json(schema, _everything(conversation), _words(conversation)), model=SCHEMA_FILLER)
    for text in (conversation.last, conversation.system):
        found = schema_in_text(text)
        if found is not None:
            source = found[1] if text is conversation.last else conversation.last
            return Draft(text=answer_json(found[0], source, _words(conversation)), model=SCHEMA_FILLER)
    return Draft(text=_words(conversation), model=TOOL_CALLER if conversation.results else EXTRACTIVE)


def _words(conversation: Conversation) -> str:
    return compose_results(conversation) if conversation.results else answer_text(conversation)


def _everything(conversation: Conversation) -> str:
    """Return the text that values are taken from: results last, because they are the freshest."""
    return "\n".join([conversation.last, *(result.text for result in conversation.results)])
