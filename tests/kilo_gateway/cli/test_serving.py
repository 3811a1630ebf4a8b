"""`serve`: the embedded gateway in the foreground, as a process."""

from __future__ import annotations

import json
import re
import signal
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import httpx
import pytest

from kilo_gateway import KiloClient

if TYPE_CHECKING:
    from collections.abc import Callable

    from kilo_gateway.testing import EmbeddedGateway


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_it_runs_until_it_is_told_to_stop(number: int, start: Callable[..., Any]) -> None:
    """It prints two lines for a shell once it answers, nothing else, and ends with 0."""
    running = start("serve")
    running.wait_for("export KILOCODE_API_KEY=", stream="stdout")
    base_url = re.search(r"^export KILOCODE_BASE_URL=(\S+)\n", running.stdout)
    assert base_url is not None
    assert httpx.get(f"{base_url[1]}models").status_code == 200
    running.interrupt(number)
    assert running.wait() == 0
    assert running.stderr == ""
    assert running.stdout.count("\n") == 2


def test_it_tells_scripts(start: Callable[..., Any]) -> None:
    """`--json` prints one object with address, key and page."""
    running = start("serve", "--json", "--server-version", "2026-02", "--delay-ms", "1")
    running.wait_for("}\n", stream="stdout")
    told = json.loads(running.stdout)
    assert set(told) == {"base_url", "api_key", "page"}


def test_it_stands_in_front_of_another_gateway(gateway: EmbeddedGateway, start: Callable[..., Any]) -> None:
    """With `--upstream` it tells no key; a call shows on the page, without the key; it ends in silence."""
    running = start("serve", "--json", "--upstream", gateway.base_url)
    running.wait_for("}\n", stream="stdout")
    told = json.loads(running.stdout)
    assert told["api_key"] is None
    client = KiloClient(base_url=told["base_url"], api_key=gateway.api_key, model="openai/gpt-5-mini")
    client.complete([{"role": "user", "content": "Hello"}])
    shown = httpx.get(told["page"], trust_env=False).text
    running.interrupt(signal.SIGTERM)
    assert (running.wait(), running.stdout.count("\n"), running.stderr) == (0, 1, "")
    assert "Hello" in shown
    assert gateway.api_key not in shown


def test_a_taken_port(gateway: EmbeddedGateway, run: Callable[..., Any]) -> None:
    """A port that is taken ends with 1, one that cannot be with 2."""
    assert f"Port {gateway.port}" in run("serve", "--port", str(gateway.port), status=1).stderr
    assert "--port" in run("serve", "--port", "99999", status=2).stderr


def test_without_the_extra() -> None:
    """Where the packages of the embedded gateway are missing, it says what to install."""
    code = (
        "import sys; from kilo_gateway.cli import main; sys.modules['uvicorn'] = None; sys.argv[1:] = ['serve']; main()"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    told = 'error: This needs uvicorn. Install it with: pip install "kilo-gateway[testing]"\n'
    assert (done.returncode, done.stdout, done.stderr) == (2, "", told)
