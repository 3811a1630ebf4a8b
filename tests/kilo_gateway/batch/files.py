"""Input and output files of tests, and a job that is run from one to the other."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

from kilo_gateway.batch.job import BatchJob

from .conftest import MODEL, Gateway


def line(custom_id: Any, text: str = "Hello", **more: Any) -> str:
    """Return a line of an input file."""
    body = {"model": MODEL, "messages": [{"role": "user", "content": text}]}
    return json.dumps({"custom_id": custom_id, "method": "POST", "url": "/v1/chat/completions", "body": body} | more)


def write(path: Path, *lines: str) -> Path:
    """Write an input file."""
    path.write_text("".join(f"{text}\n" for text in lines), encoding="utf-8")
    return path


def run(job: BatchJob, gateway: Gateway, *, most: int | None = None) -> list[str]:
    """Run a job, to its end or until `most` results, and return the ids in the order of their rows."""
    ids: list[str] = []

    async def drive() -> None:
        results = job.run(gateway.run)
        async for result in results:
            ids.append(result.custom_id)
            if len(ids) == most:
                await results.aclose()
                return

    with job:
        assert job.check(lambda model_id: None).problem_count == 0
        job.prepare_output()
        asyncio.run(drive())
    return ids


def rows(path: Path) -> list[dict[str, Any]]:
    """Return the rows of an output file."""
    return [json.loads(text) for text in path.read_bytes().splitlines()]
