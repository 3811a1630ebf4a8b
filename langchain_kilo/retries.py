"""The core's retries -> LangChain's `on_retry`, so that callbacks and traces see them. Decides nothing about them."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

    from tenacity import RetryCallState

    from kilo_gateway.errors.waits import Retry


def listener(run_manager: Any) -> Callable[[Retry], Any] | None:
    """Return what tells a run's callbacks of each retry; None without a run. Awaitable where the run's manager is."""
    return None if run_manager is None else partial(_notify, run_manager)


def _notify(run_manager: Any, retry: Retry) -> Any:
    return run_manager.on_retry(render_retry_state(retry))


def render_retry_state(retry: Retry) -> RetryCallState:
    """Return the retry in the form that LangChain's callbacks take it in, which is tenacity's."""
    from tenacity import Future, RetryCallState, Retrying  # noqa: PLC0415 - needed only once something has failed

    state = RetryCallState(Retrying(), None, (), {})
    state.attempt_number = retry.attempt
    state.outcome = Future(retry.attempt)
    state.outcome.set_exception(retry.error)
    state.idle_for = state.upcoming_sleep = retry.wait_seconds
    return state
