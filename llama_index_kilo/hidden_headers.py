"""Headers of one call that are secrets by their name: hidden from LlamaIndex's events, plain for the wire."""

from __future__ import annotations

from collections.abc import Mapping
from functools import wraps
from inspect import iscoroutinefunction, signature
from typing import TYPE_CHECKING, Any

from pydantic import SecretStr

from kilo_gateway.adapters.secrets import is_secret_header

if TYPE_CHECKING:
    from collections.abc import Callable

    Decorator = Callable[[Callable[..., Any]], Callable[..., Any]]


def hiding_headers(decorate: Decorator) -> Decorator:
    """Return a decorator of LlamaIndex's that tells handlers the arguments of a call, but no secret header."""

    def decorate_hiding(method: Callable[..., Any]) -> Callable[..., Any]:
        instrumented = decorate(method)

        @wraps(instrumented)
        def call(*args: Any, **kwargs: Any) -> Any:
            return instrumented(*args, **_hide(kwargs))

        @wraps(instrumented)
        async def acall(*args: Any, **kwargs: Any) -> Any:
            return await instrumented(*args, **_hide(kwargs))

        decorated: Any = acall if iscoroutinefunction(method) else call
        # LlamaIndex asks for the signature at each call; it is made once, which saves a dozen microseconds of each.
        decorated.__signature__ = signature(decorated)  # where `inspect` looks for it
        return decorated  # type: ignore[no-any-return] # one of the two

    return decorate_hiding


def _hide(kwargs: dict[str, Any]) -> dict[str, Any]:
    headers = kwargs.get("extra_headers")
    return kwargs | {"extra_headers": _hide_secrets(headers)} if isinstance(headers, Mapping) else kwargs


def _hide_secrets(headers: Mapping[Any, Any]) -> dict[Any, Any]:
    return {name: SecretStr(value) if is_secret_header(name, value) else value for name, value in headers.items()}


def reveal_headers(headers: Any) -> Any:
    """Return the headers as the wire needs them; what is no mapping is returned as it is, for the core to refuse."""
    if not isinstance(headers, Mapping):
        return headers
    return {
        name: value.get_secret_value() if isinstance(value, SecretStr) else value for name, value in headers.items()
    }
