"""Mutated answers: whatever comes, the reader ends, raises one kind of error, and does not care for splits."""

from __future__ import annotations

import gc
import weakref
from pathlib import Path
from random import Random

import httpx
import pytest

from kilo_gateway.transport.engine.reader import Reader

from .answers import ANSWERS, read

CORPUS = Path(__file__).parent / "corpus"
"""Answers that found a fault, or reach a place that few do; `tools/fuzz_reader.py` adds to them."""
ROUNDS = 15
WORDS = (
    b"\r\n", b"\n", b"\r", b"\0", b" ", b"\t", b":", b";", b",", b"0", b"1", b"F", b"-", b"\xff",
    b"\r\n\r\n", b"0\r\n\r\n", b"2\r\n{}\r\n", b"HTTP/1.1 200 OK\r\n", b"HTTP/1.1 100 Continue\r\n\r\n",
    b"Content-Length: 2\r\n", b"Transfer-Encoding: chunked\r\n", b"Connection: close\r\n",
)  # fmt: skip


def mutate(data: bytes, random: Random) -> bytes:
    """Return the data with a few places changed."""
    changed = bytearray(data)
    for _ in range(random.randint(1, 4)):
        start = random.randint(0, len(changed))
        end = min(len(changed), start + random.choice((0, 0, 1, 1, 4, 30)))
        piece = random.choice(WORDS) if random.random() < 0.8 else bytes(changed[:end][-40:])
        changed[start:end] = piece
    return bytes(changed)


def outcome(pieces: list[bytes]) -> tuple[bytes, bool] | None:
    """Return the body and whether the connection may be kept; None when the answer is refused."""
    try:
        reader, body = read(pieces)
    except httpx.RemoteProtocolError:
        return None
    return body, not reader.is_spent


def check(data: bytes, random: Random) -> None:
    """Hold the outcome of every split against the whole; what is taken must end where its framing says."""
    whole = outcome([data])
    assert outcome([data[index : index + 1] for index in range(len(data))]) == whole
    places = sorted(random.randint(0, len(data)) for _ in range(3))
    pieces = [data[start:end] for start, end in zip([0, *places], [*places, len(data)], strict=True)]
    assert outcome([piece for piece in pieces if piece]) == whole
    if whole is not None and whole[1]:
        assert outcome([data + b"\r\n"]) == (whole[0], False)
        assert outcome([data[:-1]]) != whole or not whole[0]


SEEDS = {name: answer.data for name, answer in ANSWERS.items()}
SEEDS |= {path.name: path.read_bytes() for path in sorted(CORPUS.glob("*.http"))}


@pytest.mark.parametrize("seed", SEEDS.values(), ids=SEEDS)
def test_mutated_answers(seed: bytes) -> None:
    """Answers of the corpus and of the table, each as it is and changed at random."""
    random = Random(seed)
    check(seed, random)
    for _ in range(ROUNDS):
        check(mutate(seed, random), random)


def test_a_reader_is_no_circle() -> None:
    """An answer that is dropped is gone at once, with what llhttp holds of it."""
    reader = Reader()
    reader.feed_head(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
    reader.feed(b"2\r\n{}\r\n")
    gone = weakref.ref(reader)
    gc.disable()
    try:
        del reader
        assert gone() is None
    finally:
        gc.enable()
