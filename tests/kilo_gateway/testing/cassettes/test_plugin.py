"""The pytest plugin: marker, fixture, modes, report, and peace with pytest-recording and langchain-tests."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from kilo_gateway.testing import EmbeddedGateway
from kilo_gateway.testing.cassettes.__main__ import main

if TYPE_CHECKING:
    from pathlib import Path

pytest_plugins = ["pytester"]
pytestmark = pytest.mark.usefixtures("folder")

BASIC = """
import pytest
from kilo_gateway import KiloClient

def ask(text):
    return KiloClient(model="anthropic/claude-sonnet-4.6").complete([{"role": "user", "content": text}]).text

@pytest.mark.kilo_cassette
def test_it():
    assert ask("Hello")
"""


def cassettes(pytester: pytest.Pytester) -> list[str]:
    """Return the cassettes below the test's folder."""
    return sorted(str(path.relative_to(pytester.path)) for path in pytester.path.rglob("*.kilo.yaml"))


def test_a_marked_test_is_recorded_then_replayed(pytester: pytest.Pytester, run: Any) -> None:
    """The first run records a cassette named after the test, the second replays it, and both say so."""
    pytester.makepyfile(test_it=BASIC)
    first = run()
    first.assert_outcomes(passed=1)
    first.stdout.fnmatch_lines(["recorded  cassettes/test_it/test_it.kilo.yaml from the embedded gateway"])
    assert cassettes(pytester) == ["cassettes/test_it/test_it.kilo.yaml"]
    second = run()
    second.assert_outcomes(passed=1)
    second.stdout.fnmatch_lines(["replayed  1 cassette, the network blocked"])


NAMED = """
from unittest import TestCase

class TestThis:
    def test_method(self, kilo_cassette): ask('x')

    class TestInner:
        def test_method(self, kilo_cassette): ask('x')

@pytest.mark.parametrize('x', ['a-1'])
def test_more(kilo_cassette, x): ask(x)

@pytest.mark.kilo_cassette('shared')
def test_named(): ask('x')

@pytest.mark.kilo_cassette(name='sub/shared')
def test_below(): ask('x')

class TestOld(TestCase):
    @pytest.mark.kilo_cassette
    def test_unit(self):
        ask("x")
"""


def test_names_of_cassettes(pytester: pytest.Pytester, run: Any) -> None:
    """A cassette is called after its class, test and parameters, or as the marker says."""
    pytester.makepyfile(test_it=BASIC.replace("@pytest.mark.kilo_cassette\ndef test_it", "def not_a_test") + NAMED)
    run().assert_outcomes(passed=6)
    names = ["TestOld.test_unit", "TestThis.TestInner.test_method", "TestThis.test_method", "shared", "sub/shared"]
    assert cassettes(pytester) == [f"cassettes/test_it/{name}.kilo.yaml" for name in [*names, "test_more[a-1]"]]


def test_parameters_that_no_file_name_can_hold(pytester: pytest.Pytester, run: Any) -> None:
    """Names that have to be changed never collide."""
    code = (
        "@pytest.mark.parametrize('x', ['a/b', 'a:b', 'a\\x00b', 'x' * 300])\ndef test_more(kilo_cassette, x): ask(x)"
    )
    pytester.makepyfile(test_it=BASIC + code)
    run().assert_outcomes(passed=5)
    assert len(cassettes(pytester)) == 5


def test_a_changed_prompt_fails_readably(pytester: pytest.Pytester, run: Any) -> None:
    """The failure names the message, both texts and the command that records again."""
    pytester.makepyfile(test_it=BASIC)
    run()
    pytester.makepyfile(test_it=BASIC.replace("Hello", "Goodbye"))
    result = run()
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(
        [
            "*NoMatchError: No recorded answer in cassettes/test_it/test_it.kilo.yaml fits this request: POST *",
            "*messages?0?.content (user):",
            "*recorded: 'Hello'",
            "*now:      'Goodbye'",
            '*pytest --kilo-record=rewrite "test_it.py::test_it"',
        ]
    )
    assert "playback.py" not in result.stdout.str()
    run("--kilo-record=rewrite").assert_outcomes(passed=1)
    run().assert_outcomes(passed=1)


