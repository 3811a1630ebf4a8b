"""Runs over datasets, on a real cluster, against a gateway in another process that counts."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("ray", reason="needs the extra `ray`")

from kilo_gateway.errors import InvalidSettingError
from kilo_gateway.ray import KiloProcessor, build_processor
from kilo_gateway.testing import EmbeddedGateway

from .conftest import KEY
from .gateway_process import GatewayProcess

NEW = ["answer", "finish_reason", "error", "cost", "input_tokens", "output_tokens"]
ROWS = [{"text": f"t{number}", "stars": number % 5, "tags": ["a", "b"]} for number in range(60)]


@pytest.fixture(scope="module")
def server() -> Iterator[GatewayProcess]:
    """A gateway that counts."""
    with GatewayProcess(refused=["Say t7"]) as running:
        yield running


@pytest.fixture
def gateway(server: GatewayProcess) -> GatewayProcess:
    """The same, with its counts at nothing."""
    server.ask(forget=True)
    return server


def processor(gateway: GatewayProcess, journal: Path, prompt: Any = "Say {text}", **more: Any) -> Any:
    """Return a processor that asks it."""
    usual = {"model": "lab/model", "base_url": gateway.base_url, "api_key": KEY, "workers": 1, "batch_size": 20}
    return build_processor(prompt, journal=journal, **{**usual, **more})


def items(ray: Any, rows: list[dict[str, Any]]) -> Any:
    """Return rows as a dataset of a few blocks."""
    return ray.data.from_items(rows, override_num_blocks=min(4, len(rows)))


def source(ray: Any, kind: str, folder: Path) -> Any:
    """Return the rows as a dataset of some kind."""
    if kind == "jsonl":
        (folder / "in.jsonl").write_text("".join(json.dumps(row) + "\n" for row in ROWS))
        return ray.data.read_json(str(folder / "in.jsonl"))
    if kind == "pandas":
        import pandas

        return ray.data.from_pandas(pandas.DataFrame(ROWS))
    items(ray, ROWS).write_parquet(str(folder / "in"))
    return ray.data.read_parquet(str(folder / "in"))


@pytest.mark.parametrize("kind", ["parquet", "jsonl", "pandas"])
def test_answers_stand_behind_the_columns(cluster: Any, gateway: GatewayProcess, tmp_path: Path, kind: str) -> None:
    """Whatever the rows come from: their columns are as they were, each row has its own answer, one has an error."""
    dataset = source(cluster, kind, tmp_path)
    run = processor(gateway, tmp_path / "journal", workers=2)
    found = run(dataset).materialize()
    assert found.columns() == [*dataset.columns(), *NEW]
    rows = {row["text"]: row for row in found.take_all()}
    assert len(rows) == 60
    for row in ROWS:
        assert {name: rows[row["text"]][name] for name in row} == row
    bad = rows.pop("t7")
    assert "Not this one" in bad["error"]
    assert bad["answer"] is None
    assert all(row["answer"] == f"Answer to Say {text}" and row["error"] is None for text, row in rows.items())
    assert {(row["cost"], row["input_tokens"], row["finish_reason"]) for row in rows.values()} == {(0.001, 5, "stop")}
    assert max(gateway.ask()["prompts"].values()) == 1
    totals = run.totals()
    assert (totals.done, totals.failed, float(totals.cost)) == (59, 1, pytest.approx(0.059))


def test_a_second_run_asks_nothing_again(cluster: Any, gateway: GatewayProcess, tmp_path: Path) -> None:
    """With the same journal all answers are there, errors too; failed rows are asked again by choice only."""
    dataset = items(cluster, ROWS)
    before = {row["text"]: row for row in processor(gateway, tmp_path)(dataset).take_all()}
    gateway.ask(forget=True)
    again = {row["text"]: row for row in processor(gateway, tmp_path, batch_size=7)(dataset.repartition(3)).take_all()}
    assert again == before
    assert gateway.ask()["arrivals"] == []
    processor(gateway, tmp_path, retry_failed=True)(dataset).materialize()
    assert len(gateway.ask()["arrivals"]) == 1
    processor(gateway, tmp_path, "Tell {text}")(dataset).materialize()
    assert len(gateway.ask()["arrivals"]) == 61


def test_equal_rows_are_asked_each(cluster: Any, gateway: GatewayProcess, tmp_path: Path) -> None:
    """Rows that are alike are rows all the same: each has an answer of its own, also after a restart."""
    dataset = items(cluster, [{"text": "same"}] * 30)
    for _ in range(2):
        rows = processor(gateway, tmp_path, batch_size=10)(dataset).take_all()
        assert [row["answer"] for row in rows] == ["Answer to Say same"] * 30
        assert gateway.ask()["prompts"] == {"Say same": 30}


def test_a_column_can_name_the_rows(cluster: Any, gateway: GatewayProcess, tmp_path: Path) -> None:
    """The journal has the ids of the caller's column, in the format of batch outputs."""
    dataset = items(cluster, [{"id": f"x-{number}", "text": f"t{number}"} for number in range(20)])
    processor(gateway, tmp_path, id_column="id")(dataset).materialize()
    lines = [json.loads(line) for path in tmp_path.glob("*.jsonl") for line in path.read_text().splitlines()]
    assert sorted(line["custom_id"] for line in lines) == sorted(f"x-{number}" for number in range(20))
    good = next(line for line in lines if line["custom_id"] == "x-1")
    assert good["response"]["body"]["choices"][0]["message"]["content"] == "Answer to Say t1"


