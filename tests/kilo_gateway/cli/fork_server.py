"""A process that has the command line imported and forks for each run: real processes, pipes and terminals, quickly.

Reads a JSON object from its socket, with the file descriptors of the run's streams; answers with the wait status.
"""

from __future__ import annotations

import contextlib
import fcntl
import gc
import json
import os
import selectors
import signal
import socket
import sys
import termios
from typing import Any


def serve(connection: socket.socket, path: str) -> None:
    """Serve the connection, and whoever connects to the socket at the path, until the connection closes.

    One thread does everything: a fork while another one runs may stop for ever.
    """
    sys.modules["httpx._main"] = None  # type: ignore[assignment] # as a run has it
    import encodings.idna  # noqa: F401 - what runs would import

    import httpcore  # noqa: F401
    import httpx  # noqa: F401
    import jsonschema  # noqa: F401
    import markdown_it  # noqa: F401
    import prompt_toolkit  # noqa: F401

    import kilo_gateway.client  # noqa: F401
    from kilo_gateway.cli import process  # noqa: F401
    from kilo_gateway.cli.batch import run as _batch  # noqa: F401
    from kilo_gateway.cli.chat import command, editor, prompt  # noqa: F401
    from kilo_gateway.cli.chat import run as _run  # noqa: F401
    from kilo_gateway.errors import waits
    from kilo_gateway.gate import gate

    waits.FIRST_BACKOFF_SECONDS = gate.FIRST_PAUSE_SECONDS = 0.05  # nobody looks at how long a run waits
    prompt._HINT_AFTER_SECONDS = 0.3  # type: ignore[misc]
    gc.collect()
    gc.freeze()  # a fork's collections would copy every page of what is imported

    listener = socket.socket(socket.AF_UNIX)
    listener.bind(path)
    listener.listen()
    ready = selectors.DefaultSelector()
    ready.register(listener, selectors.EVENT_READ)
    ready.register(connection, selectors.EVENT_READ)
    while True:
        for key, _ in ready.select():
            if key.fileobj is listener:
                ready.register(listener.accept()[0], selectors.EVENT_READ)
            elif isinstance(key.fileobj, socket.socket):
                if not _start(key.fileobj, ready) and key.fileobj is connection:
                    return
            else:
                _finish(key.fileobj, *key.data, ready)


def _start(connection: socket.socket, ready: selectors.BaseSelector) -> bool:
    """Start the run that is asked for; return whether there was one."""
    data, descriptors, _, _ = socket.recv_fds(connection, 1 << 20, 3)
    if not data:
        ready.unregister(connection)
        connection.close()
        return False
    request = json.loads(data)
    child = os.fork()
    if not child:
        _become(request, descriptors)
    for descriptor in descriptors:
        os.close(descriptor)
    _send(connection, {"run": request["run"], "pid": child})
    ready.register(os.pidfd_open(child), selectors.EVENT_READ, (child, request["run"], connection))
    return True


def _finish(descriptor: Any, child: int, run: int, connection: socket.socket, ready: selectors.BaseSelector) -> None:
    """Tell how a run ended."""
    ready.unregister(descriptor)
    os.close(descriptor)
    _, status = os.waitpid(child, 0)
    _send(connection, {"run": run, "status": os.waitstatus_to_exitcode(status)})


def _send(connection: socket.socket, answer: dict[str, int]) -> None:
    with contextlib.suppress(OSError):  # it may be gone
        connection.sendall(json.dumps(answer).encode() + b"\n")


def _become(request: dict, descriptors: list[int]) -> None:
    """Run the command line as if it had been started with these streams."""
    os.setsid()
    signal.signal(signal.SIGINT, signal.default_int_handler)
    if request["terminal"]:
        fcntl.ioctl(descriptors[0], termios.TIOCSCTTY, 0)
    for number, descriptor in enumerate(descriptors):
        os.dup2(descriptor, number)
    os.closerange(3, 1024)
    os.environ.clear()
    os.environ.update(request["environ"])
    os.chdir(request["folder"])
    for number in request["closed"]:
        os.close(number)
    encoding, _, errors = request["environ"].get("PYTHONIOENCODING", "utf-8").partition(":")
    modes = ((0, "stdin", "r"), (1, "stdout", "w"), (2, "stderr", "w"))
    for number, name, mode in modes:
        is_open = number not in request["closed"]
        stream = open(number, mode, encoding=encoding, errors=errors or "strict", closefd=False) if is_open else None  # noqa: SIM115
        setattr(sys, name, stream)
        setattr(sys, f"__{name}__", stream)
    from kilo_gateway.cli import main

    status = 120
    sys.argv[1:] = request["words"]
    try:
        main()
    except SystemExit as end:
        status = end.code if isinstance(end.code, int) else 1
    except BaseException:  # noqa: BLE001 - shown as Python would
        import traceback

        traceback.print_exc()
    try:
        for stream in (sys.stdout, sys.stderr):
            if stream is not None:
                stream.flush()
    except OSError:
        status = 120  # as Python itself ends when the last flush fails
    os._exit(status)


if __name__ == "__main__":
    serve(socket.socket(fileno=int(sys.argv[1])), sys.argv[2])
