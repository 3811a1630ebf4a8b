"""The core of Kilo for Python: everything that Kilo Gateway asks of a client, and no framework.

`KiloClient` and `AsyncKiloClient` make calls; `langchain_kilo` and `llama_index_kilo` build on them. Names are imported
when they are first used, so that importing this package costs next to nothing.
"""

from __future__ import annotations

from importlib import import_module

from kilo_gateway._version import __version__ as __version__

TYPE_CHECKING = False  # as in `typing`, which takes longer to import than a Ctrl-C to type
if TYPE_CHECKING:
    from kilo_gateway.account.balance import Balance as Balance
    from kilo_gateway.account.defaults import Defaults as Defaults
    from kilo_gateway.answer.choice import CompletionChoice as CompletionChoice
    from kilo_gateway.answer.completion import Completion as Completion
    from kilo_gateway.answer.metadata import render_metadata as render_metadata
    from kilo_gateway.answer.tool_calls import ToolCallDelta as ToolCallDelta
    from kilo_gateway.answer.usage import Usage as Usage
    from kilo_gateway.async_client import AsyncKiloClient as AsyncKiloClient
    from kilo_gateway.async_stream import AsyncChatStream as AsyncChatStream
    from kilo_gateway.catalog.catalog import Catalog as Catalog
    from kilo_gateway.catalog.catalog import bundled_catalog as bundled_catalog
    from kilo_gateway.catalog.embedding_models import EmbeddingCatalog as EmbeddingCatalog
    from kilo_gateway.catalog.embedding_models import EmbeddingModel as EmbeddingModel
    from kilo_gateway.catalog.models import ModelInfo as ModelInfo
    from kilo_gateway.catalog.prices import Pricing as Pricing
    from kilo_gateway.catalog.providers import ModelEndpoint as ModelEndpoint
    from kilo_gateway.catalog.providers import Provider as Provider
    from kilo_gateway.client import KiloClient as KiloClient
    from kilo_gateway.costs.budget import Budget as Budget
    from kilo_gateway.costs.tracker import CostTracker as CostTracker
    from kilo_gateway.costs.tracker import cost_tags as cost_tags
    from kilo_gateway.costs.tracker import cost_tracker as cost_tracker
    from kilo_gateway.embeddings import Embeddings as Embeddings
    from kilo_gateway.errors import AnswerError as AnswerError
    from kilo_gateway.errors import AuthenticationError as AuthenticationError
    from kilo_gateway.errors import BadRequestError as BadRequestError
    from kilo_gateway.errors import BatchStoppedError as BatchStoppedError
    from kilo_gateway.errors import BudgetExceededError as BudgetExceededError
    from kilo_gateway.errors import ConflictError as ConflictError
    from kilo_gateway.errors import ConnectionFailedError as ConnectionFailedError
    from kilo_gateway.errors import ContextLengthError as ContextLengthError
    from kilo_gateway.errors import GatewayError as GatewayError
    from kilo_gateway.errors import InsufficientCreditsError as InsufficientCreditsError
    from kilo_gateway.errors import InvalidModelError as InvalidModelError
    from kilo_gateway.errors import InvalidRequestError as InvalidRequestError
    from kilo_gateway.errors import InvalidSettingError as InvalidSettingError
    from kilo_gateway.errors import KiloError as KiloError
    from kilo_gateway.errors import MalformedAnswerError as MalformedAnswerError
    from kilo_gateway.errors import MissingKeyError as MissingKeyError
    from kilo_gateway.errors import ModelNotFoundError as ModelNotFoundError
    from kilo_gateway.errors import NotFoundError as NotFoundError
    from kilo_gateway.errors import PermissionDeniedError as PermissionDeniedError
    from kilo_gateway.errors import RateLimitError as RateLimitError
    from kilo_gateway.errors import RequestTimeoutError as RequestTimeoutError
    from kilo_gateway.errors import RequestTooLargeError as RequestTooLargeError
    from kilo_gateway.errors import ServerError as ServerError
    from kilo_gateway.errors import ServiceUnavailableError as ServiceUnavailableError
    from kilo_gateway.errors import SetupError as SetupError
    from kilo_gateway.errors import TransportError as TransportError
    from kilo_gateway.errors import TruncatedStreamError as TruncatedStreamError
    from kilo_gateway.refs import DEFAULT_MODEL as DEFAULT_MODEL
    from kilo_gateway.refs import parse_model_id as parse_model_id
    from kilo_gateway.refs import render_ref as render_ref
    from kilo_gateway.request.options import EmbeddingOptions as EmbeddingOptions
    from kilo_gateway.request.options import RequestOptions as RequestOptions
    from kilo_gateway.settings.base_url import DEFAULT_BASE_URL as DEFAULT_BASE_URL
    from kilo_gateway.settings.settings import Settings as Settings
    from kilo_gateway.settings.settings import resolve_settings as resolve_settings
    from kilo_gateway.settings.timeouts import Timeouts as Timeouts
    from kilo_gateway.stream.delta import Delta as Delta
    from kilo_gateway.sync_stream import ChatStream as ChatStream
    from kilo_gateway.tool_arguments import parse_arguments as parse_arguments

