"""Where the bytes of a LangChain block are, and of what media type. Never fetches anything."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from kilo_gateway.adapters.media import data_url, sniff_mime_type


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
