"""The pytest plugin: the marker and fixture `kilo_cassette` and its options.

Costs nothing until a test asks for a cassette: all that is heavy is imported then.
"""

from __future__ import annotations

import sys
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any

import pytest

from kilo_gateway.settings import key_policy
from kilo_gateway.testing.pytest_report import FACTS, CassetteReport

if TYPE_CHECKING:
    from collections.abc import Generator, Iterator

    from kilo_gateway.testing.cassettes.cassette import Cassette

MARKER = "kilo_cassette"
_MODES = ("none", "once", "new_episodes", "all", "rewrite")
_MARKER_HELP = (
    f"{MARKER}(name=None, *, record=None, ignore=(), hosts=(), models=(), repeats=False, pieces=None, network=False, "
    "strict=None): record the gateway's answers once, replay them ever after."
)
_EXTRA = frozenset({"vcr", "yaml"})
_SESSIONS = "kilo_gateway.testing.cassettes.session"
"""Loaded as soon as anything in this process uses a cassette."""

# Any: classes whose modules are not to be loaded here, CassetteSession and SessionFactory.
_session_key = pytest.StashKey[Any]()
_problem_key = pytest.StashKey[BaseException]()
_passed_key = pytest.StashKey[bool]()
_item_key = pytest.StashKey["pytest.Item | None"]()
_factory_key = pytest.StashKey[Any]()
_deselected_key = pytest.StashKey["list[pytest.Item]"]()
_report_key = pytest.StashKey[CassetteReport]()
_key_check = pytest.StashKey[ExitStack]()


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


@pytest.hookimpl(tryfirst=True)
def pytest_load_initial_conftests(early_config: pytest.Config) -> None:
    """Let conftests and test modules make models without a key: their calls come later, and may be replayed."""
    early_config.stash[_key_check] = ExitStack()
    early_config.stash[_key_check].enter_context(key_policy.check_deferred())


def pytest_configure(config: pytest.Config) -> None:
    """Register the marker, and what words the report."""
    config.addinivalue_line("markers", _MARKER_HELP)
    if _key_check not in config.stash:
        pytest_load_initial_conftests(config)
    report = config.stash[_report_key] = CassetteReport(config, is_strict=is_strict(config))
    config.pluginmanager.register(report, "kilo_cassette_report")


def pytest_unconfigure(config: pytest.Config) -> None:
    """Refuse a missing key again when an object is made."""
    config.stash[_key_check].close()


def is_strict(config: pytest.Config) -> bool:
    """Return whether answers and cassettes that nobody uses are failures."""
    given = config.getoption("--kilo-strict")
    return bool(config.getini("kilo_strict") if given is None else given)


@pytest.hookimpl(optionalhook=True)
def pytest_recording_configure(config: Any, vcr: Any) -> None:
    """Let pytest-recording write cassettes in this package's form, for `kilo_vcr_config`."""
    from kilo_gateway.testing.cassettes import vcr_config  # noqa: PLC0415 - not before a cassette is used

    vcr.register_serializer(vcr_config.SERIALIZER, vcr_config)


def pytest_deselected(items: list[pytest.Item]) -> None:
    """Note that not every test runs, so that no cassette is called an orphan."""
    if items:
        items[0].config.stash.setdefault(_deselected_key, []).extend(items)


def pytest_collection_finish(session: pytest.Session) -> None:
    """Note which tests and fixtures have cassettes, and what these files are before anything is recorded."""
    config = session.config
    config.stash[_key_check].close()
    users = [item for item in session.items if uses_cassette(item)]
    decorated = _SESSIONS in sys.modules
    if users or decorated:
        from kilo_gateway.testing.pytest_sessions import SessionFactory  # noqa: PLC0415 - not before a cassette is used

        deselected = config.stash.get(_deselected_key, [])
        factory = config.stash[_factory_key] = SessionFactory(config, is_strict=is_strict(config))
        factory.collect(users, [item for item in deselected if uses_cassette(item)])
        collected = factory.describe(session.items, is_partial=bool(deselected))
        config.stash[_report_key].add_collection(collected)


def uses_cassette(item: pytest.Item) -> bool:
    """Return whether the test has the marker or the fixture."""
    return item.get_closest_marker(MARKER) is not None or MARKER in getattr(item, "fixturenames", ())


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol(item: pytest.Item) -> Generator[None, Any, Any]:
    """Prepare the environment before any fixture of the test is set up, be it one of the module or the session."""
    is_user = uses_cassette(item)
    if not is_user and _SESSIONS not in sys.modules:
        return (yield)
    with ExitStack() as stack:
        if is_user:
            _prepare(item, stack)
        if _SESSIONS in sys.modules:
            listen = sys.modules[_SESSIONS].listening
            stack.enter_context(listen(lambda facts: item.user_properties.append((FACTS, facts))))
        item.config.stash[_item_key] = item if is_user else None
        return (yield)


def _prepare(item: pytest.Item, stack: ExitStack) -> None:
    """Prepare the session of the test; what goes wrong is for the fixture to raise, as this test's error."""
    try:
        session = item.config.stash[_factory_key].for_item(item)
        stack.callback(session.restore)
        item.stash[_session_key] = session.prepare()
        stack.enter_context(session.guarding(item.nodeid))
    except ModuleNotFoundError as missing:
        package = (missing.name or "").partition(".")[0]
        if package not in _EXTRA:
            raise
        item.stash[_problem_key] = pytest.fail.Exception(
            f'{MARKER} needs {package}: pip install "kilo-gateway[testing]"', pytrace=False
        )
    except Exception as problem:  # noqa: BLE001 - whatever it is, the test must say so
        item.stash[_problem_key] = problem


@pytest.hookimpl(wrapper=True)
def pytest_fixture_setup(
    fixturedef: pytest.FixtureDef[Any], request: pytest.FixtureRequest
) -> Generator[None, Any, Any]:
    """Give a fixture that several tests share a cassette of its own: it must not matter which test runs first."""
    factory = request.config.stash.get(_factory_key, None)
    if factory is None or fixturedef.scope == "function":
        return (yield)
    item = request.config.stash.get(_item_key, None)
    session = factory.for_fixture(fixturedef, request, item)
    if session is None:
        return (yield)
    with session:
        return (yield)


@pytest.fixture
def kilo_cassette(request: pytest.FixtureRequest) -> Iterator[Cassette]:
    """The cassette of the test: recorded answers of the gateway, or what records them."""
    __tracebackhide__ = True
    item = request.node
    if request.config.pluginmanager.has_plugin("recording"):
        # pytest-recording's own cassette opens first, so that what belongs to this one never reaches it.
        request.getfixturevalue("vcr")
    if _problem_key in item.stash:
        raise item.stash[_problem_key]
    session = item.stash[_session_key]
    cassette = session.open()
    try:
        yield cassette
    finally:
        session.close()
    if item.stash.get(_passed_key, False):
        session.check()


@pytest.fixture(autouse=True)
def _kilo_cassette_of_marker(request: pytest.FixtureRequest) -> None:
    if request.node.get_closest_marker(MARKER) is not None:
        request.getfixturevalue(MARKER)


def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo[Any]) -> None:
    """Note whether the test itself went well; a failed one is not blamed for answers left over."""
    if call.when == "call" and _session_key in item.stash:
        item.stash[_passed_key] = call.excinfo is None
