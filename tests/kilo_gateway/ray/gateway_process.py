"""A counting gateway in a process of its own: workers are processes too, and must not share its interpreter.

Run as a program it prints its base URL; for each line of JSON on its input it sets fields, and prints its counts.
"""

from __future__ import annotations

import importlib.util
import json
import subprocess
import sys
from pathlib import Path
from typing import Any, Self

_SERVER = Path(__file__).parent.parent / "batch" / "counting_server.py"


class GatewayProcess:
    """Starts the program below and talks with it. A context."""

    def __init__(self, **fields: Any) -> None:
        self._fields = fields

    def __enter__(self) -> Self:
        command = [sys.executable, __file__, json.dumps(self._fields)]
        self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        assert self._process.stdout is not None
        self.base_url = self._process.stdout.readline().strip()
        return self

    def __exit__(self, *_: object) -> None:
        self._process.communicate(timeout=10)

    def ask(self, **fields: Any) -> dict[str, Any]:
        """Set fields of the server; return what it has counted."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps(fields) + "\n")
        self._process.stdin.flush()
        counts: dict[str, Any] = json.loads(self._process.stdout.readline())
        return counts


def _load() -> Any:
    spec = importlib.util.spec_from_file_location("counting_server", _SERVER)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


def _set(server: Any, fields: dict[str, Any]) -> None:
    if "busy_from" in fields:
        first, last, wait = fields.pop("busy_from"), fields.pop("busy_to"), fields.pop("wait")
        server.busy = lambda number: wait if first <= number < last else None
    for name, value in fields.items():
        setattr(server, name, frozenset(value) if name == "refused" else value)


def _say(text: str) -> None:
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


def main() -> None:
    """Serve until the input ends."""
    with _load().CountingServer() as server:
        _set(server, json.loads(sys.argv[1]))
        _say(server.base_url)
        for line in sys.stdin:
            fields = json.loads(line)
            if fields.pop("forget", False):
                server.most_under_way = 0
                for counts in (server.arrivals, server.prompts, server.refusals, server.bodies):
                    counts.clear()
            _set(server, fields)
            counts = {
                "prompts": dict(server.prompts),
                "arrivals": server.arrivals,
                "refusals": server.refusals,
                "most_under_way": server.most_under_way,
                "under_way": server.under_way,
            }
            _say(json.dumps(counts))


if __name__ == "__main__":
    main()
