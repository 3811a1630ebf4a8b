"""A model's answer as the JSON of an unstreamed chat completion. Renders; sends nothing."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from kilo_gateway.testing.gateway.reasoning import render_details

if TYPE_CHECKING:
    from kilo_gateway.testing.builtin_models.draft import Draft

PROVIDER = "Kilo Embedded"
_NATIVE = {
    "claude": {"stop": "end_turn", "length": "max_tokens", "tool_calls": "tool_use"},
    "openai": {"stop": "completed", "length": "max_output_tokens", "tool_calls": "completed"},
    "xai": {"stop": "completed", "length": "max_output_tokens", "tool_calls": "completed"},
    "gemini": {"stop": "STOP", "length": "MAX_TOKENS", "tool_calls": "STOP"},
}


@dataclass(kw_only=True)
class ChatAnswer:
    """What was drafted for each choice, and what the choices share."""

    id: str
    created: int
    model: str
    provider: str
    family: str
    """Decides the shape of reasoning and the provider's own finish reasons."""
    drafts: list[Draft]
    usage: dict[str, Any] = field(default_factory=dict)

    def head(self, kind: str) -> dict[str, Any]:
        """Return the keys that every chunk and the whole answer begin with."""
        named = {"model": self.model, "provider": self.provider}
        return {"id": self.id, "object": kind, "created": self.created, **named}


def native_finish_reason(draft: Draft, family: str) -> str:
    """Return the provider's own word for why the answer ended."""
    return draft.native_finish_reason or _NATIVE.get(family, {}).get(draft.finish_reason, draft.finish_reason)


def render_completion(chat_answer: ChatAnswer) -> dict[str, Any]:
    """Return the unstreamed body."""
    choices = [_render_choice(draft, index, chat_answer.family) for index, draft in enumerate(chat_answer.drafts)]
    return {
        **chat_answer.head("chat.completion"),
        "system_fingerprint": None,
        "choices": choices,
        "usage": chat_answer.usage,
    }


def _render_choice(draft: Draft, index: int, family: str) -> dict[str, Any]:
    calls = [
        {
            "index": at,
            "id": call.id,
            "type": "function",
            "function": {"name": call.name, "arguments": call.arguments},
        }
        for at, call in enumerate(draft.tool_calls)
    ]
    message: dict[str, Any] = {
        "role": "assistant",
        "content": draft.text if draft.text is not None or not calls else "",
        "refusal": None,
        "reasoning": None if draft.hides_reasoning else draft.reasoning,
    }
    optional = {
        "reasoning_details": render_details(draft, family),
        "tool_calls": calls,
    }
    message.update({key: value for key, value in optional.items() if value} | draft.plain_fields)
    return {
        "logprobs": None,
        "finish_reason": draft.finish_reason,
        "native_finish_reason": native_finish_reason(draft, family),
        "index": index,
        "message": message,
    }
