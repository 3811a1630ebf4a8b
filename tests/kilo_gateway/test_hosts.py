"""Where people run it: web servers, workers, notebooks, green threads, and the end of an interpreter."""

from __future__ import annotations

import asyncio
import os
import socket
import subprocess
import sys
from importlib.util import find_spec
from threading import Thread
from typing import Any

import pytest
import uvicorn
from fastapi import FastAPI
from fastapi.responses import StreamingResponse

from kilo_gateway import AsyncKiloClient
from kilo_gateway.testing import Reply

ASK = [{"role": "user", "content": "Hello"}]
MODEL = "openai/gpt-4.1-mini"


@pytest.fixture(params=["", "httpx"], ids=["own engine", "httpx"])
def engine(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """What carries direct connections, here and in processes of ours."""
    monkeypatch.setenv("KILOCODE_HTTP_ENGINE", request.param)


def run_afresh(script: str, gateway: Any) -> None:
    """Hold that a script in an interpreter of its own ends well, says `done` and nothing else."""
    flags = ("-X", "dev", "-W", "error::ResourceWarning", "-W", "ignore::DeprecationWarning")
    command = [sys.executable, *flags, "-c", script, gateway.base_url, gateway.api_key, MODEL]
    _check_is_quiet(subprocess.run(command, capture_output=True, text=True, timeout=60, check=False))


@pytest.fixture
def run_quietly(scripts: Any) -> Any:
    """The same for a script that does not care what is imported already."""
    return lambda script, gateway: _check_is_quiet(scripts.run(script, gateway.base_url, gateway.api_key, MODEL))


def _check_is_quiet(done: Any) -> None:
    assert (done.stdout, done.stderr, done.returncode) == ("done\n", "", 0)


def _application(gateway: Any) -> FastAPI:
    given = {"base_url": gateway.base_url, "api_key": gateway.api_key, "model": MODEL}
    app = FastAPI()

    async def texts() -> Any:
        async for delta in AsyncKiloClient(**given).stream(ASK):
            yield delta.text

    app.add_api_route("/", lambda: StreamingResponse(texts()))
    return app


@pytest.mark.usefixtures("engine")
@pytest.mark.parametrize("loops", ["asyncio", "uvloop"])
def test_a_browser_that_leaves(gateway: Any, loops: str) -> None:
    """When the reader of a page has gone, the stream behind it ends at the gateway, though nobody wrote code for it."""
    gateway.enqueue(Reply(text="word " * 500, event_delay_seconds=0.02))
    server = uvicorn.Server(uvicorn.Config(_application(gateway), port=0, log_level="error", ws="none", loop="none"))
    make_loop = pytest.importorskip(loops).new_event_loop

    def serve() -> None:  # a loop of its own: older servers would choose one for the whole process
        with asyncio.Runner(loop_factory=make_loop) as runner:
            runner.run(server.serve())

    thread = Thread(target=serve)
    thread.start()
    try:
        while not server.started:
            thread.join(0.01)
            assert thread.is_alive(), "the server ended before it had started"
        with socket.create_connection(server.servers[0].sockets[0].getsockname()) as browser:
            browser.sendall(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
            told = b""
            while b"word" not in told:
                told += browser.recv(4096)
        assert gateway.wait_until(lambda: gateway.open_streams == 0, 3)
    finally:
        server.should_exit = True
        thread.join()


WORKERS = """
import multiprocessing, sys, threading
from kilo_gateway import KiloClient
client = KiloClient(base_url=sys.argv[1], api_key=sys.argv[2], model=sys.argv[3])

def ask(who):
    said = [{"role": "user", "content": who}]
    return client.complete(said, user=who).text + "".join(delta.text for delta in client.stream(said, user=who))

def work(number):
    threads = [threading.Thread(target=ask, args=(f"{number}",)) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return ask(f"{number}")

ask("parent")
stopping = threading.Event()
def go_on():
    while not stopping.is_set():
        ask("parent")
busy = [threading.Thread(target=go_on) for _ in range(3)]  # in the middle of calls when the workers are forked
for thread in busy:
    thread.start()
with multiprocessing.get_context("fork").Pool(3, maxtasksperchild=2) as pool:
    assert all(pool.map(work, range(6), chunksize=1))
stopping.set()
for thread in busy:
    thread.join()
print("done")
"""


@pytest.mark.usefixtures("engine")
@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork on this system")
def test_workers_that_are_forked_from_busy_threads(gateway: Any, run_quietly: Any) -> None:
    """Workers as of celery or gunicorn, forked while threads are in mid-call, answer and end; no socket is shared."""
    gateway.enqueue(Reply(text="Yes.", times=100_000))
    run_quietly(WORKERS, gateway)
    used: dict[str, set[int]] = {}
    for request in gateway.requests:
        used.setdefault(request.body["user"], set()).add(request.connection_id)
    assert not used.pop("parent") & set.union(*used.values())


NOTEBOOK = """
import asyncio, sys
import nest_asyncio
from kilo_gateway import AsyncKiloClient, KiloClient
given = {"base_url": sys.argv[1], "api_key": sys.argv[2], "model": sys.argv[3]}
said = [{"role": "user", "content": "Hello"}]

async def awaited():
    client = AsyncKiloClient(**given)
    text = "".join([delta.text async for delta in client.stream(said)])
    return text + (await client.complete(said)).text

async def cell():
    asyncio.get_running_loop().slow_callback_duration = 60  # a slow machine is no fault
    assert await awaited()
    assert asyncio.get_event_loop().run_until_complete(awaited())
    assert KiloClient(**given).complete(said).text
    assert await asyncio.to_thread(lambda: asyncio.run(awaited()))

loop = asyncio.new_event_loop()
asyncio.set_event_loop(loop)
nest_asyncio.apply(loop)
for _ in range(2):
    loop.run_until_complete(cell())
loop.close()
print("done")
"""


def test_a_notebook(gateway: Any, run_quietly: Any) -> None:
    """In cells of a loop that runs already, which nest_asyncio lets run in itself, every kind of call is answered."""
    run_quietly(NOTEBOOK, gateway)


LIVE = """
import asyncio, atexit, os, sys, threading
held, begun = {}, threading.Semaphore(0)
read_again = lambda: [next(held[engine, "blocking"]) for engine in ("", "httpx")]
atexit.register(read_again)  # the last to run: what is in use can still be read
from kilo_gateway import AsyncKiloClient, KiloClient
given = {"base_url": sys.argv[1], "api_key": sys.argv[2], "model": sys.argv[3]}
said = [{"role": "user", "content": "Hello"}]

def hold(stream):
    held[engine, "blocking"] = stream
    next(stream)
    begun.release()

async def hold_awaited(name):
    asyncio.get_running_loop().slow_callback_duration = 60  # a slow machine is no fault
    held[engine, name] = stream = AsyncKiloClient(**given).stream(said)
    await anext(stream)
    begun.release()
    return stream

async def hold_for_ever():
    async for _ in await hold_awaited("for ever"):
        pass

def read(stream):
    next(stream)
    begun.release()
    for _ in stream:
        pass

for engine in ("", "httpx"):
    os.environ["KILOCODE_HTTP_ENGINE"] = engine
    hold(KiloClient(**given).stream(said))
    asyncio.run(hold_awaited("ended"))
    threading.Thread(target=asyncio.run, args=(hold_for_ever(),), daemon=True).start()
    threading.Thread(target=read, args=(KiloClient(**given).stream(said),), daemon=True).start()
    threading.Thread(target=KiloClient(**given).complete, args=(said,), daemon=True).start()
    for _ in range(4):
        begun.acquire()
print("done")
"""


def test_the_end_of_an_interpreter(gateway: Any) -> None:
    """A process that ends with streams held, read by daemon threads and waited for by loops ends in silence."""
    gateway.enqueue(Reply(text="word " * 3000, event_delay_seconds=0.02, times=9))
    run_afresh(LIVE, gateway)


GREEN = """
from gevent import monkey
monkey.patch_all()
import sys, time
import gevent
from kilo_gateway import KiloClient, RequestTimeoutError, Timeouts
given = {"base_url": sys.argv[1], "api_key": sys.argv[2], "model": sys.argv[3], "max_retries": 0}
client = KiloClient(**given)
said = [{"role": "user", "content": "Hello"}]
ask = lambda number: client.complete(said).text if number % 2 else "".join(d.text for d in client.stream(said))
ask(0)
ask(1)
begun = time.monotonic()
assert all(one.get() for one in [gevent.spawn(ask, number) for number in range(20)])
assert time.monotonic() - begun < 3, "they waited for each other"
try:
    KiloClient(**given, timeout=Timeouts(read=0.2)).complete(said, user="stall")
except RequestTimeoutError:
    print("done")
"""


@pytest.mark.skipif(find_spec("gevent") is None, reason="needs gevent")
def test_green_threads(gateway: Any) -> None:
    """Under gevent twenty calls at once take the time of one, and time bounds hold."""
    gateway.enqueue(*[Reply(text="Yes.", delay_seconds=0.2) for _ in range(22)], Reply(delay_seconds=30.0))
    run_afresh(GREEN, gateway)
