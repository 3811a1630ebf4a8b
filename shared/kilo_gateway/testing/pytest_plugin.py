"""The pytest plugin: the marker and fixture `kilo_cassette`, its options and its report.

Costs nothing until a test asks for a cassette: all that is heavy is imported then.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Generator, Iterator
    from pathlib import Path

    from kilo_gateway.testing.cassettes.cassette import Cassette
    from kilo_gateway.testing.cassettes.use import Use
    from kilo_gateway.testing.pytest_report import CassetteReport

MARKER = "kilo_cassette"
_MODES = ("none", "once", "new_episodes", "all", "rewrite")
_MARKER_HELP = (
    f"{MARKER}(name=None, *, record=None, ignore=(), hosts=(), models=(), repeats=False, pieces=None, network=False, "
    "strict=None): record the gateway's answers once, replay them ever after."
)

_use_key = pytest.StashKey["Use"]()
_problem_key = pytest.StashKey[Exception]()
_passed_key = pytest.StashKey[bool]()
_partial_key = pytest.StashKey[bool]()
_rewritten_key = pytest.StashKey["set[Path]"]()
_report_key = pytest.StashKey["CassetteReport"]()


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the options of the command line and of the configuration file."""
    group = parser.getgroup("kilo", "recorded answers of Kilo Gateway")
    group.addoption(
        "--kilo-record",
        choices=_MODES,
        default=None,
        help="When to record cassettes: none (the default in CI), once (elsewhere), new_episodes, all, rewrite.",
    )
    group.addoption(
        "--kilo-pieces",
        default=None,
        metavar="HOW",
        help="How replayed bodies are cut: recorded, whole, random, random:SEED, or a size in bytes.",
    )
    group.addoption(
        "--kilo-strict",
        action="store_true",
        default=None,
        help="Fail on recorded answers that nobody asked for and on cassettes without a test.",
    )
    parser.addini("kilo_record", "The record mode outside of CI when no option names one.", default="")
    parser.addini("kilo_strict", "As --kilo-strict.", type="bool", default=False)
    parser.addini("kilo_cassette_dir", "The folder beside each test module that holds cassettes.", default="cassettes")


def pytest_configure(config: pytest.Config) -> None:
    """Register the marker."""
    config.addinivalue_line("markers", _MARKER_HELP)


@pytest.hookimpl(optionalhook=True)
def pytest_recording_configure(config: Any, vcr: Any) -> None:
    """Let pytest-recording write cassettes in this package's form, for `kilo_vcr_config`."""
    from kilo_gateway.testing.cassettes import serializer, vcr_config  # noqa: PLC0415 - not before a cassette is used

    vcr.register_serializer(vcr_config.SERIALIZER, serializer)


def pytest_collection_finish(session: pytest.Session) -> None:
    """Prepare the report when any test uses a cassette."""
    if any(_uses_cassette(item) for item in session.items):
        _report(session.config).collected(session, path_of=path_of, is_partial=_partial_key in session.config.stash)


def pytest_deselected(items: list[pytest.Item]) -> None:
    """Note that not every test runs, so that no cassette is called an orphan."""
    if items:
        items[0].config.stash[_partial_key] = True


def _uses_cassette(item: pytest.Item) -> bool:
    return item.get_closest_marker(MARKER) is not None or MARKER in getattr(item, "fixturenames", ())


def _report(config: pytest.Config) -> CassetteReport:
    if _report_key not in config.stash:
        from kilo_gateway.testing.pytest_report import CassetteReport  # noqa: PLC0415 - not before it is needed

        config.stash[_report_key] = CassetteReport(str(config.getini("kilo_cassette_dir")), is_strict=_strict(config))
    return config.stash[_report_key]


def _strict(config: pytest.Config) -> bool:
    given = config.getoption("--kilo-strict")
    return bool(config.getini("kilo_strict") if given is None else given)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol(item: pytest.Item) -> Generator[None, Any, Any]:
    """Prepare the environment before any fixture of the test is set up, be it one of the module or the session."""
    if not _uses_cassette(item):
        return (yield)
    try:
        item.stash[_use_key] = _make_use(item).settle()
    except Exception as problem:  # noqa: BLE001 - raised by the fixture, where pytest shows it as this test's
        item.stash[_problem_key] = problem
    try:
        return (yield)
    finally:
        if _use_key in item.stash:
            item.stash[_use_key].release()


