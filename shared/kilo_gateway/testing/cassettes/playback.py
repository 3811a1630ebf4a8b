"""Stands between the transports and a cassette: which answers are recorded, and what a replayed one looks like."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from vcr.request import Request

from kilo_gateway.errors import AuthenticationError, KiloError
from kilo_gateway.errors.bodies import REPLAYED_HEADER, find_error, parse_error, parse_error_object
from kilo_gateway.testing.cassettes.bodies import parse_exact_json, render_compact_json, split_events
from kilo_gateway.testing.cassettes.environment import at_gateway
from kilo_gateway.testing.cassettes.errors import CassetteError
from kilo_gateway.transport.interception import InterceptedAnswer, Interceptor

if TYPE_CHECKING:
    from collections.abc import Collection

    from kilo_gateway.testing.cassettes.cassette import Cassette
    from kilo_gateway.testing.cassettes.environment import RecordingGateway
    from kilo_gateway.transport.interception import Destination, InterceptedRequest

_FIRST_ERROR = 300
"""The first status that is no answer."""


class Playback:
    """Answers from the cassette, or has the gateway asked and keeps what it says."""

    def __init__(self, cassette: Cassette, gateway: RecordingGateway | None) -> None:
        self._cassette = cassette
        self._gateway = gateway
        """None while nothing may be sent."""
        self.asked = 0
        self.refused: list[str] = []
        """Answers of the gateway that were not recorded."""

    def concerns(self, request: InterceptedRequest) -> bool:
        """Return whether the request goes into the cassette."""
        return self._cassette.concerns(_vcr_request(request))

    def answer(self, request: InterceptedRequest) -> InterceptedAnswer | None:
        """Return the recorded answer, or None when the request is to be sent.

        Raises:
            CassetteError: nothing fits, or nothing may be recorded.
        """
        __tracebackhide__ = True
        self.asked += 1
        origin = self._cassette.origin
        url = at_gateway(request.url, origin["base_url"]) if origin else None
        is_embedded = self._gateway is not None and self._gateway.answers_embedded(request.url)
        found = self._cassette.find(_vcr_request(request, url), is_embedded=is_embedded)
        if found is None:
            return None
        data, status = found["body"]["string"] or b"", found["status"]
        pieces = self._cassette.options.pieces.cut(data, found["body"].get("pieces"))
        headers = [(name, value) for name, values in found["headers"].items() for value in values]
        marked = [*headers, (REPLAYED_HEADER, self._cassette.provenance)]
        return InterceptedAnswer(status["code"], status.get("message") or "", marked, pieces)

    def redirect(self, request: InterceptedRequest) -> Destination | None:
        """Return where the gateway of the environment is; None for a request that names a gateway of its own."""
        if self._gateway is None:
            return None
        return self._gateway.destination(request.url, {name.lower(): text for name, text in request.headers.items()})

    def receive(self, request: InterceptedRequest, answer: InterceptedAnswer) -> InterceptedAnswer:
        """Record the answer, and return it as it came; a trimmed list trimmed, so that a replay is alike."""
        headers: dict[str, list[str]] = {}
        for name, value in answer.headers:
            headers.setdefault(name, []).append(value)
        data = _with_models(request, b"".join(answer.pieces), self._cassette.options.models)
        pieces = answer.pieces if sum(map(len, answer.pieces)) == len(data) else [data]
        plain = {name.lower(): ", ".join(values) for name, values in headers.items()}
        if _is_authentication_error(answer.status, plain, data):
            self.refused.append(f"{answer.status} for {request.method} {_vcr_request(request).path}")
        else:
            is_stream = "event-stream" in plain.get("content-type", "")
            sizes = {"pieces": [len(piece) for piece in pieces if piece]} if is_stream and data else {}
            status = {"code": answer.status, "message": answer.reason}
            kept = {"status": status, "headers": headers, "body": {"string": data, **sizes}}
            self._cassette.keep(_vcr_request(request), kept)
        return InterceptedAnswer(answer.status, answer.reason, answer.headers, pieces)


class OutsideGuard(Interceptor):
    """Refuses requests to the gateway that no cassette of a test takes: nothing would ever replay them."""

    def __init__(self, base_url: str, test: str) -> None:
        self._base_url = base_url
        self._test = test

    def concerns(self, request: InterceptedRequest) -> bool:
        """Return whether the request goes to the gateway of the environment."""
        return at_gateway(request.url, self._base_url) is not None

    def answer(self, request: InterceptedRequest) -> InterceptedAnswer | None:
        """Refuse.

        Raises:
            CassetteError: always.
        """
        raise CassetteError(
            f"{request.method} {request.url} was asked around {self._test}, but outside of its cassette, such as by "
            "the end of a module or session fixture. Make the call before the fixture yields, in the test, or within "
            "use_cassette('name')."
        )


def _vcr_request(request: InterceptedRequest, url: str | None = None) -> Request:
    return Request(request.method, url or request.url, request.body, request.headers)


def _with_models(request: InterceptedRequest, data: bytes, kept: Collection[str]) -> bytes:
    """Return the body with only the `kept` entries of its model list; any other body, and all when none is named."""
    is_list = request.method == "GET" and _vcr_request(request).path.endswith("/models")
    answer = parse_exact_json(data) if kept and is_list else None
    entries = answer.get("data") if isinstance(answer, dict) else None
    if not isinstance(answer, dict) or not isinstance(entries, list):
        return data
    named = [entry for entry in entries if isinstance(entry, dict) and entry.get("id") in kept]
    return render_compact_json({**answer, "data": named})


def _is_authentication_error(status: int, headers: dict[str, str], data: bytes) -> bool:
    """Return whether the key was refused: with a status, in a body of status 200, or as an event of a stream."""
    if status >= _FIRST_ERROR:
        return isinstance(parse_error(status, headers, data), AuthenticationError)
    texts = split_events(data.decode("utf-8", "replace"))[0] if b"error" in data else []
    return any(isinstance(_error_in(text.removeprefix("data:")), AuthenticationError) for text in texts)


def _error_in(text: str) -> KiloError | None:
    try:
        value: Any = json.loads(text)
    except (ValueError, RecursionError):
        return None
    is_error = isinstance(value, dict) and find_error(value) is not None
    return parse_error_object(value) if is_error else None
