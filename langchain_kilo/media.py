"""Where the bytes of a block are, and of what kind: URLs, base64 and media types. Never fetches anything."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping
from typing import Any

_MAGIC: tuple[tuple[int, bytes, str], ...] = (
    (0, b"\x89PNG\r\n\x1a\n", "image/png"),
    (0, b"\xff\xd8\xff", "image/jpeg"),
    (0, b"GIF8", "image/gif"),
    (8, b"WEBP", "image/webp"),
    (8, b"WAVE", "audio/wav"),
    (0, b"BM", "image/bmp"),
    (0, b"%PDF", "application/pdf"),
    (0, b"ID3", "audio/mpeg"),
    (0, b"\xff\xfb", "audio/mpeg"),
    (0, b"\xff\xf3", "audio/mpeg"),
    (0, b"fLaC", "audio/flac"),
    (0, b"OggS", "audio/ogg"),
    (0, b"\x1aE\xdf\xa3", "video/webm"),
    (4, b"ftypM4A", "audio/mp4"),
    (4, b"ftyp", "video/mp4"),
)
"""Offset, bytes there, media type; the first that matches counts."""

_HEAD_CHARACTERS = 64
"""Base64 characters that are looked at; 48 bytes."""

_FORMATS = {
    "mpeg": "mp3",
    "mpga": "mp3",
    "wave": "wav",
    "vnd.wave": "wav",
    "mp4": "m4a",
    "l16": "pcm16",
    "pcm": "pcm16",
}
"""Subtypes whose name on the wire differs."""


def sniff_mime_type(data: str) -> str | None:
    """Return the media type that base64 data shows by its first bytes; None when they show none."""
    head = data[:_HEAD_CHARACTERS]
    try:
        first = base64.b64decode(head[: len(head) - len(head) % 4], altchars=None)
    except (binascii.Error, ValueError):
        return None
    return next((kind for offset, magic, kind in _MAGIC if first[offset:].startswith(magic)), None)


def data_url(data: str, mime_type: str) -> str:
    """Return base64 data as a URL; what is one already stays."""
    return data if data.startswith("data:") else f"data:{mime_type};base64,{data}"


def mime_type_of(item: Mapping[str, Any], data: str, *, kind: str) -> str | None:
    """Return the media type of a block's data: stated, in its data URL, or shown by its first bytes.

    A type that says less than the block does, such as `application/octet-stream`, counts as not stated.
    """
    if data.startswith("data:"):
        return data[len("data:") :].partition(",")[0].partition(";")[0] or None
    stated = item.get("mime_type") or item.get("media_type")
    if isinstance(stated, str) and stated and stated != "application/octet-stream":
        return stated
    sniffed = sniff_mime_type(data)
    return sniffed or (str(stated) if stated and kind == "file" else None)


def media_url(item: Mapping[str, Any], *, kind: str) -> str | None:
    """Return a block's media as a URL, its own or one that holds the data; None when there is neither.

    Reads LangChain's blocks and Anthropic's `source`.
    """
    source = item.get("source")
    if isinstance(source, Mapping):
        return media_url(source, kind=kind)
    url = item.get("url")
    if isinstance(url, str) and url:
        return url
    data = item.get("base64") or item.get("data")
    if not isinstance(data, str) or not data:
        return None
    mime_type = mime_type_of(item, data, kind=kind)
    return None if mime_type is None else data_url(data, mime_type)


def audio_format(mime_type: str | None) -> str | None:
    """Return the wire's word for an audio type: `audio/mpeg` is `mp3`; None without a type."""
    if mime_type is None:
        return None
    subtype = mime_type.partition(";")[0].rpartition("/")[2].lower().removeprefix("x-")
    return _FORMATS.get(subtype, subtype) or None
