"""LangChain's own tests for embeddings, the integration part over HTTP against the embedded gateway."""

from __future__ import annotations

import inspect
from typing import TYPE_CHECKING, Any

import pytest
from langchain_tests.integration_tests import EmbeddingsIntegrationTests
from langchain_tests.unit_tests import EmbeddingsUnitTests

from langchain_kilo import KiloEmbeddings

if TYPE_CHECKING:
    from kilo_gateway.testing import EmbeddedGateway

for _name, _test in vars(EmbeddingsIntegrationTests).items():
    if _name.startswith("test_") and inspect.iscoroutinefunction(_test):
        pytest.mark.asyncio(_test)  # the suite counts on pytest-asyncio's automatic mode


class TestKiloEmbeddingsUnit(EmbeddingsUnitTests):
    """KiloEmbeddings is what LangChain expects, as far as that can be told without a gateway."""

    @property
    def embeddings_class(self) -> type[KiloEmbeddings]:
        return KiloEmbeddings

    @property
    def embedding_model_params(self) -> dict[str, Any]:
        return {"api_key": "test-key"}

    @property
    def init_from_env_params(self) -> tuple[dict[str, str], dict[str, Any], dict[str, Any]]:
        environment = {
            "KILOCODE_API_KEY": "key-of-the-environment",
            "KILOCODE_BASE_URL": "http://127.0.0.1:9/api/gateway",
            "KILOCODE_MODEL": "openai/gpt-5.2",
            "KILOCODE_MAX_RETRIES": "5",
        }
        expected = {
            "api_key": "key-of-the-environment",
            "base_url": "http://127.0.0.1:9/api/gateway/",
            "model": "kilocode/openai/text-embedding-3-small",
            "max_retries": 5,
        }
        return environment, {}, expected


class TestKiloEmbeddingsIntegration(EmbeddingsIntegrationTests):
    """KiloEmbeddings gives vectors, blocking and awaited."""

    @pytest.fixture(autouse=True)
    def _gateway(self, gateway: EmbeddedGateway) -> None:
        self.connection = {"api_key": gateway.api_key, "base_url": gateway.base_url}

    @property
    def embeddings_class(self) -> type[KiloEmbeddings]:
        return KiloEmbeddings

    @property
    def embedding_model_params(self) -> dict[str, Any]:
        return self.connection
