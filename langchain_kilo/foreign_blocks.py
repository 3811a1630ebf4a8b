"""Content blocks as other providers' classes of LangChain take and write them -> LangChain's own. Refuses none."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

    Block = Mapping[str, Any]


def as_known_block(block: Block) -> Block:
    """Return the block in a form that LangChain or the wire has; itself where that is its form, or nothing is known."""
    kind = block.get("type")
    convert = _CONVERTERS.get(kind) if isinstance(kind, str) else None
    known = convert(block) if convert is not None else None
    if known is None:
        return block
    return {**known, **{key: block[key] for key in _KEPT if key in block}}


def _text(block: Block) -> Block:
    return {"type": "text", "text": block.get("text")}


def _input_file(block: Block) -> Block:
    """Return the file of OpenAI's Responses: by its id, its address or its data."""
    name = {"filename": block["filename"]} if block.get("filename") else {}
    if block.get("file_data"):
        return {"type": "file", "file": {**name, "file_data": block["file_data"]}}
    return {"type": "file", **name, "file_id": block.get("file_id"), "url": block.get("file_url")}


def _media(block: Block) -> Block:
    """Return what Gemini takes as one kind of block, by its media type."""
    mime_type = block.get("mime_type")
    kind = mime_type.partition("/")[0] if isinstance(mime_type, str) else ""
    known = {"type": kind if kind in ("image", "audio", "video") else "file", "mime_type": mime_type}
    data = block.get("data")
    encoded = base64.b64encode(data).decode() if isinstance(data, bytes) else data
    return {**known, "base64": encoded, "url": block.get("file_uri")}


def _document_url(block: Block) -> Block:
    url = block.get("document_url")
    name = {"filename": block["document_name"]} if block.get("document_name") else {}
    return {"type": "file", "url": url.get("url") if isinstance(url, Mapping) else url, **name}


def _video_url(block: Block) -> Block | None:
    url = block.get("video_url")
    return {"type": "video_url", "video_url": {"url": url}} if isinstance(url, str) else None


def _search_result(block: Block) -> Block:
    """Return the text that Anthropic cites from, with its title and source before it."""
    heads = [str(block[name]) for name in ("title", "source") if block.get(name)]
    return {"type": "text", "text": "\n".join([*heads, _joined(block.get("content"))])}


def _document(block: Block) -> Block | None:
    """Return Anthropic's document that is a file by its id, or a list of texts."""
    source = block.get("source")
    if not isinstance(source, Mapping):
        return None
    if source.get("type") == "file":
        return {"type": "file", "file_id": source.get("file_id")}
    if source.get("type") != "content":
        return None
    return {"type": "text-plain", "text": _joined(source.get("content")), "title": block.get("title")}


def _joined(content: Any) -> str:
    if isinstance(content, str):
        return content
    parts = content if isinstance(content, list) else []
    texts = [part.get("text") if isinstance(part, Mapping) else part for part in parts]
    return "\n".join(text for text in texts if isinstance(text, str))


_KEPT = ("cache_control", "extras")

_CONVERTERS: dict[str, Callable[[Block], Block | None]] = {
    "document": _document,
    "document_url": _document_url,
    "input_file": _input_file,
    "input_text": _text,
    "media": _media,
    "output_text": _text,
    "search_result": _search_result,
    "video_url": _video_url,
}
