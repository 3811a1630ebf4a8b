"""LangChain for the Kilo Gateway: `ChatKilo` and `KiloEmbeddings`."""

from __future__ import annotations

try:
    import langchain_core  # noqa: F401 - only whether it is there
except ModuleNotFoundError as error:
    if error.name != "langchain_core":
        raise
    raise ImportError(
        'langchain_kilo needs LangChain. Install it with: pip install "kilo-gateway[langchain]"'
    ) from error

from kilo_gateway._version import __version__
from langchain_kilo.chat_model import ChatKilo
from langchain_kilo.embeddings import KiloEmbeddings

__all__ = ["ChatKilo", "KiloEmbeddings", "__version__"]
