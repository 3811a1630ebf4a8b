"""The commands of `kilo-gateway`, run over HTTP against the embedded gateway."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
from typing import TYPE_CHECKING

import httpx
import pytest
from typer.testing import CliRunner

from kilo_gateway import __version__
from kilo_gateway.catalog import discovery
from kilo_gateway.cli import main
from kilo_gateway.cli.commands import app
from kilo_gateway.testing import EmbeddedGateway, Fault, Reply

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from click.testing import Result


@pytest.fixture
def gateway(monkeypatch: pytest.MonkeyPatch) -> Iterator[EmbeddedGateway]:
    """A gateway that the environment names, with a key that it accepts."""
    for name in [name for name in os.environ if name.startswith("KILO")]:
        monkeypatch.delenv(name)
    discovery.forget()
    with EmbeddedGateway() as running:
        monkeypatch.setenv("KILOCODE_BASE_URL", running.base_url)
        monkeypatch.setenv("KILOCODE_API_KEY", running.api_key)
        yield running
    discovery.forget()


def run(*words: str) -> Result:
    """Run one command with a wide terminal."""
    return CliRunner().invoke(app, list(words), env={"COLUMNS": "200"})


def test_check_shows_settings_models_and_an_answer(gateway: EmbeddedGateway) -> None:
    """`check` says where each setting came from, counts the live models and shows who answered, the key masked."""
    gateway.enqueue(Reply(text="Ready."))
    shown = run("check", "--model", "openai/gpt-4.1-mini")
    assert shown.exit_code == 0
    assert "KILOCODE_BASE_URL" in shown.output
    assert "(live)" in shown.output
    assert "Answer: Ready." in shown.output
    assert "tokens: " in shown.output
    assert gateway.api_key not in shown.output


def test_check_fails_with_the_reason_and_the_remedy(gateway: EmbeddedGateway) -> None:
    """A refused key ends `check` with 1 and says how to get another."""
    gateway.enqueue(Fault.named("invalid_token"))
    shown = run("check", "--model", "openai/gpt-4.1-mini")
    assert shown.exit_code == 1
    assert "AuthenticationError" in shown.stderr
    assert "https://app.kilo.ai" in shown.stderr


def test_models_are_listed_and_searched(gateway: EmbeddedGateway) -> None:
    """`models` lists the gateway's models; a word narrows the list down."""
    everything = run("models").output
    assert "kilo-auto/balanced" in everything
    found = run("models", "SONNET").output
    assert "claude-sonnet" in found
    assert "gemini" not in found
    assert re.search(r"\d+ of \d+ models$", found.strip())


def test_models_as_json_are_rows_of_the_provider_page(gateway: EmbeddedGateway) -> None:
    """`models --json` prints one object a line with the columns of the provider page."""
    rows = [json.loads(line) for line in run("models", "--json", "kilo/auto").output.splitlines()]
    (auto,) = [row for row in rows if row["id"] == "kilo/auto"]
    assert auto["contextWindow"] == 1_000_000
    assert auto["maxTokens"] == 128_000
    assert auto["input"] == ["text", "image"]


def test_models_out_of_reach_are_the_bundled_ones(gateway: EmbeddedGateway) -> None:
    """Without a gateway `models` shows the bundled list and says so."""
    shown = run("models", "--base-url", "http://127.0.0.1:9/")
    assert shown.exit_code == 0
    assert "kilo/auto" in shown.output
    assert "(bundled list)" in shown.output


def test_chat_streams_the_answer(gateway: EmbeddedGateway) -> None:
    """`chat` sends the question with its system prompt and prints reasoning, answer, and what it cost."""
    gateway.enqueue(Reply(text="Hello [you]!", reasoning="They greet."))
    words = ("--system", "Be brief.", "--reasoning", "low", "--model", "anthropic/claude-sonnet-4.6")
    shown = run("chat", "Hi", *words)
    assert shown.exit_code == 0
    assert "They greet." in shown.output
    assert "Hello [you]!" in shown.output
    assert "cost: $" in shown.stderr
    assert [message["role"] for message in gateway.requests[-1].body["messages"]] == ["system", "user"]
    assert gateway.requests[-1].body["reasoning"] == {"effort": "low"}


