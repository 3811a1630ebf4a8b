"""What holds for every test of this repository.

Random examples are bounded by their number, not by the time that a busy machine takes;
`pytest --hypothesis-profile=thorough` tries twenty times as many.
"""

from __future__ import annotations

import asyncio
import gc
import itertools
import os
import signal
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import certifi
import pytest

if TYPE_CHECKING:
    from kilo_gateway.testing import EmbeddedGateway

# Compiled modules are kept, whatever the environment says: a suite that compiles the frameworks
# and all tests again in every process takes twice as long.
sys.dont_write_bytecode = False
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)

gc.disable()  # until all is imported: what stays for good need not be looked through ten times on the way

if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:  # as in the background of a shell; programs under test inherit it
    signal.signal(signal.SIGINT, signal.default_int_handler)

pytest_plugins = ["tests.case_groups"]


@pytest.hookimpl(tryfirst=True)
def pytest_configure() -> None:
    """Bound the random examples, before Hypothesis looks for a profile that was asked for."""
    from hypothesis import settings  # its modules are rewritten, and kept from here on only

    settings.register_profile("suite", deadline=None, max_examples=50)
    settings.register_profile("thorough", deadline=None, max_examples=1000)
    settings.load_profile("suite")


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_auto_num_workers() -> int | None:
    """Return three workers for two cores: the tests wait for servers and programs a third of their time."""
    if "PYTEST_XDIST_AUTO_NUM_WORKERS" in os.environ:
        return None
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return cores + cores // 2


@pytest.fixture(autouse=True, scope="session")
def _no_implicit_event_loop() -> None:
    """Let `asyncio.get_event_loop` make no loop of its own in the main thread: LlamaIndex would never close it."""
    asyncio.set_event_loop(None)


@pytest.fixture(autouse=True, scope="session")
def _few_issuers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Let TLS contexts read three of certifi's issuers: all of them take 20 ms for each context."""
    few = tmp_path_factory.mktemp("issuers") / "cacert.pem"
    issuers = Path(certifi.where()).read_text().split("-----END CERTIFICATE-----\n")
    few.write_text("-----END CERTIFICATE-----\n".join([*issuers[:3], ""]))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("certifi.where", lambda: str(few))
        yield


@pytest.fixture(scope="session")
def block_network() -> None:
    """Replace what pytest-recording sets up for every test; pytest-socket blocks the network here."""


@pytest.fixture(scope="session")
def vcr() -> None:
    """Replace what pytest-recording sets up for every test; the tests that record with it bring it back."""


@pytest.fixture(scope="module")
def running_gateway() -> Iterator[EmbeddedGateway]:
    """One embedded gateway for the tests of a file; the fixture `gateway` of their folder empties it for each."""
    from kilo_gateway.testing import EmbeddedGateway  # not in the process that only hands out the tests

    with EmbeddedGateway() as gateway:
        yield gateway


@pytest.fixture
def brief_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let a call try again soon, for tests in which it is not looked at how long it waits."""
    monkeypatch.setattr("kilo_gateway.errors.waits.FIRST_BACKOFF_SECONDS", 0.01)
    monkeypatch.setattr("kilo_gateway.gate.gate.FIRST_PAUSE_SECONDS", 0.01)


@pytest.hookimpl(trylast=True)
def pytest_collection_finish() -> None:
    """Leave ten thousand tests out of every garbage collection that follows."""
    gc.freeze()
    gc.enable()


_FINISHED = itertools.count(1)


@pytest.hookimpl(trylast=True)
def pytest_runtest_logfinish() -> None:
    """Leave what stays of fifty tests out, too: many tests collect garbage and would look through it each time."""
    if next(_FINISHED) % 50 == 0:
        gc.collect()
        gc.freeze()
