"""The built-in models: reads a request, decides what kind of answer it wants, and drafts it. Deterministic."""

from __future__ import annotations

from typing import Any

from kilo_gateway.testing.builtin_models.conversation import ReadConversation, read_conversation
from kilo_gateway.testing.builtin_models.draft import Draft
from kilo_gateway.testing.builtin_models.extractive import answer_text
from kilo_gateway.testing.builtin_models.results import compose_results
from kilo_gateway.testing.builtin_models.strings import topic
from kilo_gateway.testing.builtin_models.structured import answer_json, schema_of_format
from kilo_gateway.testing.builtin_models.tools import plan_calls, read_tools

EXTRACTIVE = "kilo-embedded/extractive-1"
TOOL_CALLER = "kilo-embedded/tool-caller-1"
SCHEMA_FILLER = "kilo-embedded/schema-filler-1"


def draft_answer(body: dict[str, Any]) -> Draft:
    """Return the answer to a chat request."""
    conversation = read_conversation(body.get("messages"))
    draft = _draft(body, conversation)
    if _wants_reasoning(body):
        draft.reasoning = _reasoning(draft, conversation.last)
        reasoning = body.get("reasoning")
        is_excluded = isinstance(reasoning, dict) and reasoning.get("exclude") is True
        draft.hides_reasoning = is_excluded or body.get("include_reasoning") is False
    return draft


def _draft(body: dict[str, Any], conversation: ReadConversation) -> Draft:
    calls = plan_calls(
        read_tools(body.get("tools")),
        conversation,
        choice=body.get("tool_choice"),
        parallel=body.get("parallel_tool_calls") is not False,
    )
    if calls:
        return Draft(tool_calls=calls, finish_reason="tool_calls", model=TOOL_CALLER)
    words = compose_results(conversation) if conversation.results else answer_text(conversation)
    schema = schema_of_format(body.get("response_format"))
    if schema is not None:
        # Results stand last, because they are the freshest.
        source = "\n".join([conversation.last, *(result.text for result in conversation.results)])
        return Draft(text=answer_json(schema, source, words), model=SCHEMA_FILLER)
    return Draft(text=words, model=TOOL_CALLER if conversation.results else EXTRACTIVE)


def _wants_reasoning(body: dict[str, Any]) -> bool:
    """Return whether the request asks for reasoning: `reasoning` with an effort, a budget or `enabled`, an old flag."""
    reasoning = body.get("reasoning")
    if isinstance(reasoning, dict):
        if reasoning.get("enabled") is False or reasoning.get("effort") == "none":
            return False
        return bool(reasoning.get("effort") or reasoning.get("max_tokens") or reasoning.get("enabled"))
    effort = body.get("reasoning_effort")
    return bool(body.get("include_reasoning")) or (isinstance(effort, str) and effort not in ("", "none"))


def _reasoning(draft: Draft, question: str) -> str:
    """Return what the built-in models really did, in two sentences."""
    about = f"The request is about: {topic(question) or 'nothing in particular'}."
    if draft.tool_calls:
        return f"{about} I need {', '.join(dict.fromkeys(call.name for call in draft.tool_calls))} for it."
    return f"{about} I look for the sentence that shares most words with it."
