"""Fixtures that several tests share, cassettes that several tests share, and runs in several processes."""

from __future__ import annotations

import sys
from typing import Any

import pytest

from kilo_gateway.testing.cassettes import decorator

pytest_plugins = ["pytester"]
pytestmark = pytest.mark.usefixtures("folder")

ASK = """
import asyncio
import pytest
from kilo_gateway import AsyncKiloClient, KiloClient

def ask(text):
    return KiloClient(model="anthropic/claude-sonnet-4.6").complete([{"role": "user", "content": text}]).text

async def aask(text):
    client = AsyncKiloClient(model="anthropic/claude-sonnet-4.6")
    return (await client.complete([{"role": "user", "content": text}])).text
"""
FIXTURES = {
    "module": "@pytest.fixture(scope='module')\ndef wide(): return ask('w')",
    "session": "@pytest.fixture(scope='session')\ndef wide(): yield ask('w')",
    "class": "@pytest.fixture(scope='class')\ndef wide(): return ask('w')",
    "autouse": "@pytest.fixture(scope='module', autouse=True)\ndef wide(): return ask('w')",
    "parameters": "@pytest.fixture(scope='module', params=['a', 'b'])\ndef wide(request): return ask(request.param)",
    "loop": "@pytest.fixture(scope='module')\ndef wide(): return asyncio.run(aask('w'))",
    "setup_module": "def setup_module(): ask('w')\n@pytest.fixture\ndef wide(): return 1",
}
TWO = """
@pytest.mark.kilo_cassette
def test_a(wide): assert wide and ask('a')

@pytest.mark.kilo_cassette
def test_b(wide): assert wide and ask('b')
"""


def cassettes(pytester: pytest.Pytester) -> list[str]:
    """Return the names of the cassettes below the test's folder."""
    return sorted(path.name.removesuffix(".kilo.yaml") for path in pytester.path.rglob("*.kilo.yaml"))


