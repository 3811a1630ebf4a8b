"""Where a message keeps its reasoning: text and details once each, in `response_metadata`.

Chunks carry the text in `additional_kwargs["reasoning_content"]`, where LangChain adds it up. A whole message answers
for that name, and for `additional_kwargs["reasoning_details"]`, without holding what it says twice.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

    from langchain_core.messages import AIMessage, BaseMessage

TEXT = "reasoning_content"
"""LangChain's name for the text, in `additional_kwargs`."""

_KEPT_AS = {TEXT: "reasoning", "reasoning_details": "reasoning_details"}
"""Name in `additional_kwargs` -> name in `response_metadata`."""


class ReasoningAliases(dict[str, Any]):
    """`additional_kwargs` that answers for reasoning kept elsewhere; what it only answers for is in no dump or copy."""

    def __init__(self, kept: Mapping[str, Any], metadata: Mapping[str, Any]) -> None:
        super().__init__(kept)
        self._answers = {name: metadata[key] for name, key in _KEPT_AS.items() if key in metadata}

    def __missing__(self, name: str) -> Any:
        return self._answers[name]

    def __contains__(self, name: object) -> bool:
        return super().__contains__(name) or name in self._answers

    def get(self, name: str, default: Any = None) -> Any:
        """Return the value of a name, of one that is only answered for, too."""
        try:
            return self[name]
        except KeyError:
            return default

    def __reduce__(self) -> Any:
        return dict, (dict(self),)


def with_aliases(message: AIMessage, metadata: Mapping[str, Any]) -> AIMessage:
    """Return the message, whose `additional_kwargs` answer for the reasoning in its metadata from now on."""
    if _has_reasoning(metadata):
        message.additional_kwargs = ReasoningAliases(message.additional_kwargs, metadata)
    return message


def _has_reasoning(metadata: Mapping[str, Any]) -> bool:
    return any(key in metadata for key in _KEPT_AS.values())


def settle_reasoning(fields: Mapping[str, Any]) -> dict[str, Any]:
    """Return the fields of a message whose reasoning came in pieces, with its text in its metadata alone."""
    kwargs, metadata = fields["additional_kwargs"], fields["response_metadata"]
    if not _has_reasoning(metadata):
        return dict(fields)
    kept = {name: value for name, value in kwargs.items() if name != TEXT or "reasoning" not in metadata}
    return {**fields, "additional_kwargs": ReasoningAliases(kept, metadata)}


def find_noted_reasoning(message: BaseMessage) -> str:
    """Return the readable reasoning of a message, wherever it or another integration noted it; "" without any."""
    for holder, name in ((message.additional_kwargs, TEXT), (message.response_metadata, "reasoning")):
        noted = dict.get(holder, name)
        if isinstance(noted, str) and noted:
            return noted
    return ""
