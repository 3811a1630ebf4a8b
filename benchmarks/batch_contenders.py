"""Who runs a batch: ours with journal and display, our bare client, and the loops that people write around others."""

from __future__ import annotations

import asyncio
import io
import json
import os
import tempfile
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

from benchmarks.contenders import KEY

MODEL = "openai/gpt-4.1-mini"
Batch = Callable[[str, int, int, str], None]
"""Base URL, rows, how many at once, the prompt of each row: runs them all."""


class _Terminal(io.StringIO):
    """Takes what a terminal would be shown."""

    def isatty(self) -> bool:
        return True

    def write(self, text: str) -> int:
        return len(text)


def command(base_url: str, rows: int, at_once: int, prompt: str, *, output: Path | None = None) -> None:
    """Run `kilo-gateway batch` from a file into a file, with its picture."""
    from kilo_gateway.batch.options import RunOptions
    from kilo_gateway.cli.batch.command import BatchCommand
    from kilo_gateway.cli.batch.run import run_batch_command
    from kilo_gateway.cli.batch.screen import BatchScreen

    os.environ["KILOCODE_API_KEY"] = KEY
    with tempfile.TemporaryDirectory() as name:
        source, folder = Path(name) / "in.jsonl", Path(name)
        write_input(source, rows, prompt)
        options = RunOptions(concurrency=at_once)
        target = output or folder / "out.jsonl"
        typed = BatchCommand(str(source), target, base_url=base_url, numbers=options)
        report = run_batch_command(typed, BatchScreen(_Terminal()))
        assert (report.status, report.counts.done) == (0, rows), report
        with target.open("rb") as file:  # not at once, for memory is measured
            assert sum(1 for _ in file) == rows


def write_input(path: Path, rows: int, prompt: str) -> None:
    """Write a batch file in which every row has the same prompt."""
    body = {"model": MODEL, "messages": [{"role": "user", "content": prompt}], "max_tokens": 50}
    with path.open("w") as file:
        for number in range(rows):
            file.write(json.dumps({"custom_id": f"row-{number}", "body": body}) + "\n")


def library(base_url: str, rows: int, at_once: int, prompt: str) -> None:
    """Run `arun_batch` over a generator, without a file."""
    from kilo_gateway import AsyncKiloClient
    from kilo_gateway.batch import Request, arun_batch

    body = {"model": MODEL, "messages": [{"role": "user", "content": prompt}], "max_tokens": 50}

    async def run() -> int:
        client = AsyncKiloClient(api_key=KEY, base_url=base_url)
        asked = (Request(f"row-{number}", body) for number in range(rows))
        return sum([1 async for result in arun_batch(asked, client=client, concurrency=at_once) if result.is_done])

    assert asyncio.run(run()) == rows


def own_client(base_url: str, rows: int, at_once: int, prompt: str) -> None:
    """Call AsyncKiloClient in a loop with so many workers."""
    from kilo_gateway import AsyncKiloClient

    async def run() -> None:
        client = AsyncKiloClient(api_key=KEY, base_url=base_url)
        messages = [{"role": "user", "content": prompt}]
        await _workers(rows, at_once, lambda: client.complete(messages, model=MODEL, max_tokens=50))

    asyncio.run(run())


def openai_loop(base_url: str, rows: int, at_once: int, prompt: str) -> None:
    """Call openai's SDK in a loop: a task a row behind a semaphore, as its users write it."""
    from openai import AsyncOpenAI

    async def run() -> None:
        client = AsyncOpenAI(api_key=KEY, base_url=base_url)
        semaphore = asyncio.Semaphore(at_once)

        async def one() -> Any:
            async with semaphore:
                return await client.chat.completions.create(
                    model=MODEL, messages=[{"role": "user", "content": prompt}], max_tokens=50
                )

        found = await asyncio.gather(*(one() for _ in range(rows)), return_exceptions=True)
        _tell_lost(found)

    asyncio.run(run())


def langchain_abatch(base_url: str, rows: int, at_once: int, prompt: str) -> None:
    """Call `abatch` of langchain-openai with `max_concurrency`."""
    from langchain_openai import ChatOpenAI

    model = ChatOpenAI(model=MODEL, api_key=KEY, base_url=base_url, max_tokens=50)  # type: ignore[arg-type,call-arg]
    found = asyncio.run(
        model.abatch([prompt] * rows, config={"max_concurrency": at_once}, return_exceptions=True)  # type: ignore[arg-type]
    )
    _tell_lost(found)


def curator(base_url: str, rows: int, at_once: int, prompt: str) -> None:
    """Run bespokelabs-curator online through litellm."""
    with tempfile.TemporaryDirectory() as folder:
        os.environ |= {"CURATOR_CACHE_DIR": folder, "TELEMETRY_ENABLED": "false", "OPENAI_API_KEY": KEY}
        os.environ |= {"CURATOR_VIEWER": "0", "OPENAI_BASE_URL": base_url}
        from bespokelabs import curator as bespoke

        class Labeller(bespoke.LLM):  # type: ignore[misc]
            def prompt(self, row: dict[str, Any]) -> str:
                return f"{prompt} {row['number']}"

            def parse(self, row: dict[str, Any], response: Any) -> dict[str, Any]:
                return {"number": row["number"], "answer": str(response)}

        limits = {"max_concurrent_requests": at_once, "max_requests_per_minute": 10**7, "max_tokens_per_minute": 10**9}
        labeller = Labeller(
            model_name=f"openai/{MODEL}", backend="litellm", backend_params={"base_url": base_url, **limits}
        )
        labeller([{"number": number} for number in range(rows)])


def _tell_lost(found: list[Any]) -> None:
    lost = sum(isinstance(item, BaseException) for item in found)
    if lost:
        print(f"lost={lost}")


async def _workers(rows: int, at_once: int, call: Callable[[], Awaitable[Any]]) -> None:
    numbers = iter(range(rows))

    async def work() -> None:
        for _ in numbers:
            await call()

    await asyncio.gather(*(work() for _ in range(at_once)))


BATCHES: dict[str, Batch] = {
    "kilo-gateway batch": command,
    "run_batch": library,
    "our client": own_client,
    "openai SDK loop": openai_loop,
    "langchain-openai abatch": langchain_abatch,
    "curator": curator,
}
