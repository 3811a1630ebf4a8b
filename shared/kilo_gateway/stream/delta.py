"""What one chunk adds to an answer, as users get it. Holds values only."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from kilo_gateway.answer.tool_calls import ToolCallDelta
    from kilo_gateway.wire import Chunk


@dataclass(slots=True)
class Delta:
    """What one chunk adds to one choice; at least one of the three is not empty."""

    choice: int
    text: str
    reasoning: str
    tool_calls: list[ToolCallDelta]
    chunk: Chunk
    """The chunk as sent; {} for what was found out at the end of the stream."""
