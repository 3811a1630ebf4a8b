"""The configuration that makes pytest-recording's and langchain-tests' own cassettes free of secrets, and readable."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

from vcr import VCR

from kilo_gateway.testing.cassettes.scrubbing import Scrubber
from kilo_gateway.testing.cassettes.surroundings import secrets_of

if TYPE_CHECKING:
    from vcr.request import Request

SERIALIZER = "kilo"
"""Registered with pytest-recording by this package's plugin."""


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

    def scrub_response(response: dict[str, Any]) -> dict[str, Any]:
        return scrubber.response(response)

    return {
        "before_record_request": scrub_request,
        "before_record_response": scrub_response,
        "decode_compressed_response": True,
        "match_on": ["method", "path", "query", "body"],
        "path_transformer": VCR.ensure_suffix(".yaml"),
        "serializer": SERIALIZER,
        **overrides,
    }
