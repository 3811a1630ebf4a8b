"""Connections, threads, event loops, forks and copies: what a client may go through without harm."""

from __future__ import annotations

import asyncio
import copy
import gc
import os
import pickle
import threading
from collections.abc import AsyncIterator, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import anyio
import httpx
import pytest

from kilo_gateway import AsyncKiloClient, KiloClient
from kilo_gateway.testing import Fault, Reply

MODEL = "openai/gpt-4.1-mini"
ASK = [{"role": "user", "content": "Hello"}]
DESCRIPTORS = Path("/proc/self/fd")


def arguments(gateway: Any) -> dict[str, Any]:
    """Return what makes a client of the test's gateway."""
    return {"api_key": gateway.api_key, "base_url": gateway.base_url, "model": MODEL}


def connections(gateway: Any) -> set[int]:
    """Return the connections that requests came on."""
    return {request.connection_id for request in gateway.requests}


async def read(client: AsyncKiloClient) -> str:
    """Return the text of one streamed answer."""
    return "".join([delta.text async for delta in client.stream(ASK)])


def test_calls_share_a_connection(connect: Any, gateway: Any) -> None:
    """Whole answers, finished streams, errors and other objects of the same settings all use one connection."""
    gateway.enqueue(Reply(text="A"), Reply(text="B"), Fault(status=400, body={"error": "no"}), Reply(text="C"))
    session, other = connect(), connect()
    session.complete()
    session.stream()
    session.fail()
    other.stream()
    other.complete()
    assert connections(gateway) == {1}


@pytest.mark.parametrize("first", [1, 2])
def test_leaving_a_stream_closes_its_connection(connect: Any, gateway: Any, first: int) -> None:
    """A stream that is closed early stops at the gateway at once; the next call works on another connection."""
    gateway.enqueue(Reply(text="word " * 500, event_delay_seconds=0.02))
    session = connect()
    assert len(session.stream(first=first).deltas) == first
    assert gateway.wait_until(lambda: gateway.open_streams == 0, 1)
    assert session.complete().text
    assert connections(gateway) == {1, 2}


def test_dropping_a_stream_closes_its_connection(gateway: Any) -> None:
    """A blocking stream that is left by `break` ends with its loop."""
    gateway.enqueue(Reply(text="word " * 500, event_delay_seconds=0.02))
    for delta in KiloClient(**arguments(gateway)).stream(ASK):
        assert delta.text
        break
    assert gateway.wait_until(lambda: gateway.open_streams == 0, 1)


def test_a_stream_never_begun_sends_nothing(connect: Any, gateway: Any) -> None:
    """Making a stream, and closing it unread, is no request."""
    assert connect().stream(first=0).deltas == []
    assert gateway.requests == []


def test_a_hundred_streams_at_once(gateway: Any) -> None:
    """A hundred streams that the gateway holds for a while all complete; none waits for another's connection."""
    gateway.enqueue(Reply(text="Yes.", delay_seconds=0.2, times=100))

    async def main() -> list[str]:
        client = AsyncKiloClient(**arguments(gateway), timeout=20)
        return await asyncio.gather(*(read(client) for _ in range(100)))

    assert asyncio.run(main()) == ["Yes."] * 100
    assert len(gateway.requests) == len(connections(gateway)) == 100


@pytest.mark.parametrize("at", ["headers", "tokens"])
def test_a_cancelled_task_closes_its_connection(gateway: Any, at: str) -> None:
    """Cancelling a task before or within its stream raises CancelledError and ends the stream at the gateway."""
    slow = {"delay_seconds": 30.0} if at == "headers" else {"event_delay_seconds": 0.02}
    gateway.enqueue(Reply(text="word " * 500, **slow))

    async def main() -> None:
        client, begun = AsyncKiloClient(**arguments(gateway)), asyncio.Event()

        async def consume() -> None:
            async for _ in client.stream(ASK):
                begun.set()

        task = asyncio.create_task(consume())
        if at == "tokens":
            await begun.wait()
        else:
            await asyncio.to_thread(gateway.wait_until, lambda: gateway.requests)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert await asyncio.to_thread(gateway.wait_until, lambda: gateway.open_streams == 0, 2)
        assert (await client.complete(ASK)).text

    asyncio.run(main())


