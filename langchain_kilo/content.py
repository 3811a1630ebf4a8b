"""Content blocks of LangChain -> parts of a wire message, by a table. What has no part is refused by its name.

In an answer of the history it is what another provider's model did, and is left out; in a tool's result it is sent as
its JSON.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from kilo_gateway.adapters.media import audio_format
from kilo_gateway.errors import InvalidRequestError
from langchain_kilo.media import media_url, mime_type_of

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    Renderer = Callable[[Mapping[str, Any]], dict[str, Any] | None]

OWNED_BY_CALLS = frozenset({"tool_use", "tool_call", "tool_call_chunk", "invalid_tool_call", "function_call"})
"""Blocks that say again what `tool_calls` of the message says."""

THOUGHTS = frozenset({"reasoning", "reasoning_content", "thinking", "redacted_thinking"})
"""Blocks of reasoning: what the gateway wants back of it stands in `reasoning_details`."""

LEFT_OUT_OF_ANSWERS = OWNED_BY_CALLS | THOUGHTS


def render_parts(content: str | Sequence[Any], *, role: str) -> str | list[dict[str, Any]]:
    """Return the content as text, or as the list of its parts; empty texts, which servers refuse, are left out.

    Raises:
        InvalidRequestError: a block that has no part; the message names its type.
    """
    if isinstance(content, str):
        return content
    parts = (_render_item(item, place, role) for place, item in enumerate(content))
    return [part for part in parts if part is not None and part.get("text") != ""] or ""


def join_texts(parts: str | list[dict[str, Any]]) -> str | list[dict[str, Any]]:
    """Return parts that are nothing but text as one text; others as they are."""
    if isinstance(parts, list) and all(part.keys() == {"type", "text"} and part["type"] == "text" for part in parts):
        return "".join(part["text"] for part in parts)
    return parts


def _render_item(item: Any, place: int, role: str) -> dict[str, Any] | None:
    if isinstance(item, str):
        return {"type": "text", "text": item}
    if not isinstance(item, Mapping):
        raise InvalidRequestError(f"content[{place}] of a {role} message is a {type(item).__name__}, not a block.")
    item = as_own_block(item)
    kind = item.get("type")
    if role == "assistant" and kind in LEFT_OUT_OF_ANSWERS:
        return None
    render = _RENDERERS.get(kind) if isinstance(kind, str) else _untyped(item)
    if role == "assistant" and (render is None or _is_foreign(item)):
        return None
    if render is None and role == "tool":
        item, render = _as_json_text(item), _render_text
    if render is None:
        raise InvalidRequestError(
            f"content[{place}] of a {role} message is a block of type {kind!r}, for which the gateway has no part: use "
            f"one of {', '.join(sorted(_RENDERERS))}."
        )
    part = render(item)
    if part is None and role == "assistant":
        return None
    if part is None:
        raise InvalidRequestError(
            f"content[{place}] of a {role} message, a block of type {kind!r}, holds nothing that can be sent: {_NEEDS}."
        )
    mark = item.get("cache_control") or _extras(item).get("cache_control")
    return {**part, "cache_control": mark} if mark is not None else part


def as_own_block(item: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return a block of another provider's class in LangChain's own form, if it has one; any other as it is."""
    if item.get("type") in ("text", "image_url", "tool_use", "reasoning", "thinking"):
        return item
    from langchain_kilo.foreign_blocks import as_known_block  # noqa: PLC0415 - few conversations need it

    return as_known_block(item)


