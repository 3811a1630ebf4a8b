"""A group of cases fails with each case that fails, and with no other."""

from __future__ import annotations

import pytest

from tests.case_groups import run_all

CASES = {str(number): {"number": number} for number in range(4)}


def test_every_case_runs_and_each_failure_is_named() -> None:
    """The first failure does not hide the next ones, and both say which case they are of."""
    ran = []

    def check(number: int) -> None:
        ran.append(number)
        if number == 1:
            pytest.fail("one")
        assert number != 2

    with pytest.raises(BaseExceptionGroup, match="2 of 4 cases") as caught:
        run_all(check, CASES)()
    assert ran == [0, 1, 2, 3]
    assert [failure.__notes__[-1] for failure in caught.value.exceptions] == ["in the case [1]", "in the case [2]"]


def test_a_single_failure_is_raised_as_it_is() -> None:
    """With one bad case the assertion itself is shown, and its case."""

    def check(number: int) -> None:
        assert number < 3

    with pytest.raises(AssertionError) as caught:
        run_all(check, CASES)()
    assert caught.value.__notes__[-1] == "in the case [3]"


def test_good_cases_pass() -> None:
    """Without a failure nothing is raised, and every case has run."""
    ran: list[int] = []
    run_all(lambda number: ran.append(number), CASES)()  # noqa: PLW0108 - named arguments
    assert ran == [0, 1, 2, 3]