def test_chat_prints_the_answer_as_it_is(gateway: EmbeddedGateway) -> None:
    """`chat` changes no character of the answer: no emoji codes, tabs or line breaks."""
    text = "a :smile: [b] x\ty " + "word " * 60
    gateway.enqueue(Reply(text=text))
    assert run("chat", "Hi", "--model", "openai/gpt-4.1-mini").stdout == f"{text}\n"


def test_chat_tells_an_error_in_mid_stream_on_a_line_of_its_own(gateway: EmbeddedGateway) -> None:
    """What had arrived is printed, then the error."""
    gateway.enqueue(
        Fault(error_event={"error": {"code": 502, "message": "gone"}}, after_events=2, reply=Reply(text="a b c"))
    )
    shown = run("chat", "Hi", "--model", "openai/gpt-4.1-mini")
    assert shown.exit_code == 1
    assert shown.stdout.startswith("a")
    assert shown.stdout.endswith("\n")
    assert "gone" in shown.stderr


def test_what_the_system_refuses_is_a_sentence(gateway: EmbeddedGateway, tmp_path: Path) -> None:
    """A file that cannot be written, and a port that is taken, are told without a traceback."""
    assert "FileNotFoundError: " in run("renew-models", str(tmp_path / "no" / "models.json")).stderr
    assert "OSError: " in run("serve", "--port", str(gateway.port)).stderr
    assert run("serve", "--port", "99999").exit_code == 2


def test_settings_show_the_feature_that_is_sent(gateway: EmbeddedGateway) -> None:
    """`settings` shows the default feature, which no setting holds."""
    assert "direct-gateway" in run("settings").output


def test_bad_input_is_a_sentence(gateway: EmbeddedGateway) -> None:
    """A setting that cannot work ends a command with 1 and a sentence, not with a traceback."""
    shown = run("chat", "Hi", "--base-url", "ftp://x")
    assert shown.exit_code == 1
    assert shown.stderr.startswith("InvalidSettingError: ")
    assert "Traceback" not in shown.stderr


def test_settings_mask_the_key(gateway: EmbeddedGateway) -> None:
    """`settings` shows values and origins and never the key."""
    shown = run("settings").output
    assert gateway.base_url in shown
    assert "KILOCODE_API_KEY" in shown
    assert gateway.api_key not in shown


def test_the_bundled_list_is_renewed_from_the_live_one(gateway: EmbeddedGateway, tmp_path: Path) -> None:
    """`renew-models` writes the live facts of the bundled ids, kilo/auto first, and nothing without a gateway."""
    path = tmp_path / "models.json"
    assert run("renew-models", str(path)).exit_code == 0
    written = json.loads(path.read_text())
    assert written["models"][0]["id"] == "kilo/auto"
    assert written["source"] == f"{gateway.base_url}models"
    other = tmp_path / "other.json"
    assert run("renew-models", str(other), "--base-url", "http://127.0.0.1:9/").exit_code == 1
    assert not other.exists()


def test_version(gateway: EmbeddedGateway) -> None:
    """`version` prints the package's version."""
    assert run("version").output.strip() == __version__


def test_serve_runs_until_it_is_told_to_stop() -> None:
    """`serve` prints its base URL and a key, answers, and ends cleanly on SIGINT."""
    command = [sys.executable, "-m", "kilo_gateway.cli", "serve"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            lines = [process.stdout.readline() for _ in range(2)]
            base_url = re.search(r"http://\S+", "".join(lines))
            assert base_url is not None
            assert httpx.get(f"{base_url[0]}models").status_code == 200
            process.send_signal(signal.SIGINT)
            assert process.wait(timeout=20) == 0
        finally:
            process.kill()


def test_without_its_extra_the_command_says_what_to_install(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Without typer the command ends with 2 and names the extra."""
    monkeypatch.delitem(sys.modules, "kilo_gateway.cli.commands")
    monkeypatch.setitem(sys.modules, "typer", None)
    with pytest.raises(SystemExit) as end:
        main()
    assert end.value.code == 2
    assert 'pip install "kilo-gateway[cli]"' in capsys.readouterr().err
