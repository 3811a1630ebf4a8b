"""The headers of calls, which are rendered once where nothing changes them, are those that each call would have."""

from __future__ import annotations

import os

import pytest

from kilo_gateway import KiloClient
from kilo_gateway.settings.auth import render_headers

ASKED = [{"role": "user", "content": "Well?"}]


def sent(client: KiloClient, **arguments: object) -> list[tuple[str, str]]:
    """Return the headers of a call that is not made."""
    return client.stream(ASKED, **arguments)._call.headers


@pytest.mark.parametrize("base_url", ["https://gateway.example/", "http://127.0.0.1:1/"])
def test_each_call_has_the_headers_of_now(base_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Calls have what `render_headers` says, before and after a variable, a setting or a call's own headers change."""
    client = KiloClient(api_key="k", base_url=base_url, default_headers={"x-team": "a"})
    for feature in (None, "first", "second", None):
        if feature is None:
            monkeypatch.delenv("KILOCODE_FEATURE", raising=False)
        else:
            monkeypatch.setenv("KILOCODE_FEATURE", feature)
        for extra in (None, {"x-team": "b"}, None):
            expected = render_headers(client.settings, environ=os.environ, extra=extra)
            assert sent(client, extra_headers=extra) == expected
    client.settings.default_headers["x-team"] = "c"
    assert ("x-team", "c") in sent(client)
    client.settings = client.settings.model_copy(update={"organization_id": "o"})
    assert sent(client) == render_headers(client.settings, environ=os.environ)


def test_headers_of_a_call_are_its_own() -> None:
    """What is added to the headers of one call is not sent with the next."""
    client = KiloClient(api_key="k", base_url="https://gateway.example/")
    before = list(sent(client))
    client.stream(ASKED)._call.headers.append(("x-once", "1"))
    assert sent(client) == before
