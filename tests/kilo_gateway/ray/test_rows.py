"""What a run takes and gives without a cluster: arguments, batches in each format, lines of the journal, keys."""

from __future__ import annotations

import json
import pickle
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("ray", reason="needs the extra `ray`")

import numpy
import pandas
import pyarrow

from kilo_gateway import KiloError
from kilo_gateway.errors import InvalidSettingError
from kilo_gateway.ray import build_processor
from kilo_gateway.ray.answer_folder import AnswerFolder
from kilo_gateway.ray.credentials import Credentials, of_settings
from kilo_gateway.ray.outcomes import Outcome
from kilo_gateway.ray.plan import ANSWER_COLUMNS, make_plan
from kilo_gateway.ray.row_requests import RowRequests
from kilo_gateway.ray.shares import fair_shares, money_shares
from kilo_gateway.ray.tables import cells_of, columns_of, digest_of_row, rows_of, with_outcomes
from kilo_gateway.settings.settings import resolve_settings

ROWS: dict[str, list[Any]] = {"text": ["a", None], "stars": [1, 2], "when": ["x", "y"]}
BATCHES: dict[str, Any] = {
    "numpy": {name: numpy.array(cells, dtype=object) for name, cells in ROWS.items()},
    "pandas": pandas.DataFrame(ROWS),
    "pyarrow": pyarrow.table(ROWS),
}
OUTCOMES = [Outcome("yes", "stop", None, 0.5, 3, 2), Outcome(error="No")]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ({"journal": None}, "Say where answers are kept"),
        ({"journal": "s3://bucket/runs"}, "no folder"),
        ({"requests_at_once": 0}, "requests_at_once=0"),
        ({"requests_at_once": True}, "requests_at_once=True"),
        ({"max_error_share": 2}, "max_error_share=2"),
        ({"budget": "much"}, "budget"),
        ({"endpoint": "images"}, "'chat' or 'embeddings'"),
        ({"tries": 0}, "tries=0"),
        ({"concurrency": 4}, "`workers`"),
        ({"workers": 0}, "workers=0"),
        ({"workers": (4, 2)}, "the least comes first"),
        ({"batch_size": 0}, "batch_size=0"),
        ({"prompt": "no column"}, "names no column"),
        ({"prompt": 3}, "template or a function"),
        ({"base_url": "nonsense"}, "base_url"),
    ],
)
def test_what_cannot_work_is_refused_at_once(arguments: dict[str, Any], said: str, tmp_path: Path) -> None:
    """A run that cannot work is refused where it is written, with what would be right."""
    usual = {"prompt": "{text}", "model": "lab/model", "journal": tmp_path}
    with pytest.raises(KiloError, match=said):
        build_processor(**{**usual, **arguments})


@pytest.mark.parametrize("kind", BATCHES)
def test_batches_of_each_format(kind: str) -> None:
    """A batch is read into rows, and given back in its format, its columns first and as they were."""
    batch = BATCHES[kind]
    assert columns_of(batch) == list(ROWS)
    assert [row["stars"] for row in rows_of(batch)] == [1, 2]
    assert [type(row["stars"]) for row in rows_of(batch)] == [int, int]
    found = with_outcomes(batch, ANSWER_COLUMNS, OUTCOMES)
    assert type(found) is type(batch)
    assert columns_of(found) == [*ROWS, *ANSWER_COLUMNS]
    assert next(iter(found["answer"])) in ("yes", pyarrow.scalar("yes"))
    assert columns_of(batch) == list(ROWS)


@pytest.mark.parametrize("kind", BATCHES)
def test_vectors_stand_in_a_column(kind: str) -> None:
    """Vectors of one length are answers as texts are, beside rows that failed."""
    outcomes = [Outcome([0.1, 0.2]), Outcome(error="No")]
    found = with_outcomes(BATCHES[kind], ANSWER_COLUMNS, outcomes, has_vectors=True)
    cells = found["answer"].to_pylist() if kind == "pyarrow" else list(found["answer"])
    assert cells[0] == [0.1, 0.2]
    failed = with_outcomes(pyarrow.table({"a": [1]}), ANSWER_COLUMNS, [Outcome(error="No")], has_vectors=True)
    assert failed.schema.field("answer").type == pyarrow.list_(pyarrow.float64())


def test_a_batch_without_rows() -> None:
    """An empty batch has the new columns as well, of the same types."""
    empty = with_outcomes(pyarrow.table(ROWS).slice(0, 0), ANSWER_COLUMNS, [])
    full = with_outcomes(pyarrow.table(ROWS), ANSWER_COLUMNS, OUTCOMES)
    assert empty.schema == full.schema


def test_cells_and_digests_of_odd_values() -> None:
    """Whatever a row holds, a template can show it, and a row is told from another one."""
    row = {"text": "{a}", "number": numpy.int64(3), "list": numpy.array([1, 2]), "bytes": b"x", "none": None}
    assert cells_of(row)["number"] == "3"
    assert cells_of(row)["list"] == "[1, 2]"
    assert digest_of_row(row) == digest_of_row(dict(reversed(row.items())))
    assert digest_of_row(row) != digest_of_row({**row, "bytes": b"y"})
    assert digest_of_row({"text": "\ud800", "big": 2**70, "amount": Decimal("1.5")})