def _as_json_text(item: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return a block of text with the JSON of what a tool returned in a form of its own."""
    value = item["json"] if item.get("type") == "json" and "json" in item else dict(item)
    return {"type": "text", "text": json.dumps(value, ensure_ascii=False, default=str)}


def _is_foreign(item: Mapping[str, Any]) -> bool:
    """Whether LangChain carries through what another provider's model did, for which the wire has no part."""
    value = item.get("value")
    return item.get("type") == "non_standard" and isinstance(value, Mapping) and value.get("type") not in _RENDERERS


_NEEDS = "it needs text, a url, or base64 data, with mime_type unless the data shows it"


def _untyped(item: Mapping[str, Any]) -> Renderer | None:
    return _render_text if isinstance(item.get("text"), str) else None


def _extras(item: Mapping[str, Any]) -> Mapping[str, Any]:
    extras = item.get("extras")
    return extras if isinstance(extras, Mapping) else {}


def _named(item: Mapping[str, Any], *names: str) -> Any:
    """Return the first of these keys that has a value, in the block, its extras or its metadata."""
    holders = (item, _extras(item), item.get("metadata") or {})
    return next((holder[name] for holder in holders for name in names if holder.get(name) is not None), None)


def _render_text(item: Mapping[str, Any]) -> dict[str, Any] | None:
    text = item.get("text")
    return {"type": "text", "text": text} if isinstance(text, str) else None


def _render_image_url(item: Mapping[str, Any]) -> dict[str, Any] | None:
    image = item.get("image_url")
    if isinstance(image, str):
        image = {"url": image}
    if not isinstance(image, Mapping) or not isinstance(image.get("url"), str):
        return None
    detail = image.get("detail") or _named(item, "detail")
    return {"type": "image_url", "image_url": {**image, "detail": detail} if detail else dict(image)}


def _render_image(item: Mapping[str, Any]) -> dict[str, Any] | None:
    if "image_url" in item:
        return _render_image_url(item)
    url = media_url(item, kind="image")
    if url is None:
        return None
    detail = _named(item, "detail")
    return {"type": "image_url", "image_url": {"url": url, "detail": detail} if detail else {"url": url}}


def _render_audio(item: Mapping[str, Any]) -> dict[str, Any] | None:
    data = item.get("base64") or item.get("data")
    if not isinstance(data, str):
        return None
    form = _named(item, "format") or audio_format(mime_type_of(item, data, kind="audio"))
    if not form:
        return None
    return {"type": "input_audio", "input_audio": {"data": data.rpartition(",")[2], "format": form}}


def _render_video(item: Mapping[str, Any]) -> dict[str, Any] | None:
    url = media_url(item, kind="video")
    return None if url is None else {"type": "video_url", "video_url": {"url": url}}


def _render_file(item: Mapping[str, Any]) -> dict[str, Any] | None:
    inner = item.get("file")
    if isinstance(inner, Mapping):
        return {"type": "file", "file": dict(inner)}
    name = _named(item, "filename", "name", "title")
    if isinstance(file_id := item.get("file_id"), str):
        return {"type": "file", "file": {"file_id": file_id}}
    url = media_url(item, kind="file")
    if url is None:
        return None
    return {"type": "file", "file": {"filename": name or _default_name(url), "file_data": url}}


def _default_name(url: str) -> str:
    """Return a file name for a file that came without one, which some providers refuse."""
    if not url.startswith("data:"):
        return url.split("?", maxsplit=1)[0].rstrip("/").rpartition("/")[2] or "file"
    subtype = url[len("data:") :].partition(";")[0].partition("/")[2]
    return f"file.{subtype}" if subtype.isalnum() else "file"


def _render_plain_text(item: Mapping[str, Any]) -> dict[str, Any] | None:
    """Return a text document: its text as a part of its own, with its title before it."""
    text = item.get("text")
    if not isinstance(text, str):
        return _render_file({"mime_type": "text/plain", **item})
    heads = [str(item[name]) for name in ("title", "context") if item.get(name)]
    return {"type": "text", "text": "\n".join([*heads, text])}


def _render_document(item: Mapping[str, Any]) -> dict[str, Any] | None:
    """Return Anthropic's document block: a file, or the text that it holds."""
    source = item.get("source")
    if isinstance(source, Mapping) and source.get("type") == "text":
        return _render_plain_text({"text": source.get("data"), "title": item.get("title")})
    return _render_file(item)


def _render_refusal(item: Mapping[str, Any]) -> dict[str, Any] | None:
    return _render_text({"text": item.get("refusal")})


def _render_non_standard(item: Mapping[str, Any]) -> dict[str, Any] | None:
    """Return the provider's own block that LangChain carried through; it is the caller's word."""
    value = item.get("value")
    if not isinstance(value, Mapping) or not value:
        return None
    return {"type": "text", "text": str(value["refusal"])} if value.get("type") == "refusal" else dict(value)


def _as_is(item: Mapping[str, Any]) -> dict[str, Any] | None:
    kind = item["type"]
    return {"type": kind, kind: item[kind]} if item.get(kind) else None


_RENDERERS: dict[str, Renderer] = {
    "text": _render_text,
    "image_url": _render_image_url,
    "image": _render_image,
    "input_image": _render_image_url,
    "audio": _render_audio,
    "input_audio": _as_is,
    "video": _render_video,
    "video_url": _as_is,
    "file": _render_file,
    "document": _render_document,
    "text-plain": _render_plain_text,
    "refusal": _render_refusal,
    "non_standard": _render_non_standard,
}
"""Block type -> its part. A part of None means that the block lacks what it needs."""
