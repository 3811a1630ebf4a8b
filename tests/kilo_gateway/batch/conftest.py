"""Requests, and something to send them to that needs no network."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from kilo_gateway.answer.completion import parse_completion
from kilo_gateway.batch import Request, Result
from kilo_gateway.batch.inputs import InputFile
from kilo_gateway.batch.options import RunOptions
from kilo_gateway.batch.requests import PreparedRequest, prepare
from kilo_gateway.batch.runner import BatchRun
from kilo_gateway.errors import KiloError
from kilo_gateway.gate import Gate

MODEL = "openai/gpt-4.1-mini"


def request(custom_id: str, text: str = "Hello", **options: Any) -> PreparedRequest:
    """Return one request, prepared."""
    body = {"model": MODEL, "messages": [{"role": "user", "content": text}], **options}
    return prepare(Request(custom_id, body))


def requests(count: int, **options: Any) -> list[PreparedRequest]:
    """Return so many requests, `r0` and following."""
    return [request(f"r{number}", **options) for number in range(count)]


def answered(sent: PreparedRequest, *, cost: float | None = 0.001) -> Result:
    """Return the result of an answer."""
    usage = {"prompt_tokens": 3, "completion_tokens": 2, **({} if cost is None else {"cost": cost})}
    choice = {"message": {"role": "assistant", "content": "Hi"}, "finish_reason": "stop"}
    body = {"id": "gen-1", "model": "lab/model", "provider": "Acme", "choices": [choice], "usage": usage}
    return Result(sent.custom_id, sent, parse_completion(body), body=b'{"id": "gen-1"}')


@dataclass
class Gateway:
    """Answers requests after a turn of the loop, and counts them. `fate` may raise an error for one."""

    fate: Callable[[PreparedRequest, int], KiloError | None] = lambda request, number: None
    seconds: float = 0.0
    cost: float | None = 0.001
    sent: list[str] = field(default_factory=list)
    under_way: int = 0
    most_under_way: int = 0
    gate: Gate = field(default_factory=lambda: Gate(rng=lambda: 0.0))

    async def ask(self, sent: PreparedRequest, seconds: float) -> Result:
        """Answer one request."""
        self.sent.append(sent.custom_id)
        number = len(self.sent)
        self.under_way += 1
        self.most_under_way = max(self.most_under_way, self.under_way)
        try:
            await asyncio.sleep(self.seconds)
        finally:
            self.under_way -= 1
        if (error := self.fate(sent, number)) is not None:
            raise error
        return answered(sent, cost=self.cost)

    def run(self, wanted: Any, *, budget: Any = None, price_of: Any = None, **options: Any) -> BatchRun:
        """Return a run of requests."""
        more = {} if price_of is None else {"price_of": price_of}
        return BatchRun(wanted, self.ask, gate=self.gate, options=RunOptions(**options), budget=budget, **more)


@pytest.fixture
def gateway() -> Gateway:
    """A gateway that answers everything."""
    return Gateway()


async def collect(run: BatchRun) -> list[Result]:
    """Return all results of a run."""
    return [result async for result in run]


@pytest.fixture
def source(tmp_path: Path) -> InputFile:
    """An input of twenty requests."""
    path = tmp_path / "in.jsonl"
    body = {"model": MODEL, "messages": [{"role": "user", "content": "Hello"}]}
    lines = (json.dumps({"custom_id": f"r{number}", "body": body}) for number in range(20))
    path.write_text("".join(f"{text}\n" for text in lines))
    return InputFile(path)


@pytest.fixture
def output(tmp_path: Path) -> Path:
    """Where results go."""
    return tmp_path / "out.jsonl"
