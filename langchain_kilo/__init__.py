"""LangChain for the Kilo Gateway: `ChatKilo` and `KiloEmbeddings`."""

from __future__ import annotations

from typing import TYPE_CHECKING

try:
    import langchain_core  # noqa: F401 - only whether it is there
except ModuleNotFoundError as error:
    if error.name != "langchain_core":
        raise
    raise ImportError(
        'langchain_kilo needs LangChain. Install it with: pip install "kilo-gateway[langchain]"'
    ) from error

from kilo_gateway import __version__
from langchain_kilo.chat_model import ChatKilo
from langchain_kilo.costs import CostCallback

if TYPE_CHECKING:
    from langchain_kilo.embeddings import KiloEmbeddings as KiloEmbeddings

__all__ = ["ChatKilo", "CostCallback", "KiloEmbeddings", "__version__"]


def __getattr__(name: str) -> object:
    if name != "KiloEmbeddings":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from langchain_kilo.embeddings import KiloEmbeddings  # noqa: PLC0415 - an eighth of the import's time

    globals()[name] = KiloEmbeddings
    return KiloEmbeddings


def __dir__() -> list[str]:
    return __all__
