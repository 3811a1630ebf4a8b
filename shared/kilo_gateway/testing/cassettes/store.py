"""Cassettes as files: read with a reason when they cannot be, written whole or not at all, never with a secret."""

from __future__ import annotations

import os
import tempfile
import time
from collections import Counter
from contextlib import contextmanager, suppress
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Any

from vcr.persisters.filesystem import CassetteNotFoundError
from vcr.request import Request

from kilo_gateway.testing.cassettes.check import findings_in
from kilo_gateway.testing.cassettes.document import Document, parse_document, render_document
from kilo_gateway.testing.cassettes.errors import CassetteError, SecretFoundError, UnreadableCassetteError
from kilo_gateway.testing.cassettes.naming import file_signature

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from kilo_gateway.testing.cassettes.document import Interaction
    from kilo_gateway.testing.cassettes.origin import CassetteOrigin
    from kilo_gateway.testing.cassettes.scrubbing import Scrubber

_LONGEST_WRITE_SECONDS = 10.0
"""After which a lock is taken for that of a process that was killed."""


def read_document(path: Path) -> Document | None:
    """Return what the file holds, or None when there is none.

    Raises:
        UnreadableCassetteError: it is no cassette of a format that is known; says why and which file.
        SecretFoundError: it holds something that looks like a secret.
    """
    try:
        text = path.read_bytes().decode()
    except FileNotFoundError:
        return None
    except UnicodeDecodeError as error:
        raise UnreadableCassetteError(path, f"it is not UTF-8 ({error.reason} at byte {error.start})") from error
    except OSError as error:
        raise UnreadableCassetteError(path, error.strerror or str(error)) from error
    try:
        document = parse_document(text)
    except ValueError as error:
        raise UnreadableCassetteError(path, str(error)) from error
    findings = findings_in(str(path), text, document)
    if findings:
        raise SecretFoundError("\n".join([*map(str, findings), "Record it again, and revoke what was exposed."]))
    return document


def write_document(path: Path, document: Document, scrubber: Scrubber) -> None:
    """Write the cassette in one step, so that a crash leaves the old one.

    Raises:
        SecretFoundError: a secret is in it after all; nothing is written.
    """
    text = render_document(document)
    findings = findings_in(str(path), text, document, scrubber)
    if findings:
        raise SecretFoundError("\n".join(["Not written:", *map(str, findings)]))
    _check_reading(path, text, document)
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f".{_digest(path.name)}-{os.getpid()}.part")
    part.write_bytes(text.encode())
    part.replace(path)


def _check_reading(path: Path, text: str, document: Document) -> None:
    """Raise when the text would be read as something else than what was recorded: better now than at a replay."""
    try:
        if parse_document(text).interactions == document.interactions:
            return
        reason = "it reads differently"
    except ValueError as error:
        reason = str(error)
    raise UnreadableCassetteError(path, f"what was recorded cannot be kept as YAML ({reason}); nothing is written")


def merge_interactions(theirs: Sequence[Interaction], ours: Sequence[Interaction]) -> list[Interaction]:
    """Return all interactions of both; a request of both counts as often as the one that made it oftener."""
    known = Counter(map(_request_key, theirs))
    added = []
    for one in ours:
        if known[_request_key(one)] > 0:
            known[_request_key(one)] -= 1
        else:
            added.append(one)
    return [*theirs, *added]


def _request_key(interaction: Interaction) -> tuple[Any, ...]:
    request = interaction["request"]
    return request["method"], request["uri"], request["body"]


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    """Keep other processes from writing the file; workers of pytest-xdist may record into one cassette."""
    lock = Path(tempfile.gettempdir(), f"kilo-cassette-{_digest(str(path.resolve()))}.lock")
    while True:
        try:
            os.close(os.open(lock, os.O_CREAT | os.O_EXCL | os.O_WRONLY))
            break
        except FileExistsError:
            with suppress(FileNotFoundError):
                if time.time() - lock.stat().st_mtime > _LONGEST_WRITE_SECONDS:
                    lock.unlink()
            time.sleep(0.01)
    try:
        yield
    finally:
        lock.unlink(missing_ok=True)


def _digest(text: str) -> str:
    return sha256(text.encode()).hexdigest()[:16]


class Store:
    """What vcrpy calls a persister: the file of one cassette, and what stands at its head."""

    def __init__(self, path: Path, scrubber: Scrubber) -> None:
        self.path = path
        self.document: Document | None = None
        self.origin: CassetteOrigin | None = None
        self._signature: tuple[int, ...] | None = None
        self._scrubber = scrubber

    def read(self) -> None:
        """Read the file, if there is one.

        Raises:
            CassetteError: it cannot be used.
        """
        self._signature = file_signature(self.path)
        self.document = read_document(self.path)
        self.origin = self.document.origin if self.document else None

    def start_anew(self) -> None:
        """Forget what was read: all of it is recorded again."""
        self.document = self.origin = None

    def load_cassette(self, _path: Any, serializer: Any = None) -> tuple[list[Request], list[dict[str, Any]]]:
        """Return the recorded requests and answers."""
        if self.document is None:
            raise CassetteNotFoundError(f"there is no cassette {self.path}")
        pairs = [(Request(**one["request"]), one["response"]) for one in self.document.interactions]
        return [request for request, _ in pairs], [response for _, response in pairs]

    def save_cassette(self, _path: Any, content: dict[str, Sequence[Any]], serializer: Any = None) -> None:
        """Write requests and answers, which were scrubbed when they were appended.

        What another test has written since this one began stays.
        """
        pairs = zip(content["requests"], content["responses"], strict=True)
        interactions = [_interaction(request, response) for request, response in pairs]
        try:
            self._write(interactions)
        except OSError as error:
            raise CassetteError(f"The cassette {self.path} cannot be written: {error.strerror or error}") from error

    def _write(self, interactions: list[Interaction]) -> None:
        with _locked(self.path):
            if file_signature(self.path) not in {self._signature, None}:
                theirs = read_document(self.path)
                interactions = merge_interactions(theirs.interactions if theirs else [], interactions)
            write_document(self.path, Document(interactions, self.origin), self._scrubber)
            self._signature = file_signature(self.path)


def _interaction(request: Request, response: dict[str, Any]) -> Interaction:
    headers = {name: [value] for name, value in request.headers.items()}
    asked = {"method": request.method, "uri": request.uri, "headers": headers, "body": request.body or None}
    return {"request": asked, "response": response}
