"""A gateway that breaks at random, plain and over TLS, in a process of its own: what it does is drawn for each request.

Every answer repeats the number that the prompt holds, so that who asked can tell his own answer from another's.
"""

from __future__ import annotations

import asyncio
import gzip
import random
import re
import ssl
import subprocess
import sys
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, NamedTuple

import trustme

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

_NUMBER = re.compile(rb"number (\d+)")
_CHUNKED = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n"
_EVENTS = 20
_BACKLOG = 4096


class _CutError(Exception):
    """The connection is cut."""


class _Answering(NamedTuple):
    writer: asyncio.StreamWriter
    whole: bytes
    """What a faultless server would send."""
    events: list[bytes]
    number: bytes

    def send(self, data: bytes) -> None:
        self.writer.write(data)

    async def flush(self) -> None:
        await self.writer.drain()
        await asyncio.sleep(0)


def _chunk(data: bytes) -> bytes:
    return b"%x\r\n%s\r\n" % (len(data), data)


def _events(number: bytes) -> list[bytes]:
    text = b'data: {"choices":[{"delta":{"content":"%s "}}]}\n\n' % number
    end = b'data: {"choices":[{"delta":{},"finish_reason":"stop"}]}\n\ndata: [DONE]\n\n'
    return [*([text] * _EVENTS), end]


def _whole(number: bytes, *, is_stream: bool, headers: bytes = b"") -> bytes:
    if is_stream:
        return _CHUNKED + headers + b"\r\n" + b"".join(map(_chunk, _events(number))) + b"0\r\n\r\n"
    text = b" ".join([number] * _EVENTS)
    body = b'{"choices":[{"message":{"role":"assistant","content":"%s"},"finish_reason":"stop"}]}' % text
    return b"HTTP/1.1 200 OK\r\n%sContent-Length: %d\r\n\r\n%s" % (headers, len(body), body)


async def _plainly(answering: _Answering) -> None:
    answering.send(answering.whole)


async def _end_apart(answering: _Answering) -> None:
    answering.send(answering.whole[:-5])
    await answering.flush()
    answering.send(answering.whole[-5:])


async def _in_pieces(answering: _Answering) -> None:
    places = sorted(random.choices(range(len(answering.whole)), k=5))
    for start, end in zip([0, *places], [*places, None], strict=True):
        answering.send(answering.whole[start:end])
        await answering.flush()


async def _slowly(answering: _Answering) -> None:
    half = len(answering.whole) // 2
    answering.send(answering.whole[:half])
    await asyncio.sleep(0.05)
    answering.send(answering.whole[half:])


async def _interim_first(answering: _Answering) -> None:
    answering.send(b"HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n" * 3)
    await answering.flush()
    answering.send(answering.whole)


async def _another_behind(answering: _Answering) -> None:
    answering.send(answering.whole + _whole(b"0", is_stream=False))


async def _junk_behind(answering: _Answering) -> None:
    answering.send(answering.whole + b"\r\njunk")


async def _close_behind(answering: _Answering) -> None:
    answering.send(answering.whole)
    answering.writer.close()


async def _cut_by_end(answering: _Answering) -> None:
    answering.send(answering.whole[: random.randrange(len(answering.whole))])
    await answering.flush()
    answering.writer.close()


async def _cut_by_reset(answering: _Answering) -> None:
    answering.send(answering.whole[: random.randrange(len(answering.whole))])
    await answering.flush()
    raise _CutError


async def _stall(answering: _Answering) -> None:
    answering.send(answering.whole[: random.randrange(len(answering.whole))])
    await asyncio.sleep(3)


async def _malformed_chunk(answering: _Answering) -> None:
    answering.send(_CHUNKED + b"\r\n" + _chunk(answering.events[0]) + b"xyz\r\n")


async def _error(answering: _Answering) -> None:
    answering.send(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 2\r\n\r\n{}")


async def _compressed(answering: _Answering) -> None:
    body = gzip.compress(b"".join(answering.events), 1)
    answering.send(_CHUNKED + b"Content-Encoding: gzip\r\n\r\n" + _chunk(body) + b"0\r\n\r\n")


FAULTS: list[Callable[[_Answering], object]] = [
    *[_plainly] * 4, *[_end_apart] * 2, _in_pieces, _slowly, _interim_first, _another_behind, _junk_behind,
    _close_behind, _cut_by_end, _cut_by_reset, _malformed_chunk, _error, _compressed,
]  # fmt: skip
_STALL_SHARE = 0.01


async def _serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    try:
        while not writer.is_closing():
            head = await reader.readuntil(b"\r\n\r\n")
            size = next(int(line[15:]) for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:"))
            body = await reader.readexactly(size)
            found = _NUMBER.search(body)
            number = found[1] if found else b"0"
            whole = _whole(number, is_stream=b'"stream":true' in body.replace(b" ", b""))
            play = _stall if random.random() < _STALL_SHARE else random.choice(FAULTS)
            await play(_Answering(writer, whole, _events(number), number))  # type: ignore[misc]
            await writer.drain()
    except (asyncio.IncompleteReadError, OSError, _CutError):
        writer.transport.abort()


def _tls(folder: Path) -> ssl.SSLContext:
    authority, context = trustme.CA(), ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.cert_pem.write_to_path(str(folder / "ca.pem"))
    authority.issue_cert("127.0.0.1").configure_cert(context)
    return context


async def _main(folder: Path) -> None:
    asyncio.get_running_loop().set_exception_handler(lambda *_: None)
    servers = [
        await asyncio.start_server(_serve, "127.0.0.1", 0, backlog=_BACKLOG, ssl=context)
        for context in (None, _tls(folder))
    ]
    sys.stdout.write(" ".join(str(server.sockets[0].getsockname()[1]) for server in servers) + "\n")
    sys.stdout.flush()
    await asyncio.gather(*(server.serve_forever() for server in servers))


@contextmanager
def breaking_gateway() -> Iterator[tuple[str, str, Path]]:
    """Run the server in another process; yields its plain base URL, that over TLS, and the file of its issuer."""
    with TemporaryDirectory() as folder:
        command = [sys.executable, "-m", "benchmarks.soak_server", folder]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
            assert process.stdout is not None
            try:
                plain, tls = process.stdout.readline().split()
                yield f"http://127.0.0.1:{plain}/", f"https://127.0.0.1:{tls}/", Path(folder) / "ca.pem"
            finally:
                process.terminate()


if __name__ == "__main__":
    asyncio.run(_main(Path(sys.argv[1])))