@pytest.mark.parametrize(
    ("arguments", "environment", "outcome"),
    [
        (["--kilo-record=none"], {}, "failed"),
        ([], {"CI": "true"}, "failed"),
        (["--kilo-record=once"], {"KILO_RECORD": "none"}, "passed"),
        (["--record-mode=once"], {"CI": "1"}, "passed"),
        (["--record-mode=none", "--kilo-record=once"], {}, "passed"),
        (["-o", "kilo_record=none"], {}, "failed"),
        (["-o", "kilo_record=once"], {"CI": "1"}, "failed"),
    ],
)
def test_who_decides_the_mode(
    pytester: pytest.Pytester,
    run: Any,
    monkeypatch: pytest.MonkeyPatch,
    arguments: list[str],
    environment: dict[str, str],
    outcome: str,
) -> None:
    """Our option, then pytest-recording's, then the variable; in CI none; else marker and configuration; else once."""
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    pytester.makepyfile(test_it=BASIC)
    run("--tb=no", *arguments).assert_outcomes(**{outcome: 1})
    assert bool(cassettes(pytester)) is (outcome == "passed")


def test_a_missing_cassette_says_how_to_record(pytester: pytest.Pytester, run: Any) -> None:
    """Where nothing may be recorded, the failure gives the command."""
    pytester.makepyfile(test_it=BASIC)
    run("--kilo-record=none").stdout.fnmatch_lines(
        [
            "*There is no cassette cassettes/test_it/test_it.kilo.yaml yet*",
            '*pytest --kilo-record=rewrite "test_it.py::*',
        ]
    )


def test_markers_of_module_and_test_add_up(pytester: pytest.Pytester, run: Any) -> None:
    """What the module's marker says holds for its tests, and a test's own marker wins."""
    code = BASIC + (
        "pytestmark = pytest.mark.kilo_cassette(record='none', repeats=True)\n"
        "@pytest.mark.kilo_cassette(record='once')\n"
        "def test_own(kilo_cassette): ask('x'); assert kilo_cassette.options.repeats\n"
        "def test_modules(): ask('x')\n"
    )
    pytester.makepyfile(test_it=code)
    run("--tb=no").assert_outcomes(passed=1, failed=2)


def test_models_made_by_wider_fixtures(pytester: pytest.Pytester, run: Any) -> None:
    """A client of the module's needs no key either, and records for each test."""
    code = """
import pytest
from kilo_gateway import KiloClient

@pytest.fixture(scope="module")
def client():
    return KiloClient(model="anthropic/claude-sonnet-4.6")

@pytest.mark.parametrize("text", ["one", "two"])
@pytest.mark.kilo_cassette
def test_it(client, text):
    assert client.complete([{"role": "user", "content": text}]).text
"""
    pytester.makepyfile(test_it=code)
    run().assert_outcomes(passed=2)
    run("--kilo-record=none").assert_outcomes(passed=2)


def test_a_swallowed_mismatch_is_an_error(pytester: pytest.Pytester, run: Any) -> None:
    """A test that catches everything is told all the same."""
    pytester.makepyfile(test_it=BASIC)
    run()
    swallowing = BASIC.replace('assert ask("Hello")', 'ask("Hello")\n    try: ask("x")\n    except Exception: pass')
    pytester.makepyfile(test_it=swallowing)
    result = run()
    result.assert_outcomes(passed=1, errors=1)
    result.stdout.fnmatch_lines(["*NoMatchError*"])


TWO = BASIC.replace('assert ask("Hello")', 'ask("Hello")\n    ask("Goodbye")')


def test_unused_answers_are_reported(pytester: pytest.Pytester, run: Any) -> None:
    """Answers that nobody asked for stand in the summary; strict, they are an error."""
    pytester.makepyfile(test_it=TWO)
    run()
    pytester.makepyfile(test_it=BASIC)
    result = run()
    result.assert_outcomes(passed=1)
    result.stdout.fnmatch_lines(["unused    cassettes/test_it/test_it.kilo.yaml: nobody asked for 2: POST *"])
    run("--kilo-strict").assert_outcomes(passed=1, errors=1)
    failing = BASIC.replace('ask("Hello")', 'ask("Hello") == 1')
    pytester.makepyfile(test_it=failing)
    run("--kilo-strict").assert_outcomes(failed=1)


