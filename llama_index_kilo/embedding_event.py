"""What one embeddings request used and cost, as an event of LlamaIndex's instrumentation. Holds values."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from llama_index.core.instrumentation.events import BaseEvent
from pydantic import ConfigDict

from kilo_gateway import Usage

if TYPE_CHECKING:
    from kilo_gateway import Embeddings


class EmbeddingUsageEvent(BaseEvent):
    """One answered request; it comes between LlamaIndex's EmbeddingStartEvent and EmbeddingEndEvent."""

    model_config = ConfigDict(protected_namespaces=())

    model: str | None = None
    """The model that answered."""
    texts: int = 0
    """How many texts went in the request."""
    input_tokens: int = 0
    total_tokens: int = 0
    cost: float | None = None
    """As the gateway states it, in USD."""
    billed_cost: float | None = None
    """What the gateway bills by its general rule, in USD."""
    usage: dict[str, Any] | None = None
    """`usage` as sent."""

    @classmethod
    def class_name(cls) -> str:
        """Return the name that dumps carry."""
        return "EmbeddingUsageEvent"


def event_fields(embeddings: Embeddings) -> dict[str, Any]:
    """Return the fields of the event for an answer."""
    usage = embeddings.usage or Usage()
    return {
        "model": embeddings.model or embeddings.requested_model,
        "texts": len(embeddings.vectors),
        "input_tokens": usage.input_tokens,
        "total_tokens": usage.total_tokens,
        "cost": usage.cost,
        "billed_cost": usage.billed_cost,
        "usage": dict(usage.body) or None,
    }
