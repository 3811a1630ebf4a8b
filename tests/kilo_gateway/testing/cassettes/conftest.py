"""Cassette tests start with no settings of this machine, no CI, and an empty working directory."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return the working directory of the test."""
    for name in [name for name in os.environ if name.startswith("KILO")] + ["CI", "BUILD_NUMBER"]:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.chdir(tmp_path)
    return tmp_path


collect_ignore = ["user_project"]
