"""Strings for named fields: from the text by the field's name and format, else the shortest that the schema allows."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from kilo_gateway.testing.builtin_models.values import SHAPES, name_words
from kilo_gateway.testing.builtin_models.words import STOP_WORDS

if TYPE_CHECKING:
    from collections.abc import Callable

    from kilo_gateway.testing.builtin_models.values import Finder

_FORMATS = {
    "date": "2026-01-01",
    "date-time": "2026-01-01T00:00:00Z",
    "time": "00:00:00Z",
    "duration": "P1D",
    "email": "user@example.com",
    "hostname": "example.com",
    "ipv4": "192.0.2.1",
    "ipv6": "2001:db8::1",
    "uri": "https://example.com/",
    "url": "https://example.com/",
    "uuid": "00000000-0000-4000-8000-000000000000",
}
_PLACES = {
    "city", "location", "place", "country", "destination", "origin", "town", "region", "address", "state", "capital",
}  # fmt: skip
_PEOPLE = {
    "name", "person", "user", "recipient", "author", "who", "customer", "to", "attendee", "company", "title", "product",
}  # fmt: skip
_QUESTIONS = {"query", "question", "search", "input", "prompt", "q", "topic", "text", "request", "task", "keywords"}
_MESSAGES = {"body", "content", "message", "note"}
_SENTENCES = {"answer", "response", "summary", "description", "reason", "explanation", "thought", *_MESSAGES}
_SHAPED = {
    "email": "email", "mail": "email", "url": "uri", "link": "uri", "website": "uri", "date": "day", "day": "day",
    "when": "day", "time": "time", "path": "path", "file": "path", "filename": "path", "expression": "expression",
    "formula": "expression", "equation": "expression", "calculation": "expression", "id": "uuid",
    "to": "email", "recipient": "email", "contact": "email",
}  # fmt: skip
_LEAD = re.compile(
    r"^(?:please\s+|can you\s+|could you\s+|would you\s+)*(?:search(?: the web)?(?: for)?|look up|find(?: out)?|google|"
    r"tell me(?: about)?|query|calculate|compute|evaluate|what is|what's|translate|summari[sz]e)\s+",
    re.IGNORECASE,
)  # fmt: skip
_VALUE = r"[^\n,;.\"”']+"
_MAX_TEXT = 400


def find_string(finder: Finder, name: str, schema: dict[str, Any], *, is_required: bool) -> str | None:
    """Return the text's value for a string field, or None when it holds none."""
    shape = schema.get("format")
    if isinstance(shape, str) and shape in _FORMATS:
        return finder.shaped(shape) if shape in SHAPES and shape != "time" else None
    keyed = finder.keyed(name, _VALUE)
    if keyed is not None:
        return _trimmed(keyed)
    words = name_words(name)
    for word in words:
        if word in _SHAPED and (found := finder.shaped(_SHAPED[word])) is not None:
            return found
    if is_sentence_field(name):
        return finder.take_quoted() if set(words) & _MESSAGES else None
    found = _by_name(finder, set(words), is_required=is_required)
    if found is not None or not is_required:
        return found
    return finder.take_quoted()


def _by_name(finder: Finder, words: set[str], *, is_required: bool) -> str | None:
    takes: tuple[tuple[set[str], Callable[[], str | None]], ...] = (
        (_PLACES, finder.take_place),
        (_QUESTIONS, lambda: finder.take_quoted() or question_text(finder.text) if is_required else None),
        (_PEOPLE, lambda: finder.take_quoted() or finder.take_phrase()),
    )
    return next((take() for names, take in takes if words & names), None)


def _trimmed(text: str) -> str:
    """Return a keyed value without the clause that follows it."""
    return re.split(r"\s+(?:and|with|but|who|which|that|in|at|on|for)\s+", text.strip())[0]


def question_text(text: str) -> str:
    """Return the request without its opening words and end mark: "Search for red pandas." -> "red pandas"."""
    stripped = text.strip()[-_MAX_TEXT:]
    return _LEAD.sub("", stripped).rstrip(" .!?") or stripped


def is_sentence_field(name: str) -> bool:
    """Return whether the field's name asks for a whole sentence."""
    return bool(set(name_words(name)) & _SENTENCES)


def least_string(schema: dict[str, Any], name: str) -> str:
    """Return a short string that the schema allows; a `pattern` is not looked at."""
    text = _FORMATS.get(str(schema.get("format"))) or " ".join(name_words(name)) or "unknown"
    text = text.ljust(int(schema.get("minLength") or 0), "x")
    return text[: schema.get("maxLength", len(text))]


def topic(text: str) -> str:
    """Return the words that a request is about."""
    kept = [word for word in re.findall(r"[\w'-]+", text) if word.lower() not in STOP_WORDS]
    return " ".join(kept[:8])
