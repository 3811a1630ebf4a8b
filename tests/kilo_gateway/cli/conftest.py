"""A gateway, and the command line run against it: in this process, or in one of its own where that is the subject."""

from __future__ import annotations

import copy
import os
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from kilo_gateway.testing import EmbeddedGateway

from .executable import Forks, Run
from .in_process import Done, Shown, run_at_terminal, run_with_files

MODEL = "openai/gpt-4.1-mini"
Start = Callable[..., Run]
Variables = dict[str, str | None] | None


@pytest.fixture
def gateway(running_gateway: EmbeddedGateway) -> Iterator[EmbeddedGateway]:
    """The server, with nothing scripted, nothing recorded, and the accounts as they were."""
    accounts = copy.deepcopy(running_gateway.accounts.by_key)
    running_gateway.clear()
    yield running_gateway
    running_gateway.accounts.by_key = accounts
    assert running_gateway.wait_until(lambda: running_gateway.open_streams == 0)


@pytest.fixture
def environ(gateway: EmbeddedGateway, tmp_path: Path) -> dict[str, str]:
    """The environment of a run: the gateway, its key, and a home of its own."""
    kept = {name: os.environ[name] for name in ("PATH", "LANG") if name in os.environ}
    homes = {"HOME": str(tmp_path / "user"), "KILOCODE_HOME": str(tmp_path / "home")}
    address = {"KILOCODE_BASE_URL": gateway.base_url, "KILOCODE_API_KEY": gateway.api_key, "KILOCODE_MODEL": MODEL}
    return {**kept, **homes, **address, "TERM": "xterm-256color"}


@pytest.fixture
def start(forks: Forks, environ: dict[str, str], tmp_path: Path) -> Iterator[Start]:
    """Start a run in a process of its own; keyword arguments are variables, None takes one away."""
    with ExitStack() as stack:

        def begin(*words: str, variables: Variables = None, **how: Any) -> Run:
            run = forks.start(words, _changed(environ, variables), tmp_path, **how)
            stack.callback(run.close)
            return run

        yield begin


@pytest.fixture
def run(environ: dict[str, str], tmp_path: Path) -> Callable[..., Done]:
    """Run to the end, without a terminal; `stdin` is what it reads, and `status` what it must end with."""

    def to_the_end(*words: str, stdin: bytes | str = b"", status: int = 0, variables: Variables = None) -> Done:
        given = stdin.encode() if isinstance(stdin, str) else stdin
        done = run_with_files(words, _changed(environ, variables), tmp_path, given)
        assert done.status == status, f"{done.status}: {done.stdout!r} {done.stderr!r}"
        return done

    return to_the_end


@pytest.fixture
def show(environ: dict[str, str], tmp_path: Path) -> Callable[..., Shown]:
    """Run to the end at a pseudo-terminal."""

    def to_the_end(*words: str, status: int = 0, variables: Variables = None, **size: Any) -> Shown:
        done = run_at_terminal(words, _changed(environ, variables), tmp_path, **size)
        assert done.status == status, f"{done.status}: {done.shown!r}"
        return done

    return to_the_end


def _changed(environ: dict[str, str], variables: Variables) -> dict[str, str]:
    given = {**environ, **(variables or {})}
    return {name: value for name, value in given.items() if value is not None}
