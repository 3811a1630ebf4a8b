"""What holds for every test of this repository."""

from __future__ import annotations

import asyncio

import pytest


@pytest.fixture(autouse=True, scope="session")
def _no_implicit_event_loop() -> None:
    """Let `asyncio.get_event_loop` make no loop of its own in the main thread: LlamaIndex would never close it."""
    asyncio.set_event_loop(None)