def test_rows_become_requests(tmp_path: Path) -> None:
    """Options, system prompt and model are put into each body; the same rows have the same ids again."""
    plan = make_plan(
        "Say {text}", {"journal": tmp_path, "model": "lab/model", "system": "Be brief.", "options": {"max_tokens": 9}}
    )
    rows = [{"text": "a"}, {"text": "b"}, {"text": "a"}]
    first, again = RowRequests(plan).render(rows), RowRequests(plan).render(rows)
    assert first[0].body["max_tokens"] == 9
    assert [message["content"] for message in first[0].body["messages"]] == ["Be brief.", "Say a"]
    assert len({one.custom_id for one in first}) == 2
    assert [one.fingerprint for one in first] == [one.fingerprint for one in again]


def test_a_torn_journal_costs_its_torn_row_only(tmp_path: Path) -> None:
    """Lines that are torn, empty or of another kind are passed over; what is whole is found."""
    plan = make_plan("Say {text}", {"journal": tmp_path, "model": "lab/model"})
    rows = RowRequests(plan).render([{"text": "a"}, {"text": "b"}])
    lines = [
        json.dumps(
            {"id": one.fingerprint, "custom_id": one.custom_id, "response": None, "error": None},
            separators=(",", ":"),
        )
        for one in rows
    ]
    (tmp_path / "old.jsonl").write_text(f"\nnonsense\n{lines[0]}\n{lines[1][:-5]}")
    folder = AnswerFolder(tmp_path, has_names=True)
    folder.read()
    assert folder.find(rows[0].fingerprint) == lines[0].encode() + b"\n"
    assert folder.find(rows[1].fingerprint) is None


def test_a_line_is_used_once_where_rows_have_no_names(tmp_path: Path) -> None:
    """Equal rows have a line each, the newest first; rows that a column names have one for all."""
    fingerprint = f"batch_req_{'0' * 32}"
    lines = [f'{{"id":"{fingerprint}","custom_id":"row-1","n":{number}}}\n' for number in range(3)]
    (tmp_path / "old.jsonl").write_text("".join(lines))
    nameless, named = AnswerFolder(tmp_path, has_names=False), AnswerFolder(tmp_path, has_names=True)
    nameless.read()
    named.read()
    found = [nameless.find(fingerprint) for _ in range(4)]
    assert found == [lines[2].encode(), lines[1].encode(), lines[0].encode(), None]
    assert [named.find(fingerprint) for _ in range(2)] == [lines[2].encode()] * 2


def test_a_key_travels_but_is_not_shown() -> None:
    """Credentials carry the key through a pickle, and show it in no representation."""
    settings = resolve_settings({"api_key": "key-to-hide", "default_headers": {"x-team": "a"}}, {})
    carried: Credentials = pickle.loads(pickle.dumps(of_settings(settings)))
    assert "key-to-hide" not in repr(carried) + str(carried.__class__.__dict__)
    found = carried.settings({"KILOCODE_API_KEY": "key-of-the-worker"})
    assert found.api_key is not None
    assert found.api_key.get_secret_value() == "key-to-hide"
    assert found.default_headers == {"x-team": "a"}


def test_a_run_needs_no_key(tmp_path: Path) -> None:
    """A processor can be made without a key, as for free models."""
    assert build_processor("{text}", model="lab/model", journal=tmp_path)


@pytest.mark.parametrize(
    ("total", "needs", "shares"),
    [
        (10, {"a": 100, "b": 90}, {"a": 5, "b": 5}),
        (10, {"a": 2, "b": 100}, {"a": 2, "b": 8}),
        (10, {"a": 0, "b": 3, "c": 4}, {"a": 0, "b": 3, "c": 4}),
        (1, {"a": 9, "b": 9}, {"a": 1, "b": 0}),
        (0, {"a": 9}, {"a": 0}),
        (7, {}, {}),
    ],
)
def test_slots_are_shared_by_need(total: int, needs: dict[str, int], shares: dict[str, int]) -> None:
    """Nobody gets more than it needs, and no slot is idle while somebody needs it."""
    assert fair_shares(total, needs) == shares


def test_money_is_shared_by_need() -> None:
    """Where there is enough all get what they want, else who comes first gets the least that is of use."""
    needs = {"a": (Decimal(4), Decimal(2)), "b": (Decimal(4), Decimal(3))}
    assert money_shares(Decimal(9), needs) == {"a": Decimal(4), "b": Decimal(4)}
    assert money_shares(Decimal(5), needs) == {"a": Decimal(2), "b": Decimal(3)}
    assert money_shares(Decimal(4), needs) == {"a": Decimal(2), "b": Decimal(0)}


def test_columns_are_checked_by_name(tmp_path: Path) -> None:
    """A prefix keeps new columns from being called as those that are there."""
    plan = make_plan("{text}", {"journal": tmp_path, "prefix": "x_"})
    plan.check_columns(["text", "answer"])
    with pytest.raises(InvalidSettingError, match="'x_answer'"):
        plan.check_columns(["text", "x_answer"])