def test_a_cancel_scope_around_a_stream(gateway: Any) -> None:
    """A scope that is cancelled between two tokens leaves the stream closed at the gateway."""
    gateway.enqueue(Reply(text="word " * 500, event_delay_seconds=0.02))

    async def main() -> None:
        client = AsyncKiloClient(**arguments(gateway))
        with anyio.CancelScope() as scope:
            async with client.stream(ASK) as stream:
                async for _ in stream:
                    scope.cancel()
                    await anyio.lowlevel.checkpoint()
        assert scope.cancelled_caught
        assert await asyncio.to_thread(gateway.wait_until, lambda: gateway.open_streams == 0, 2)

    asyncio.run(main())


def test_one_object_in_many_event_loops(gateway: Any) -> None:
    """The same object answers in one asyncio.run after another; each loop has its own connection."""
    client = AsyncKiloClient(**arguments(gateway))
    gateway.enqueue(Reply(text="It works.", times=3))
    for _ in range(3):
        assert asyncio.run(read(client)) == "It works."
    assert connections(gateway) == {1, 2, 3}


def test_two_loops_in_two_threads(gateway: Any) -> None:
    """Two event loops in two threads share one object; both are answered, many times over."""
    client = AsyncKiloClient(**arguments(gateway))

    async def many() -> list[str]:
        return [await read(client) for _ in range(10)]

    with ThreadPoolExecutor(2) as pool:
        first, second = (pool.submit(asyncio.run, many()) for _ in range(2))
        assert all([*first.result(), *second.result()])
    assert len(connections(gateway)) == 2


def test_threads_share_one_object(gateway: Any) -> None:
    """Eight threads with one object get their own answers, over at most eight connections."""
    client = KiloClient(**arguments(gateway))
    barrier = threading.Barrier(8)

    def ask(number: int) -> list[str]:
        barrier.wait()
        return [client.complete(ASK, user=f"{number}-{turn}").id or "" for turn in range(5)]

    with ThreadPoolExecutor(8) as pool:
        ids = [one for ids in pool.map(ask, range(8)) for one in ids]
    assert len(set(ids)) == 40
    assert {request.body["user"] for request in gateway.requests} == {f"{n}-{t}" for n in range(8) for t in range(5)}
    assert len(connections(gateway)) <= 8


FORKS = """
import os, sys
from kilo_gateway import KiloClient
client = KiloClient(base_url=sys.argv[1], api_key=sys.argv[2], model=sys.argv[3])
ask = lambda who: client.complete([{"role": "user", "content": who}], user=who)
ask("parent")
for number in range(5):
    child = os.fork()
    if child == 0:
        ask(f"child-{number}")
        os._exit(0 if ask(f"child-{number}").text else 1)
    assert ask("parent").text
    assert os.waitpid(child, 0)[1] == 0
print("done")
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork on this system")
def test_forks_never_share_a_socket(gateway: Any, scripts: Any) -> None:
    """Parent and child both call after each of five forks: all are answered, none on another's connection."""
    gateway.enqueue(Reply(text="Yes.", times=99))
    done = scripts.run(FORKS, gateway.base_url, gateway.api_key, MODEL)
    assert (done.stdout, done.stderr) == ("done\n", "")
    used: dict[str, set[int]] = {}
    for request in gateway.requests:
        used.setdefault(request.body["user"], set()).add(request.connection_id)
    assert sorted(used) == ["child-0", "child-1", "child-2", "child-3", "child-4", "parent"]
    assert [len(ids) for ids in used.values()] == [1] * 6
    assert len(set.union(*used.values())) == 6


