"""Leaving an answer, on every kind of loop, and in a process that was forked: the connection is closed at once."""

from __future__ import annotations

import asyncio
import gc
import os
import socket
import ssl
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import anyio
import httpx
import pytest

from kilo_gateway import AsyncKiloClient, KiloClient, RequestTimeoutError, Timeouts
from kilo_gateway.testing import Reply

ASK = [{"role": "user", "content": "Hello"}]
GIVEN = {"api_key": "k" * 20, "model": "a/b", "max_retries": 0}
DESCRIPTORS = Path("/proc/self/fd")
EVENT = b'data: {"choices":[{"delta":{"content":"a"}}]}\n\n'
BEGIN = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n%x\r\n%s\r\n" % (
    len(EVENT),
    EVENT,
)


def count_descriptors() -> int | None:
    """Return how many files are open; None where that cannot be known."""
    return len(list(DESCRIPTORS.iterdir())) if DESCRIPTORS.exists() else None


@pytest.fixture
def endless(serve_raw: Any) -> Any:
    """A server that begins a stream and waits for the client to leave."""

    def play(peer: Any) -> None:
        peer.request()
        peer.send(BEGIN)
        peer.wait_for_close()

    return serve_raw(play)


@pytest.fixture(params=["asyncio", "asyncio over httpx", "uvloop", "trio"])
def run(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Run a coroutine function on each kind of loop; on trio httpx carries every call."""
    loop, _, engine = request.param.partition(" over ")
    if engine:
        monkeypatch.setenv("KILOCODE_HTTP_ENGINE", engine)
    if loop == "trio":
        return lambda main: anyio.run(main, backend="trio")
    return lambda main: anyio.run(main, backend="asyncio", backend_options={"use_uvloop": loop == "uvloop"})


@pytest.mark.filterwarnings("ignore:.*aclosing:pytest.PytestUnraisableExceptionWarning")  # trio, of httpx's generators
@pytest.mark.filterwarnings("ignore:.*aclosing:ResourceWarning")  # that are dropped, or belong to a caller's client
@pytest.mark.parametrize("how", ["drop", "caller's client"])
def test_a_stream_that_is_dropped_is_closed_at_once(endless: Any, run: Any, how: str) -> None:
    """The same where httpx's own generators are not ours to end."""
    _leave(endless, run, how)


@pytest.mark.parametrize("how", ["close", "scope"])
def test_a_stream_that_is_left_is_closed_at_once(endless: Any, run: Any, how: str) -> None:
    """However a stream is left, the server sees the close within a second, while the loop lives."""
    _leave(endless, run, how)


def _leave(endless: Any, run: Any, how: str) -> None:
    async def main() -> None:
        own = httpx.AsyncClient() if how == "caller's client" else None
        stream = AsyncKiloClient(base_url=endless.base_url, http_client=own, **GIVEN).stream(ASK)
        assert (await anext(stream)).text == "a"
        if how == "scope":
            with anyio.move_on_after(0.01):
                await anext(stream)
        elif how == "drop":
            del stream
            gc.collect()
        else:
            await stream.aclose()
        assert await anyio.to_thread.run_sync(endless.has_closed.wait, 1)
        await anyio.sleep(0.01)
        if own is not None:
            await own.aclose()

    run(main)


@pytest.mark.parametrize("run", ["asyncio", "asyncio over httpx", "uvloop"], indirect=True)
def test_a_stream_that_is_dropped_within_a_circle(serve_raw: Any, run: Any) -> None:
    """Garbage that refers to itself, as tracebacks do, ends in any order: no socket complains that nobody closed it."""
    more = threading.Event()

    def play(peer: Any) -> None:
        peer.request()
        peer.send(BEGIN)
        more.wait(2)
        peer.send(BEGIN[-len(EVENT) - 6 :])
        peer.wait_for_close()

    server = serve_raw(play)

    async def main() -> None:
        stream = AsyncKiloClient(base_url=server.base_url, **GIVEN).stream(ASK)
        assert (await anext(stream)).text == "a"
        more.set()
        await asyncio.sleep(0.05)  # bytes have come for which nobody waits
        circle: list[Any] = [stream]
        circle.append(circle)
        del circle, stream
        gc.collect()
        assert await asyncio.to_thread(server.has_closed.wait, 1)

    run(main)


@pytest.mark.parametrize("how", ["close", "scope"])
def test_a_stream_over_tls_that_is_left(serve_raw: Any, run: Any, authority: Any, how: str) -> None:
    """The same over TLS: nobody waits for the server to say goodbye."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1").configure_cert(context)

    def play(peer: Any) -> None:
        peer.request()
        peer.send(BEGIN)
        peer.wait_for_close()

    _leave(serve_raw(play, tls=context), run, how)


@pytest.mark.parametrize("scheme", ["http", "https"])
def test_a_call_cancelled_while_it_connects(run: Any, scheme: str) -> None:
    """A call that is cancelled before its server has accepted leaves no socket."""
    full = socket.create_server(("127.0.0.1", 0), backlog=0)
    fillers = [socket.socket() for _ in range(4)]
    for filler in fillers:
        filler.setblocking(False)
        filler.connect_ex(full.getsockname())

    async def main() -> None:
        client = AsyncKiloClient(base_url=f"{scheme}://localhost:{full.getsockname()[1]}/", **GIVEN)
        for seconds in (0.001, 0.02, 0.05):
            with anyio.move_on_after(seconds):
                await client.complete(ASK)
        if (before := count_descriptors()) is not None:  # the loop and its resolver have what they keep
            for _ in range(10):
                with anyio.move_on_after(0.005):
                    await client.complete(ASK)
            assert (count_descriptors() or 0) <= before

    run(main)
    for one in (*fillers, full):
        one.close()


def test_a_stream_closed_by_another_task(endless: Any, run: Any) -> None:
    """Closing a stream wakes the task that waits for its next delta, and the connection is closed."""

    async def main() -> None:
        stream = AsyncKiloClient(base_url=endless.base_url, **GIVEN).stream(ASK)
        assert (await anext(stream)).text == "a"
        ended = anyio.Event()

        async def wait() -> None:
            assert await anext(stream, None) is None
            ended.set()

        async with anyio.create_task_group() as tasks:
            tasks.start_soon(wait)
            await anyio.sleep(0.01)
            await stream.aclose()
            with anyio.fail_after(1):
                await ended.wait()
        assert await anyio.to_thread.run_sync(endless.has_closed.wait, 1)

    run(main)


@pytest.mark.usefixtures("engine")
@pytest.mark.parametrize("then", ["bytes", "end"])
def test_a_stream_closed_by_another_thread(serve_raw: Any, then: str) -> None:
    """A stream that is closed while another thread waits ends there with what comes next: no delta, error or retry."""
    more = threading.Event()

    def play(peer: Any) -> None:
        peer.request()
        peer.send(BEGIN)
        more.wait(5)
        if then == "bytes":
            peer.send(BEGIN[-len(EVENT) - 6 :])
            peer.wait_for_close()

    server = serve_raw(play)
    given: dict[str, Any] = {**GIVEN, "max_retries": 2, "timeout": Timeouts(read=2)}
    stream = KiloClient(base_url=server.base_url, **given).stream(ASK)
    assert next(stream).text == "a"
    with ThreadPoolExecutor(1) as pool:
        reading = pool.submit(lambda: [delta.text for delta in stream])
        while not stream._deltas.gi_running:
            time.sleep(0.001)
        stream.close()
        more.set()
        assert reading.result(5) == []
    assert server.requests == [1]
    assert then == "end" or server.has_closed.wait(1)


def test_bounds_on_both_loops(serve_raw: Any, run: Any) -> None:
    """`total` ends a call on trio as on asyncio."""
    server = serve_raw(lambda peer: peer.ending.wait(5))

    async def main() -> None:
        client = AsyncKiloClient(base_url=server.base_url, timeout=Timeouts(total=0.05), **GIVEN)
        with pytest.raises(RequestTimeoutError, match=r"timeout\.total"):
            await client.complete(ASK)

    run(main)


def test_calls_cancelled_at_any_moment(gateway: Any) -> None:
    """Calls that are cancelled at every step leave no task and no socket that answers for another."""

    async def main() -> None:
        client = AsyncKiloClient(api_key=gateway.api_key, base_url=gateway.base_url, model="openai/gpt-4.1-mini")
        for turns in range(40):
            task = asyncio.create_task(client.complete(ASK))
            for _ in range(turns):
                await asyncio.sleep(0)
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
        answers = await asyncio.gather(*(client.complete(ASK, user=str(n)) for n in range(20)))
        assert all(answer.text for answer in answers)
        assert len(asyncio.all_tasks()) == 1

    asyncio.run(main())


DROPS_IN_CHILD = """
import asyncio, os, sys
from kilo_gateway import AsyncKiloClient
loop = asyncio.new_event_loop()
client = AsyncKiloClient(base_url=sys.argv[1], api_key=sys.argv[2], model="openai/gpt-4.1-mini")
stream = client.stream([{"role": "user", "content": "Hello"}])
loop.run_until_complete(anext(stream))
child = os.fork()
if child == 0:
    del stream  # the child's copy of it; its socket and its loop's epoll are the parent's
    os._exit(0)
assert os.waitpid(child, 0)[1] == 0

async def read():
    return "".join([delta.text async for delta in stream])

print(loop.run_until_complete(asyncio.wait_for(read(), 10)))
loop.close()
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork on this system")
def test_a_stream_dropped_in_a_child_goes_on_in_the_parent(gateway: Any, scripts: Any) -> None:
    """A child that drops what it inherited of a stream neither ends it nor stops its parent from waiting for it."""
    gateway.enqueue(Reply(text="one two three four", event_delay_seconds=0.05))
    done = scripts.run(DROPS_IN_CHILD, gateway.base_url, gateway.api_key)
    assert (done.stdout.strip(), done.stderr) == ("two three four", "")


C_FORKS = """
import ctypes, os, sys
from kilo_gateway import KiloClient
client = KiloClient(base_url=sys.argv[1], api_key=sys.argv[2], model="openai/gpt-4.1-mini")
ask = lambda who: client.complete([{"role": "user", "content": who}], user=who)
ask("parent")
child = ctypes.PyDLL(None).fork()  # without Python's hooks, as uwsgi does
if child == 0:
    os._exit(0 if ask("child").text and ask("child").text else 1)
assert ask("parent").text
assert os.waitpid(child, 0)[1] == 0
assert ask("parent").text
print("done")
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork on this system")
def test_a_fork_without_hooks_shares_no_socket(gateway: Any, scripts: Any) -> None:
    """A child that was forked without Python's fork hooks makes connections of its own; the parent keeps its one."""
    gateway.enqueue(Reply(text="Yes.", times=9))
    done = scripts.run(C_FORKS, gateway.base_url, gateway.api_key)
    assert (done.stdout, done.stderr) == ("done\n", "")
    used: dict[str, set[int]] = {}
    for request in gateway.requests:
        used.setdefault(request.body["user"], set()).add(request.connection_id)
    assert {who: len(ids) for who, ids in used.items()} == {"parent": 1, "child": 1}
    assert not used["parent"] & used["child"]
