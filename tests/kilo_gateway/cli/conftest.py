"""A gateway, and the command line run against it in processes of its own."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from kilo_gateway.testing import EmbeddedGateway

from .executable import Forks, Run

MODEL = "openai/gpt-4.1-mini"
Start = Callable[..., Run]


@pytest.fixture
def environ(gateway: EmbeddedGateway, tmp_path: Path) -> dict[str, str]:
    """The environment of a run: the gateway, its key, and a home of its own."""
    kept = {name: os.environ[name] for name in ("PATH", "LANG") if name in os.environ}
    homes = {"HOME": str(tmp_path / "user"), "KILOCODE_HOME": str(tmp_path / "home")}
    address = {"KILOCODE_BASE_URL": gateway.base_url, "KILOCODE_API_KEY": gateway.api_key, "KILOCODE_MODEL": MODEL}
    return {**kept, **homes, **address, "TERM": "xterm-256color"}


@pytest.fixture
def start(forks: Forks, environ: dict[str, str], tmp_path: Path) -> Iterator[Start]:
    """Start a run; keyword arguments are variables, None takes one away."""
    with ExitStack() as stack:

        def begin(*words: str, variables: dict[str, str | None] | None = None, **how: Any) -> Run:
            given = {**environ, **(variables or {})}
            known = {name: value for name, value in given.items() if value is not None}
            run = forks.start(words, known, tmp_path, **how)
            stack.callback(run.close)
            return run

        yield begin


@pytest.fixture
def run(start: Start) -> Callable[..., Run]:
    """Run to the end, without a terminal; `stdin` is what it reads, and `status` what it must end with."""

    def to_the_end(*words: str, stdin: bytes | str = b"", status: int = 0, **how: Any) -> Run:
        one = start(*words, **how)
        if stdin:
            one.write(stdin.encode() if isinstance(stdin, str) else stdin)
        one.close_stdin()
        ended = one.wait()
        assert ended == status, f"{ended}: {one.stdout!r} {one.stderr!r}"
        return one

    return to_the_end


@pytest.fixture
def show(start: Start) -> Callable[..., Run]:
    """Run to the end at a pseudo-terminal."""

    def to_the_end(*words: str, typed: str = "", status: int = 0, **how: Any) -> Run:
        one = start(*words, terminal=("stdin", "stdout", "stderr"), **how)
        if typed:
            one.type(typed)
        ended = one.wait()
        assert ended == status, f"{ended}: {one.shown!r}"
        return one

    return to_the_end