def test_a_shared_cassette_is_used_up_together(pytester: pytest.Pytester, run: Any) -> None:
    """What one of several tests used of a shared cassette is not called unused."""
    code = BASIC + (
        "@pytest.mark.kilo_cassette('shared')\ndef test_a(): ask('a'); ask('b')\n"
        "@pytest.mark.kilo_cassette('shared')\ndef test_b(): ask('a')\n"
    )
    pytester.makepyfile(test_it=code)
    run("--deselect", "test_it.py::test_b").assert_outcomes(passed=2, deselected=1)
    result = run()
    result.assert_outcomes(passed=3)
    assert "unused" not in result.stdout.str()


def test_a_shared_cassette_is_rewritten_together(pytester: pytest.Pytester, run: Any) -> None:
    """Recording again keeps what every test of a shared cassette needs, and nothing else."""
    code = BASIC + (
        "@pytest.mark.kilo_cassette('shared')\ndef test_a(): ask('a1')\n"
        "@pytest.mark.kilo_cassette('shared', record='new_episodes')\ndef test_b(): ask('b')\n"
    )
    pytester.makepyfile(test_it=code)
    run().assert_outcomes(passed=3)
    pytester.makepyfile(test_it=code.replace("'a1'", "'a2'"))
    run("--kilo-record=rewrite").assert_outcomes(passed=3)
    result = run("--kilo-record=none", "--kilo-strict")
    text = (pytester.path / "cassettes/test_it/shared.kilo.yaml").read_text()
    assert (text.count("content: a2"), text.count("content: b"), text.count("content: a1")) == (1, 1, 0)
    assert "unused" not in result.stdout.str()


def test_orphans_are_reported(pytester: pytest.Pytester, run: Any) -> None:
    """Cassettes whose test or module is gone stand in the summary of a whole run; strict, they fail it."""
    pytester.makepyfile(test_it=BASIC, test_gone=BASIC)
    run().assert_outcomes(passed=2)
    (pytester.path / "test_gone.py").unlink()
    (pytester.path / "cassettes/test_it/test_old.kilo.yaml").write_text("old")
    (pytester.path / "cassettes/test_it/of_others.yaml").write_text("not ours")
    result = run()
    assert result.ret == 0
    result.stdout.fnmatch_lines(
        [
            "orphaned  cassettes/test_gone/test_it.kilo.yaml: no test has it",
            "orphaned  cassettes/test_it/test_old.kilo.yaml: no test has it",
        ]
    )
    assert "of_others" not in result.stdout.str()
    strict = run("--kilo-strict")
    assert strict.ret == 1
    strict.assert_outcomes(passed=1, errors=2)
    strict.stdout.fnmatch_lines(["ERROR cassettes/test_it/test_old.kilo.yaml - no test has this cassette*"])
    for partial in (["test_it.py::test_it"], ["-k", "nothing or test_it", "--deselect", "x"]):
        assert "test_old" not in run("--kilo-strict", *partial).stdout.str() or partial[0] == "-k"


def test_decorated_tests_are_no_orphans(pytester: pytest.Pytester, run: Any) -> None:
    """The cassette of a decorated function belongs to it."""
    code = (
        BASIC + "from kilo_gateway.testing import use_cassette\n@use_cassette\ndef test_decorated(): assert ask('x')\n"
    )
    pytester.makepyfile(test_it=code)
    for _ in range(2):
        result = run("--kilo-strict")
        result.assert_outcomes(passed=2)
        assert result.ret == 0
    assert "cassettes/test_it/test_decorated.kilo.yaml" in cassettes(pytester)


