"""What a cassette holds, in a row and on a page. Shows no header, and nothing that scrubbing takes out."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from kilo_gateway.cli.statuses import CommandError
from kilo_gateway.testing.cassettes.document import parse_document

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from kilo_gateway.testing.cassettes.document import Document, Interaction


@dataclass(frozen=True, slots=True)
class Summary:
    """One cassette in a row."""

    path: str
    interactions: int
    models: list[str]
    """The models that were asked, each once."""
    recorded: str | None
    """The day, where the answers change with time."""

    def describe(self) -> dict[str, Any]:
        """Return the row for scripts."""
        return asdict(self)


def summaries(paths: Sequence[Path]) -> Iterator[Summary]:
    """Yield a row for each cassette.

    Raises:
        CommandError: one that cannot be read.
    """
    for path in paths:
        document = _read(path)
        asked = (_body(one["request"]["body"]).get("model") for one in document.interactions)
        models = list(dict.fromkeys(model for model in asked if isinstance(model, str)))
        recorded = document.origin.recorded if document.origin is not None else None
        yield Summary(str(path), len(document.interactions), models, recorded)


def pages(paths: Sequence[Path]) -> Iterator[str]:
    """Yield the lines that show each cassette.

    Raises:
        CommandError: one that cannot be read.
    """
    for path in paths:
        document = _read(path)
        origin = f", from {document.origin.describe()}" if document.origin is not None else ""
        yield f"# {path}{origin}"
        for number, interaction in enumerate(document.interactions, 1):
            yield ""
            yield from _interaction_lines(number, interaction)


def _interaction_lines(number: int, interaction: Interaction) -> Iterator[str]:
    request, response = interaction["request"], interaction["response"]
    body = _body(request["body"])
    model = f" {body['model']}" if isinstance(body.get("model"), str) else ""
    path = urlsplit(request["uri"]).path
    yield f"{number}. {request['method']} {path}{model}: {response['status']['code']}"
    messages = body.get("messages")
    for message in messages if isinstance(messages, list) else []:
        if isinstance(message, dict):
            yield f"   {message.get('role')}: {_text(message.get('content'))}"
    answer = _answer(response["body"]["string"])
    if answer:
        yield f"   -> {answer}"


def _answer(data: bytes) -> str:
    """Return the text of an answer, whole or streamed; its tool calls by name."""
    from kilo_gateway.stream.accumulator import Accumulator  # noqa: PLC0415 - for this only

    accumulator = Accumulator()
    lines = data.decode("utf-8", "replace").splitlines()
    events = [line.removeprefix("data:").strip() for line in lines if line.startswith("data:")]
    if not events:
        from kilo_gateway.answer.completion import parse_completion  # noqa: PLC0415 - for this only

        completion = parse_completion(_body(data))
    else:
        for event in events:
            chunk = _body(event.encode())
            if chunk:
                accumulator.add(chunk)
        completion = accumulator.completion()
    calls = ", ".join(f"{call['function']['name']}({call['function']['arguments']})" for call in completion.tool_calls)
    return " ".join(part for part in (completion.text, calls) if part)


def _text(content: Any) -> str:
    if isinstance(content, str):
        return content
    parts = content if isinstance(content, list) else []
    return " ".join(str(part.get("text") or f"({part.get('type')})") for part in parts if isinstance(part, dict))


def _body(data: bytes | None) -> dict[str, Any]:
    try:
        value = json.loads(data or b"{}")
    except ValueError:
        return {}
    return value if isinstance(value, dict) else {}


def _read(path: Path) -> Document:
    try:
        return parse_document(path.read_bytes().decode())
    except OSError as error:
        raise CommandError(f"{path} cannot be read: {error.strerror}. Check its permissions.") from None
    except ValueError as error:
        raise CommandError(f"{path} cannot be read: {error}") from None
