"""Takes out of requests and answers all that must not reach a disk, before anything compares or writes them."""

from __future__ import annotations

import json
import re
from copy import deepcopy
from functools import cache
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

from vcr.request import Request

from kilo_gateway.errors.redaction import REDACTED, spellings_of
from kilo_gateway.testing.cassettes.bodies import (
    event_sizes,
    holds_events,
    parse_exact_json,
    render_compact_json,
    split_events,
)
from kilo_gateway.testing.cassettes.named_fields import clean_fields
from kilo_gateway.testing.cassettes.origin import without_port
from kilo_gateway.testing.cassettes.secret_shapes import find_secrets, replace_spans
from kilo_gateway.testing.cassettes.streamed_secrets import scrub_events

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from kilo_gateway.testing.cassettes.document import Interaction

REQUEST_HEADERS = frozenset({"content-type", "x-kilocode-feature", "x-kilocode-mode", "x-kilocode-version"})
RESPONSE_HEADERS = frozenset({"content-type", "location", "retry-after", "retry-after-ms"})
"""All that is kept; a header that is on neither list is never written."""

_IN_ADDRESS = "redacted"
"""Stands for a secret where brackets would have to be escaped."""
_CREDENTIALS = ("authorization", "proxy-authorization", "x-api-key", "api-key", "x-kilocode-organizationid", "cookie")
_CREDENTIAL = re.compile(r"(?i)auth|token|secret|credential|password|(?:api|subscription)-?key")
"""Names of other headers that carry one; what they carry is learnt when it is long enough not to be a word."""
_SHORTEST_LEARNT = 8
_SECRET_PARAMETER = re.compile(
    r"(?i)^(?:.*(?:key(?:id)?|token|secret|password|passwd|signature|credential|jwt|assertion)"
    r"|sig|auth|code|pwd|sid|session(?:id)?|hmac|ticket)$"
)
_ID_IN_PATH = re.compile(r"(?:(?<=/organizations/)|(?<=/orgs/)|(?<=/accounts/)|(?<=/users/)|(?<=/workspaces/))[^/]+")


class Scrubber:
    """Cleans requests and answers. It learns the keys and ids that this session uses and forgets them with itself."""

    def __init__(self, secrets: Iterable[str] = ()) -> None:
        self._secrets: set[str] = set()
        self._spellings: tuple[str, ...] = ()
        self.learn(secrets)

    def learn(self, secrets: Iterable[str]) -> None:
        """Note further values that must appear nowhere."""
        new = {secret for secret in secrets if secret} - self._secrets - {REDACTED, _IN_ADDRESS}
        if new:
            self._secrets |= new
            self._spellings = spellings_of(self._secrets)

    def learn_headers(self, headers: Mapping[str, str]) -> None:
        """Note the credentials and ids that a request carries."""
        for name, value in headers.items():
            if name.lower() in _CREDENTIALS:
                self.learn([value, value.partition(" ")[2], *(part.partition("=")[2] for part in value.split(";"))])
            elif _CREDENTIAL.search(name):
                self.learn(one for one in (value, value.partition(" ")[2]) if len(one) >= _SHORTEST_LEARNT)

    def knows(self, text: str) -> bool:
        """Return whether a value that was noted stands in the text, in whatever spelling."""
        return any(spelling in text for spelling in self._spellings)

    def text(self, text: str) -> str:
        """Return the text without secrets."""
        return replace_spans(text, find_secrets(text, self._spellings), REDACTED)

    def address(self, uri: str) -> str:
        """Return the address without credentials, secret parameters, organization, fragment, and local port."""
        parts = urlsplit(without_port(uri))
        path = _ID_IN_PATH.sub(_IN_ADDRESS, self._plain(parts.path))
        pairs = parse_qsl(parts.query, keep_blank_values=True)
        cleaned = [
            (name, _IN_ADDRESS if _SECRET_PARAMETER.match(name) and value else self._plain(value))
            for name, value in pairs
        ]
        query = parts.query if cleaned == pairs else urlencode(cleaned)
        return urlunsplit((parts.scheme, parts.netloc.rpartition("@")[2], path, query, ""))

    def _plain(self, text: str) -> str:
        return replace_spans(text, find_secrets(text, self._spellings), _IN_ADDRESS)

    def request(self, request: Request) -> Request:
        """Return a copy of the request as it may be written and is compared."""
        body = request.body if isinstance(request.body, bytes) else None
        headers = {
            name.lower(): self.text(value) for name, value in request.headers.items() if name.lower() in REQUEST_HEADERS
        }
        content_type = headers.get("content-type", "")
        return Request(request.method, self.address(request.uri), body and self.body(body, content_type), headers)

    def response(self, response: Mapping[str, Any]) -> dict[str, Any]:
        """Return a copy of the answer, vcrpy's dict, as it may be written."""
        headers = {
            name.lower(): [self._header(name.lower(), value) for value in values]
            for name, values in response["headers"].items()
            if name.lower() in RESPONSE_HEADERS
        }
        content_type = "".join(headers.get("content-type", []))
        before = response["body"]["string"] or b""
        body = {**response["body"], "string": self.body(before, content_type)}
        if "pieces" in body and body["string"] != before:
            body["pieces"] = event_sizes(body["string"])  # those of the network fit no more
        return {"status": deepcopy(response["status"]), "headers": headers, "body": body}

    def _header(self, name: str, value: str) -> str:
        return self.address(value) if name == "location" else self.text(value)

    def interaction(self, interaction: Interaction) -> Interaction:
        """Return the interaction as this scrubber would write it; the same one when it is clean."""
        request = self.request(Request(**interaction["request"]))
        headers = {name: [value] for name, value in request.headers.items()}
        asked = {"method": request.method, "uri": request.uri, "headers": headers, "body": request.body}
        return {"request": asked, "response": self.response(interaction["response"])}

    def body(self, data: bytes, content_type: str) -> bytes:
        """Return the body without secrets: JSON in its compact form, anything else as it is when it holds none."""
        try:
            text = data.decode()
        except UnicodeDecodeError:
            # Every byte is a character of Latin-1, so that keys in plain sight are found in any file.
            return self.text(data.decode("latin-1")).encode("latin-1")
        if holds_events(text, content_type):
            return self._events(text).encode()
        value = parse_exact_json(text)
        return self._odd(text).encode() if value is None else render_compact_json(clean_fields(value, self.text))

    def _odd(self, text: str) -> str:
        """Clean what is no JSON, or JSON that no structure keeps; escapes in it must hide no secret."""
        try:
            value = json.loads(text)
            cleaned = clean_fields(value, self.text)
            return self.text(text if cleaned == value else json.dumps(cleaned))
        except (ValueError, RecursionError):
            return self.text(text)

    def _events(self, text: str) -> str:
        events, separator = split_events(text)
        clean = cache(self.text)  # most of what stands in one event stands in the next ones
        cleaned = scrub_events(
            events,
            value=lambda value: clean_fields(value, clean),
            text=clean,
            find=lambda whole: find_secrets(whole, self._spellings),
        )
        return separator.join(cleaned)
