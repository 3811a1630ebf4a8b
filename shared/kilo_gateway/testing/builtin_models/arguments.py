"""Arguments of a tool call: values of the conversation in the shape of the tool's schema. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from kilo_gateway.testing.builtin_models.schema import fill_schema
from kilo_gateway.testing.builtin_models.strings import question_text
from kilo_gateway.testing.builtin_models.values import Finder, name_words

if TYPE_CHECKING:
    from kilo_gateway.testing.builtin_models.conversation import Conversation

_ENTITY_WORDS = {"city", "location", "place", "country", "name", "person", "company", "destination", "symbol", "ticker"}
_MAX_EARLIER = 2000


def arguments_for(
    parameters: dict[str, Any], text: str, conversation: Conversation, *, number: float | None = None
) -> dict[str, Any]:
    """Return the arguments for a call that `text` asks for; `number` is a result that the text refers to."""
    finder = Finder(text, number=number)
    if not finder.phrases and not finder.quoted:
        earlier = Finder("\n".join([*conversation.user_texts[-2:]])[-_MAX_EARLIER:])
        finder.phrases, finder.places, finder.quoted = earlier.phrases, earlier.places, earlier.quoted
    filled = fill_schema(parameters, finder, fallback=question_text(text), takes_optional=False)
    return filled if isinstance(filled, dict) else {}


def entity_field(parameters: dict[str, Any]) -> str | None:
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
