"""The page that compares packages says of ours what its trials find."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from benchmarks import features_langchain, features_llama_index
from benchmarks.trials import Contender, Trial, try_out
from kilo_gateway.catalog import discovery

PAGE = (Path(__file__).parent.parent / "docs" / "comparison.md").read_text("utf-8")
OURS = [(features.OURS, trial) for features in (features_langchain, features_llama_index) for trial in features.TRIALS]


def _name(value: Contender | Trial) -> str:
    return value.name if isinstance(value, Contender) else value.run.__name__


@pytest.fixture(autouse=True)
def _nothing_is_known() -> None:
    discovery.forget()


@pytest.mark.usefixtures("brief_waits")
@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # of the frameworks, about themselves
@pytest.mark.parametrize(("contender", "trial"), OURS, ids=_name)
def test_our_column_holds(contender: Contender, trial: Trial) -> None:
    """What the page says of our class is what the trial finds today, and no note is needed."""
    assert re.search(rf"^\| {re.escape(trial.feature)} \| {try_out(trial, contender).word} \|", PAGE, re.MULTILINE)


def test_every_trial_has_a_row() -> None:
    """The tables have the rows of the trials, in their order, and no other."""
    rows = re.findall(r"^\| ([^|]+) \| (?:yes|no|partly)", PAGE, re.MULTILINE)
    assert rows == [trial.feature for _, trial in OURS]
