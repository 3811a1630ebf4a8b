"""Why a connection failed, in the words of the operating system or of TLS: the same from every carrier."""

from __future__ import annotations

import os
import re
import socket
import ssl
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator

_MOST_LINKS = 12
_NUMBER = re.compile(r"^\[Errno -?\d+\] ")
_FILES = (FileNotFoundError, FileExistsError, IsADirectoryError, NotADirectoryError)
"""Errors of the caller's that may stand in the context of ours by chance."""
_H2_EVENT = re.compile(r"<(\w+)\b.*?error_code:(?:<ErrorCodes\.)?(\w+)")
_STATUS_LINE = re.compile(r"illegal status line: (?:bytearray\()?b(['\"])(.*?)\1", re.DOTALL)
_TLS_RECORD = re.compile(r"\\x1[56]\\x03")
_TLS_REASON = re.compile(r"\b[A-Z][A-Z0-9]+(?:_[A-Z0-9]+)+\b")
_VERIFY_MESSAGE = re.compile(r"certificate verify failed: (.*?)(?: \(_ssl|$)")


def reason_of(failure: BaseException) -> str:
    """Return why, as a phrase without a full stop: "Connection refused", "Name or service not known"."""
    system = next((link for link in _chain(failure) if isinstance(link, OSError) and link.errno is not None), None)
    if isinstance(system, ssl.SSLError):
        return _words_of_tls(system)
    if isinstance(system, socket.gaierror):
        return str(system.strerror)
    if system is not None:
        return os.strerror(system.errno or 0)
    text = _NUMBER.sub("", str(failure)).rstrip(". ")
    if event := _H2_EVENT.match(text):
        name = re.sub(r"(?<!^)(?=[A-Z])", " ", event[1]).lower()
        return f"{name}, HTTP/2 error {event[2]}"
    return text or type(failure).__name__


class TlsFailure(NamedTuple):
    """A handshake that failed."""

    kind: str
    """`plain`, `name`, `date`, `issuer`, `client` or `other`."""
    reason: str


_TLS_KINDS: tuple[tuple[str, str], ...] = (
    ("plain", r"WRONG_VERSION_NUMBER|HTTP_REQUEST|UNKNOWN_PROTOCOL|PACKET_LENGTH_TOO_LONG|RECORD_LAYER_FAILURE"),
    ("name", r"[Hh]ostname mismatch|IP address mismatch|doesn't match"),
    ("date", r"has expired|not yet valid"),
    ("issuer", r"CERTIFICATE_VERIFY_FAILED|certificate verify failed"),
    ("client", r"CERTIFICATE_REQUIRED|BAD_CERTIFICATE"),
    ("other", r"SSL|TLS"),
)


def tls_failure(failure: BaseException) -> TlsFailure | None:
    """Return what went wrong with TLS; None when it was something else."""
    link = next((link for link in _chain(failure) if isinstance(link, ssl.SSLError)), failure)
    text = str(link)
    kind = next((kind for kind, pattern in _TLS_KINDS if re.search(pattern, text)), None)
    return None if kind is None else TlsFailure(kind, _words_of_tls(link))


def answered_instead(failure: BaseException) -> str | None:
    """Return what a server said that speaks no HTTP, or `TLS`; None when that is not what failed."""
    found = _STATUS_LINE.search(str(failure))
    if found is None:
        return None
    return "TLS" if _TLS_RECORD.match(found[2]) else found[2]


def _words_of_tls(failure: BaseException) -> str:
    text = str(failure)
    if verified := _VERIFY_MESSAGE.search(text):
        return verified[1].rstrip(". ")
    if named := _TLS_REASON.search(text):
        return named[0].replace("_", " ").lower()
    return text.rstrip(". ") or type(failure).__name__


def _chain(failure: BaseException) -> Iterator[BaseException]:
    """Yield the failure and what caused it, the nearest first; also what a group of failures holds."""
    waiting, seen = [failure], 0
    while waiting and seen < _MOST_LINKS:
        link, seen = waiting.pop(0), seen + 1
        if isinstance(link, _FILES):
            continue
        yield link
        if isinstance(link, BaseExceptionGroup):
            waiting += link.exceptions
        cause = link.__cause__ or link.__context__
        if cause is not None:
            waiting.append(cause)
