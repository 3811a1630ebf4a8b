"""Cassettes of plain vcrpy in the readable form of this package: what vcrpy calls a serializer, named `kilo`."""

from __future__ import annotations

from typing import Any

from kilo_gateway.testing.cassettes.document import Document, Interaction, parse_document, render_document


def serialize(cassette: dict[str, Any]) -> str:
    """Return the text of a cassette that vcrpy hands over."""
    return render_document(Document([_with_bytes(one) for one in cassette["interactions"]]))


def deserialize(text: str) -> dict[str, Any]:
    """Return a cassette as vcrpy expects it.

    Raises:
        ValueError: it cannot be read; says why.
    """
    return {"interactions": parse_document(text).interactions}


def _with_bytes(interaction: Interaction) -> Interaction:
    request, response = interaction["request"], interaction["response"]
    body = {**response["body"], "string": _encoded(response["body"].get("string"))}
    return {
        "request": {**request, "body": _encoded(request.get("body")) or None},
        "response": {**response, "body": body},
    }


def _encoded(body: Any) -> bytes:
    """Return the bytes that vcrpy has decoded where it could."""
    return body.encode() if isinstance(body, str) else body or b""
