"""A process that has the command line imported and forks for each run: real processes, pipes and terminals, quickly.

Reads a JSON object from its socket, with the file descriptors of the run's streams; answers with the wait status.
"""

from __future__ import annotations

import fcntl
import json
import os
import signal
import socket
import sys
import termios
import threading


def serve(connection: socket.socket) -> None:
    """Serve until the socket closes."""
    import jsonschema  # noqa: F401 - what runs would import
    import markdown_it  # noqa: F401
    import prompt_toolkit  # noqa: F401

    import kilo_gateway.client
    import kilo_gateway.testing.cassettes.check  # noqa: F401
    from kilo_gateway.cli import process  # noqa: F401 - as above
    from kilo_gateway.cli.chat import run as _run  # noqa: F401 - as above

    answering = threading.Lock()
    while True:
        data, descriptors, _, _ = socket.recv_fds(connection, 1 << 20, 3)
        if not data:
            return
        request = json.loads(data)
        child = os.fork()
        if not child:
            connection.close()
            _become(request, descriptors)
        for descriptor in descriptors:
            os.close(descriptor)
        _send(connection, answering, {"run": request["run"], "pid": child})
        threading.Thread(target=_reap, args=(connection, answering, request["run"], child), daemon=True).start()


def _reap(connection: socket.socket, answering: threading.Lock, run: int, child: int) -> None:
    _, status = os.waitpid(child, 0)
    _send(connection, answering, {"run": run, "status": os.waitstatus_to_exitcode(status)})


def _send(connection: socket.socket, answering: threading.Lock, answer: dict[str, int]) -> None:
    with answering:
        connection.sendall(json.dumps(answer).encode() + b"\n")


def _become(request: dict, descriptors: list[int]) -> None:
    """Run the command line as if it had been started with these streams."""
    os.setsid()
    signal.signal(signal.SIGINT, signal.default_int_handler)
    if request["terminal"]:
        fcntl.ioctl(descriptors[0], termios.TIOCSCTTY, 0)
    for number, descriptor in enumerate(descriptors):
        os.dup2(descriptor, number)
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
    try:
        main(request["words"])
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


def accept(path: str) -> None:
    """Serve whoever connects to a socket in the file system."""
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(path)
    listener.listen()
    while True:
        connection, _ = listener.accept()
        threading.Thread(target=serve, args=(connection,), daemon=True).start()


if __name__ == "__main__":
    threading.Thread(target=accept, args=(sys.argv[2],), daemon=True).start()
    serve(socket.socket(fileno=int(sys.argv[1])))
