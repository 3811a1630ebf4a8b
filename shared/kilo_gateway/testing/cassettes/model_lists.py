"""Keeps recorded model lists short: the gateway lists hundreds of models, and a test names a few."""

from __future__ import annotations

from typing import TYPE_CHECKING

from kilo_gateway.testing.cassettes.json_text import parse_exactly

if TYPE_CHECKING:
    from collections.abc import Collection

    from vcr.request import Request


def trim_models(request: Request, data: bytes, kept: Collection[str]) -> bytes:
    """Return the body with only the `kept` entries of its model list; any other body, and all when none is named."""
    is_list = request.method == "GET" and request.path.endswith("/models")
    exact = parse_exactly(data.decode("utf-8", "replace")) if kept and is_list else None
    entries = exact.value.get("data") if exact is not None and isinstance(exact.value, dict) else None
    if exact is None or not isinstance(entries, list):
        return data
    exact.value["data"] = [entry for entry in entries if isinstance(entry, dict) and entry.get("id") in kept]
    return exact.render().encode()
