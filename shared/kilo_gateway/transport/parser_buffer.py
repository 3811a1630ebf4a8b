"""What httpcore's HTTP/1.1 parser holds beyond the part of an answer that it has handed out.

httpcore does not look for bytes behind an answer, and has no public way to ask: this reads its attributes, and where
one of them is not found, as in another version, the answer is "unknown", on which nothing is reused.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

_LAST_CHUNK = (b"0\r\n\r\n", b"\r\n0\r\n\r\n")
"""The end of a chunked body, with or without the end of the chunk before it."""

_WAY = ("_stream", "_httpcore_stream", "_connection", "_h11_state")
"""Attributes on the way from an httpx response, or from a connection of httpcore's, to its parser."""


def unread_bytes(holder: Any) -> bytes | None:
    """Return what the parser of a response's stream, or of a connection, holds; None when it cannot be known."""
    for _ in range(8):  # each layer wraps the next
        parser = getattr(holder, "_h11_state", None)
        if parser is not None:
            data, _ = parser.trailing_data
            return bytes(data)
        holder = next((found for name in _WAY if (found := getattr(holder, name, None)) is not None), None)
    return None


def states_two_ends(headers: Mapping[str, str]) -> bool:
    """Return whether an answer has a length and chunks, of which httpx takes the chunks.

    Nothing may follow on its connection, for somebody on the way may have taken the length (RFC 9112, 6.3).
    """
    return "transfer-encoding" in headers and "content-length" in headers


def is_last_chunk(unread: bytes) -> bool:
    """Return whether these bytes are the end of a chunked body and nothing else."""
    return unread in _LAST_CHUNK


def may_become_last_chunk(unread: bytes) -> bool:
    """Return whether these bytes begin the end of a chunked body, or are none at all."""
    return any(end.startswith(unread) for end in _LAST_CHUNK)
