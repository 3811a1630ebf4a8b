"""Ordinary chains, graphs, jobs, pipelines and evaluators in a storm of 429s, with the shared pause and without it.

`python -m benchmarks.chain_storm`: each in a process of its own, counted at the server.
"""

from __future__ import annotations

import argparse
import asyncio
import operator
import os
import subprocess
import sys
import time
from collections.abc import Callable
from typing import Annotated, Any, TypedDict

from benchmarks.contenders import KEY
from benchmarks.storm import read_arrivals, render_chains
from benchmarks.storm_server import storm_gateway

MODEL = "openai/gpt-4.1-mini"
CALM_SHARE = 0.5
"""The storm begins after this share of the calls."""
Chain = Callable[[dict[str, Any], int], int]
"""Arguments of a model, how many calls: makes them all at once, and returns how many were lost."""


def _lost(found: list[Any]) -> int:
    return sum(isinstance(one, BaseException) for one in found)


def batch(given: dict[str, Any], count: int) -> int:
    """Run a chain over many inputs in LangChain's threads."""
    from langchain_core.prompts import ChatPromptTemplate

    from langchain_kilo import ChatKilo

    chain = ChatPromptTemplate.from_template("{x}") | ChatKilo(**given)
    inputs: list[Any] = [{"x": str(number)} for number in range(count)]
    return _lost(chain.batch(inputs, {"max_concurrency": count}, return_exceptions=True))


def abatch(given: dict[str, Any], count: int) -> int:
    """Run a chain over many inputs in tasks."""
    from langchain_core.prompts import ChatPromptTemplate

    from langchain_kilo import ChatKilo

    chain = ChatPromptTemplate.from_template("{x}") | ChatKilo(**given)
    inputs: list[Any] = [{"x": str(number)} for number in range(count)]
    return _lost(asyncio.run(chain.abatch(inputs, return_exceptions=True)))


def parallel(given: dict[str, Any], count: int) -> int:
    """Ask for many things at once in one map."""
    from langchain_core.runnables import RunnableLambda, RunnableParallel

    from langchain_kilo import ChatKilo

    model = ChatKilo(**given)

    async def ask(text: str) -> Any:
        try:
            return await model.ainvoke(text)
        except Exception as error:  # noqa: BLE001 - counted
            return error

    steps: dict[str, Any] = {f"k{number}": RunnableLambda(ask) for number in range(count)}
    return _lost(list(asyncio.run(RunnableParallel(steps).ainvoke("Hello")).values()))


class _State(TypedDict):
    questions: list[str]
    lost: Annotated[int, operator.add]


def graph(given: dict[str, Any], count: int) -> int:
    """Fan out in a graph of LangGraph's."""
    from langgraph.graph import START, StateGraph
    from langgraph.types import Send

    from langchain_kilo import ChatKilo

    model = ChatKilo(**given)

    async def ask(state: _State) -> dict[str, int]:
        try:
            await model.ainvoke(state["questions"][0])
        except Exception:  # noqa: BLE001 - counted
            return {"lost": 1}
        return {"lost": 0}

    builder = StateGraph(_State)
    builder.add_node("ask", ask)
    builder.add_conditional_edges(START, lambda state: [Send("ask", {"questions": [q]}) for q in state["questions"]])
    found = asyncio.run(builder.compile().ainvoke({"questions": [str(n) for n in range(count)], "lost": 0}))
    return int(found["lost"])


def jobs(given: dict[str, Any], count: int) -> int:
    """Run jobs of LlamaIndex's."""
    from llama_index.core.async_utils import run_jobs

    from llama_index_kilo import KiloLLM

    llm = KiloLLM(**given)

    async def ask(number: int) -> Any:
        try:
            return await llm.acomplete(str(number))
        except Exception as error:  # noqa: BLE001 - counted
            return error

    return _lost(asyncio.run(run_jobs([ask(number) for number in range(count)], workers=count)))


def ingestion(given: dict[str, Any], count: int) -> int:
    """Embed documents in a pipeline of LlamaIndex's, one a request; one that is lost ends it for all."""
    from llama_index.core import Document
    from llama_index.core.ingestion import IngestionPipeline

    from llama_index_kilo import KiloEmbedding

    rest = {name: value for name, value in given.items() if name != "model"}
    pipeline = IngestionPipeline(transformations=[KiloEmbedding(embed_batch_size=1, **rest)])
    try:
        nodes = asyncio.run(pipeline.arun(documents=[Document(text=f"text {number}") for number in range(count)]))
    except Exception:  # noqa: BLE001 - counted
        return count
    return count - len(nodes)


def evaluators(given: dict[str, Any], count: int) -> int:
    """Judge answers with an evaluator of LlamaIndex's."""
    from llama_index.core.evaluation import AnswerRelevancyEvaluator, BatchEvalRunner

    from llama_index_kilo import KiloLLM

    runner = BatchEvalRunner({"relevancy": AnswerRelevancyEvaluator(llm=KiloLLM(**given))}, workers=count)
    texts = [f"text {number}" for number in range(count)]
    try:
        found = asyncio.run(runner.aevaluate_response_strs(texts, response_strs=texts, contexts_list=[[""]] * count))
    except Exception:  # noqa: BLE001 - counted
        return count
    return count - len(found["relevancy"])


CHAINS: dict[str, Chain] = {
    "ChatKilo.batch": batch,
    "ChatKilo.abatch": abatch,
    "RunnableParallel": parallel,
    "LangGraph, fan-out": graph,
    "LlamaIndex, run_jobs": jobs,
    "LlamaIndex, ingestion": ingestion,
    "LlamaIndex, evaluators": evaluators,
}


def run_one(name: str, base_url: str, count: int, *, shares: bool) -> None:
    """Run one of them in this process and print what became of it."""
    os.environ["KILOCODE_SHARED_PAUSE"] = str(shares)
    given = {"model": MODEL, "api_key": KEY, "base_url": base_url}
    began = time.monotonic()
    lost = CHAINS[name](given, count)
    print(f"lost={lost} seconds={time.monotonic() - began:.2f}")


def measure(name: str, count: int, *, shares: bool) -> tuple[int, int, int, float]:
    """Return requests, 429s drawn, calls lost, and the seconds that it took."""
    with storm_gateway(calm_requests=int(count * CALM_SHARE)) as base_url:
        words = [sys.executable, "-m", "benchmarks.chain_storm", "--one", name, "--url", base_url]
        words += ["--count", str(count), *(["--alone"] if not shares else [])]
        done = subprocess.run(words, capture_output=True, text=True, check=False)
        if done.returncode:
            raise RuntimeError(f"{name} failed: {done.stderr[-2000:]}")
        arrivals = read_arrivals(base_url)
    lost, seconds = (word.partition("=")[2] for word in done.stdout.split()[-2:])
    return len(arrivals), sum(arrival.is_refused for arrival in arrivals), int(lost), float(seconds)


def main() -> None:
    """Run the benchmark; see `--help`."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.chain_storm", description=__doc__)
    parser.add_argument("--count", type=int, default=200, help="calls at once")
    parser.add_argument("--one", choices=CHAINS, help=argparse.SUPPRESS)
    parser.add_argument("--url", help=argparse.SUPPRESS)
    parser.add_argument("--alone", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.one:
        run_one(options.one, options.url, options.count, shares=not options.alone)
        return
    ways = [(name, shares) for name in CHAINS for shares in (False, True)]
    print(render_chains({way: measure(way[0], options.count, shares=way[1]) for way in ways}, options.count))


if __name__ == "__main__":
    main()
