"""The page of the command: `kilo-gateway serve --upstream` as a process of its own."""

from __future__ import annotations

import json
import signal
import subprocess
import sys

import httpx

from kilo_gateway import KiloClient
from kilo_gateway.testing import EmbeddedGateway
from tests.kilo_gateway.testing.page.conftest import HELLO


def test_the_command_serves_the_page_in_front_of_a_gateway() -> None:
    """Its JSON tells base URL and page and no key; a call shows on the page; SIGTERM ends it with 0, and in silence."""
    with EmbeddedGateway() as real:
        command = [sys.executable, "-m", "kilo_gateway.cli", "serve", "--json", "--upstream", real.base_url]
        process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        try:
            assert process.stdout is not None
            told = json.loads(process.stdout.readline())
            assert told["api_key"] is None
            KiloClient(base_url=told["base_url"], api_key=real.api_key, model="openai/gpt-5-mini").complete(HELLO)
            shown = httpx.get(told["page"], trust_env=False).text
        finally:
            process.send_signal(signal.SIGTERM)
            rest, complaints = process.communicate(timeout=10)
    assert "Hello" in shown
    assert (process.returncode, rest, complaints) == (0, "", "")
    assert real.api_key not in shown