def test_a_shared_fixture_has_a_cassette_of_its_own(pytester: pytest.Pytester, run: Any) -> None:
    """What a wider fixture asks is recorded once, and replayed whichever of its tests runs, in any order."""
    pytester.makepyfile(**{f"test_{kind}": ASK + fixture + TWO for kind, fixture in FIXTURES.items()})
    tests = 2 * len(FIXTURES) + 2
    run().assert_outcomes(passed=tests)
    names = {"parameters": "fixture-wide[[]a]", "setup_module": "fixture-setup_module-test_setup_module"}
    for kind in FIXTURES:
        assert list(pytester.path.glob(f"cassettes/test_{kind}/{names.get(kind, 'fixture-wide')}.kilo.yaml")), kind
    result = run("--kilo-record=none", "--kilo-strict")
    result.assert_outcomes(passed=tests)
    assert "orphaned" not in result.stdout.str()
    run("--kilo-record=none", "-k", "test_b").assert_outcomes(passed=tests // 2, deselected=tests // 2)


def test_a_fixture_that_a_plain_test_sets_up(pytester: pytest.Pytester, run: Any) -> None:
    """It does not matter that a test without a cassette comes first."""
    code = f"{ASK}{FIXTURES['module']}\ndef test_plain(wide): assert wide\n{TWO}"
    pytester.makepyfile(test_it=code)
    run().assert_outcomes(passed=3)
    run("--kilo-record=none").assert_outcomes(passed=3)


def test_a_fixture_that_is_asked_for_by_name(pytester: pytest.Pytester, run: Any) -> None:
    """A wider fixture that is set up within a test has its own cassette, too."""
    code = (
        ASK
        + FIXTURES["module"]
        + TWO.replace("(wide): assert wide", "(request): assert request.getfixturevalue('wide')")
    )
    pytester.makepyfile(test_it=code)
    run().assert_outcomes(passed=2)
    run("--kilo-record=none", "-k", "test_b").assert_outcomes(passed=1, deselected=1)


def test_an_async_fixture_of_the_module(pytester: pytest.Pytester, run: Any) -> None:
    """Fixtures of pytest-asyncio are recorded like others."""
    code = ASK + (
        "import pytest_asyncio\n"
        "@pytest_asyncio.fixture(scope='module', loop_scope='module')\n"
        "async def wide(): return await aask('w')\n" + TWO
    )
    pytester.makepyfile(test_it=code)
    run(is_strict_about_warnings=False).assert_outcomes(passed=2)
    run("--kilo-record=none", is_strict_about_warnings=False).assert_outcomes(passed=2)


def test_a_changed_fixture_says_what_changed(pytester: pytest.Pytester, run: Any) -> None:
    """A fixture whose request changed fails with the words that changed and the command that records again."""
    pytester.makepyfile(test_it=ASK + FIXTURES["module"] + TWO)
    run().assert_outcomes(passed=2)
    pytester.makepyfile(test_it=ASK + FIXTURES["module"].replace("'w'", "'vw'") + TWO)
    result = run("-k", "test_a")
    result.assert_outcomes(errors=1, deselected=1)
    result.stdout.fnmatch_lines(["*recorded: 'w'", "*now:      'vw'", '*--kilo-record=rewrite "test_it.py::test_a"'])
    run("-k", "test_a", "--kilo-record=rewrite").assert_outcomes(passed=1, deselected=1)
    run("--kilo-record=none").assert_outcomes(passed=2)


def test_a_call_at_the_end_of_a_shared_fixture_is_refused(pytester: pytest.Pytester, run: Any) -> None:
    """No cassette could hold it for every order of tests; the sentence says how to write it."""
    fixture = "@pytest.fixture(scope='module')\ndef wide():\n    yield 1\n    ask('w')\n"
    pytester.makepyfile(test_it=ASK + fixture + TWO)
    result = run()
    result.assert_outcomes(passed=2, errors=1)
    result.stdout.fnmatch_lines(
        ["*CassetteError: POST *was asked around test_it.py::test_b, but outside of its cassette*"]
    )


SHARED = """
@pytest.mark.kilo_cassette('shared')
def test_a(): ask('a'); ask('both')

@pytest.mark.kilo_cassette('shared')
def test_b(): ask('b'); ask('both')
"""


@pytest.mark.parametrize("first", ["test_a", "test_b"])
def test_a_shared_cassette_is_recorded_by_all_of_its_tests(pytester: pytest.Pytester, run: Any, first: str) -> None:
    """The first run passes in any order, and what both ask stands once in the file."""
    second = "test_b" if first == "test_a" else "test_a"
    pytester.makepyfile(test_it=ASK + SHARED)
    run(f"test_it.py::{first}", f"test_it.py::{second}").assert_outcomes(passed=2)
    text = (pytester.path / "cassettes/test_it/shared.kilo.yaml").read_text()
    assert [text.count(f"content: {word}\n") for word in ("a", "b", "both")] == [1, 1, 1]
    run("--kilo-record=none", "--kilo-strict").assert_outcomes(passed=2)


@pytest.mark.parametrize("named", [True, False])
def test_the_remedy_for_a_shared_cassette_keeps_the_answers_of_all(
    pytester: pytest.Pytester, run: Any, named: bool
) -> None:
    """The printed command records every test of the file again: by name, or the module when only one test was run."""
    pytester.makepyfile(test_it=ASK + SHARED)
    run().assert_outcomes(passed=2)
    pytester.makepyfile(test_it=ASK + SHARED.replace("'a'", "'changed'"))
    result = run("-k", "test_a") if named else run("test_it.py::test_a")
    remedy = '"test_it.py::test_a" "test_it.py::test_b"' if named else '"test_it.py"'
    (line,) = [line for line in result.stdout.lines if line.startswith("E ") and "--kilo-record" in line]
    assert line.endswith(f"pytest --kilo-record=rewrite {remedy}")
    run("--kilo-record=rewrite", *remedy.replace('"', "").split()).assert_outcomes(passed=2)
    run("--kilo-record=none", "--kilo-strict").assert_outcomes(passed=2)


def test_decorated_functions_share_a_cassette(
    pytester: pytest.Pytester, run: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What holds for the marker holds for `use_cassette` as a decorator, in recording and in rewriting."""
    code = f"from kilo_gateway.testing import use_cassette\n{ASK}{SHARED}".replace(
        "@pytest.mark.kilo_cassette", "@use_cassette"
    ).replace("ask('both')", "ask('both') # shared")
    pytester.makepyfile(test_it=code)
    quiet = ["-W", "ignore::kilo_gateway.testing.UnusedInteractionsWarning"]
    run().assert_outcomes(passed=2)
    run("-p", "no:kilo_gateway", *quiet, is_strict_about_warnings=False).assert_outcomes(passed=2)
    pytester.makepyfile(test_it=code.replace("'a'", "'changed'"))
    monkeypatch.setenv("KILO_RECORD", "rewrite")
    monkeypatch.setattr(decorator, "_recorders", {})  # as in a process of its own
    run().assert_outcomes(passed=2)
    text = (pytester.path / "cassettes/test_it/shared.kilo.yaml").read_text()
    assert [text.count(f"content: {word}\n") for word in ("a", "changed", "b", "both")] == [0, 1, 1, 1]


def test_workers_record_together_and_report_once(
    pytester: pytest.Pytester, run: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Under pytest-xdist fixtures and shared cassettes are recorded whole; orphans and unused answers are reported."""
    known = "@pytest.mark.kilo_cassette('known')\ndef test_known(): ask('k1'); ask('k2')\n"
    pytester.makepyfile(test_it=ASK + known)
    run().assert_outcomes(passed=1)
    (pytester.path / "cassettes/test_it/old.kilo.yaml").write_text("old")
    tests = FIXTURES["module"] + TWO.replace("test_", "test_w") + SHARED + known.replace("; ask('k2')", "")
    pytester.makepyfile(test_it=ASK + tests)
    with monkeypatch.context() as patch:
        patch.delenv("PYTEST_ADDOPTS")
        plugins = ["-p", "xdist", "-p", "kilo_gateway.testing.pytest_plugin"]
        result = pytester.run(sys.executable, "-m", "pytest", *plugins, "-n", "2", "--kilo-strict")
    result.assert_outcomes(passed=5, errors=2)
    assert result.ret == 1
    result.stdout.fnmatch_lines(
        [
            "recorded  cassettes/test_it/* from the embedded gateway",
            "unused    cassettes/test_it/known.kilo.yaml: nobody asked for 2: POST *",
            "orphaned  cassettes/test_it/old.kilo.yaml: no test has it",
            "ERROR cassettes/test_it/old.kilo.yaml - no test has this cassette*",
            "ERROR cassettes/test_it/known.kilo.yaml - nobody asked for 2: POST *",
        ]
    )
    assert cassettes(pytester) == ["fixture-wide", "known", "old", "shared", "test_wa", "test_wb"]
    run("--kilo-record=none").assert_outcomes(passed=5)