_HOMES = {
    "account.balance": ("Balance",),
    "account.defaults": ("Defaults",),
    "catalog.embedding_models": ("EmbeddingCatalog", "EmbeddingModel"),
    "catalog.providers": ("ModelEndpoint", "Provider"),
    "stream.delta": ("Delta",),
    "async_client": ("AsyncKiloClient",),
    "async_stream": ("AsyncChatStream",),
    "catalog.catalog": ("Catalog", "bundled_catalog"),
    "client": ("KiloClient",),
    "sync_stream": ("ChatStream",),
    "answer.completion": ("Completion",),
    "answer.metadata": ("render_metadata",),
    "costs.budget": ("Budget",),
    "costs.tracker": ("CostTracker", "cost_tags", "cost_tracker"),
    "embeddings": ("Embeddings",),
    "errors": (
        "AnswerError",
        "AuthenticationError",
        "BadRequestError",
        "BatchStoppedError",
        "BudgetExceededError",
        "ConflictError",
        "ConnectionFailedError",
        "ContextLengthError",
        "RequestTooLargeError",
        "GatewayError",
        "InsufficientCreditsError",
        "InvalidModelError",
        "InvalidRequestError",
        "InvalidSettingError",
        "KiloError",
        "MalformedAnswerError",
        "MissingKeyError",
        "ModelNotFoundError",
        "NotFoundError",
        "PermissionDeniedError",
        "RateLimitError",
        "RequestTimeoutError",
        "ServerError",
        "ServiceUnavailableError",
        "SetupError",
        "TransportError",
        "TruncatedStreamError",
    ),
    "catalog.models": ("ModelInfo",),
    "catalog.prices": ("Pricing",),
    "refs": ("DEFAULT_MODEL", "parse_model_id", "render_ref"),
    "request.options": ("EmbeddingOptions", "RequestOptions"),
    "settings.settings": ("Settings", "resolve_settings"),
    "settings.timeouts": ("Timeouts",),
    "answer.choice": ("CompletionChoice",),
    "answer.tool_calls": ("ToolCallDelta",),
    "tool_arguments": ("parse_arguments",),
    "settings.base_url": ("DEFAULT_BASE_URL",),
    "answer.usage": ("Usage",),
}
_MODULE_OF = {name: module for module, names in _HOMES.items() for name in names}

__all__ = sorted([*_MODULE_OF, "__version__"])  # noqa: PLE0605 - the table above is the list


def __getattr__(name: str) -> object:
    module = _MODULE_OF.get(name)
    if module is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{module}"), name)


def __dir__() -> list[str]:
    return __all__
