"""The README's code runs as it stands, against the embedded gateway."""

import os
import re
from pathlib import Path

import pytest

from kilo_gateway.catalog import discovery
from kilo_gateway.settings.settings import VARIABLES
from kilo_gateway.testing import EmbeddedGateway

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text()
BLOCKS = re.findall(r"```python\n(.*?)```", README, re.DOTALL)


@pytest.mark.parametrize("code", BLOCKS, ids=lambda code: code.splitlines()[0])
def test_every_block_runs(code: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """Each block of the README can be pasted and run."""
    for name in [name for name in os.environ if name.startswith("KILO")]:
        monkeypatch.delenv(name)
    monkeypatch.chdir(ROOT)
    discovery.forget()
    with EmbeddedGateway() as gateway:
        monkeypatch.setenv("KILOCODE_BASE_URL", gateway.base_url)
        monkeypatch.setenv("KILOCODE_API_KEY", gateway.api_key)
        exec(compile(code, "README.md", "exec"), {"__name__": "readme"})
    discovery.forget()
    assert capsys.readouterr().out or "assert " in code


def test_every_setting_is_in_the_table() -> None:
    """The table of settings names every variable that is read."""
    missing = [name for names in VARIABLES.values() for name in names if f"`{name}`" not in README]
    assert missing == []
