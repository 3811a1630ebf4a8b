"""What somebody is told who has not installed Ray. The room's own tests are those of `make test-ray`."""

from __future__ import annotations

import importlib
import sys

import pytest


def test_without_ray_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """Importing the room without Ray says what to install."""
    for name in [name for name in sys.modules if name.startswith("kilo_gateway.ray")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(ModuleNotFoundError, match=r"kilo-gateway\[ray\]"):
        importlib.import_module("kilo_gateway.ray")
