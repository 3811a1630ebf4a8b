"""Cassettes as files: read with a reason when they cannot be, written whole or not at all, never with a secret."""

from __future__ import annotations

import os
from hashlib import sha256
from typing import TYPE_CHECKING, Any

from vcr.persisters.filesystem import CassetteNotFoundError
from vcr.request import Request

from kilo_gateway.testing.cassettes.check import findings_in
from kilo_gateway.testing.cassettes.document import Document, parse_document, render_document
from kilo_gateway.testing.cassettes.errors import SecretFoundError, UnreadableCassetteError

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from kilo_gateway.testing.cassettes.document import Interaction
    from kilo_gateway.testing.cassettes.origin import Origin
    from kilo_gateway.testing.cassettes.scrubbing import Scrubber


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
    part = path.with_name(f".{sha256(path.name.encode()).hexdigest()[:16]}-{os.getpid()}.part")
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


class Store:
    """What vcrpy calls a persister: the file of one cassette, and what stands at its head."""

    def __init__(self, path: Path, scrubber: Scrubber, document: Document | None) -> None:
        self.path = path
        self.origin: Origin | None = document.origin if document else None
        self._loaded = document
        self._scrubber = scrubber

    def load_cassette(self, _path: Any, serializer: Any = None) -> tuple[list[Request], list[dict[str, Any]]]:
        """Return the recorded requests and answers."""
        if self._loaded is None:
            raise CassetteNotFoundError(f"there is no cassette {self.path}")
        pairs = [(Request(**one["request"]), one["response"]) for one in self._loaded.interactions]
        return [request for request, _ in pairs], [response for _, response in pairs]

    def save_cassette(self, _path: Any, content: dict[str, Sequence[Any]], serializer: Any = None) -> None:
        """Write requests and answers; both were scrubbed when they were appended."""
        pairs = zip(content["requests"], content["responses"], strict=True)
        interactions = [_interaction(request, response) for request, response in pairs]
        write_document(self.path, Document(interactions, self.origin), self._scrubber)


def _interaction(request: Request, response: dict[str, Any]) -> Interaction:
    headers = {name: [value] for name, value in request.headers.items()}
    asked = {"method": request.method, "uri": request.uri, "headers": headers, "body": request.body or None}
    return {"request": asked, "response": response}
