"""The bytes that servers play, and what is asked of them."""

from __future__ import annotations

JSON = b'{"choices":[{"message":{"role":"assistant","content":"%s"},"finish_reason":"stop"}]}'
EVENTS = (
    b'data: {"choices":[{"delta":{"content":"%s"}}]}\n\n'
    b'data: {"choices":[{"delta":{},"finish_reason":"stop"}]}\n\ndata: [DONE]\n\n'
)


def answer(text: bytes = b"mine", *, stream: bool = False, headers: bytes = b"") -> bytes:
    """Return a whole answer of length, or a chunked stream."""
    if not stream:
        body = JSON % text
        return b"HTTP/1.1 200 OK\r\n%sContent-Length: %d\r\n\r\n%s" % (headers, len(body), body)
    return stream_head(headers) + chunk(EVENTS % text) + b"0\r\n\r\n"


def stream_head(headers: bytes = b"") -> bytes:
    """Return the head of a chunked stream."""
    return b"HTTP/1.1 200 OK\r\n%sContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n" % headers


def chunk(data: bytes) -> bytes:
    """Return one chunk."""
    return b"%x\r\n%s\r\n" % (len(data), data)


ASK = [{"role": "user", "content": "Hello"}]
GIVEN = {"api_key": "k" * 20, "model": "a/b", "max_retries": 0}
