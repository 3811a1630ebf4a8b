"""Runs all cases of a test that takes nothing but its cases as one test: thousands of rules cost no setup each.

Each case that fails is named; `pytest --each-case`, or a test named with its case in brackets, runs them one by one.
"""

from __future__ import annotations

import functools
import inspect
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable, Generator


_OF_ONE_CASE = {"tmp_path", "_own_registry"}
"""What fixtures of a whole folder begin anew for each test, and so for each case."""


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the option that runs each case as a test of its own."""
    parser.addoption("--each-case", action="store_true", help="Run each case of a parametrized test on its own.")


@pytest.hookimpl(wrapper=True)
def pytest_pycollect_makeitem(collector: Any, name: str, obj: Any) -> Generator[None, Any, Any]:
    """Put one test in the place of all cases of a function without fixtures."""
    items = yield
    config = collector.config
    if not isinstance(items, list) or len(items) < 2 or config.option.each_case:
        return items
    if any("[" in argument for argument in config.args) or not all(map(_takes_only_its_case, items)):
        return items
    cases = {item.callspec.id: dict(item.callspec.params) for item in items}
    return [pytest.Function.from_parent(collector, name=name, callobj=run_all(obj, cases))]


def _takes_only_its_case(item: Any) -> bool:
    """Return whether the test needs no fixture of its own, nor a mark that counts for one case."""
    spec = getattr(item, "callspec", None)
    if spec is None or item.cls is not None or inspect.iscoroutinefunction(item.obj):
        return False
    if {mark.name for mark in item.own_markers} != {"parametrize"} or not _OF_ONE_CASE.isdisjoint(item.fixturenames):
        return False
    given = [mark.args[0] for mark in item.own_markers]
    named = {name.strip() for names in given for name in (names.split(",") if isinstance(names, str) else names)}
    return set(item._fixtureinfo.argnames) == named == set(spec.params)  # a fixture with cases has a name there, too


def run_all(test: Callable[..., None], cases: dict[str, dict[str, Any]]) -> Callable[[], None]:
    """Return a test that runs every case, and fails with what each failed with."""

    @functools.wraps(test)
    def run() -> None:
        failures: list[BaseException] = []
        for case, arguments in cases.items():
            try:
                test(**arguments)
            except (Exception, pytest.fail.Exception) as failure:  # noqa: BLE001 - raised below
                failure.add_note(f"in the case [{case}]")
                failures.append(failure)
        if len(failures) == 1:
            raise failures[0]
        if failures:
            raise BaseExceptionGroup(f"{len(failures)} of {len(cases)} cases failed", failures)

    run.__signature__ = inspect.Signature()  # type: ignore[attr-defined]
    return run