def test_a_function_makes_prompts(cluster: Any, gateway: GatewayProcess, tmp_path: Path) -> None:
    """It returns a text, messages or a body; a row that it fails on has that as its error."""

    def ask(row: dict[str, Any]) -> Any:
        if row["stars"] == 4:
            raise ValueError("four stars")
        text = f"Rate {row['text']}"
        messages = [{"role": "user", "content": text}]
        return {0: text, 1: messages, 2: {"messages": messages, "max_tokens": 5}, 3: 3}[row["stars"]]

    rows = processor(gateway, tmp_path, ask, system="Be brief.")(items(cluster, ROWS)).take_all()
    for row in rows:
        if row["stars"] < 3:
            assert row["answer"] == f"Answer to Rate {row['text']}"
        else:
            assert ("four stars" if row["stars"] == 4 else "is int") in row["error"]


@pytest.mark.parametrize("batch_format", ["numpy", "pandas", "pyarrow"])
def test_it_goes_into_map_batches(cluster: Any, gateway: GatewayProcess, tmp_path: Path, batch_format: str) -> None:
    """The class works with `map_batches` as others do, in each format; a function reads the key on the worker."""
    dataset = items(cluster, ROWS).map_batches(
        KiloProcessor,
        fn_constructor_kwargs={
            "prompt": "Say {text}",
            "model": "lab/model",
            "journal": str(tmp_path),
            "base_url": gateway.base_url,
            "api_key": lambda: "key-of-" + "a-worker",
            "prefix": "kilo_",
        },
        batch_format=batch_format,
        batch_size=16,
        concurrency=2,
    )
    rows = dataset.take_all()
    assert sum(row["kilo_answer"] == f"Answer to Say {row['text']}" for row in rows) == 59
    assert [list(row["tags"]) for row in rows] == [["a", "b"]] * 60
    assert gateway.ask()["most_under_way"] <= 100


def test_a_clash_of_columns_is_refused_before_anything_is_sent(
    cluster: Any, gateway: GatewayProcess, tmp_path: Path
) -> None:
    """A column that would be replaced is named, with what to do; a prefix makes room."""
    dataset = items(cluster, [{"text": "t1", "answer": 42}])
    with pytest.raises(InvalidSettingError, match=r"'answer'.*prefix="):
        processor(gateway, tmp_path)(dataset)
    late = dataset.map_batches(
        KiloProcessor,
        fn_constructor_kwargs={"prompt": "Say {text}", "model": "lab/model", "journal": str(tmp_path)},
        concurrency=1,
    )
    with pytest.raises(Exception, match="prefix="):
        late.materialize()
    assert gateway.ask()["arrivals"] == []
    row = processor(gateway, tmp_path, prefix="my_")(dataset).take_all()[0]
    assert (row["answer"], row["my_answer"]) == (42, "Answer to Say t1")


def test_a_column_that_is_missing_is_refused(cluster: Any, gateway: GatewayProcess, tmp_path: Path) -> None:
    """A template, or an id, that names a column which is not there is refused with the columns that are."""
    dataset = items(cluster, ROWS)
    with pytest.raises(InvalidSettingError, match=r"\{review\}.*text, stars, tags"):
        processor(gateway, tmp_path, "Say {review}")(dataset)
    with pytest.raises(InvalidSettingError, match="id_column is 'id'"):
        processor(gateway, tmp_path, id_column="id")(dataset)
    assert gateway.ask()["arrivals"] == []


def test_vectors_are_answers_too(cluster: Any, tmp_path: Path) -> None:
    """With `endpoint="embeddings"` the answer is a vector, in a second run as well."""
    with EmbeddedGateway() as gateway:
        for _ in range(2):
            run = build_processor(
                "{text}",
                model="openai/text-embedding-3-small",
                endpoint="embeddings",
                journal=tmp_path,
                base_url=gateway.base_url,
                api_key=gateway.api_key,
            )
            rows = run(items(cluster, ROWS[:5])).take_all()
            assert {len(row["answer"]) for row in rows} == {1536}
        assert sum(request.path.endswith("embeddings") for request in gateway.requests) == 5


