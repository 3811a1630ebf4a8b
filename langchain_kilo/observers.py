"""Costs of calls -> LangSmith's tracer and OpenInference's, to which LangChain tells tokens only. Asks nobody.

LangChain adds up `usage_metadata`, and takes whole numbers only; so an answer's cost cannot stand there.
"""

from __future__ import annotations

import sys
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any, TypeVar

from langchain_core.callbacks import AsyncCallbackManager, CallbackManager
from langchain_core.runnables.config import ensure_config, var_child_runnable_config
from langchain_core.utils.uuid import uuid7

from kilo_gateway.adapters.shown_costs import LANGSMITH, costs_of, describe_no_cost, describe_usage, is_openinference
from langchain_kilo.answers import usage_metadata

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterator, Sequence
    from uuid import UUID

    from langchain_core.callbacks import BaseCallbackManager
    from langchain_core.outputs import ChatResult
    from langchain_core.runnables import RunnableConfig

    from kilo_gateway import Usage

    Run = tuple[Sequence[Any], UUID]
    """Those who see a run, and its id."""
    _Watched = tuple[RunnableConfig, Run]

T = TypeVar("T")

_OPENINFERENCE = "openinference.instrumentation.langchain"

_begun: ContextVar[Run | None] = ContextVar("kilo_begun_run", default=None)
"""The run whose stream begins next in this context: LangChain does not tell a model that streams who listens."""


class _MetadataWithCost(dict[str, Any]):
    """The metadata of a run of LangSmith's, in which LangChain is about to write the tokens."""

    def __init__(self, metadata: dict[str, Any], usage: dict[str, Any]) -> None:
        super().__init__(metadata)
        self._usage = usage

    def __setitem__(self, name: str, value: Any) -> None:
        super().__setitem__(name, self._usage if name == "usage_metadata" else value)


def run_of(run_manager: Any) -> Run | None:
    """Return who sees the run of a call; None where nobody does."""
    begun = _begun.get()
    if begun is not None:
        _begun.set(None)
    if run_manager is None:
        return begun
    return (run_manager.handlers, run_manager.run_id) if run_manager.handlers else None


def show_usage(run: Run | None, usage: Usage | None) -> None:
    """Tell those who see a run what its answer used and cost, before LangChain ends it."""
    if run is None or usage is None:
        return
    for handler in run[0]:
        if is_openinference(handler) and hasattr(handler, "get_span"):
            describe_usage(handler.get_span(run[1]), usage)
        elif _is_langsmith(handler):
            _show_langsmith(handler.run_map.get(str(run[1])), usage)


@contextmanager
def seen_by(run_manager: Any) -> Iterator[None]:
    """Let what is made inside know who sees the run, also where LangChain streams without telling; no one, no work."""
    token = _begun.set((run_manager.handlers, run_manager.run_id))
    try:
        yield
    finally:
        _begun.reset(token)


def show_cached(run_manager: Any, result: ChatResult) -> ChatResult:
    """Return the result, after telling that one out of a cache cost nothing: from tokens alone a cost would be made."""
    message = result.generations[0].message if result.generations else None
    if message is not None and message.response_metadata.get("cached"):
        for handler in run_manager.handlers:
            if is_openinference(handler) and hasattr(handler, "get_span"):
                describe_no_cost(handler.get_span(run_manager.run_id))
    return result


def _is_langsmith(handler: Any) -> bool:
    tracers = sys.modules.get("langchain_core.tracers.langchain")
    return tracers is not None and isinstance(handler, tracers.LangChainTracer)


def _show_langsmith(run: Any, usage: Usage) -> None:
    costs = {LANGSMITH[name]: cost for name, cost in costs_of(usage).items()}
    if run is not None and costs:
        known = {**(usage_metadata(usage) or {}), **costs}
        run.extra["metadata"] = _MetadataWithCost(run.extra.get("metadata") or {}, known)


def _watch(config: RunnableConfig | None, own: Any, managers: type[BaseCallbackManager]) -> _Watched | None:
    """Return the config and the run of a stream whose cost somebody shows; None, nearly always, where nobody does.

    A tracer that LangChain would make for this run is made here, so that it is known.
    """
    from langchain_core.tracers.context import _tracing_v2_is_enabled  # noqa: PLC0415 - the first run loads it anyway

    is_traced = _OPENINFERENCE in sys.modules or bool(_tracing_v2_is_enabled())
    if not is_traced and own is None and config is None and var_child_runnable_config.get() is None:
        return None
    full = ensure_config(config)
    given = full.get("callbacks")
    if not is_traced and not any(map(_is_observer, (*_handlers(given), *_handlers(own)))):
        return None
    manager: Any = managers.configure(given)  # type: ignore[attr-defined] # of both kinds
    run = (*manager.handlers, *_handlers(own)), full.get("run_id") or uuid7()
    return {**full, "callbacks": manager, "run_id": run[1]}, run


def _handlers(callbacks: Any) -> Sequence[Any]:
    return callbacks if isinstance(callbacks, list) else getattr(callbacks, "handlers", None) or ()


def _is_observer(handler: Any) -> bool:
    return is_openinference(handler) or _is_langsmith(handler)


def watched(stream: Callable[..., Iterator[T]], config: RunnableConfig | None, own: Any, **given: Any) -> Iterator[T]:
    """Return what a model's `stream` does; where somebody shows costs, it learns who."""
    found = _watch(config, own, CallbackManager)
    return stream(config=config, **given) if found is None else _run(stream, *found, given)


def _run(stream: Callable[..., Iterator[T]], config: RunnableConfig, run: Run, given: Any) -> Iterator[T]:
    _begun.set(run)
    yield from stream(config=config, **given)


def awatched(
    stream: Callable[..., AsyncIterator[T]], config: RunnableConfig | None, own: Any, **given: Any
) -> AsyncIterator[T]:
    """Return what a model's `astream` does, as `watched` does of `stream`."""
    found = _watch(config, own, AsyncCallbackManager)
    return stream(config=config, **given) if found is None else _arun(stream, *found, given)


async def _arun(
    stream: Callable[..., AsyncIterator[T]], config: RunnableConfig, run: Run, given: Any
) -> AsyncIterator[T]:
    _begun.set(run)
    chunks = stream(config=config, **given)
    try:
        async for chunk in chunks:
            yield chunk
    finally:
        await chunks.aclose()  # type: ignore[attr-defined] # a generator
