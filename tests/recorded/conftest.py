"""The recorded part is replayed without this machine's settings, and recorded by `make record`."""

from __future__ import annotations

import os

import pytest

_OF_THE_CASSETTE = frozenset(
    {"KILOCODE_API_KEY", "KILO_API_KEY", "KILOCODE_BASE_URL", "KILOCODE_ORGANIZATION_ID", "KILO_ORGANIZATION_ID"}
)


@pytest.fixture(autouse=True)
def _own_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    """Take settings that would change a request out of the environment."""
    for name in [name for name in os.environ if name.startswith("KILOCODE_") and name not in _OF_THE_CASSETTE]:
        monkeypatch.delenv(name)
