"""The guide and the package: every block of the page runs on a cluster, what is public is what it says."""

from __future__ import annotations

import re
import sys
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("ray", reason="needs the extra `ray`")

import kilo_gateway.ray
from kilo_gateway.testing import EmbeddedGateway

ROOT = Path(__file__).parents[3]
BLOCKS = re.findall(r"```python\n(.*?)```", (ROOT / "docs" / "ray.md").read_text(encoding="utf-8"), re.DOTALL)


@pytest.mark.parametrize("number", range(len(BLOCKS)))
def test_every_block_runs(
    cluster: Any,
    number: int,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Each block can be pasted and run, and no row of it fails."""
    (tmp_path / "reviews.csv").write_text("text,stars\nGood.,5\nBad.,1\n")
    monkeypatch.chdir(tmp_path)
    with EmbeddedGateway() as gateway:
        monkeypatch.setenv("KILOCODE_BASE_URL", gateway.base_url)
        monkeypatch.setenv("KILOCODE_API_KEY", gateway.api_key)
        code = BLOCKS[number].replace('"api_key": read_key', f'"api_key": read_key, "base_url": "{gateway.base_url}"')
        code = code.replace('"anonymous"', f'"{gateway.api_key}"')
        for path in ("reviews.csv", "labelled", "runs/"):  # workers of this cluster have another folder
            code = code.replace(f'"{path}', f'"{tmp_path}/{path}')
        exec(compile(code, f"ray.md-{number}", "exec"), {"__name__": "page"})
        assert gateway.requests
    printed = capsys.readouterr().out
    assert printed
    assert "error': 'The" not in printed


def test_what_is_public() -> None:
    """A new name is a decision."""
    assert sorted(kilo_gateway.ray.__all__) == ["KiloProcessor", "Processor", "RunTotals", "build_processor"]
    assert all(hasattr(kilo_gateway.ray, name) for name in kilo_gateway.ray.__all__)
    assert "ray" in sys.modules
