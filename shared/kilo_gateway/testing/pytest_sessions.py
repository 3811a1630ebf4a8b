"""Which cassette each test and each shared fixture of a run uses, in which mode, and how it is recorded again."""

from __future__ import annotations

import inspect
import os
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

from kilo_gateway.testing.cassettes.naming import cassette_path, file_signature, named_path

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    import pytest

    from kilo_gateway.testing.cassettes.pieces import Pieces
    from kilo_gateway.testing.cassettes.session import CassetteSession

_MARKER = "kilo_cassette"
_PATH_ATTRIBUTE = "kilo_cassette_path"
_SETUP_FUNCTION = re.compile(r"_(?:xunit|unittest)_(\w+?)_fixture_(.+)")
"""What pytest calls the fixtures that it makes of `setup_module`, `setUpClass` and their like."""
_MOST_TESTS_NAMED = 4


class SessionFactory:
    """Makes the sessions of one run."""

    def __init__(self, config: pytest.Config, *, is_strict: bool) -> None:
        self._config = config
        self._is_strict = is_strict
        self._folder = str(config.getini("kilo_cassette_dir"))
        self._signatures: dict[Path, Any] = {}
        """What each cassette was before this run recorded anything."""
        self._tests: dict[Path, list[str]] = {}
        """The tests of each cassette."""
        self._fixtures: set[int] = set()
        """Shared fixtures of tests with cassettes, by identity."""
        self._pieces: Pieces | None = None

    def collect(self, users: Sequence[pytest.Item], deselected: Sequence[pytest.Item]) -> None:
        """Note the tests with cassettes, and the fixtures that they share with others."""
        for item in [*users, *deselected]:
            path = self.path_of(item).resolve()
            self._signatures[path] = file_signature(path)
            self._tests.setdefault(path, []).append(item.nodeid)
        for item in users:
            self._fixtures.update(map(id, _shared_fixtures(item)))

    def describe(self, items: Sequence[pytest.Item], *, is_partial: bool) -> dict[str, Any]:
        """Return the modules of the run and the cassettes that belong to it, in plain values."""
        expected = {str(path) for path in self._tests}
        for item in items:
            decorated = getattr(getattr(item, "obj", None), _PATH_ATTRIBUTE, None)
            if decorated is not None:
                expected.add(str(Path(decorated).resolve()))
        expected.update(str(path.resolve()) for path in self._paths_of_fixtures(items))
        return {
            "modules": sorted({str(item.path) for item in items}),
            "expected": sorted(expected),
            "partial": is_partial or self._names_single_tests() or bool(self._config.getoption("collectonly")),
        }

    def _paths_of_fixtures(self, items: Sequence[pytest.Item]) -> Iterator[Path]:
        """Yield the paths of the cassettes of all shared fixtures; thousands of tests share a few."""
        seen: set[tuple[int, Path]] = set()
        for item in items:
            for fixturedef in _shared_fixtures(item):
                if (id(fixturedef), item.path) in seen:
                    continue
                seen.add((id(fixturedef), item.path))
                home = self._home_of(fixturedef, item.path)
                if home is not None:
                    yield self._path_of_fixture(fixturedef, home, "")

    def path_of(self, item: pytest.Item) -> Path:
        """Return the path of the cassette of a test."""
        name = _name_of(item)
        owner = getattr(item, "cls", None)
        test = f"{owner.__qualname__.replace('.<locals>', '')}.{item.name}" if owner is not None else item.name
        default = cassette_path(item.path, test, folder=self._folder)
        return default if name is None else named_path(default.parent, str(name))

    def for_item(self, item: pytest.Item) -> CassetteSession:
        """Return the session of a test.

        Raises:
            CassetteError: the marker says what no cassette can do.
        """
        is_named = _name_of(item) is not None
        return self._session(item, self.path_of(item), self._how_to_record(item), may_be_strict=not is_named)

    def for_fixture(
        self, fixturedef: pytest.FixtureDef[Any], request: pytest.FixtureRequest, item: pytest.Item | None
    ) -> CassetteSession | None:
        """Return the session of a fixture that several tests share; None when no test with a cassette uses it."""
        if item is None and id(fixturedef) not in self._fixtures:
            return None
        home = self._home_of(fixturedef, getattr(request, "path", None))
        if home is None:
            return None
        value = getattr(request, "param", None)
        is_plain = isinstance(value, (str, int, float, bool))
        parameter = "" if value is None else f"[{value if is_plain else getattr(request, 'param_index', 0)}]"
        test = str(home.relative_to(self._config.rootpath)) if item is None else item.nodeid
        how = f'pytest --kilo-record=rewrite "{test}"'
        return self._session(request.node, self._path_of_fixture(fixturedef, home, parameter), how, may_be_strict=False)

    def _path_of_fixture(self, fixturedef: pytest.FixtureDef[Any], home: Path, parameter: str) -> Path:
        setup = _SETUP_FUNCTION.fullmatch(fixturedef.argname)
        name = f"{setup[1]}-{Path(setup[2]).stem}" if setup else fixturedef.argname
        return cassette_path(home, f"fixture-{name}{parameter}", folder=self._folder)

    def _home_of(self, fixturedef: pytest.FixtureDef[Any], user: Path | None) -> Path | None:
        """Return the file of a fixture of the project, None for a fixture of somebody else's."""
        if _SETUP_FUNCTION.fullmatch(fixturedef.argname):
            return user
        code = getattr(inspect.unwrap(fixturedef.func), "__code__", None)
        path = Path(code.co_filename) if code is not None else None
        is_own = path is not None and path.is_relative_to(self._config.rootpath) and "site-packages" not in path.parts
        return path if is_own else None

    def _session(self, node: Any, path: Path, how: str, *, may_be_strict: bool) -> CassetteSession:
        from kilo_gateway.testing.cassettes.errors import CassetteError  # noqa: PLC0415 - needs the extra
        from kilo_gateway.testing.cassettes.options import parse_options  # noqa: PLC0415 - needs the extra
        from kilo_gateway.testing.cassettes.session import CassetteSession  # noqa: PLC0415 - needs the extra

        given: dict[str, Any] = {}
        for marker in reversed(list(node.iter_markers(_MARKER))):  # the test's own last: it wins over class and module
            if len(marker.args) > 1:
                raise CassetteError(f"{_MARKER} takes one name; all else is given by name: {marker.args[1:]!r} is not.")
            given.update(marker.kwargs)
        record, strict = given.pop("record", None), given.pop("strict", None)
        given.pop("name", None)
        is_strict = (self._is_strict if strict is None else bool(strict)) and may_be_strict
        options = parse_options({**given, "pieces": self._pieces_of(given), "strict": is_strict})
        return CassetteSession(path, self._mode(path, record), options, how_to_record=how)

    def _mode(self, path: Path, record: str | None) -> str:
        """Return the record mode; what another test of this run has just recorded into the file is kept and used."""
        from kilo_gateway.testing.cassettes.modes import resolve_mode  # noqa: PLC0415 - needs the extra

        theirs = self._config.getoption("--record-mode", None)  # pytest-recording's, when it is installed
        mode = resolve_mode(
            os.environ,
            self._config.getoption("--kilo-record"),
            theirs if isinstance(theirs, str) else None,
            defaults=(record, str(self._config.getini("kilo_record")) or None),
        )
        path = path.resolve()
        now = file_signature(path)
        before = self._signatures.setdefault(path, now)
        is_of_this_run = now is not None and now != before
        is_shared = mode == "rewrite" or (mode == "once" and before is None)
        return "new_episodes" if is_of_this_run and is_shared else mode

    def _pieces_of(self, given: dict[str, Any]) -> Any:
        """Return how bodies are cut; a random seed for the whole run is drawn once."""
        from kilo_gateway.testing.cassettes.pieces import parse_pieces  # noqa: PLC0415 - needs the extra

        for_all = self._config.getoption("--kilo-pieces") or os.environ.get("KILO_PIECES")
        if not for_all:
            return given.get("pieces")
        self._pieces = self._pieces or parse_pieces(for_all)
        return self._pieces

    def _how_to_record(self, item: pytest.Item) -> str:
        """Return the command that records again, with every test of the cassette: it begins the file anew."""
        tests = self._tests.get(self.path_of(item).resolve(), [item.nodeid])
        if _name_of(item) is not None and (self._names_single_tests() or len(tests) > _MOST_TESTS_NAMED):
            tests = list(dict.fromkeys(test.partition("::")[0] for test in tests))
        named = " ".join(f'"{test}"' for test in tests)
        return f"pytest --kilo-record=rewrite {named}"

    def _names_single_tests(self) -> bool:
        return any("::" in str(argument) for argument in self._config.args)


def _name_of(item: pytest.Item) -> Any:
    """Return the name that a marker gives to the cassette, or None; a named one may serve several tests."""
    names = (marker.args[0] if marker.args else marker.kwargs.get("name") for marker in item.iter_markers(_MARKER))
    return next((one for one in names if one is not None), None)


def _shared_fixtures(item: pytest.Item) -> Iterator[pytest.FixtureDef[Any]]:
    """Yield the fixtures of a test that live longer than it does."""
    known = getattr(getattr(item, "_fixtureinfo", None), "name2fixturedefs", {})
    yield from (one for found in known.values() for one in found if one.scope != "function")
