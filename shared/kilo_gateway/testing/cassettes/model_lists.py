"""Keeps recorded model lists short: the gateway lists hundreds of models, and a test names a few."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from kilo_gateway.testing.cassettes.json_text import parse_exactly

if TYPE_CHECKING:
    from collections.abc import Collection

    from vcr.request import Request


def trim_models(request: Request, response: dict[str, Any], kept: Collection[str]) -> dict[str, Any]:
    """Return the answer with only the `kept` entries of its model list; any other answer, and all if none is named."""
    is_list = request.method == "GET" and request.path.endswith("/models") and response["status"]["code"] == 200  # noqa: PLR2004 - the one status of a list
    if not kept or not is_list:
        return response
    exact = parse_exactly(response["body"]["string"].decode("utf-8", "replace"))
    entries = exact.value.get("data") if exact is not None and isinstance(exact.value, dict) else None
    if exact is None or not isinstance(entries, list):
        return response
    exact.value["data"] = [entry for entry in entries if isinstance(entry, dict) and entry.get("id") in kept]
    return {**response, "body": {"string": exact.render().encode()}}