def test_a_budget_holds_for_all_workers(cluster: Any, gateway: GatewayProcess, tmp_path: Path) -> None:
    """The run ends before the budget could be passed; what was answered is in the journal."""
    from kilo_gateway import Pricing

    run = processor(
        gateway,
        tmp_path,
        budget="0.02",
        price=Pricing(prompt=0, completion=1000),
        options={"max_tokens": 1},
        batch_size=10,
        workers=2,
    )
    with pytest.raises(Exception, match=r"budget of \$0.02 is used up"):
        run(items(cluster, ROWS)).materialize()
    assert 15 <= len(gateway.ask()["arrivals"]) <= 21  # one of them is refused, and free
    assert run.totals().spent <= 0.02


def test_a_refused_key_ends_the_run(cluster: Any, tmp_path: Path) -> None:
    """What no row can mend ends the run at once, with the reason."""
    with EmbeddedGateway() as gateway:
        run = build_processor(
            "Say {text}", model="openai/gpt-4.1-mini", journal=tmp_path, base_url=gateway.base_url, api_key="wrong"
        )
        with pytest.raises(Exception, match="The run was stopped"):
            run(items(cluster, ROWS)).materialize()
        assert len(gateway.requests) < 60


def test_a_dead_gateway_ends_the_run(cluster: Any, tmp_path: Path) -> None:
    """A gateway that nobody answers for is told as such, after the time that is given."""
    run = build_processor(
        "Say {text}",
        model="lab/model",
        journal=tmp_path,
        base_url="http://127.0.0.1:9/",
        api_key=KEY,
        no_progress_seconds=2,
    )
    with pytest.raises(Exception, match=r"answered nothing for 2 s"):
        run(items(cluster, ROWS)).materialize()


def test_a_pause_is_everybodys(cluster: Any, gateway: GatewayProcess, tmp_path: Path) -> None:
    """After 429s with a time, no worker sends before it; no row is lost, and few 429s are drawn."""
    many = [{"text": f"p{number}"} for number in range(400)]
    gateway.ask(busy_from=100, busy_to=110, wait=1, latency_seconds=0.02)
    run = processor(gateway, tmp_path, workers=2, requests_at_once=20, batch_size=64)
    rows = run(items(cluster, many)).take_all()
    counts = gateway.ask(busy_from=0, busy_to=0, wait=0, latency_seconds=0.0)
    assert [row["error"] for row in rows] == [None] * 400
    assert len(counts["refusals"]) <= 20
    first = counts["refusals"][0]
    assert [at for at in counts["arrivals"] if first + 0.2 < at < first + 1.0] == []
    assert counts["most_under_way"] <= 20


def test_two_runs_do_not_write_one_journal(cluster: Any, gateway: GatewayProcess, tmp_path: Path) -> None:
    """A journal that is being written by somebody is refused, with the process that does."""
    import fcntl

    with (tmp_path / "journal.lock").open("a+") as lock:
        lock.write("process 1 on host, 5 requests at once")
        lock.flush()
        fcntl.flock(lock, fcntl.LOCK_EX)
        run = processor(gateway, tmp_path)
        with pytest.raises(Exception, match=r"written by another run .process 1 on host"):
            run(items(cluster, ROWS)).materialize()
    assert gateway.ask()["arrivals"] == []


def test_a_journal_must_be_the_same_folder_everywhere(tmp_path: Path) -> None:
    """A folder in which a worker does not find what the coordinator wrote is refused."""
    from kilo_gateway.ray.answer_folder import check_folder

    with pytest.raises(InvalidSettingError, match="another folder than on the node of the coordinator"):
        check_folder(tmp_path, "run.state", "node-2")


def test_the_key_stands_nowhere(cluster: Any, gateway: GatewayProcess, tmp_path: Path) -> None:
    """Neither plans nor representations nor any file of Ray's or of the journal has the key."""
    run = processor(gateway, tmp_path / "journal")
    dataset = run(items(cluster, ROWS[:20]))
    dataset.materialize()
    shown = repr(dataset) + dataset.stats() + repr(run) + repr(run.__dict__)
    with pytest.raises(Exception, match="prefix=") as caught:
        run(dataset).materialize()
    assert KEY not in shown + repr(caught.value)
    session = Path(cluster._private.worker._global_node.get_session_dir_path())
    files = [path for path in (*session.rglob("*"), *(tmp_path / "journal").rglob("*")) if path.is_file()]
    assert any("raylet" in path.name for path in files)
    assert [path.name for path in files if KEY.encode() in path.read_bytes()] == []
    assert KEY not in json.dumps(dict(os.environ))


def test_a_key_in_plain_text_is_refused(cluster: Any, tmp_path: Path) -> None:
    """Ray shows the arguments of workers, so a key among them is refused with the other ways."""
    with pytest.raises(InvalidSettingError, match="KILOCODE_API_KEY"):
        KiloProcessor("Say {text}", journal=tmp_path, api_key="secret")  # type: ignore[arg-type]
