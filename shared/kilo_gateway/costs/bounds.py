"""What bounds the cost of a request's body, and what makes such a bound an estimate only. Decides; never sends."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

ESTIMATED_OUTPUT_TOKENS: Final = 4096
"""Output tokens that are reserved for a request without `max_tokens`: an estimate, not a bound."""
ESTIMATED_MEDIA_TOKENS: Final = 4096
"""Input tokens that are reserved for a picture, sound or document named by a URL: its size is not known here."""

_SOURCES: Final = (("image_url", "url"), ("video_url", "url"), ("file", "file_data"), ("input_audio", "data"))
"""A part's type, which is also the name of its object there, and the key of that which holds the medium."""


def output_bound(body: Mapping[str, Any]) -> int:
    """Return the output tokens that a body allows: `max_tokens` times `n`."""
    asked = _asked(body)
    count = body.get("n")
    answers = count if isinstance(count, int) and count > 0 else 1
    return (max(asked) if asked else ESTIMATED_OUTPUT_TOKENS) * answers


def linked_media(body: Mapping[str, Any]) -> int:
    """Return how many media are named by a URL; one that is part of the body is bounded by its bytes."""
    return sum(source.lower().startswith(("http:", "https:", "gs:", "s3:")) for _, source in _media(body))


def images(body: Mapping[str, Any]) -> int:
    """Return how many pictures are sent."""
    return sum(kind == "image_url" for kind, _ in _media(body))


def reasons_to_estimate(body: Mapping[str, Any]) -> list[str]:
    """Return why the bound of a chat request is an estimate, in words that continue "rows with ..."."""
    reasons = []
    if not _asked(body):
        reasons.append("no max_tokens")
    if linked_media(body):
        reasons.append("media named by a URL")
    if body.get("plugins") or body.get("web_search_options") or _has_server_tools(body) or _is_online(body):
        reasons.append("tools that a server runs")
    if body.get("models"):
        reasons.append("models to fall back on")
    if body.get("audio") or body.get("prediction"):
        reasons.append("audio or predicted output")
    return reasons


def _asked(body: Mapping[str, Any]) -> list[int]:
    """Return the limits of the output that a body states; one below 1 is none."""
    stated = (body.get(name) for name in ("max_tokens", "max_completion_tokens"))
    return [value for value in stated if isinstance(value, int) and value > 0]


def _is_online(body: Mapping[str, Any]) -> bool:
    return str(body.get("model", "")).endswith(":online")


def _has_server_tools(body: Mapping[str, Any]) -> bool:
    tools = body.get("tools")
    return isinstance(tools, list) and any(isinstance(tool, dict) and tool.get("type") != "function" for tool in tools)


def _media(body: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Yield the kind of each medium, and where it is or what it is."""
    messages = body.get("messages")
    for message in messages if isinstance(messages, list) else ():
        content = message.get("content") if isinstance(message, dict) else None
        for part in content if isinstance(content, list) else ():
            for kind, key in _SOURCES:
                holder = part.get(kind) if isinstance(part, dict) else None
                if holder is not None:
                    yield kind, str(holder.get(key, "") if isinstance(holder, dict) else holder)