def test_secrets_and_unreadable_files_are_errors_of_their_test(pytester: pytest.Pytester, run: Any) -> None:
    """A cassette with a key in it, or one of vcrpy's, is an error that names the file."""
    pytester.makepyfile(test_it=BASIC)
    run()
    path = pytester.path / "cassettes/test_it/test_it.kilo.yaml"
    path.write_text(path.read_text().replace("Hello", "Hello sk-or-v1-0123456789abcdef0123456789abcdef"))
    result = run()
    result.assert_outcomes(errors=1)
    result.stdout.fnmatch_lines(["*SecretFoundError: *test_it.kilo.yaml:*: holds an API key"])
    path.write_text("version: 1\ninteractions: []\n")
    result = run()
    result.assert_outcomes(errors=1)
    result.stdout.fnmatch_lines(
        ["*UnreadableCassetteError: *test_it.kilo.yaml cannot be read: it was recorded by vcrpy*"]
    )


def test_wrong_markers_are_errors_of_their_test(pytester: pytest.Pytester, run: Any) -> None:
    """A misspelled option in a marker is an error of that test alone, and lists all that there are."""
    wrong = ("(recrod='x')", "('a', 'none')", "(record='never')", "(ignore='messages')", "(pieces='some')")
    tests = [f"@pytest.mark.kilo_cassette{arguments}\ndef test_{at}(): pass\n" for at, arguments in enumerate(wrong)]
    pytester.makepyfile(test_it=BASIC + "".join(tests))
    result = run("-p", "no:randomly")
    result.assert_outcomes(passed=1, errors=5)
    result.stdout.fnmatch_lines(
        [
            "*CassetteError: A cassette has no option recrod. Did you mean record? There are *name*, record, *strict.",
            "*CassetteError: kilo_cassette takes one name; *",
            "*CassetteError: There is no record mode 'never'. There are none, once, *",
            "*CassetteError: ignore must be a list of texts, not 'messages'.",
            "*CassetteError: pieces must be recorded, *",
        ]
    )


def test_the_marker_without_the_extra(pytester: pytest.Pytester) -> None:
    """Where the `testing` extra is not installed, the test says what to install; others run, and nothing breaks."""
    marked = "import pytest\n@pytest.mark.kilo_cassette\ndef test_it(): pass\n"
    pytester.makepyfile(test_it=marked + "def test_plain(): pass\n")
    pytester.makeconftest("import sys\nsys.modules['vcr'] = None")
    options = ["-p", "kilo_gateway.testing.pytest_plugin", "--kilo-strict"]
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")
        result = pytester.runpytest_subprocess(*options)
    result.assert_outcomes(passed=1, errors=1)
    result.stdout.fnmatch_lines(['kilo_cassette needs vcr: pip install "kilo-gateway?testing?"'])
    assert "INTERNALERROR" not in result.stdout.str() + result.stderr.str()


def test_random_pieces_name_their_seed(pytester: pytest.Pytester, run: Any) -> None:
    """Random boundaries can be repeated."""
    pytester.makepyfile(test_it=BASIC)
    run()
    result = run("--kilo-pieces=random")
    result.assert_outcomes(passed=1)
    result.stdout.fnmatch_lines(["pieces    random:* (repeat it with --kilo-pieces=random:*)"])


def test_tests_without_cassettes_are_left_alone(pytester: pytest.Pytester, run: Any) -> None:
    """A session without cassettes says nothing and sets nothing."""
    code = """
import os, sys
def test_plain():
    assert "KILOCODE_API_KEY" not in os.environ
"""
    pytester.makepyfile(test_it=code)
    result = run()
    result.assert_outcomes(passed=1)
    assert "kilo" not in result.stdout.str().partition("rootdir")[2].partition("test session")[2]


BESIDE_RECORDING = (
    BASIC
    + """
import requests

@pytest.fixture
def vcr_config():
    return {"record_mode": "once"}

@pytest.mark.vcr
@pytest.mark.kilo_cassette
def test_both(vcr, kilo_cassette):
    assert ask("Hello")
    assert requests.get(SERVER, timeout=5).status_code == 404
    assert len(kilo_cassette) == 1
    assert len(vcr) == 1
"""
)


