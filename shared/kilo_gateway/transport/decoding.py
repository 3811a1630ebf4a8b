"""Content codings: compressed bytes in, plain bytes out in pieces of a bounded size. Reads no network.

One coding an answer, and only one that was offered: a chain of codings, or a coding that nobody asked for, is how a few
bytes fill the memory. Source: RFC 9110, 8.4; RFC 1952 (gzip); RFC 1950 and 1951 (deflate).
"""

from __future__ import annotations

import zlib
from abc import ABC, abstractmethod
from importlib import import_module
from typing import TYPE_CHECKING, Any

from kilo_gateway.transport.lazy_httpx import httpx

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

PIECE_BYTES = 256 * 1024
"""The most that is decompressed at once, twice that in brotli; who reads the pieces decides when it is enough."""

_PLAIN = frozenset({"", "identity", "none", "utf-8", "binary", "8bit", "7bit"})
"""Names that servers write for a body that is not compressed."""

_ALIASES = {"x-gzip": "gzip"}

_WINDOW_LOG = 23
"""Zstandard over HTTP needs windows of at most 8 MiB (RFC 9659)."""


class Decoder(ABC):
    """Decompresses one body: `feed` it what arrives, `finish` when the body is whole."""

    def __init__(self) -> None:
        self._is_begun = False
        self._is_whole = False

    def feed(self, data: bytes) -> Iterator[bytes]:
        """Yield what these bytes hold, in pieces of about `PIECE_BYTES`.

        Raises:
            httpx.DecodingError: not of this coding, or its checksum is wrong.
        """
        self._is_begun = self._is_begun or bool(data)
        try:
            yield from self._decompress(data)
        except httpx.DecodingError:
            raise
        except Exception as failure:
            raise httpx.DecodingError(str(failure)) from failure

    def finish(self) -> None:
        """Raise httpx.DecodingError when the compressed data is cut off; no data at all is an empty body."""
        if self._is_begun and not self._is_whole:
            raise httpx.DecodingError("the compressed data is cut off")

    @abstractmethod
    def _decompress(self, data: bytes) -> Iterator[bytes]: ...


class GzipDecoder(Decoder):
    """All members of a gzip body, one after another; zeros that pad its end are ignored."""

    _WBITS = 31

    def __init__(self) -> None:
        super().__init__()
        self._member = zlib.decompressobj(wbits=self._WBITS)

    def _decompress(self, data: bytes) -> Iterator[bytes]:
        while data:
            if self._is_whole:
                data = data.lstrip(b"\0")
                if not data:
                    return
                self._member = zlib.decompressobj(wbits=self._WBITS)
            yield from _inflated(self._member, data)
            self._is_whole = self._member.eof
            data = self._member.unused_data


class DeflateDecoder(Decoder):
    """A deflate body, with the zlib header that it should have or, as many servers send it, without."""

    def __init__(self) -> None:
        super().__init__()
        self._head = b""
        self._inner: Any = None

    def _decompress(self, data: bytes) -> Iterator[bytes]:
        if self._inner is None:
            self._head += data
            if len(self._head) < 2:  # noqa: PLR2004 - the length of a zlib header
                return
            has_header = self._head[0] & 0x0F == zlib.DEFLATED and int.from_bytes(self._head[:2]) % 31 == 0
            self._inner = zlib.decompressobj(wbits=15 if has_header else -15)
            data, self._head = self._head, b""
        if not self._is_whole:
            yield from _inflated(self._inner, data)
            self._is_whole = self._inner.eof


def _inflated(inner: Any, data: bytes) -> Iterator[bytes]:
    """Yield what zlib makes of these bytes, up to the end of its stream; a full piece may not be the last."""
    while piece := inner.decompress(data, PIECE_BYTES):
        yield piece
        if inner.eof:
            return
        data = inner.unconsumed_tail


class BrotliDecoder(Decoder):
    """A brotli body, by a library that can bound its output."""

    def __init__(self) -> None:
        super().__init__()
        self._inner = _brotli().Decompressor()

    def _decompress(self, data: bytes) -> Iterator[bytes]:
        while piece := self._inner.process(data, output_buffer_limit=PIECE_BYTES):
            data = b""
            yield piece
        self._is_whole = self._inner.is_finished()


class ZstdDecoder(Decoder):
    """All frames of a zstandard body."""

    def __init__(self) -> None:
        super().__init__()
        self._inner = self._begin_frame()

    @staticmethod
    def _begin_frame() -> Any:
        zstd = _zstd()
        return zstd.ZstdDecompressor(options={zstd.DecompressionParameter.window_log_max: _WINDOW_LOG})

    def _decompress(self, data: bytes) -> Iterator[bytes]:
        while True:
            if self._inner.eof and data:
                self._inner = self._begin_frame()
            while not self._inner.eof and (piece := self._inner.decompress(data, PIECE_BYTES)):
                data = b""
                yield piece
            self._is_whole = self._inner.eof
            data = self._inner.unused_data if self._is_whole else b""
            if not data:
                return


def _brotli() -> Any:
    """Return the brotli module; ImportError when it is missing or cannot bound its output (before 1.2)."""
    module = import_module("brotli")
    if not hasattr(module.Decompressor, "can_accept_more_data"):
        raise ImportError("this brotli cannot bound its output")
    return module


def _zstd() -> Any:
    """Return the standard library's zstd module (Python 3.14) or its backport; ImportError when there is neither."""
    try:
        return import_module("compression.zstd")
    except ImportError:
        return import_module("backports.zstd")


def _is_there(find: Callable[[], Any]) -> bool:
    try:
        find()
    except ImportError:
        return False
    return True


_DECODERS: dict[str, type[Decoder]] = {
    "gzip": GzipDecoder,
    "deflate": DeflateDecoder,
    **({"br": BrotliDecoder} if _is_there(_brotli) else {}),
    **({"zstd": ZstdDecoder} if _is_there(_zstd) else {}),
}

OFFERED = tuple(_DECODERS)
"""The codings that can be read here with a bounded output."""

ACCEPT_ENCODING = ", ".join(OFFERED)
"""What a request says of itself."""


def decoder_for(coding: str, offered: Sequence[str] = OFFERED) -> Decoder | None:
    """Return the decoder of an answer with this Content-Encoding; None when its body is plain.

    Raises:
        httpx.DecodingError: several codings, or one that was not offered.
    """
    if not coding:
        return None
    names = [_ALIASES.get(name, name) for part in coding.split(",") if (name := part.strip().lower()) not in _PLAIN]
    if not names:
        return None
    if len(names) > 1:
        raise httpx.DecodingError(f"it is compressed {len(names)} times over ({', '.join(names[:3])})")
    if names[0] not in offered or names[0] not in _DECODERS:
        raise httpx.DecodingError(f"it is compressed as {names[0][:40]!r}, which was not asked for")
    return _DECODERS[names[0]]()
