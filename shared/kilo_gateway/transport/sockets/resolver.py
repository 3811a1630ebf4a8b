"""The operating system's resolver in threads of its own, which nobody waits for: it cannot be interrupted.

A pool of concurrent.futures would be waited for at the end of the loop or of the interpreter.
"""

from __future__ import annotations

import os
import socket
import threading
from concurrent.futures import Future
from queue import Empty, SimpleQueue
from typing import Any

_MOST_THREADS = 32
_IDLE_SECONDS = 5.0

Lookup = tuple["Future[Any]", str, int]


class _Threads:
    """Daemon threads that end when there is nothing to look up."""

    def __init__(self) -> None:
        self.process_id = os.getpid()
        self._queue: SimpleQueue[Lookup] = SimpleQueue()
        self._lock = threading.Lock()
        self._waiting = 0
        """Lookups that are asked for and not yet answered."""
        self._threads = 0

    def ask(self, host: str, port: int) -> Future[Any]:
        future: Future[Any] = Future()
        self._queue.put((future, host, port))
        with self._lock:
            self._waiting += 1
            if self._threads < min(self._waiting, _MOST_THREADS):
                self._threads += 1
                threading.Thread(target=self._run, name="kilo-resolver", daemon=True).start()
        return future

    def _run(self) -> None:
        while True:
            try:
                future, host, port = self._queue.get(timeout=_IDLE_SECONDS)
            except Empty:
                with self._lock:
                    if not self._queue.empty():
                        continue
                    self._threads -= 1
                    return
            if future.set_running_or_notify_cancel():
                try:
                    future.set_result(socket.getaddrinfo(host, port, type=socket.SOCK_STREAM))
                except BaseException as failure:  # noqa: BLE001 - whatever it is, it is the asker's
                    future.set_exception(failure)
            with self._lock:
                self._waiting -= 1


_threads = _Threads()


def resolve_beside(host: str, port: int) -> Future[Any]:
    """Return what getaddrinfo will have found. After a fork, threads are begun anew."""
    global _threads  # noqa: PLW0603 - threads belong to the process
    if _threads.process_id != os.getpid():
        _threads = _Threads()
    return _threads.ask(host, port)
