"""A cassette as a document: its format, its origin, its interactions. Knows no file."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any
from urllib.parse import urljoin

from kilo_gateway.testing.cassettes.bodies import parse_recorded_body, render_recorded_body
from kilo_gateway.testing.cassettes.origin import CassetteOrigin
from kilo_gateway.testing.cassettes.yaml_text import dump, load

FORMAT = 1
"""The version of the format; it grows when an older reader would misread a newer cassette."""

_HEAD = "# Answers of a gateway, recorded for a test. Read this file before you commit it.\n"
_UNKNOWN = CassetteOrigin("unknown", "http://127.0.0.1/")

_LOWEST_STATUS, _HIGHEST_STATUS = 100, 999
_MERGE_MARK = re.compile(r"^(?:<<<<<<<|>>>>>>>) ", re.MULTILINE)

Interaction = dict[str, Any]
"""As vcrpy shapes it: `{"request": {method, uri, headers, body}, "response": {status, headers, body: {string}}}`."""


@dataclass
class Document:
    """What a cassette holds."""

    interactions: list[Interaction] = field(default_factory=list)
    origin: CassetteOrigin | None = None


def render_document(document: Document) -> str:
    """Return the text of a cassette."""
    origin = document.origin or _UNKNOWN
    content = {
        "kilo_cassette": FORMAT,
        "gateway": origin.render(),
        "interactions": [_render_interaction(one, origin) for one in document.interactions],
    }
    return _HEAD + dump(content)


def _render_interaction(interaction: Interaction, origin: CassetteOrigin) -> dict[str, Any]:
    request, response = interaction["request"], interaction["response"]
    status = response["status"]
    answer: dict[str, Any] = {"status": status["code"]}
    if status.get("message") not in {None, "", _phrase(status["code"])}:
        answer["reason"] = status["message"]
    answer.update(_render_message(response["headers"], response["body"]["string"], response["body"].get("pieces")))
    asked = {"method": request["method"], **_render_address(request["uri"], origin)}
    return {
        "request": {**asked, **_render_message(request["headers"], request["body"])},
        "response": answer,
    }


def _render_address(uri: str, origin: CassetteOrigin) -> dict[str, str]:
    home = urljoin(origin.base_url, "/")
    return {"path": "/" + uri.removeprefix(home)} if uri.startswith(home) else {"uri": uri}


def _render_message(headers: Mapping[str, Any], data: bytes | None, pieces: list[int] | None = None) -> dict[str, Any]:
    shown = {name: _one_or_all(values) for name, values in headers.items()}
    body = render_recorded_body(data, _content_type(headers), pieces)
    return {**({"headers": shown} if shown else {}), **({} if body is None else {"body": body})}


def _one_or_all(values: Any) -> Any:
    texts = [str(value) for value in (values if isinstance(values, list) else [values])]
    return texts[0] if len(texts) == 1 else texts


def _content_type(headers: Mapping[str, Any]) -> str:
    return next((str(_one_or_all(value)) for name, value in headers.items() if name.lower() == "content-type"), "")


def _phrase(status: int) -> str:
    return HTTPStatus(status).phrase if status in set(HTTPStatus) else ""


def parse_document(text: str) -> Document:
    """Return what the text of a cassette says.

    Raises:
        ValueError: it cannot be used; says why and what to do.
    """
    if mark := _MERGE_MARK.search(text):
        line = text.count("\n", 0, mark.start()) + 1
        raise ValueError(f"line {line}: the mark of a merge that is not resolved; take one side, or record it again")
    content = load(text)
    if not isinstance(content, Mapping):
        raise ValueError("it is no cassette")  # noqa: TRY004 - wrong data, not a wrong call
    _check_format(content)
    origin = CassetteOrigin.parse(content.get("gateway"))
    interactions = content.get("interactions")
    if not isinstance(interactions, list):
        raise ValueError("`interactions` must be a list")  # noqa: TRY004 - wrong data, not a wrong call
    return Document([_parse_numbered(one, number, origin) for number, one in enumerate(interactions, 1)], origin)


def _check_format(content: Mapping[str, Any]) -> None:
    found = content.get("kilo_cassette")
    if found == FORMAT and type(found) is int:
        return
    if found is None and "interactions" in content:
        raise ValueError(
            "it was recorded by vcrpy or pytest-recording, not by kilo_gateway.testing (no `kilo_cassette`). Record "
            "it again, or keep using it with their own marker."
        )
    if type(found) is int and found > FORMAT:
        raise ValueError(f"it has format {found}, and this version knows {FORMAT}. Upgrade kilo-gateway.")
    raise ValueError(f"it has the old format {found!r}, and this version knows {FORMAT}. Record it again.")


def _parse_numbered(value: Any, number: int, origin: CassetteOrigin) -> Interaction:
    try:
        return _parse_interaction(value, origin)
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        reason = f"{error.args[0]!r} is missing" if isinstance(error, KeyError) else str(error)
        raise ValueError(f"interaction {number}: {reason}") from error


def _parse_interaction(value: Any, origin: CassetteOrigin) -> Interaction:
    request, response = value["request"], value["response"]
    data, _ = parse_recorded_body(request.get("body"))
    body, pieces = parse_recorded_body(response.get("body"))
    status = response["status"]
    if type(status) is not int or not _LOWEST_STATUS <= status <= _HIGHEST_STATUS:
        raise ValueError(f"the status must be a number from {_LOWEST_STATUS} to {_HIGHEST_STATUS}")
    uri = request["uri"] if "uri" in request else urljoin(origin.base_url, request["path"])
    return {
        "request": {
            "method": str(request["method"]),
            "uri": str(uri),
            "headers": _parse_headers(request.get("headers")),
            "body": data or None,
        },
        "response": {
            "status": {"code": status, "message": str(response.get("reason", _phrase(status)))},
            "headers": _parse_headers(response.get("headers")),
            "body": {"string": body, **({} if pieces is None else {"pieces": pieces})},
        },
    }


def _parse_headers(value: Any) -> dict[str, list[str]]:
    headers = {} if value is None else value
    return {
        str(name): [str(text) for text in (texts if isinstance(texts, list) else [texts])]
        for name, texts in headers.items()
    }
