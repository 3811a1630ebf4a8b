"""The gate's own tests wait for real, for fractions of a second."""

from __future__ import annotations

import pytest


@pytest.fixture(autouse=True)
def waits() -> list[float]:
    """Nothing is recorded; pauses are what these tests are about."""
    return []