@pytest.mark.skipif(not DESCRIPTORS.exists(), reason="descriptors cannot be counted on this system")
@pytest.mark.parametrize("kind", ["sync", "async"])
def test_objects_come_and_go(gateway: Any, kind: str) -> None:
    """Thirty objects made, used once and dropped leave no sockets behind."""

    def use() -> None:
        if kind == "sync":
            KiloClient(**arguments(gateway)).complete(ASK)
        else:
            asyncio.run(AsyncKiloClient(**arguments(gateway)).complete(ASK))

    use()
    gc.collect()
    before = len(list(DESCRIPTORS.iterdir()))
    for _ in range(30):
        use()
    gc.collect()
    assert gateway.wait_until(lambda: len(list(DESCRIPTORS.iterdir())) < before + 8, 2)


CLEAN = """
import asyncio, sys
from kilo_gateway import AsyncKiloClient, KiloClient
given = {"base_url": sys.argv[1], "api_key": sys.argv[2], "model": sys.argv[3]}
ask = [{"role": "user", "content": "Hello"}]
async def main():
    asyncio.get_running_loop().slow_callback_duration = 60  # a slow machine is no fault
    client = AsyncKiloClient(**given)
    await client.complete(ask)
    async for _ in client.stream(ask):
        break
KiloClient(**given).complete(ask)
for _ in KiloClient(**given).stream(ask):
    break
asyncio.run(main())
print("done")
"""


def test_nothing_is_left_open(gateway: Any, scripts: Any) -> None:
    """An interpreter in development mode that makes and abandons calls ends without a warning."""
    done = scripts.run(CLEAN, gateway.base_url, gateway.api_key, MODEL)
    assert (done.stdout, done.stderr) == ("done\n", "")


def test_blocking_calls_inside_a_running_loop(gateway: Any) -> None:
    """The blocking client works where an event loop is running, as in a notebook."""

    async def cell() -> str:
        return KiloClient(**arguments(gateway)).complete(ASK).text

    assert asyncio.run(cell())


def test_trio(gateway: Any) -> None:
    """The awaited client works under trio, whole and streamed, in one run after another."""
    trio = pytest.importorskip("trio")
    client = AsyncKiloClient(**arguments(gateway))

    async def main() -> None:
        assert (await client.complete(ASK)).text == await read(client)

    trio.run(main)
    trio.run(main)
    assert connections(gateway) == {1, 2}


def test_leaving_a_stream_under_trio(gateway: Any) -> None:
    """A stream that is left early under trio ends at the gateway."""
    trio = pytest.importorskip("trio")
    gateway.enqueue(Reply(text="word " * 500, event_delay_seconds=0.02))

    async def main() -> None:
        async with AsyncKiloClient(**arguments(gateway)).stream(ASK) as stream:
            assert (await anext(stream)).text
        assert await trio.to_thread.run_sync(gateway.wait_until, lambda: gateway.open_streams == 0, 2)

    trio.run(main)


def test_an_own_http_client_is_used_and_left_open(connect: Any, gateway: Any, mode: str) -> None:
    """Calls go through the httpx client that was passed in, which stays open when the Kilo client is closed."""
    seen: list[str] = []

    def note(request: httpx.Request) -> None:
        seen.append(request.url.path)

    async def note_later(request: httpx.Request) -> None:
        note(request)

    own: Any = (
        httpx.Client(event_hooks={"request": [note]})
        if mode == "sync"
        else httpx.AsyncClient(event_hooks={"request": [note_later]})
    )
    session = connect(http_client=own)
    session.complete()
    session.stream()
    session.discover()
    session.wait(session.client.close() if mode == "sync" else session.client.aclose())
    assert seen == ["/api/gateway/chat/completions"] * 2 + ["/api/gateway/models"]
    assert not own.is_closed
    session.wait(own.close() if mode == "sync" else own.aclose())


