"""Content codings: plain bytes come out whole, in bounded pieces, and nothing false passes for an answer."""

from __future__ import annotations

import gzip
import zlib
from collections.abc import Callable

import httpx
import pytest

from kilo_gateway.transport.decoding import ACCEPT_ENCODING, OFFERED, PIECE_BYTES, decoder_for

TEXT = b'{"choices": []} ' * 500


def brotli(data: bytes) -> bytes:
    """Return the data in brotli."""
    return bytes(pytest.importorskip("brotli").compress(data))


def zstd(data: bytes) -> bytes:
    """Return the data in zstandard."""
    return bytes(pytest.importorskip("backports.zstd").compress(data))


def raw_deflate(data: bytes) -> bytes:
    """Return the data in deflate without the zlib header, as many servers send it."""
    packer = zlib.compressobj(wbits=-15)
    return packer.compress(data) + packer.flush()


PACKERS: list[tuple[str, Callable[[bytes], bytes]]] = [
    ("gzip", gzip.compress),
    ("deflate", zlib.compress),
    ("deflate", raw_deflate),
    ("br", brotli),
    ("zstd", zstd),
]
every_coding = pytest.mark.parametrize(
    ("coding", "pack"), PACKERS, ids=["gzip", "deflate", "raw deflate", "brotli", "zstd"]
)


def decode(coding: str, *parts: bytes) -> bytes:
    """Return what the parts hold, fed one after another and finished."""
    decoder = decoder_for(coding)
    assert decoder is not None
    plain = b"".join(piece for part in parts for piece in decoder.feed(part))
    decoder.finish()
    return plain


@every_coding
def test_split_anywhere(coding: str, pack: Callable[[bytes], bytes]) -> None:
    """However the compressed bytes are cut, the same text comes out."""
    packed = pack(TEXT)
    assert decode(coding, packed) == TEXT
    assert decode(coding, *(packed[i : i + 1] for i in range(len(packed)))) == TEXT


@every_coding
def test_cut_or_false(coding: str, pack: Callable[[bytes], bytes]) -> None:
    """Half of the data, and plain text, are errors; no data at all is an empty body."""
    packed = pack(TEXT)
    for data in (packed[: len(packed) // 2], packed[:-1], b"plain text, not compressed"):
        with pytest.raises(httpx.DecodingError):
            decode(coding, data)
    assert decode(coding) == decode(coding, b"") == b""


@every_coding
def test_a_bomb_comes_in_bounded_pieces(coding: str, pack: Callable[[bytes], bytes]) -> None:
    """Data that grows a thousandfold is given out piece by piece, so that the reader can stop."""
    decoder = decoder_for(coding)
    assert decoder is not None
    pieces = decoder.feed(pack(bytes(8 * PIECE_BYTES)))
    sizes = [len(piece) for piece in pieces]
    assert sum(sizes) == 8 * PIECE_BYTES
    assert max(sizes) <= 2 * PIECE_BYTES  # brotli fills its last buffer


@pytest.mark.parametrize("padding", [b"", bytes(9)])
def test_gzip_members(padding: bytes) -> None:
    """A gzip body is all of its members; zeros behind them are ignored, wherever they are cut."""
    packed = gzip.compress(TEXT[:100]) + gzip.compress(b"") + gzip.compress(TEXT[100:]) + padding
    for cut in range(0, len(packed), 7):
        assert decode("gzip", packed[:cut], packed[cut:]) == TEXT


def test_gzip_followed_by_junk() -> None:
    """What stands behind a gzip body and is no member is an error."""
    with pytest.raises(httpx.DecodingError):
        decode("gzip", gzip.compress(TEXT) + b"junk")


@pytest.mark.parametrize("coding", ["", "identity", " Identity ", "utf-8", "none", "identity, identity"])
def test_plain_bodies(coding: str) -> None:
    """Names that say nothing of compression mean none."""
    assert decoder_for(coding) is None


@pytest.mark.parametrize("coding", ["GZIP", "x-gzip", "gzip, identity", " gzip "])
def test_spellings_of_gzip(coding: str) -> None:
    """Case, blanks and the old name do not matter."""
    assert decode(coding, gzip.compress(TEXT)) == TEXT


@pytest.mark.parametrize(
    ("coding", "said"),
    [
        ("gzip, gzip", "2 times over"),
        (", ".join(["gzip"] * 3000), "3000 times over"),
        ("compress", "'compress', which was not asked for"),
        ("\x1b[31m" + "x" * 99, "not asked for"),
    ],
)
def test_codings_that_are_refused(coding: str, said: str) -> None:
    """Chains of codings, and those that nobody asked for, are errors that name them."""
    with pytest.raises(httpx.DecodingError, match=said):
        decoder_for(coding)


def test_only_what_was_offered() -> None:
    """A coding that this request did not offer is refused, though it could be read."""
    assert ", ".join(OFFERED) == ACCEPT_ENCODING
    assert {"gzip", "deflate"} <= set(OFFERED)
    with pytest.raises(httpx.DecodingError, match="'gzip', which was not asked for"):
        decoder_for("gzip", ("deflate",))
