"""An answer before it has a shape on the wire. Holds values; renders nothing."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any


@dataclass
class CallDraft:
    """One tool call of an answer; `arguments` is JSON text, perhaps cut off."""

    name: str
    arguments: str
    id: str = ""


@dataclass
class Draft:
    """What one choice of an answer says."""

    text: str | None = None
    reasoning: str | None = None
    details: list[dict[str, Any]] | None = None
    """Scripted `reasoning_details`; None derives them."""
    tool_calls: list[CallDraft] = field(default_factory=list)
    finish_reason: str = "stop"
    native_finish_reason: str | None = None
    plain_fields: dict[str, Any] = field(default_factory=dict)
    """Scripted fields of the message that are sent as they are."""
    model: str = ""
    """The name of the built-in model that wrote it."""
    hides_reasoning: bool = False
    """Whether reasoning is counted but not sent."""
    repeat: int = 0
    """For the benchmark model: how many pieces of the fixed text; 0 for every other answer."""
