"""Takes the network away from a process: every connection, look-up and listening socket fails. For one test."""

import sys

_FORBIDDEN = {"socket.connect", "socket.bind", "socket.getaddrinfo", "socket.gethostbyname", "socket.sendto"}


def _refuse(event: str, _arguments: tuple[object, ...]) -> None:
    if event in _FORBIDDEN:
        raise OSError(f"this process has no network ({event})")


sys.addaudithook(_refuse)