def test_beside_pytest_recording(pytester: pytest.Pytester, run: Any) -> None:
    """With both markers, calls of a gateway go to this cassette and all others to pytest-recording's."""
    with EmbeddedGateway() as other:
        pytester.makepyfile(test_it=f"SERVER = {other.origin + '/elsewhere'!r}\n" + BESIDE_RECORDING)
        run().assert_outcomes(passed=2)
    theirs = pytester.path / "cassettes/test_it/test_both.yaml"
    assert "elsewhere" in theirs.read_text()
    assert "chat/completions" not in theirs.read_text()
    assert "authorization" not in theirs.read_text().lower()
    run("--kilo-record=none").assert_outcomes(passed=2)
    run("--record-mode=none", "--block-network").assert_outcomes(passed=2)


def test_pytest_recordings_own_cassettes_can_be_scrubbed(pytester: pytest.Pytester, run: Any) -> None:
    """With `kilo_vcr_config`, the `vcr` marker alone writes readable cassettes without secrets."""
    code = """
import pytest
from kilo_gateway import KiloClient
from kilo_gateway.testing import kilo_vcr_config

@pytest.fixture(scope="session")
def vcr_config():
    return kilo_vcr_config(record_mode="once")

@pytest.mark.vcr
def test_theirs():
    client = KiloClient(model="anthropic/claude-sonnet-4.6", api_key="embedded-gateway-key", base_url=URL)
    assert list(client.stream([{"role": "user", "content": "My key is embedded-gateway-key."}]))
"""
    with EmbeddedGateway() as gateway:
        pytester.makepyfile(test_it=f"URL = {gateway.base_url!r}\n{code}")
        run().assert_outcomes(passed=1)
    text = (pytester.path / "cassettes/test_it/test_theirs.yaml").read_text()
    assert "embedded-gateway-key" not in text
    assert "content: My key is [redacted]." in text
    assert "- ': KILO PROCESSING'" in text
    run().assert_outcomes(passed=1)


LANGCHAIN = """
import pytest
from langchain_core._api.beta_decorator import LangChainBetaWarning
from langchain_tests.conftest import base_vcr_config
from langchain_tests.integration_tests import ChatModelIntegrationTests
from langchain_kilo import ChatKilo

@pytest.fixture(scope="session")
def vcr_config():
    return base_vcr_config()

@pytest.mark.kilo_cassette(repeats=True)
class TestIt(ChatModelIntegrationTests):
    chat_model_class = ChatKilo
    chat_model_params = {"model": "anthropic/claude-sonnet-4.6"}
    enable_vcr_tests = True
"""


def test_beside_langchain_tests(pytester: pytest.Pytester, run: Any) -> None:
    """LangChain's standard tests are recorded by one marker on the class, their own `vcr` test included."""
    pytester.makepyfile(test_it=LANGCHAIN)
    chosen = "test_invoke or test_stream_time or test_batch or test_tool_calling or test_stream"
    arguments = ["-p", "benchmark", "-k", f"({chosen}) and not v3 and not async and not model_override"]
    arguments += ["-W", "ignore::pytest_benchmark.logger.PytestBenchmarkWarning"]  # its fixture may go unused
    first = run(*arguments)
    outcomes = first.parseoutcomes()
    assert outcomes["passed"] >= 5
    assert "failed" not in outcomes
    assert "errors" not in outcomes
    second = run(*arguments, "--kilo-record=none")
    assert second.parseoutcomes()["passed"] == outcomes["passed"]
    assert not list(pytester.path.rglob("tests/cassettes/*"))


@pytest.mark.parametrize(
    ("content", "code"),
    [("kilo_cassette: 1\ngateway: {from: x}\ninteractions: []\n", 0), ("sk-or-v1-0123456789abcdef0123456789abcdef", 1)],
)
def test_the_check_from_a_shell(folder: Path, capsys: pytest.CaptureFixture[str], content: str, code: int) -> None:
    """`python -m kilo_gateway.testing.cassettes` fails when a cassette holds a key, and does not print it."""
    (folder / "a.kilo.yaml").write_text(content)
    assert main([str(folder)]) == code
    shown = capsys.readouterr().out
    assert "sk-or" not in shown
    assert ("a.kilo.yaml:1: holds an API key" in shown) is bool(code)