def _make_use(item: pytest.Item) -> Use:
    from kilo_gateway.testing.cassettes.modes import resolve_mode  # noqa: PLC0415 - not before a cassette is used
    from kilo_gateway.testing.cassettes.use import Use, parse_manner  # noqa: PLC0415 - not before a cassette is used

    config = item.config
    options: dict[str, Any] = {}
    for marker in reversed(list(item.iter_markers(MARKER))):  # the test's own last: it wins over its class and module
        options.update(marker.kwargs)
    record = options.pop("record", None)
    strict = options.pop("strict", None)
    options.pop("name", None)
    theirs = config.getoption("--record-mode", None)  # pytest-recording's, when it is installed
    mode = resolve_mode(
        os.environ,
        config.getoption("--kilo-record"),
        theirs if isinstance(theirs, str) else None,
        defaults=(record, str(config.getini("kilo_record")) or None),
    )
    given = config.getoption("--kilo-pieces") or os.environ.get("KILO_PIECES")
    pieces = _report(config).pieces_for_all(given) if given else options.get("pieces")
    is_strict = (_strict(config) if strict is None else bool(strict)) and _name_of(item) is None
    manner = parse_manner({**options, "pieces": pieces, "strict": is_strict})
    how = f'pytest --kilo-record=rewrite "{item.nodeid}"'
    path = path_of(item)
    if mode == "rewrite":
        # Of tests that share a cassette the first begins it anew, and the others add to it.
        rewritten = config.stash.setdefault(_rewritten_key, set())
        mode = "new_episodes" if path in rewritten else mode
        rewritten.add(path)
    return Use(path, mode, manner, how_to_record=how)


def _name_of(item: pytest.Item) -> Any:
    """Return the name that a marker gives to the cassette, or None; a named one may serve several tests."""
    names = (marker.args[0] if marker.args else marker.kwargs.get("name") for marker in item.iter_markers(MARKER))
    return next((one for one in names if one is not None), None)


def path_of(item: pytest.Item) -> Path:
    """Return the path of the cassette of a test."""
    from kilo_gateway.testing.cassettes.naming import cassette_path, named_path  # noqa: PLC0415 - see above

    name = _name_of(item)
    owner = getattr(item, "cls", None)
    test = f"{owner.__name__}.{item.name}" if owner is not None else item.name
    default = cassette_path(item.path, test, folder=str(item.config.getini("kilo_cassette_dir")))
    return default if name is None else named_path(default.parent, str(name))


@pytest.fixture
def kilo_cassette(request: pytest.FixtureRequest) -> Iterator[Cassette]:
    """The cassette of the test: recorded answers of the gateway, or what records them."""
    from kilo_gateway.testing.pytest_report import facts_of  # noqa: PLC0415 - not before a cassette is used

    __tracebackhide__ = True
    item = request.node
    if request.config.pluginmanager.has_plugin("recording"):
        # pytest-recording's own cassette opens first, so that what belongs to this one never reaches it.
        request.getfixturevalue("vcr")
    if _problem_key in item.stash:
        raise item.stash[_problem_key]
    use = item.stash[_use_key]
    cassette = use.begin()
    try:
        yield cassette
    finally:
        use.end()
        item.user_properties.append((MARKER, facts_of(use)))
    if item.stash.get(_passed_key, False):
        use.check()


@pytest.fixture(autouse=True)
def _kilo_cassette_of_marker(request: pytest.FixtureRequest) -> None:
    if request.node.get_closest_marker(MARKER) is not None:
        request.getfixturevalue(MARKER)


def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo[Any]) -> None:
    """Note whether the test itself went well; a failed one is not blamed for answers left over."""
    if call.when == "call" and _use_key in item.stash:
        item.stash[_passed_key] = call.excinfo is None


@pytest.hookimpl(tryfirst=True)
def pytest_sessionfinish(session: pytest.Session) -> None:
    """Fail a strict session that left cassettes without a test, or answers of shared ones without a request."""
    report = session.config.stash.get(_report_key, None)
    if report is not None and report.finish(_facts(session.config)) and session.exitstatus == pytest.ExitCode.OK:
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    """Say what was recorded, replayed and left over."""
    facts = _facts(config)
    lines = _report(config).render(facts) if facts or _report_key in config.stash else []
    if lines:
        terminalreporter.section("kilo cassettes")
    for line in lines:
        terminalreporter.line(line)


def _facts(config: pytest.Config) -> list[dict[str, Any]]:
    """Return what came of each use, from the reports of the tests, which also come from other processes."""
    reporter = config.pluginmanager.get_plugin("terminalreporter")
    stats = {} if reporter is None else reporter.stats
    # Among the statistics are test items, too: those that were deselected.
    ends = [one for kind in stats.values() for one in kind if getattr(one, "when", "") == "teardown"]
    return [value for one in ends for name, value in one.user_properties if name == MARKER]
