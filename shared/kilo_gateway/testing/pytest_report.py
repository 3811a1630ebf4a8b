"""What a run says of its cassettes at the end, under pytest-xdist too: recorded, replayed, unused, without a test."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest

from kilo_gateway.testing.cassettes.naming import SUFFIX

if TYPE_CHECKING:
    from collections.abc import Iterator

FACTS = "kilo_cassette"
"""The property of a test's report that holds what its cassettes came to."""
_OUTPUT = "kilo_cassettes"
"""What a worker of pytest-xdist tells its controller."""
_EMBEDDED = "embedded gateway"
_OTHER = "another server"
_LOUD = (
    "There was no key: the embedded gateway, which is no language model, answered. For real answers set "
    "KILOCODE_API_KEY and record again with --kilo-record=rewrite."
)


class _Reason:
    """The text of a failure, for the section of errors and for the short summary."""

    def __init__(self, text: str) -> None:
        self._text = text
        self.reprcrash = SimpleNamespace(message=text)

    def __str__(self) -> str:
        return self._text

    def toterminal(self, writer: Any) -> None:
        """Write the text."""
        writer.line(self._text)


class CassetteReport:
    """Collects what the tests of a run, or of all its workers, say; words it; fails a strict run."""

    def __init__(self, config: pytest.Config, *, is_strict: bool) -> None:
        self._config = config
        self._folder = str(config.getini("kilo_cassette_dir"))
        self._is_strict = is_strict
        self._facts: list[dict[str, Any]] = []
        self._collection: dict[str, Any] | None = None

    def add_collection(self, collected: dict[str, Any]) -> None:
        """Note the modules of the run and the cassettes that belong to it."""
        self._collection = collected

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Note what the cassettes of a test came to; reports of other processes arrive here, too."""
        if report.when == "teardown":
            found = [facts for name, facts in report.user_properties if name == FACTS and isinstance(facts, dict)]
            self._facts += [one for one in found if Path(one["path"]).is_relative_to(self._config.rootpath)]

    @pytest.hookimpl(optionalhook=True)
    def pytest_testnodedown(self, node: Any, error: Any) -> None:
        """Take over what a worker of pytest-xdist collected; all of them collect the same."""
        found = getattr(node, "workeroutput", {}).get(_OUTPUT)
        if found is not None:
            self._collection = found

    @pytest.hookimpl(tryfirst=True)
    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        """Fail a strict run that left cassettes without a test, or answers of shared ones without a request."""
        if hasattr(self._config, "workerinput"):
            self._config.workeroutput[_OUTPUT] = self._collection  # type: ignore[attr-defined] # pytest-xdist's
            return
        if self._collection is not None and (session.shouldstop or session.shouldfail):
            self._collection["partial"] = True  # not every test ran
        failures = self._failures() if self._is_strict else {}
        if not failures:
            return
        if session.exitstatus == pytest.ExitCode.OK:
            session.exitstatus = pytest.ExitCode.TESTS_FAILED
        reporter = self._config.pluginmanager.get_plugin("terminalreporter")
        if reporter is not None:
            reports = [_failed(path, reason) for path, reason in failures.items()]
            reporter.stats.setdefault("error", []).extend(reports)

    def _failures(self) -> dict[str, str]:
        """Return what a strict run fails for, by cassette."""
        orphans = {self._shown(path): "no test has this cassette: delete it" for path in self._orphans()}
        is_whole = self._collection is not None and not self._collection["partial"]
        failing = {self._shown(one["path"]) for one in self._facts if one["strict"]}  # each by its own test
        unused = {path: lines for path, lines in self._unused().items() if is_whole and path not in failing}
        return {**orphans, **{path: f"nobody asked for {'; '.join(lines)}" for path, lines in unused.items()}}

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        """Say what was recorded, replayed and left over."""
        lines = list(self._render())
        if lines:
            terminalreporter.section("kilo cassettes")
        for line in lines:
            terminalreporter.line(line, **{"yellow": True, "bold": True} if line == _LOUD else {})

    def _render(self) -> Iterator[str]:
        recorded = {
            self._shown(one["path"]): one["from"] or "hosts that were named" for one in self._facts if one["recorded"]
        }
        yield from (
            f"recorded  {path} from {'' if origin == _OTHER else 'the '}{origin}" for path, origin in recorded.items()
        )
        if recorded:
            yield "Read what was recorded before you commit it."
        if _EMBEDDED in recorded.values():
            yield _LOUD
        for one in self._facts:
            if one["refused"]:
                path, refused = self._shown(one["path"]), "; ".join(one["refused"])
                yield f"refused   {path}: {refused}. The key was refused; such answers are not recorded."
        replayed = [one for one in self._facts if one["played"] and not one["recorded"]]
        if replayed:
            network = ", the network blocked" if all(one["blocked"] for one in replayed) else ""
            yield f"replayed  {len(replayed)} cassette{'s' if len(replayed) > 1 else ''}{network}"
        for seed in sorted({one["pieces"] for one in self._facts if one["pieces"]}):
            yield f"pieces    {seed} (repeat it with --kilo-pieces={seed})"
        for path, unused in self._unused().items():
            yield f"unused    {path}: nobody asked for {'; '.join(unused)}"
        yield from (f"orphaned  {self._shown(path)}: no test has it" for path in self._orphans())

    def _unused(self) -> dict[str, list[str]]:
        """Return what no test used of each cassette; several tests may share one."""
        left: dict[str, list[str]] = {}
        for one in self._facts:
            path = self._shown(one["path"])
            left[path] = [line for line in one["unused"] if line in left.get(path, one["unused"])]
        return {path: lines for path, lines in left.items() if lines}

    def _orphans(self) -> list[Path]:
        """Return the cassettes beside the collected modules that belong to no test; none of a partial run."""
        if self._collection is None or self._collection["partial"]:
            return []
        used = {str(Path(one["path"]).resolve()) for one in self._facts}
        expected = used.union(self._collection["expected"])
        found = {path for path in self._found() if str(path.resolve()) not in expected}
        return sorted(path for path in found if not _is_of_fixture(path, expected))

    def _found(self) -> Iterator[Path]:
        """Yield the cassettes of the collected modules, and of modules that are gone."""
        modules = {Path(module) for module in (self._collection or {})["modules"]}
        for home in {module.parent for module in modules}:
            for folder in (home / self._folder).glob("*/"):
                module = home / f"{folder.name}.py"
                if module in modules or not module.exists():
                    yield from folder.rglob(f"*{SUFFIX}")

    def _shown(self, path: str | Path) -> str:
        return str(Path(path).relative_to(self._config.rootpath))


def _is_of_fixture(path: Path, expected: set[str]) -> bool:
    """Return whether this is a cassette of a fixture that is expected, for one of its parameters."""
    name, bracket, _ = path.name.partition("[")
    return bool(bracket) and name.startswith("fixture-") and str(path.with_name(name + SUFFIX).resolve()) in expected


def _failed(path: str, reason: str) -> pytest.TestReport:
    """Return what makes pytest count and explain a failure that is no test's."""
    report = pytest.TestReport(
        nodeid=path, location=(path, None, path), keywords={}, outcome="failed", longrepr=None, when="teardown"
    )
    report.longrepr = _Reason(reason)  # type: ignore[assignment] # pytest asks for no more than this has
    return report
