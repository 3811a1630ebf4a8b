"""The tests of that project: no key, no network, no fixture but the marker."""

from __future__ import annotations

import asyncio
import unittest

import pytest
from train_times import answer, tell

from kilo_gateway.testing import use_cassette


@pytest.mark.kilo_cassette
def test_departure() -> None:
    """The chain finds the departure."""
    assert "20:29" in answer("When does the night train leave Hamburg?")


@pytest.mark.kilo_cassette
def test_stop() -> None:
    """The stream finds the stop."""

    async def read() -> str:
        return "".join([text async for text in tell("When does it stop in Berlin?")])

    assert "22:41" in asyncio.run(read())


class TestWithUnittest(unittest.TestCase):
    """The same in the manner of unittest."""

    @use_cassette
    def test_departure(self) -> None:
        """The chain finds the departure."""
        self.assertIn("20:29", answer("When does the train to Vienna leave?"))  # noqa: PT009 - unittest's manner
