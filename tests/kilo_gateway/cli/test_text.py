"""Text as it is written: controls, halves of characters, JSON in ASCII, numbers of tokens, tables by width."""

from __future__ import annotations

import itertools
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kilo_gateway.cli.tables import Column, render_count, render_table
from kilo_gateway.cli.text import TextCleaner, render_json_line, show_on_one_line

ANY = st.text(
    alphabet=st.characters(blacklist_categories=()) | st.sampled_from("\r\n\x1b\x9b\ud83d\ude00"), max_size=30
)


@given(text=ANY, cuts=st.lists(st.integers(0, 30)), shows_controls=st.booleans())
def test_cuts_make_no_difference(text: str, cuts: list[int], shows_controls: bool) -> None:
    """A text in pieces is written as the whole is; nothing is left that a terminal obeys."""
    places = [0, *sorted(min(cut, len(text)) for cut in cuts), len(text)]
    whole, cut = TextCleaner(shows_controls=shows_controls), TextCleaner(shows_controls=shows_controls)
    wanted = whole.feed(text) + whole.finish()
    pieces = [text[start:end] for start, end in itertools.pairwise(places)]
    assert "".join(map(cut.feed, pieces)) + cut.finish() == wanted
    wanted.encode()
    if shows_controls:
        left = {ord(character) for character in wanted.replace("\r\n", "")}
        assert not left.intersection({*range(9), *range(11, 32), *range(127, 160)})


@given(text=ANY)
def test_json_is_plain(text: str) -> None:
    """A line of JSON is printable ASCII, and reads as what it was but for halves of characters."""
    line = render_json_line({text: [text]})
    assert line.isascii()
    assert line.isprintable()
    (value,) = json.loads(line).values()
    value[0].encode()


def test_one_line() -> None:
    """What stands in a line or a cell keeps to it."""
    assert show_on_one_line("a\r\nb\tc\x1b\x85d\ud800") == "a\\nb\\tc\\x1b\\x85d\ufffd"


@pytest.mark.parametrize(
    ("count", "shown"),
    [
        (None, "?"),
        (1, "1"),
        (999, "999"),
        (8192, "8.19k"),
        (131_072, "131k"),
        (262_144, "262k"),
        (999_999, "1M"),
        (1_000_000, "1M"),
        (1_048_576, "1.05M"),
        (10_000_000, "10M"),
    ],
)
def test_numbers_of_tokens(count: int | None, shown: str) -> None:
    """Three digits at the most, with a unit."""
    assert render_count(count) == shown


def test_a_table_by_width() -> None:
    """Columns go in their order, then the others stand on a second line; the first is never cut."""
    columns = [Column("id"), Column("n", is_number=True), Column("why", goes=2), Column("from", goes=1)]
    rows = [["lab/a-long-model-id", "1", "reason", "live"], ["b", "22", "x", "live"]]
    assert render_table(columns, rows, 80)[1] == "lab/a-long-model-id   1  reason  live"
    assert render_table(columns, rows, 35)[0] == "id                    n  why"
    assert render_table(columns, rows, 25)[2] == "b                    22"
    assert render_table(columns, rows, 20)[:2] == ["lab/a-long-model-id", "  n 1  why reason"]