def test_closing_a_client_is_harmless(connect: Any, mode: str) -> None:
    """A closed client can be used again, for its connections belong to the process."""
    session = connect()
    session.wait(session.client.close() if mode == "sync" else session.client.aclose())
    assert session.complete().text


@pytest.mark.parametrize("twin", [copy.copy, copy.deepcopy], ids=["copy", "deepcopy"])
def test_copies_work_like_the_original(connect: Any, mode: str, twin: Any) -> None:
    """A copy is another object with the same settings, key included, and the same httpx client."""
    own: Any = httpx.Client() if mode == "sync" else httpx.AsyncClient()
    session = connect(organization_id=None, http_client=own)
    original = session.client
    session.client = twin(original)
    assert session.client is not original
    assert session.client.settings == original.settings
    assert session.client._http_client is own
    assert session.complete().text
    session.wait(own.close() if mode == "sync" else own.aclose())


class Body(httpx.SyncByteStream, httpx.AsyncByteStream):
    """The body of a mocked answer that notes whether it was closed."""

    def __init__(self, *pieces: bytes) -> None:
        self.pieces = pieces
        self.is_closed = False

    def __iter__(self) -> Iterator[bytes]:
        yield from self.pieces

    async def __aiter__(self) -> AsyncIterator[bytes]:
        for piece in self.pieces:
            yield piece

    def close(self) -> None:
        """Note it."""
        self.is_closed = True

    async def aclose(self) -> None:
        """Note it."""
        self.is_closed = True


TOKEN = b'data: {"choices":[{"delta":{"content":"Hi"}}]}\n\n'
STOP = b'data: {"choices":[{"delta":{},"finish_reason":"stop"}]}\n\n'


@pytest.mark.parametrize(
    ("pieces", "first"),
    [
        ((TOKEN, STOP, b"data: [DONE]\n\n"), None),
        ((TOKEN, STOP, b"data: [DONE]\n\n"), 1),
        ((TOKEN, b"data: nonsense\n\n", STOP), None),
        ((TOKEN, b'data: {"error":{"code":502,"message":"x"}}\n\n', STOP), None),
        ((TOKEN,), None),
        ((b"<html>",), None),
    ],
    ids=["done", "left", "malformed", "error", "truncated", "page"],
)
def test_every_exit_closes_the_answer(connect: Any, mode: str, pieces: tuple[bytes, ...], first: int | None) -> None:
    """However a stream ends, the HTTP answer behind it is closed there and then."""
    body = Body(*pieces)
    transport = httpx.MockTransport(lambda _: httpx.Response(200, stream=body))
    own: Any = httpx.Client(transport=transport) if mode == "sync" else httpx.AsyncClient(transport=transport)
    session = connect(http_client=own, max_retries=0)
    session.stream(first=first)
    assert body.is_closed
    session.wait(own.close() if mode == "sync" else own.aclose())


def test_a_pickle_takes_its_key_from_the_new_place(connect: Any, gateway: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """A pickled client does not hold the key; the copy works with the key of its environment."""
    data = pickle.dumps(connect(task_id="t1").client)
    assert gateway.api_key.encode() not in data
    monkeypatch.setenv("KILOCODE_API_KEY", gateway.api_key)
    session = connect()
    session.client = pickle.loads(data)
    assert session.complete().text
    assert gateway.requests[0].headers["x-kilocode-taskid"] == "t1"


def test_loops_that_are_only_closed_leave_no_client(gateway: Any) -> None:
    """A loop that was closed without ending its generators is forgotten when the next loop begins."""
    client = AsyncKiloClient(**arguments(gateway))
    loop = asyncio.new_event_loop()
    loop.run_until_complete(client.complete(ASK))
    loop.run_until_complete(loop.shutdown_asyncgens())
    loop.close()
    assert asyncio.run(client.complete(ASK)).text
