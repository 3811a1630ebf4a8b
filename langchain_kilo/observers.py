"""Costs of calls -> LangSmith's tracer and OpenInference's, to which LangChain tells tokens only. Asks nobody.

LangChain adds up `usage_metadata`, and takes whole numbers only; so an answer's cost cannot stand there.
"""

from __future__ import annotations

import sys
from contextlib import contextmanager, nullcontext
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any, TypeVar, cast

from langchain_core.callbacks import AsyncCallbackManager, CallbackManager
from langchain_core.runnables.config import ensure_config, var_child_runnable_config
from langchain_core.utils.uuid import uuid7

from kilo_gateway.adapters.shown_costs import LANGSMITH, costs_of, describe_no_cost, describe_usage, is_openinference
from kilo_gateway.adapters.wrapped_stream import WrappedStream
from langchain_kilo.answers import usage_metadata

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, AsyncIterator, Callable, Iterator, Sequence
    from contextlib import AbstractContextManager
    from uuid import UUID

    from langchain_core.callbacks import BaseCallbackManager
    from langchain_core.outputs import ChatResult
    from langchain_core.runnables import RunnableConfig

    from kilo_gateway import Usage

    ObservedRun = tuple[Sequence[Any], UUID]
    """The handlers of a run, and its id."""
    _PreparedRun = tuple[RunnableConfig, ObservedRun]

T = TypeVar("T")

_OPENINFERENCE = "openinference.instrumentation.langchain"

_NOT_OBSERVED = nullcontext()

_current_run: ContextVar[ObservedRun | None] = ContextVar("kilo_current_run", default=None)
"""The run whose stream begins next in this context: LangChain does not hand a model that streams its callbacks."""


class _MetadataWithCost(dict[str, Any]):
    """The metadata of a run of LangSmith's, in which LangChain is about to write the tokens."""

    def __init__(self, metadata: dict[str, Any], usage: dict[str, Any]) -> None:
        super().__init__(metadata)
        self._usage = usage

    def __setitem__(self, name: str, value: Any) -> None:
        super().__setitem__(name, self._usage if name == "usage_metadata" else value)


def observed_run(run_manager: Any) -> ObservedRun | None:
    """Return the handlers and the id of a call's run; None where it has no handlers."""
    begun = _current_run.get()
    if begun is not None:
        _current_run.set(None)
    if run_manager is None:
        return begun
    return (run_manager.handlers, run_manager.run_id) if run_manager.handlers else None


def show_usage(run: ObservedRun | None, usage: Usage | None) -> None:
    """Tell the handlers of a run what its answer used and cost, before LangChain ends the run."""
    if run is None or usage is None:
        return
    for span in _spans_of(run):
        describe_usage(span, usage)
    for handler in run[0]:
        if _is_langsmith(handler):
            _show_langsmith(handler.run_map.get(str(run[1])), usage)


def observing(run_manager: Any) -> AbstractContextManager[ObservedRun | None]:
    """Keep the run for the calls of a block, because LangChain may stream in it without handing on the callbacks."""
    if run_manager is None or not run_manager.handlers:
        return _NOT_OBSERVED
    return _observing((run_manager.handlers, run_manager.run_id))


@contextmanager
def _observing(run: ObservedRun) -> Iterator[ObservedRun]:
    token = _current_run.set(run)
    try:
        yield run
    finally:
        _current_run.reset(token)


def show_no_cost_of_cached(run: ObservedRun | None, result: ChatResult) -> ChatResult:
    """Return the result; of one out of a cache, tell that it cost nothing, or tokens alone would be priced."""
    if run is not None and result.generations and result.generations[0].message.response_metadata.get("cached"):
        for span in _spans_of(run):
            describe_no_cost(span)
    return result


def _spans_of(run: ObservedRun) -> Iterator[Any]:
    """Yield the spans that OpenInference keeps of a run."""
    handlers, run_id = run
    for handler in handlers:
        if is_openinference(handler) and hasattr(handler, "get_span"):
            yield handler.get_span(run_id)


def _is_langsmith(handler: Any) -> bool:
    tracers = sys.modules.get("langchain_core.tracers.langchain")
    return tracers is not None and isinstance(handler, tracers.LangChainTracer)


def _show_langsmith(run: Any, usage: Usage) -> None:
    costs = {LANGSMITH[name]: cost for name, cost in costs_of(usage).items()}
    if run is not None and costs:
        known = {**(usage_metadata(usage) or {}), **costs}
        run.extra["metadata"] = _MetadataWithCost(run.extra.get("metadata") or {}, known)


def _prepare_run(config: RunnableConfig | None, own: Any, managers: type[BaseCallbackManager]) -> _PreparedRun | None:
    """Return the config and the run of a stream whose cost a tracer shows; None, nearly always, where none does.

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


def stream_observed(
    stream: Callable[..., Iterator[T]], config: RunnableConfig | None, own: Any, /, **given: Any
) -> Iterator[T]:
    """Return what a model's `stream` does, with its run kept for the tracers that show costs."""
    found = _prepare_run(config, own, CallbackManager)
    return stream(config=config, **given) if found is None else _run(stream, *found, given)


def _run(stream: Callable[..., Iterator[T]], config: RunnableConfig, run: ObservedRun, given: Any) -> Iterator[T]:
    _current_run.set(run)
    yield from stream(config=config, **given)


def astream_observed(
    stream: Callable[..., AsyncIterator[T]], config: RunnableConfig | None, own: Any, /, **given: Any
) -> AsyncIterator[T]:
    """Return what a model's `astream` does, as `stream_observed` does of `stream`."""
    found = _prepare_run(config, own, AsyncCallbackManager)
    return stream(config=config, **given) if found is None else _ObservedStream(stream, *found, given)


class _ObservedStream(WrappedStream[T]):
    """A stream that keeps its run for the model that is about to stream in it."""

    def __init__(
        self, stream: Callable[..., AsyncIterator[T]], config: RunnableConfig, run: ObservedRun, given: Any
    ) -> None:
        super().__init__(cast("AsyncGenerator[T, None]", stream(config=config, **given)))
        self._run: ObservedRun | None = run

    async def asend(self, value: None) -> T:
        """Return the next chunk."""
        if self._run is not None:
            _current_run.set(self._run)
            self._run = None
        return await super().asend(value)
