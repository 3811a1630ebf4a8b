"""The configuration that makes pytest-recording's and langchain-tests' own cassettes free of secrets, and readable.

The module itself is what vcrpy calls a serializer, registered with pytest-recording under the name `kilo`.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

from vcr import VCR

from kilo_gateway.testing.cassettes.document import Document, Interaction, parse_document, render_document
from kilo_gateway.testing.cassettes.environment import secrets_of
from kilo_gateway.testing.cassettes.scrubbing import Scrubber

if TYPE_CHECKING:
    from vcr.request import Request

SERIALIZER = "kilo"


def kilo_vcr_config(**overrides: Any) -> dict[str, Any]:
    """Return what a `vcr_config` fixture returns: for tests that carry pytest-recording's `vcr` marker.

    Requests and answers are scrubbed as in this package's own cassettes, matched by method, path, query and parsed
    body, and written in the same form. `overrides` are vcrpy's own options.

    Example:
        ```python
        @pytest.fixture(scope="session")
        def vcr_config():
            return kilo_vcr_config(record_mode="once")
        ```
    """
    scrubber = Scrubber(secrets_of(os.environ))

    def scrub_request(request: Request) -> Request:
        scrubber.learn_headers({str(name): str(value) for name, value in request.headers.items()})
        return scrubber.request(request)

    return {
        "before_record_request": scrub_request,
        "before_record_response": scrubber.response,
        "decode_compressed_response": True,
        "match_on": ["method", "path", "query", "body"],
        "path_transformer": VCR.ensure_suffix(".yaml"),
        "serializer": SERIALIZER,
        **overrides,
    }


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
