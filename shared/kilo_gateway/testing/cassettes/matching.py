"""Whether a recorded request is the one that is made now: method, path, query and parsed body; a gateway's host not."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from kilo_gateway.testing.cassettes.bodies import parse_exact_json
from kilo_gateway.testing.cassettes.difference import is_same, without
from kilo_gateway.testing.cassettes.origin import is_gateway

if TYPE_CHECKING:
    from collections.abc import Sequence

    from vcr.request import Request


class Matcher:
    """Compares two scrubbed requests; vcrpy calls it as one of its `match_on` functions."""

    __name__ = "method, path and body"

    def __init__(self, ignored: Sequence[str], base_url: str) -> None:
        self._ignored = tuple(ignored)
        self._base_url = base_url

    def __call__(self, one: Request, other: Request) -> bool:
        """Return whether an answer to one request answers the other."""
        return self.is_same_call(one, other) and is_same(self.body(one), self.body(other))

    def is_same_call(self, one: Request, other: Request) -> bool:
        """Return whether both ask the same endpoint; gateways are one host, wherever they run."""
        if (one.method, one.path, one.query) != (other.method, other.path, other.query):
            return False
        return one.host == other.host or (self._is_gateway(one) and self._is_gateway(other))

    def _is_gateway(self, request: Request) -> bool:
        return is_gateway(request.uri, request.headers, self._base_url)

    def body(self, request: Request) -> Any:
        """Return the body as it is compared: parsed, without the fields that are ignored."""
        data = request.body or None
        value = None if data is None else parse_exact_json(data)
        return without(data if value is None else value, self._ignored)
